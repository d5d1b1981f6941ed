"""Drift that a known lattice revealed, taken out of the frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.quality.lattice import Lattice
from hyperspy_smartalign.quality.lattice_drift import LatticeDrift
from hyperspy_smartalign.resampling import Interpolation, resample_frame
from hyperspy_smartalign.resampling.options import check_interpolation, fill_number, output_dtype
from hyperspy_smartalign.signals import lattice as lattices
from hyperspy_smartalign.signals import recording, wrapping
from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.matching import alignment_carried, check_fits
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.provenance.noting import laziness, note
from hyperspy_smartalign.signals.rendering import Rendering, render
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.signals.validating import frames_of, layout_of
from hyperspy_smartalign.transforms import Affine, Alignment, Canvas

STEP = "compensate_drift"
# From compensate_drift here, up to the caller of the accessor's member.
_USER = 3


def compensate_drift(
    signal: BaseSignal,
    *,
    angle: float | None = None,
    ratio: float | None = None,
    cell: Sequence[float] | None = None,
    drift: LatticeDrift | None = None,
    lattice: Lattice | None = None,
    slow_axis: lattices.SlowAxis | None = None,
    source: BaseSignal | None = None,
    calibrate: bool = False,
    crop: bool = True,
    fill: str | float = "nan",
    interpolation: Interpolation = "spline",
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
) -> BaseSignal:
    """Take the drift within the frames out of an image or a series of images."""
    check_interpolation(interpolation)
    parameters = {
        "angle": angle,
        "ratio": ratio,
        "cell": cell if cell is None else [float(value) for value in cell],
        "drift": drift,
        "lattice": lattice,
        "slow_axis": slow_axis,
        "calibrate": calibrate,
        "crop": crop,
        "fill": fill,
        "interpolation": interpolation,
        **laziness(lazy_output),
    }
    if drift is None:
        drift = lattices.drift_from_lattice(
            signal, angle=angle, ratio=ratio, cell=cell, lattice=lattice, slow_axis=slow_axis
        )
    elif any(given is not None for given in (angle, ratio, cell, lattice, slow_axis)):
        raise ParameterError(
            "drift= is what angle, ratio, cell, lattice and slow_axis would be used to measure: "
            "give either the drift or these."
        )
    if calibrate and drift.magnification is None:
        raise ParameterError(
            "calibrate=True corrects the size of the pixels by the known lengths: give "
            "cell=(a, b, angle) with the lengths in the units of the axes."
        )
    step = _step(drift, calibrate=calibrate, crop=crop, fill=fill, interpolation=interpolation)
    if signal.axes_manager.navigation_size > 1:
        result = _of_series(
            signal,
            drift,
            step,
            source=source,
            crop=crop,
            rendering=Rendering(interpolation, fill, "series"),  # type: ignore[arg-type]
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            lazy_output=lazy_output,
        )
    else:
        result = _of_image(
            signal,
            drift,
            step,
            source=source,
            crop=crop,
            fill=fill,
            interpolation=interpolation,
            show_progressbar=show_progressbar,
            num_workers=num_workers,
        )
    if calibrate and drift.magnification is not None:
        for axis in result.axes_manager.signal_axes:
            axis.scale, axis.offset = (
                axis.scale / drift.magnification,
                axis.offset / drift.magnification,
            )
    note(result, STEP, {"signal": signal, "source": source}, parameters)
    return result


def _of_series(
    signal: BaseSignal,
    drift: LatticeDrift,
    step: dict[str, Any],
    *,
    source: BaseSignal | None,
    crop: bool,
    rendering: Rendering,
    show_progressbar: bool | None,
    num_workers: int | None,
    lazy_output: bool | None,
) -> BaseSignal:
    frames = frames_of(signal)
    drawn_frames = frames if source is None else frames_of(source)
    rendering.check(drawn_frames)
    layout = frames.layout
    earlier = alignment_carried(signal, layout, stacklevel=_USER)
    stage = Alignment(
        (_affine(drift, layout.frame_shape),) * len(frames),
        navigation_shape=layout.series_shape,
        frame_shape=layout.frame_shape,
        canvas=_canvas(drift, layout.frame_shape, crop=crop),
        frame_scale=layout.scale,
        frame_offset=layout.offset,
        frame_units=layout.units,
        scan=recording.scan_geometry_of(signal),
        steps=(*_own_steps(signal, earlier), step),
    )
    recorded = stage if earlier is None else earlier.compose(stage)
    if source is not None:
        _check_source(source, recorded)
    elif earlier is not None:
        _warn_of_second_interpolation()
    drawn = stage if source is None else recorded
    with progress_bar(show_progressbar) as progress:
        data = render(
            drawn_frames,
            drawn,
            rendering,
            lazy=drawn_frames.lazy if lazy_output is None else lazy_output,
            num_workers=num_workers,
            progress=progress,
        )
    return wrapping.aligned_signal(
        signal if source is None else source,
        data,
        canvas=drawn.canvas,
        alignment=recorded,
        title="drift compensated",
    )


def _of_image(
    signal: BaseSignal,
    drift: LatticeDrift,
    step: dict[str, Any],
    *,
    source: BaseSignal | None,
    crop: bool,
    fill: str | float,
    interpolation: Interpolation,
    show_progressbar: bool | None,
    num_workers: int | None,
) -> BaseSignal:
    image = lattices.image_of(signal)
    shape = image.shape[0], image.shape[1]
    canvas = _canvas(drift, shape, crop=crop)
    carried = _alignment_of_average(signal, shape)
    recorded = None
    if carried is not None:
        stage = Alignment(
            (_affine(drift, shape),) * carried.n_frames,
            navigation_shape=carried.navigation_shape,
            frame_shape=shape,
            canvas=canvas,
            scan=carried.scan,
            steps=(*_own_steps(signal, carried), step),
        )
        recorded = carried.compose(stage)
    if source is not None:
        if recorded is None:
            raise ValueError(
                f"{signal!r} does not carry the alignment of a series, so that nothing tells how "
                "source belongs to it. Leave source out."
            )
        _check_source(source, recorded)
        return _of_average(
            source,
            recorded,
            Rendering(interpolation, fill, _output_of(signal)),  # type: ignore[arg-type]
            show_progressbar=show_progressbar,
            num_workers=num_workers,
        )
    dtype = output_dtype(image.dtype, interpolation)
    value = float(np.nanmean(image)) if fill == "mean" else fill_number(fill, dtype)  # type: ignore[arg-type]
    drawn = resample_frame(
        image, _affine(drift, shape), canvas, interpolation=interpolation, fill=value
    )
    if carried is not None:
        _warn_of_second_interpolation()
    return _like_image(signal, drawn.pixels, canvas, recorded, step)


def _of_average(
    source: BaseSignal,
    recorded: Alignment,
    rendering: Rendering,
    *,
    show_progressbar: bool | None,
    num_workers: int | None,
) -> BaseSignal:
    """The average, drawn anew from the raw frames."""
    frames = frames_of(source)
    rendering.check(frames)
    with progress_bar(show_progressbar) as progress:
        data = render(
            frames, recorded, rendering, lazy=False, num_workers=num_workers, progress=progress
        )
    return wrapping.aligned_signal(
        source,
        data,
        canvas=recorded.canvas,
        alignment=recorded,
        title=f"{rendering.output}, drift compensated",
    )


def _like_image(
    signal: BaseSignal,
    pixels: npt.NDArray[Any],
    canvas: Canvas,
    recorded: Alignment | None,
    step: dict[str, Any],
) -> BaseSignal:
    """A signal of one image like another, on a part of its frame."""
    extra = (1,) * (signal.data.ndim - 2)
    result = with_data(signal, pixels.reshape(*extra, *pixels.shape))
    if result._lazy:
        result._lazy = False
        result._assign_subclass()
    x, y = result.axes_manager.signal_axes
    for axis, start, size in ((y, canvas.top, canvas.height), (x, canvas.left, canvas.width)):
        axis.offset += start * axis.scale
        axis.size = size
    general = result.metadata.General
    general.title = f"{general.title} (drift compensated)".strip()
    if recorded is not None:
        recording.write_alignment(result, recorded)
    else:
        recording.write_record(
            result,
            {**recording.record_of(signal), "steps": [*recording.steps_of(signal), step]},
        )
    return result


def _affine(drift: LatticeDrift, shape: tuple[int, int]) -> Affine:
    """Where the content of the undistorted frame is found, about the middle of the frame."""
    middle = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    return Affine(drift.matrix, centre=np.array(middle))


def _canvas(drift: LatticeDrift, shape: tuple[int, int], *, crop: bool) -> Canvas:
    """The whole frame, or the largest part about its middle that comes from within it."""
    whole = Canvas.of_frame(shape)
    if not crop:
        return whole
    half = (np.array(shape) - 1) / 2
    size = np.abs(drift.matrix)
    kept = half.copy()
    # Where both axes are mixed, each takes its share of what the other left.
    for _ in range(8):
        for axis in (0, 1):
            room = half[axis] - size[axis, 1 - axis] * kept[1 - axis]
            kept[axis] = min(half[axis], max(room, 0.0) / size[axis, axis])
    inset = np.ceil(half - kept - 1e-9).astype(int)
    height, width = shape[0] - 2 * inset[0], shape[1] - 2 * inset[1]
    if height < 1 or width < 1:
        raise ValueError(
            f"nothing is left of the {shape[0]} x {shape[1]} px frame once its distortion of "
            f"{100 * drift.distortion:.0f} % is taken out and it is cropped; use crop=False."
        )
    return Canvas(int(inset[0]), int(inset[1]), int(height), int(width))


def _step(drift: LatticeDrift, **parameters: Any) -> dict[str, Any]:
    """What is recorded: what was known, and the drift that was found."""
    cell = drift.cell
    known = {"angle": float(cell.angle), "ratio": float(cell.ratio)}
    if cell.length is not None:
        known["length"] = float(cell.length)
    results: dict[str, Any] = {
        "matrix": drift.matrix.copy(),
        "per_line": drift.per_line.copy(),
        "per_line_error": drift.per_line_error.copy(),
        "lines": drift.lines.copy(),
        "distortion": float(drift.distortion),
        "vectors": drift.measured.vectors.copy(),
        "units": drift.measured.units,
    }
    if drift.line_time is not None:
        results["line_time"] = float(drift.line_time)
    if drift.magnification is not None:
        results["magnification"] = float(drift.magnification)
    return recording.step(STEP, {**known, **parameters}, results)


def _own_steps(signal: BaseSignal, earlier: Alignment | None) -> tuple[dict[str, Any], ...]:
    """Steps of the signal that its alignment does not hold already."""
    steps = recording.steps_of(signal)
    return steps if earlier is None else steps[len(earlier.steps) :]


def _alignment_of_average(signal: BaseSignal, shape: tuple[int, int]) -> Alignment | None:
    """The alignment of the series that one image is the average of, if it still fits."""
    if not recording.has_alignment(signal):
        return None
    carried = recording.alignment_of(signal)
    return carried if carried.canvas.shape == shape else None


def _output_of(signal: BaseSignal) -> str:
    """Whether an image is the average or the sum of its series."""
    named = [str(step["parameters"].get("output", "")) for step in recording.steps_of(signal)]
    made = [name for name in named if name in ("average", "sum")]
    return made[-1] if made else "average"


def _check_source(source: BaseSignal, recorded: Alignment) -> None:
    """Refuse a source that is not the series from which the signal was made."""
    if recording.has_alignment(source):
        raise ValueError(
            "source is an aligned series, so its pixels are interpolated already. Give the "
            "series as it was before the first alignment."
        )
    check_fits(recorded, layout_of(source))


def _warn_of_second_interpolation() -> None:
    tell(
        "The pixels were interpolated when the frames were aligned, and now a second time. Give "
        "the series as it was before, to interpolate once: "
        "signal.smartalign.compensate_drift(..., source=raw_series).",
        stacklevel=_USER + 2,
    )
