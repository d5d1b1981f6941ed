"""Parameters of the tools that prepare a series before alignment."""

from __future__ import annotations

from hyperspy_smartalign.parameters._base import Parameters
from hyperspy_smartalign.parameters._kinds import (
    Choice,
    Flag,
    Indices,
    Integer,
    Numbers,
    ParameterError,
    PositiveReal,
    Real,
)


class PrepareParameters(Parameters):
    """Parameters of smartalign.prepare."""

    first = Integer(
        None,
        low=0,
        label="First frame",
        desc="Index of the first frame to keep, counted from 0. None keeps from the start.",
        group="frames",
    )
    last = Integer(
        None,
        low=0,
        label="Last frame",
        desc=(
            "Index of the last frame to keep, counted from 0; this frame is kept too. None "
            "keeps to the end."
        ),
        group="frames",
    )
    skip = Indices(
        (),
        label="Skip frames",
        desc="Indices of frames to leave out, counted from 0.",
        group="frames",
    )
    reverse = Flag(
        False,
        label="Reverse order",
        desc="Put the frames in reverse order.",
        group="frames",
    )
    transpose = Flag(
        False,
        label="Transpose",
        desc="Swap x and y of every frame. The scan geometry follows.",
        group="frames",
    )
    normalise = Flag(
        False,
        label="Normalise grey levels",
        desc=(
            "Map the grey levels of the whole series to the range 0 to 1. The values then lose "
            "their quantitative meaning."
        ),
        group="pre-processing",
    )
    resample = Real(
        1.0,
        low=0.1,
        high=8.0,
        label="Resample",
        desc="Factor by which the number of pixels grows along x and along y; below 1 it shrinks.",
        group="pre-processing",
    )
    scan_rotation = Numbers(
        None,
        words=("none", "pairs", "set"),
        label="Scan rotation",
        desc=(
            "Rotation of the scan of each frame: 'none', 'pairs' (0 and 90 degrees in turn), "
            "'set' (0, 90, 180 and 270 in turn), one angle, or one angle a frame. None keeps "
            "what the file says."
        ),
        group="scan",
        unit="degrees",
    )
    fast_direction = Choice(
        None,
        words=("horizontal", "vertical"),
        label="Fast-scan direction",
        desc=(
            "Direction of the scan lines of a frame that is not rotated. None keeps what the "
            "file says."
        ),
        group="scan",
    )
    line_time = PositiveReal(
        None,
        label="Line time",
        desc="Time from the start of one scan line to the next, flyback included. "
        "None keeps what the file says.",
        group="scan",
        unit="s",
    )
    equalise = Choice(
        None,
        words=("row", "global"),
        label="Equalise scan lines",
        desc=(
            "Bring the median of each scan line to that of its neighbours ('row') or of its "
            "frame ('global'), against tip or emission steps. None leaves them."
        ),
        group="pre-processing",
    )

    def check_clashes(self) -> None:
        """Raise ParameterError if the range of frames is empty."""
        if self.first is not None and self.last is not None and self.last < self.first:
            raise ParameterError(
                f"first={self.first} and last={self.last} keep no frame: last is the index of "
                "the last frame kept, so it must not be below first. To turn the order round "
                "use reverse=True."
            )


class RampParameters(Parameters):
    """Parameters of smartalign.remove_ramp."""

    order = Integer(
        1,
        low=1,
        high=10,
        label="Order",
        desc="Order of the polynomial that is taken off each frame; 1 is a plane.",
        group="pre-processing",
    )
