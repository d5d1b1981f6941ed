"""Straighten the rows of single images, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.nonrigid.row_jumps import RowJumps
from hyperspy_smartalign.nonrigid.row_jumps import straighten_rows as find_row_jumps
from hyperspy_smartalign.resampling import Fill, Interpolation, warp_rows
from hyperspy_smartalign.resampling.options import check_interpolation, fill_number, output_dtype
from hyperspy_smartalign.series.rescan import slow_axes
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.framewise import map_frames
from hyperspy_smartalign.signals.provenance.noting import note
from hyperspy_smartalign.signals.rebuilding import SeriesLayout, prepared_signal
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.transforms import Canvas

Pixels = npt.NDArray[Any]

_STEP = "straighten_rows"


@dataclass(frozen=True)
class StraightenFrame:
    """Straighten a frame and keep what was found; the slow axis comes with each frame."""

    neighbours: int
    max_shift: float | None
    smoothing: float | None
    interpolation: Interpolation
    fill: Fill
    found: list[RowJumps] = field(default_factory=list)
    keep: bool = False

    def __call__(self, frame: Pixels, slow_axis: int) -> Pixels:
        jumps = find_row_jumps(
            frame,
            axis=slow_axis,
            neighbours=self.neighbours,
            max_shift=self.max_shift,
            smoothing=self.smoothing,
        )
        if self.keep:
            self.found.append(jumps)
        if not jumps.offsets.any():
            # Untouched, bit for bit.
            return frame.astype(output_dtype(frame.dtype, self.interpolation))
        value = float(np.nanmean(frame)) if self.fill == "mean" else self.fill
        canvas = Canvas.of_frame((frame.shape[0], frame.shape[1]))
        moved = warp_rows(
            frame,
            jumps.offsets,
            canvas,
            axis=slow_axis,
            interpolation=self.interpolation,
            fill=value,
        )
        return moved.pixels


def straighten_rows(
    signal: BaseSignal,
    *,
    neighbours: int = 4,
    max_shift: float | None = None,
    smoothing: float | None = None,
    interpolation: Interpolation = "spline",
    fill: Fill = "nan",
) -> BaseSignal:
    """Take the jumps out of the scan lines of an image, strip or series, frame by frame.

    The parameters are those of ``signal.smartalign.straighten_rows``.
    """
    layout = SeriesLayout.of(signal)
    layout.check_images([_STEP])
    kernel = check_interpolation(interpolation)
    if kernel == "fourier":
        raise ValueError(
            "interpolation='fourier' moves whole frames only; use 'spline', 'linear' or 'nearest'."
        )
    if fill != "mean":
        fill_number(fill, output_dtype(signal.data.dtype, kernel))
    data = signal.data
    lines = slow_axes(layout.geometry, data.shape[:-2])
    lazy = hasattr(data, "dask")
    straighten = StraightenFrame(neighbours, max_shift, smoothing, kernel, fill, keep=not lazy)
    pixels = map_frames(data, straighten, data.shape[-2:], per_frame=lines)
    if kernel == "nearest":
        # The frames went through floats, and every value is one of the frame.
        pixels = pixels.astype(output_dtype(data.dtype, kernel))
    results = {} if lazy else _found(straighten.found, lines, data.shape[-2:])
    parameters = {
        "neighbours": int(neighbours),
        "max_shift": None if max_shift is None else float(max_shift),
        "smoothing": None if smoothing is None else float(smoothing),
        "interpolation": kernel,
        "fill": fill if isinstance(fill, str) else float(fill),
    }
    known = {name: value for name, value in parameters.items() if value is not None}
    for index, jumps in enumerate(straighten.found):
        for message in jumps.messages:
            where = f"Frame {index}: " if layout.n_frames > 1 else ""
            tell(where + message, stacklevel=3)
    result = prepared_signal(
        signal,
        pixels,
        layout.axes(),
        step=recording.step(_STEP, known, results),
        geometry=layout.geometry,
        moved=True,
    )
    general = result.metadata.General
    general.title = f"{general.title} (straightened)" if general.title else "straightened"
    note(result, _STEP, {"signal": signal}, parameters)
    return result


def plot_row_jumps(
    signal: BaseSignal, source: BaseSignal, *, frame: int = 0, **keywords: Any
) -> Any:
    """Image before and after, with the jumps beside it.

    Parameters
    ----------
    signal : Signal2D
        What `straighten_rows` returned.
    source : Signal2D
        The signal before.
    frame : int
        Which frame of a series.
    **keywords
        Passed to `hyperspy_smartalign.plotting.row_jumps.plot_row_jumps`.

    Raises
    ------
    ValueError
        The signal carries no row jumps, the source has another shape, or there is no such frame.
    """
    from hyperspy_smartalign.plotting.row_jumps import plot_row_jumps as plot

    straightened = [step for step in recording.steps_of(signal) if step["name"] == _STEP]
    if not straightened or "results" not in straightened[-1]:
        raise ValueError(
            "The signal carries no row jumps. Take what signal.smartalign.straighten_rows() "
            "returned; of a lazy signal, compute it first: signal.compute()."
        )
    if source.data.shape != signal.data.shape:
        raise ValueError(
            f"source has shape {source.data.shape}, the straightened signal {signal.data.shape}; "
            "give the signal that was straightened."
        )
    results = straightened[-1]["results"]
    if hasattr(results, "as_dictionary"):
        results = results.as_dictionary()
    offsets = np.asarray(results["offsets"])
    if not 0 <= frame < len(offsets):
        raise ValueError(f"frame={frame} does not exist: there are {len(offsets)}, from 0.")
    place = np.unravel_index(frame, signal.data.shape[:-2]) if signal.data.ndim > 2 else ()
    axis = int(np.asarray(results["slow_axis"])[frame])
    count = signal.data.shape[signal.data.ndim - 2 + axis]
    return plot(
        np.asarray(source.data[place]),
        np.asarray(signal.data[place]),
        offsets[frame, :count],
        errors=np.asarray(results["errors"])[frame, :count],
        axis=axis,
        **keywords,
    )


def _found(
    jumps: list[RowJumps], lines: npt.NDArray[np.intp], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Offsets along the scan lines and their errors, (frames, lines); NaN behind the last line."""
    axes = np.asarray(lines).ravel()
    count = max(shape[axis] for axis in axes)
    offsets, errors = np.full((2, len(jumps), count), np.nan)
    for frame, (found, axis) in enumerate(zip(jumps, axes, strict=True)):
        offsets[frame, : shape[axis]] = found.offsets[:, 1 - axis]
        errors[frame, : shape[axis]] = found.errors[:, 1 - axis]
    return {"offsets": offsets, "errors": errors, "slow_axis": axes.astype(int).tolist()}
