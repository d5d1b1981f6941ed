"""Where the probe is at every pixel of every frame: drift, scan distortion and scan rotation.

Signs: e(q) is the displacement of the content at frame pixel q. The probe is then at the point
p = q - e(q) of the common frame, so that the content of p is found at p + e in the frame. The
shift of a frame is the mean of e over its pixels; line offsets and slopes come on top of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperspy_smartalign.data._checks import (
    FloatArray,
    above_zero,
    at_least,
    frozen_array,
    image_shape,
)
from hyperspy_smartalign.series.geometry import ScanGeometry

# Scan rotation in degrees -> (axis of the slow scan, its direction, direction of the fast scan).
# As in ScanGeometry, the scan turns from +x towards +y.
SCAN_DIRECTIONS = {0: (0, 1, 1), 90: (1, -1, 1), 180: (0, -1, -1), 270: (1, 1, -1)}


@dataclass(frozen=True, eq=False)
class ScanLines:
    """Probe positions of one frame, line by line.

    Pixel t of line k lies at ``starts[k] + t * step``, both given as (slow, fast) coordinates in
    pixels of the common frame. Lines and pixels are counted along increasing image coordinates.
    """

    starts: FloatArray
    step: FloatArray
    vertical: bool


@dataclass(frozen=True, eq=False)
class ProbePath:
    """Path of the probe over a series of frames.

    Frames are stored already rotated back: all show the specimen the same way up, and only the
    direction in which their lines were scanned differs.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of a frame.
    shifts : (n, 2) array
        Mean displacement (y, x) of the content of each frame in pixels: what is at p in the common
        frame is found at p + shift. Absolute, that is with respect to the crystal's own
        coordinates; a registration can only know them up to a constant common to all frames.
    row_offsets : (n, lines, 2) array
        Displacement (y, x) of the content of each scan line on top of the shift, in pixels, at the
        middle of the line. ``row_offsets[i, k]`` belongs to image row k, or to image column k for
        frames scanned at 90 and 270 degrees, whatever the order of scanning. The mean over a frame
        is zero. Where frames have fewer lines than others (90 degrees, not square) the rest is NaN.
    line_slopes : (n, 2) array
        Change (y, x) of the displacement from one pixel of a line to the next (in the direction of
        increasing image coordinate), from drift during the line. Pixels per pixel.
    rotation : (n,) sequence of int
        Scan rotation of each frame in degrees: 0, 90, 180 or 270. At 90 the lines run down, the
        first on the right; at 180 from right to left, the first at the bottom; at 270 up, the first
        on the left.
    dwell_time, flyback_time, frame_gap : float
        Seconds a pixel, between two lines, and between two frames.
    """

    shape: tuple[int, int]
    shifts: FloatArray
    row_offsets: FloatArray
    line_slopes: FloatArray
    rotation: tuple[int, ...]
    dwell_time: float = 1e-6
    flyback_time: float = 0.0
    frame_gap: float = 0.0

    def __post_init__(self) -> None:
        shape = image_shape(self.shape)
        shifts = frozen_array(self.shifts, name="shifts", shape=(None, 2))
        rotation = right_angles(self.rotation)
        if not shifts.size or len(rotation) != len(shifts):
            raise ValueError(
                f"rotation has {len(rotation)} angles and shifts {len(shifts)} rows; give one of "
                "each for every frame, and at least one frame."
            )
        lines = [line_shape(shape, angle)[0] for angle in rotation]
        offsets = np.array(self.row_offsets, dtype=np.float64)
        if offsets.shape != (len(shifts), max(lines), 2):
            raise ValueError(
                f"row_offsets has shape {offsets.shape}; give ({len(shifts)}, {max(lines)}, 2)."
            )
        for frame, count in enumerate(lines):
            if not np.isfinite(offsets[frame, :count]).all():
                raise ValueError(f"row_offsets of frame {frame} holds NaN or infinite values.")
            offsets[frame, count:] = np.nan
        offsets.setflags(write=False)
        slopes = frozen_array(self.line_slopes, name="line_slopes", shape=(len(shifts), 2))
        checked = {
            "shape": shape,
            "shifts": shifts,
            "row_offsets": offsets,
            "line_slopes": slopes,
            "rotation": rotation,
            "dwell_time": above_zero(self.dwell_time, name="dwell_time"),
            "flyback_time": at_least(self.flyback_time, 0.0, name="flyback_time"),
            "frame_gap": at_least(self.frame_gap, 0.0, name="frame_gap"),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"ProbePath({len(self)} frames of {self.shape}, scan rotation {set(self.rotation)})"

    def __len__(self) -> int:
        return len(self.shifts)

    @property
    def line_time(self) -> float:
        """Seconds from one line to the next of the first frame, flyback included."""
        return line_shape(self.shape, self.rotation[0])[1] * self.dwell_time + self.flyback_time

    @property
    def frame_time(self) -> float:
        """Seconds from the start to the end of the first frame, the gap after it left out."""
        return line_shape(self.shape, self.rotation[0])[0] * self.line_time

    @property
    def geometry(self) -> ScanGeometry:
        """The same facts as the alignment reads them."""
        return ScanGeometry(
            rotation=tuple(float(angle) for angle in self.rotation),
            line_time=self.line_time,
            dwell_time=self.dwell_time,
            flyback_time=self.flyback_time,
            frame_time=self.frame_time,
            frame_gap=self.frame_gap,
            source="simulated",
        )

    @property
    def reach(self) -> float:
        """Largest displacement of any pixel along either axis, in pixels."""
        lines = np.abs(np.nan_to_num(self.row_offsets)).max(axis=1)
        along = np.abs(self.line_slopes) * max(self.shape) / 2
        return float((np.abs(self.shifts) + lines + along).max())

    def lines(self, frame: int) -> ScanLines:
        """Probe positions of a frame, line by line, as (slow, fast) coordinates."""
        angle = self._angle(frame)
        slow_axis = SCAN_DIRECTIONS[angle][0]
        count, length = line_shape(self.shape, angle)
        order = [slow_axis, 1 - slow_axis]
        slope = self.line_slopes[frame, order]
        moved = self.shifts[frame, order] + self.row_offsets[frame, :count][:, order]
        starts = slope * (length - 1) / 2 - moved
        starts[:, 0] += np.arange(count)
        return ScanLines(starts=starts, step=np.array([0.0, 1.0]) - slope, vertical=slow_axis == 1)

    def probe_positions(self, frame: int) -> FloatArray:
        """(2, h, w) exact point p of the common frame that each frame pixel q samples."""
        lines = self.lines(frame)
        length = line_shape(self.shape, self.rotation[frame])[1]
        steps = np.arange(length)[:, np.newaxis] * lines.step
        slow_fast = np.moveaxis(lines.starts[:, np.newaxis] + steps, -1, 0)
        return slow_fast[::-1].transpose(0, 2, 1) if lines.vertical else slow_fast

    def frame_displacement(self, frame: int) -> FloatArray:
        """(2, h, w) exact displacement e(q) = q - p(q) at every *frame* pixel q."""
        grid = np.indices(self.shape, dtype=np.float64)
        return grid - self.probe_positions(frame)

    def displacement(self, frame: int) -> FloatArray:
        """(2, h, w) displacement d(p) at every *common* pixel p: sample the frame at p + d(p).

        Notes
        -----
        Exact for frames without line offsets. Otherwise the frame knows d only where its lines
        are, at p = q - e(q); between two lines d is interpolated linearly, and beyond the first
        and last line it is held. Where offsets are so large that lines cross, they are sorted.
        """
        angle = self._angle(frame)
        slow_axis = SCAN_DIRECTIONS[angle][0]
        order = [slow_axis, 1 - slow_axis]
        count, length = line_shape(self.shape, angle)
        offsets = self.row_offsets[frame, :count][:, order]
        shift, slope = self.shifts[frame, order], self.line_slopes[frame, order]
        grid = np.indices((count, length), dtype=np.float64)
        total = np.broadcast_to(shift[:, np.newaxis, np.newaxis], grid.shape).copy()
        # The slope is the drift during one pixel: two passes settle it far below 1e-6 px.
        for _ in range(2):
            along = slope[:, np.newaxis, np.newaxis] * (grid[1] + total[1] - (length - 1) / 2)
            line = np.arange(count) - shift[0] - offsets[:, 0]
            rank = np.argsort(line, kind="stable")
            place = grid[0] + along[0]
            at_line = [np.interp(place, line[rank], offsets[rank, axis]) for axis in (0, 1)]
            total = shift[:, np.newaxis, np.newaxis] + np.stack(at_line) + along
        return total[::-1].transpose(0, 2, 1) if slow_axis == 1 else total

    def _angle(self, frame: int) -> int:
        if not -len(self) <= frame < len(self):
            raise IndexError(f"frame {frame} is not in a path of {len(self)} frames.")
        return self.rotation[frame]


def line_shape(shape: tuple[int, int], angle: int) -> tuple[int, int]:
    """(lines, pixels a line) of a frame scanned at this angle."""
    return shape if SCAN_DIRECTIONS[angle][0] == 0 else shape[::-1]


def right_angles(rotation: Sequence[float]) -> tuple[int, ...]:
    """Angles of 0, 90, 180 or 270 degrees."""
    turned = np.mod(np.asarray(rotation, dtype=np.float64), 360)
    if not np.isin(turned, tuple(SCAN_DIRECTIONS)).all():
        raise ValueError(
            f"scan rotation is {list(rotation)}; frames rotated back without interpolation need "
            "multiples of 90 degrees."
        )
    return tuple(int(angle) for angle in turned)
