"""Frames that are read one at a time, from whatever holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.rigid.store import FrameSource

Frames = npt.ArrayLike | FrameSource


@dataclass(frozen=True, eq=False)
class StackSource:
    """The frames of a stack (n, h, w), lazy or not."""

    stack: Any

    def __len__(self) -> int:
        return len(self.stack)

    def frame(self, index: int) -> npt.NDArray[Any]:
        """The frame with this number, (h, w)."""
        return np.asarray(self.stack[index])


def as_source(frames: Frames) -> FrameSource:
    """Frames as a source: an image counts as a series of one.

    Raises
    ------
    ValueError
        If an array is neither an image nor a stack of images.
    """
    if hasattr(frames, "frame"):
        return cast(FrameSource, frames)
    stack: Any = frames if hasattr(frames, "ndim") else np.asarray(frames)
    if stack.ndim == 2:
        stack = stack[None]
    if stack.ndim != 3 or 0 in stack.shape:
        raise ValueError(
            f"Give an image (height, width) or a stack of images (n, height, width), not an array "
            f"of shape {stack.shape}."
        )
    return StackSource(stack)
