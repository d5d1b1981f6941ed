"""Prepare a series for alignment: choose, turn, resample, normalise, equalise, flatten.

Functions take a signal and return a new one of the same class. The input is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.equalise import EQUALISE_MODES
from hyperspy_smartalign.series.frames import frame_indices
from hyperspy_smartalign.series.ramp import ramp_degrees
from hyperspy_smartalign.series.resample import resampled_length
from hyperspy_smartalign.series.rescan import prepared_geometry, slow_axes
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.framewise import (
    EqualiseFrame,
    RemoveRampFrame,
    ResampleFrame,
    map_frames,
    normalised,
)
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.provenance.noting import note
from hyperspy_smartalign.signals.rebuilding import (
    SeriesLayout,
    chosen_axis,
    prepared_signal,
    resampled_along,
    swapped_axes,
)
from hyperspy_smartalign.signals.telling import tell


def prepare(
    signal: BaseSignal,
    *,
    first: int | None = None,
    last: int | None = None,
    skip: int | Iterable[int] = (),
    reverse: bool = False,
    transpose: bool = False,
    normalise: bool = False,
    resample: float = 1.0,
    scan_rotation: str | float | Sequence[float] | None = None,
    fast_direction: str | None = None,
    line_time: float | None = None,
    equalise: str | None = None,
) -> BaseSignal:
    """Prepare a series of images, or the spectrum images recorded with it, for alignment.

    The steps run in this order, whatever the order of the arguments: choose frames, transpose,
    scan geometry, equalise, resample, normalise.

    Parameters
    ----------
    signal : Signal2D or Signal1D
        Series of images (frame | x, y), a single image, or a series of spectrum images
        (x, y, frame | channel). Spectrum images take `first`, `last`, `skip`, `reverse`,
        `transpose` and the scan parameters, so that they can follow their image series.
    first, last : int, optional
        First and last frame to keep. Frames count **from 0**, as in HyperSpy (in the SmartAlign
        plug-in they count from 1), and `last` **is kept**.
    skip : int or iterable of int
        Frames to leave out, counted from 0 in the series as it is given.
    reverse : bool
        Put the frames in reverse order.
    transpose : bool
        Swap x and y of every frame, with their scales, offsets and units. The scan geometry
        follows: lines that were rows become columns.
    normalise : bool
        Bring the grey levels of the whole series to 0 to 1 with one linear map. Values lose
        their quantitative meaning, which is said in a warning; the map is recorded. A lazy
        series is read once for its lowest and highest pixel.
    resample : float
        New pixels per old pixel along x and y, 0.1 to 8. Above 1: cubic B-spline. Below 1: mean
        over the area of the new pixel. Scales and offsets follow; grey levels are kept.
    scan_rotation : {"none", "pairs", "set"}, float or sequence of float, optional
        Rotation of the scan of each frame in degrees: none; 0, 90, 0, 90...; 0, 90, 180, 270,
        0...; or angles, one a frame (of the series as given or of the frames kept), or 1, 2 or
        4 angles that repeat. It describes the frames that are kept, after `transpose`. Frames
        must be stored rotated back already; no pixel moves. None keeps what is known.
    fast_direction : {"horizontal", "vertical"}, optional
        Direction of the scan lines of a frame at rotation 0, after `transpose`. None keeps what
        is known.
    line_time : float, optional
        Seconds from one recorded scan line to the next, flyback included (before `resample`).
    equalise : {"row", "global"}, optional
        Shift the grey level of each scan line: "global" to the median of the frame, "row" to
        the running median of the lines around it. Lines follow the scan rotation of the frame.

    Returns
    -------
    BaseSignal
        A new signal of the same class, lazy if the input is. Pixels keep their type unless
        `normalise`, `resample` or `equalise` compute new ones: these are float32, or float64
        where the input is float64. `metadata.Smart_align` holds one more step and the scan
        geometry. An alignment that the input carried is left out, with a warning, when frames
        or pixels changed place.

    Raises
    ------
    NotASeriesError
        The signal holds neither images nor spectrum images, or frames are to be chosen where
        there is not exactly one series axis.
    ValueError
        An argument has a value that it cannot have; the message says which are possible.
    TypeError
        The pixels are complex or RGB and would have to be computed with, or no numbers at all.
    """
    series = SeriesLayout.of(signal)
    if signal.data.dtype.kind == "O":
        raise TypeError(
            f"the pixels of {signal!r} are Python objects, not numbers, and no frame can be "
            "aligned. Convert them first, as with signal.change_dtype('float32')."
        )
    if equalise is not None and equalise not in EQUALISE_MODES:
        raise ValueError(f"equalise={equalise!r} is not known; use 'row', 'global' or None.")
    computed = [
        name
        for name, wanted in (
            ("equalise", equalise is not None),
            ("resample", resample != 1),
            ("normalise", normalise),
        )
        if wanted
    ]
    if computed:
        series.check_images(computed)
    data = signal.data
    axes = series.axes()

    skipped = list(skip) if isinstance(skip, Iterable) else [skip]
    choosing = first is not None or last is not None or bool(skipped) or reverse
    indices: npt.NDArray[np.intp] | None = None
    if choosing:
        series.check_one_series_axis()
        indices = frame_indices(
            series.n_frames, first=first, last=last, skip=skipped, reverse=reverse
        )
        data = data[indices]
        axes[0] = chosen_axis(axes[0], indices)
    if transpose:
        y, x = series.image_axes
        data = data.swapaxes(y, x)
        axes[y], axes[x] = swapped_axes(axes[y], axes[x])
    geometry = prepared_geometry(
        series.geometry,
        series.n_frames,
        indices=indices,
        transpose=transpose,
        scan_rotation=scan_rotation,
        fast_direction=fast_direction,
        line_time=line_time,
    )

    if equalise is not None:
        lines = slow_axes(geometry, data.shape[:-2])
        data = map_frames(
            data,
            EqualiseFrame(equalise),
            data.shape[-2:],
            per_frame=lines,
            progress=_reporting("equalising"),
        )
    if resample != 1:
        shape = tuple(resampled_length(length, resample) for length in data.shape[-2:])
        data = map_frames(
            data,
            ResampleFrame(resample),
            shape,  # type: ignore[arg-type]
            progress=_reporting("resampling"),
        )
        for place in series.image_axes:
            axes[place] = resampled_along(axes[place], resample, data.shape[place])
        geometry = None if geometry is None else geometry.resampled(resample)
    results: dict[str, Any] = {}
    if normalise:
        with progress_bar(False) as progress:
            data, greys = normalised(data, progress)
        results = {"normalise_offset": greys.offset, "normalise_scale": greys.scale}
        tell(
            "normalise=True: the grey levels no longer are counts, heights or currents. Leave it "
            "out for quantitative work; the map is recorded in metadata.Smart_align.steps.",
            stacklevel=2,
        )

    parameters = {
        "first": first,
        "last": last,
        "skip": [int(frame) for frame in skipped],
        "reverse": bool(reverse),
        "transpose": bool(transpose),
        "normalise": bool(normalise),
        "resample": float(resample),
        "scan_rotation": _builtin(scan_rotation),
        "fast_direction": fast_direction,
        "line_time": None if line_time is None else float(line_time),
        "equalise": equalise,
    }
    result = prepared_signal(
        signal,
        data,
        axes,
        step=_step("prepare", parameters, results),
        geometry=geometry,
        moved=choosing or transpose or resample != 1,
    )
    note(result, "prepare", {"signal": signal}, parameters)
    return result


def remove_ramp(signal: BaseSignal, *, order: int = 1) -> BaseSignal:
    """Subtract a plane or a polynomial background from every frame.

    Frames of scanning probe microscopes are tilted against the scan plane; take the ramp off
    before anything else. The background is fitted to each frame by itself, with less weight on
    what stands out (particles, steps). Grey levels are shifted, never stretched, and the lowest
    pixel of each new frame is 0.

    Parameters
    ----------
    signal : Signal2D
        Series of images with any number of navigation axes, or a single image.
    order : int
        Highest total degree in x and y, 1 to 10; 1 is a plane.

    Returns
    -------
    BaseSignal
        A new signal of the same class, lazy if the input is; float32, or float64 where the
        input is float64. The step is recorded in ``metadata.Smart_align.steps``, for a signal
        that is not lazy with the coefficients of each frame, shape (frames, coefficients), as
        `hyperspy_smartalign.series.Ramp` explains them.

    Raises
    ------
    NotASeriesError
        The signal does not hold images.
    ValueError
        The order is not 1 to 10, or too high for so few pixels.
    TypeError
        The pixels are complex or RGB.
    """
    series = SeriesLayout.of(signal)
    series.check_images(["remove_ramp"])
    needed = len(ramp_degrees(order))
    if needed > signal.data.shape[-2] * signal.data.shape[-1]:
        raise ValueError(
            f"a ramp of order {order} has {needed} coefficients, more than a frame of "
            f"{signal.data.shape[-2]} x {signal.data.shape[-1]} pixels can tell; lower the order."
        )
    results: dict[str, Any] = {}
    if signal._lazy:
        data = map_frames(signal.data, RemoveRampFrame(int(order)), signal.data.shape[-2:])
    else:
        coefficients: list[npt.NDArray[np.float64]] = []
        data = map_frames(
            signal.data, RemoveRampFrame(int(order), coefficients.append), signal.data.shape[-2:]
        )
        results = {"coefficients": np.stack(coefficients)}
    result = prepared_signal(
        signal,
        data,
        series.axes(),
        step=_step("remove_ramp", {"order": int(order)}, results),
        geometry=series.geometry,
        moved=False,
    )
    note(result, "remove_ramp", {"signal": signal}, {"order": int(order)})
    return result


def _reporting(stage: str) -> Callable[[int, int], None] | None:
    """Tells the observer of a stage, if there is one; these functions show no bar."""
    with progress_bar(False) as progress:
        return None if progress is None else partial(progress, stage)


def _step(name: str, parameters: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    known = {key: value for key, value in parameters.items() if value is not None}
    step = recording.step(name, known)
    return {**step, "results": results} if results else step


def _builtin(value: str | float | Sequence[float] | None) -> str | float | list[float] | None:
    if value is None or isinstance(value, str):
        return value
    return float(value) if np.ndim(value) == 0 else [float(angle) for angle in value]  # type: ignore[arg-type,union-attr]
