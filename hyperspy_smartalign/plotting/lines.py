"""Offsets of the scan lines in the order in which they were scanned."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.plotting.units import readable_time
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import Field, ScanLine

if TYPE_CHECKING:
    from hyperspy_smartalign.transforms import Alignment

FloatArray = npt.NDArray[np.float64]

# Points along a line whose mean is its offset, where the displacement is free.
_ALONG = 33


@dataclass(frozen=True)
class FrameLines:
    """Scan lines of one frame in the order in which they were scanned.

    Attributes
    ----------
    frame : int
        Number of the frame in the series.
    axis : {0, 1}
        0 where scan lines are rows, 1 where they are columns.
    times : (m,) float64
        When each line was scanned, from the start of recorded frame 0.
    offsets, errors : (m, 2) float64
        Offset (y, x) of the content of each line and its standard error, px; errors are NaN where
        not known.
    start, end : float
        Times at which the frame begins and ends.
    """

    frame: int
    axis: int
    times: FloatArray
    offsets: FloatArray
    errors: FloatArray
    start: float
    end: float


@dataclass(frozen=True)
class LinesInTime:
    """Scan lines of several frames on one axis of time.

    Attributes
    ----------
    frames : tuple of FrameLines
    units : str
        Unit of their times; "line" where lines are counted.
    """

    frames: tuple[FrameLines, ...]
    units: str

    @classmethod
    def of(
        cls,
        alignment: Alignment,
        *,
        line_errors: npt.ArrayLike | None = None,
        frames: Iterable[int] | None = None,
        mean_shift: bool = False,
    ) -> LinesInTime:
        """Lines of an alignment; parameters and errors as for `plot_row_offsets`."""
        errors = _checked_errors(line_errors, alignment)
        chosen = _chosen(frames, alignment)
        clock, units = _clock(alignment)
        lines = tuple(_lines_of(alignment, frame, errors, clock) for frame in chosen)
        factor = 1.0
        if units == "s":
            factor, units = readable_time(max(entry.end for entry in lines))
        return cls(
            tuple(
                replace(
                    entry,
                    times=entry.times * factor,
                    offsets=entry.offsets
                    if mean_shift
                    else entry.offsets - entry.offsets.mean(axis=0),
                    start=entry.start * factor,
                    end=entry.end * factor,
                )
                for entry in lines
            ),
            units,
        )

    @property
    def label(self) -> str:
        """Label of the axis of time."""
        return "scan line, counted on" if self.units == "line" else f"time ({self.units})"


def _clock(alignment: Alignment) -> tuple[ScanGeometry, str]:
    """Scan geometry that gives every line a time, and the unit of that."""
    scan = ScanGeometry() if alignment.scan is None else alignment.scan
    if len(scan.frame_numbers) != alignment.n_frames:
        scan = replace(scan, frame_numbers=())
    # Frames at 0 and 90 degrees may have different numbers of lines: none must overlap.
    lines = max(
        alignment.frame_shape[_axis(alignment, frame, scan)] for frame in range(alignment.n_frames)
    )
    if scan.line_time is None:
        return replace(scan, line_time=1.0, frame_time=float(lines), frame_gap=None), "line"
    if scan.frame_time is None:
        scan = replace(scan, frame_time=scan.line_time * lines)
    return scan, "s"


def _lines_of(
    alignment: Alignment, frame: int, errors: FloatArray | None, clock: ScanGeometry
) -> FrameLines:
    transform, canvas = alignment.transforms[frame], alignment.canvas
    is_locked = isinstance(transform, ScanLine)
    axis = _axis(alignment, frame, clock)
    count = alignment.frame_shape[axis]
    if isinstance(transform, ScanLine):
        # Read at the lines themselves, as between them interpolation damps the jitter.
        slow = transform.first_row + np.arange(transform.rows)
    else:
        slow = np.arange(count) - alignment.shifts[frame, axis]
    first, size = canvas.origin[1 - axis], canvas.shape[1 - axis]
    along = np.linspace(0, size - 1, _ALONG) if isinstance(transform, Field) else (size - 1) / 2
    points = np.empty((2, slow.size, np.size(along)))
    points[axis], points[1 - axis] = slow[:, None], first + along
    offsets = transform.at(points).mean(axis=-1).T
    # Where in the frame these lines are: what was scanned there then.
    rows = slow + offsets[:, axis] if is_locked else np.arange(count, dtype=np.float64)
    seen = (rows >= -0.5) & (rows <= count - 0.5)
    rows, offsets = rows[seen], offsets[seen]
    scanned = clock.row_times(frame, count)
    times = np.interp(rows, np.arange(count), scanned)
    found = np.full(offsets.shape, np.nan)
    if errors is not None:
        for k in range(2):
            found[:, k] = np.interp(rows, np.arange(count), errors[frame, :count, k])
    order = np.argsort(times, kind="stable")
    line_time = clock.line_time or 0.0
    return FrameLines(
        frame=frame,
        axis=axis,
        times=times[order],
        offsets=offsets[order],
        errors=found[order],
        start=float(scanned.min()),
        end=float(scanned.max()) + line_time,
    )


def _axis(alignment: Alignment, frame: int, scan: ScanGeometry) -> int:
    """Array axis along which the scan lines of a frame follow each other."""
    transform = alignment.transforms[frame]
    return transform.axis if isinstance(transform, ScanLine) else scan.slow_axis(frame)


def _chosen(frames: Iterable[int] | None, alignment: Alignment) -> list[int]:
    if frames is None:
        chosen = np.flatnonzero(~alignment.excluded).tolist()
    else:
        chosen = [int(frame) for frame in frames]
    n = alignment.n_frames
    wrong = [frame for frame in chosen if not -n <= frame < n]
    if wrong:
        raise IndexError(f"frame {wrong[0]} does not exist: the alignment has {n} frames")
    if not chosen:
        raise ValueError(
            "there is no frame to plot: "
            + (
                "every frame is excluded; choose some with frames=."
                if frames is None
                else "frames= is empty."
            )
        )
    return [frame % n for frame in chosen]


def _checked_errors(errors: npt.ArrayLike | None, alignment: Alignment) -> FloatArray | None:
    if errors is None:
        return None
    array = np.asarray(errors, np.float64)
    fewest = min(alignment.frame_shape)
    n = alignment.n_frames
    if array.ndim != 3 or array.shape[::2] != (n, 2) or array.shape[1] < fewest:
        raise ValueError(
            f"line_errors must have shape (frames, lines, 2) for {n} frames of "
            f"{alignment.frame_shape[0]} x {alignment.frame_shape[1]} px, not {array.shape}."
        )
    missing = max(0, max(alignment.frame_shape) - array.shape[1])
    return np.pad(array, ((0, 0), (0, missing), (0, 0)), constant_values=np.nan)
