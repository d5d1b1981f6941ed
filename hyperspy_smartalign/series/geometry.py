"""How a series was scanned: directions, rotations and times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

FastDirection = Literal["horizontal", "vertical"]
RotationMode = Literal["none", "pairs", "set"]

FAST_DIRECTIONS: tuple[FastDirection, ...] = ("horizontal", "vertical")
ROTATION_MODES: dict[str, tuple[float, ...]] = {
    "none": (0.0,),
    "pairs": (0.0, 90.0),
    "set": (0.0, 90.0, 180.0, 270.0),
}

_TIMES = ("line_time", "dwell_time", "flyback_time", "frame_time", "frame_gap")
_RIGHT_ANGLE_TOLERANCE = 1e-3
"""Degrees by which a rotation may miss a multiple of 90 and still count as one."""


@dataclass(frozen=True)
class ScanGeometry:
    """Scan directions, rotations and times of the frames of a series.

    Frames are stored *rotated back*: their content has the same orientation in every frame,
    so a frame scanned at 90 degrees has its scan lines along y. At rotation 0 the probe runs
    along +x within a line and along +y from line to line (``fast_direction="horizontal"``),
    or along +y within a line and +x from line to line (``"vertical"``, the transposed frame).
    A rotation turns both directions together, from +x towards +y: at 90 degrees a horizontal
    scan has lines along +y and goes from line to line along -x; at 180 degrees lines run along
    -x and follow each other along -y.

    Parameters
    ----------
    fast_direction : {"horizontal", "vertical"}
        Direction of the scan lines of a frame at rotation 0.
    rotation : tuple of float
        Scan rotation of the frames in degrees, stored in [0, 360). A tuple shorter than the
        series is repeated: ``(0, 90)`` is a series of orthogonal pairs.
    line_time : float, optional
        Seconds from the start of one scan line to the start of the next, flyback included.
    dwell_time : float, optional
        Seconds the probe stays on a pixel.
    flyback_time : float, optional
        Seconds between the last pixel of a line and the first of the next.
    frame_time : float, optional
        Seconds from the start of a frame to the end of its last line.
    frame_gap : float, optional
        Seconds from the end of a frame to the start of the next. None is taken as 0.
    source : str
        Where the numbers come from, for instance ``"DM DigiScan"``.
    instrument_rotation : tuple of float
        Scan rotation set at the microscope in degrees, one value or one a frame; empty when
        unknown. A record only: it is the orientation of the scan on the specimen, and says
        nothing about how the stored frames are turned. It is never used as ``rotation``.
    frame_numbers : tuple of int
        Position of each frame in the recorded series, for the times of frames that were
        selected or reversed. Empty means 0, 1, 2...

    Raises
    ------
    ValueError
        For an unknown word, or a time or angle that is negative, infinite or NaN.
    """

    fast_direction: FastDirection = "horizontal"
    rotation: tuple[float, ...] = (0.0,)
    line_time: float | None = None
    dwell_time: float | None = None
    flyback_time: float | None = None
    frame_time: float | None = None
    frame_gap: float | None = None
    source: str = ""
    instrument_rotation: tuple[float, ...] = ()
    frame_numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.fast_direction not in FAST_DIRECTIONS:
            raise ValueError(
                f"fast_direction={self.fast_direction!r} is not known; use 'horizontal' (scan "
                "lines along x) or 'vertical' (scan lines along y)."
            )
        rotation = _angles("rotation", self.rotation)
        if not rotation:
            raise ValueError("rotation is empty; use (0.0,) for a scan that is not rotated.")
        object.__setattr__(self, "rotation", rotation)
        object.__setattr__(
            self, "instrument_rotation", _angles("instrument_rotation", self.instrument_rotation)
        )
        for name in _TIMES:
            object.__setattr__(self, name, _time(name, getattr(self, name)))
        numbers = tuple(int(number) for number in self.frame_numbers)
        if any(number < 0 for number in numbers):
            raise ValueError(f"frame_numbers={numbers} must count from 0.")
        object.__setattr__(self, "frame_numbers", numbers)

    @staticmethod
    def rotations(mode: str | float | Sequence[float], n: int) -> tuple[float, ...]:
        """Scan rotation of each of `n` frames, in degrees.

        Parameters
        ----------
        mode : {"none", "pairs", "set"}, float or sequence of float
            "none": 0 for every frame; "pairs": 0, 90, 0, 90...; "set": 0, 90, 180, 270, 0...
            One number holds for every frame. A sequence has one angle a frame, or 2 or 4
            angles that repeat.
        n : int
            Number of frames.

        Raises
        ------
        ValueError
            For an unknown word or a sequence of a length that does not fit.
        """
        if isinstance(mode, str):
            if mode not in ROTATION_MODES:
                raise ValueError(
                    f"scan rotation {mode!r} is not known; use 'none', 'pairs', 'set' or one "
                    "angle in degrees a frame."
                )
            pattern = ROTATION_MODES[mode]
        else:
            pattern = _angles("rotation", np.atleast_1d(np.asarray(mode, dtype=float)))
        if len(pattern) not in {1, 2, 4, n}:
            raise ValueError(
                f"{len(pattern)} scan rotations for {n} frames; give {n} angles, or 1, 2 or 4 "
                "angles that repeat."
            )
        return tuple(pattern[i % len(pattern)] for i in range(n))

    def for_frames(self, n: int) -> ScanGeometry:
        """Return the geometry with exactly one rotation a frame for `n` frames.

        Raises
        ------
        ValueError
            If it is already written out for more frames than that.
        """
        known = max(len(self.rotation), len(self.frame_numbers))
        # A repeating pattern may be longer than a short series; a table of frames may not.
        table_too_long = len(self.rotation) > n and len(self.rotation) not in {2, 4}
        if table_too_long or len(self.frame_numbers) not in {0, n}:
            raise ValueError(
                f"this scan geometry describes {known} frames, the series has {n}; use "
                "select(indices) to take the frames that were kept."
            )
        instrument = self.instrument_rotation
        return replace(
            self,
            rotation=tuple(self.rotation[i % len(self.rotation)] for i in range(n)),
            instrument_rotation=tuple(instrument[i % len(instrument)] for i in range(n))
            if len(instrument) > 1
            else instrument,
        )

    def completed(self, shape: tuple[int, int]) -> ScanGeometry:
        """Fill in line and frame time where they follow from the other times.

        ``line_time = dwell_time * pixels a line + flyback_time`` and ``frame_time = line_time *
        lines``. Times that are known stay as they are.

        Parameters
        ----------
        shape : (int, int)
            Rows and columns of the frame *as it was scanned*. A frame that was cropped or
            binned later must not be used here.
        """
        lines, pixels = shape if self.slow_axis(0) == 0 else shape[::-1]
        line_time, frame_time = self.line_time, self.frame_time
        if line_time is None and self.dwell_time is not None and self.flyback_time is not None:
            line_time = self.dwell_time * pixels + self.flyback_time
        if frame_time is None and line_time is not None:
            frame_time = line_time * lines
        return replace(self, line_time=line_time, frame_time=frame_time)

    def slow_axis(self, frame: int = 0) -> int:
        """Array axis along which scan lines follow each other in a frame.

        Returns
        -------
        int
            0: scan lines are image rows. 1: scan lines are image columns.

        Raises
        ------
        ValueError
            If the rotation of the frame is not a multiple of 90 degrees.
        """
        turns = self._quarter_turns(frame)
        return (turns + (self.fast_direction == "vertical")) % 2

    def scan_direction(self, frame: int = 0) -> tuple[int, int]:
        """Sense of the scan of a frame along its slow and its fast axis.

        Returns
        -------
        (int, int)
            +1 where the scan runs towards higher array indices, -1 where it runs towards
            lower ones: ``(slow, fast)``. At 180 degrees both are -1.

        Raises
        ------
        ValueError
            If the rotation of the frame is not a multiple of 90 degrees.
        """
        # Quarter turns from +x towards +y; a transposed scan is turned the other way round,
        # so that its slow direction keeps the sign of the one it is the mirror image of.
        turns = self._quarter_turns(frame)
        if self.fast_direction == "vertical":
            turns = -turns % 4
        slow = 1 if turns in (0, 3) else -1
        fast = 1 if turns in (0, 1) else -1
        return slow, fast

    def row_times(self, frame: int, rows: int) -> npt.NDArray[np.float64]:
        """Time at which each scan line of a frame starts.

        Parameters
        ----------
        frame : int
            Index of the frame in the series.
        rows : int
            Number of scan lines: pixels of the frame along its slow axis.

        Returns
        -------
        numpy.ndarray
            Shape (rows,), seconds after the start of recorded frame 0, in the order of the
            array: for a frame scanned backwards the last entry is the earliest.

        Raises
        ------
        ValueError
            If the line time is not known, or the frame is not one of the series.
        """
        if self.line_time is None:
            raise ValueError(
                "the time of a scan line is not known; give it in seconds with "
                "signal.smartalign.prepare(line_time=...)."
            )
        number = frame
        if self.frame_numbers:
            if not 0 <= frame < len(self.frame_numbers):
                raise ValueError(
                    f"frame {frame} is not one of the {len(self.frame_numbers)} frames of this "
                    "scan geometry; frames count from 0."
                )
            number = self.frame_numbers[frame]
        frame_time = self.frame_time if self.frame_time is not None else self.line_time * rows
        start = number * (frame_time + (self.frame_gap or 0.0))
        times = start + self.line_time * np.arange(rows, dtype=np.float64)
        return times if self.scan_direction(frame)[0] > 0 else times[::-1].copy()

    def select(self, indices: Iterable[int]) -> ScanGeometry:
        """Geometry of the frames at `indices` (counted from 0), in that order."""
        chosen = tuple(int(index) for index in indices)
        numbers = self.frame_numbers
        if any(index < 0 or (numbers and index >= len(numbers)) for index in chosen):
            known = f"{len(numbers)} frames" if numbers else "frames 0, 1, 2..."
            raise ValueError(f"cannot take frames {chosen}: this scan geometry holds {known}.")
        instrument = self.instrument_rotation
        return replace(
            self,
            rotation=tuple(self.rotation[i % len(self.rotation)] for i in chosen)
            if len(self.rotation) > 1
            else self.rotation,
            instrument_rotation=tuple(instrument[i % len(instrument)] for i in chosen)
            if len(instrument) > 1
            else instrument,
            frame_numbers=tuple(numbers[i] if numbers else i for i in chosen),
        )

    def transposed(self) -> ScanGeometry:
        """Geometry after x and y of every frame are swapped.

        The fast direction changes, and rotations change sign because a transposed frame is a
        mirror image. Twice transposed is the geometry itself.
        """
        return replace(
            self,
            fast_direction="vertical" if self.fast_direction == "horizontal" else "horizontal",
            rotation=tuple(-angle for angle in self.rotation),
            instrument_rotation=tuple(-angle for angle in self.instrument_rotation),
        )

    def resampled(self, factor: float) -> ScanGeometry:
        """Geometry after the frames got `factor` times as many pixels along x and along y.

        The time of a frame stays; a row of the new frame stands for ``1 / factor`` scan lines
        and a pixel for ``1 / factor**2`` dwell times.
        """
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError(f"resampling factor {factor!r} must be a positive number.")

        def divided(time: float | None, by: float) -> float | None:
            return None if time is None else time / by

        return replace(
            self,
            line_time=divided(self.line_time, factor),
            flyback_time=divided(self.flyback_time, factor),
            dwell_time=divided(self.dwell_time, factor**2),
        )

    def to_dict(self) -> dict[str, Any]:
        """Contents as str, float, int and list, without what is unknown or default-empty."""
        content: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None or value in ((), ""):
                continue
            content[field.name] = list(value) if isinstance(value, tuple) else value
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ScanGeometry:
        """Rebuild a geometry from `to_dict`, also after a trip through a file.

        Tuples, arrays (also dask's) and single numbers are taken where a list was written.

        Raises
        ------
        ValueError
            For keys this version does not know and for values that are not valid.
        """
        unknown = sorted(set(content) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(
                f"scan geometry has unknown entries {unknown}; it may come from a newer version "
                "of hyperspy_smartalign: upgrade it, or remove the entries."
            )
        values = dict(content)
        for name in ("rotation", "instrument_rotation", "frame_numbers"):
            if name in values:
                values[name] = tuple(np.atleast_1d(np.asarray(values[name])).tolist())
        for name in ("fast_direction", "source"):
            if name in values:
                values[name] = str(values[name])
        return cls(**values)

    def _quarter_turns(self, frame: int) -> int:
        angle = self.rotation[frame % len(self.rotation)]
        turns = round(angle / 90.0)
        if abs(angle - 90.0 * turns) > _RIGHT_ANGLE_TOLERANCE:
            raise ValueError(
                f"frame {frame} was scanned at {angle:g} degrees: once rotated back its scan "
                "lines follow neither x nor y. Only multiples of 90 degrees have scan lines "
                "along an axis; set them with scan_rotation=."
            )
        return turns % 4


def _time(name: str, value: object) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{name}={value!r} is not a time in seconds; give a number >= 0 or None.")
    if name in ("line_time", "frame_time") and seconds == 0:
        raise ValueError(f"{name}=0 cannot be; give the time in seconds, or None if unknown.")
    return seconds


def _angles(name: str, values: Iterable[float]) -> tuple[float, ...]:
    try:
        angles = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name}={values!r} must be a sequence of angles in degrees, one a frame."
        ) from None
    bad = [angle for angle in angles if not math.isfinite(angle)]
    if bad:
        raise ValueError(f"{name} holds {bad[0]} at frame {angles.index(bad[0])}; give degrees.")
    # Twice, as a tiny negative angle is 360.0 after the first.
    return tuple(angle % 360.0 % 360.0 for angle in angles)
