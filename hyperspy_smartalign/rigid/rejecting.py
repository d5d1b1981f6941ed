"""Frames that must not enter the mean: blank, jumped to another place, blurred."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from .refinement import Refined
from .store import FrameStore

__all__ = ["blank_frames", "unlike_frames"]

BoolArray = npt.NDArray[np.bool_]

#: A frame with less than this share of the others' contrast shows something else or is blurred.
LEAST_CONTRAST = 0.5
#: Below this share it shows nothing of what the others show.
NO_CONTRAST = 0.15
#: Standard deviations by which the contrast must fall short.
CERTAINTY = 5.0
#: Fewer frames than this do not outvote one of them.
FEWEST_JUDGES = 5


def blank_frames(
    store: FrameStore, progress: Callable[[int, int], None] | None = None
) -> dict[int, str]:
    """Frames whose pixels are all equal, with the reason in words."""
    found = {}
    for index in range(len(store)):
        frame = store.frame(index)
        if frame.min() == frame.max():
            found[index] = f"blank: every pixel is {float(frame.flat[0]):g}"
        if progress is not None:
            progress(index + 1, len(store))
    return found


def unlike_frames(refined: Refined, used: BoolArray) -> dict[int, str]:
    """Frames that show too little of what the mean of the others shows, with the reason in words.

    A frame is fitted as a multiple of the mean of the others; a jump out of the field, or a loss of
    focus, makes that multiple small. At most half of the frames are given up, and none where so few
    are left that the mean of the others is no judge.
    """
    if used.sum() < FEWEST_JUDGES:
        return {}
    short = refined.contrast + CERTAINTY * refined.contrast_error < LEAST_CONTRAST
    worst = np.flatnonzero(short & used)
    worst = worst[np.argsort(refined.contrast[worst])][: int(used.sum()) // 2]
    reasons = {}
    for index in worst:
        contrast = float(refined.contrast[index])
        if contrast < NO_CONTRAST:
            reasons[int(index)] = (
                "jumped or badly blurred: it shows nothing of what the other frames show"
            )
        else:
            reasons[int(index)] = (
                f"blurred or changed: only {100 * contrast:.0f} % of the contrast of the others"
            )
    return reasons
