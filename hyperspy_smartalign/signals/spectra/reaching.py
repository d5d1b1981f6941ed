"""How far the counts of frames reach on the common frame."""

from __future__ import annotations

import numpy as np

from hyperspy_smartalign.resampling import Counts
from hyperspy_smartalign.resampling.options import TOLERANCE
from hyperspy_smartalign.resampling.placing import places_of
from hyperspy_smartalign.signals.cropping import choose_canvas
from hyperspy_smartalign.transforms import Alignment, Canvas


def widened(canvas: Canvas, alignment: Alignment, counts: Counts) -> Canvas:
    """A canvas that holds all that was seen, made to hold all counts too.

    Parameters
    ----------
    canvas : Canvas
        A canvas. It stays if it leaves out some of what the frames saw.
    alignment : Alignment
        Where the content of the frames is.
    counts : {"share", "whole"}
        Where counts go.

    Returns
    -------
    Canvas
    """
    seen = choose_canvas(
        alignment.transforms, alignment.excluded, alignment.frame_shape, crop=False
    )
    if _hull(canvas, seen) != canvas:
        return canvas
    return _hull(canvas, canvas_of_counts(alignment, counts))


def canvas_of_counts(alignment: Alignment, counts: Counts) -> Canvas:
    """The smallest rectangle on which no count is lost.

    It is up to a pixel larger on each side than what the frames saw: counts that belong between
    the last pixel and the next one go to both, or to the nearer one.

    Parameters
    ----------
    alignment : Alignment
        Where the content of the frames is. Excluded ones have no say, unless all are.
    counts : {"share", "whole"}
        Where counts go.

    Returns
    -------
    Canvas
    """
    every = bool(alignment.excluded.all())
    ends = []
    for transform, out in zip(alignment.transforms, alignment.excluded, strict=True):
        if every or not out:
            places = places_of(transform, alignment.frame_shape)
            ends.append((places.min(axis=(1, 2)), places.max(axis=(1, 2))))
    first = np.min([low for low, _ in ends], axis=0)
    last = np.max([high for _, high in ends], axis=0)
    if counts == "whole":
        first, last = np.floor(first + 0.5), np.floor(last + 0.5)
    else:
        first, last = np.floor(first + TOLERANCE), np.ceil(last - TOLERANCE)
    (top, left), (bottom, right) = first.astype(int).tolist(), last.astype(int).tolist()
    return Canvas.from_roi(left, right + 1, top, bottom + 1)


def _hull(first: Canvas, second: Canvas) -> Canvas:
    """The smallest canvas that holds two."""
    return Canvas.from_roi(
        min(first.left, second.left),
        max(first.right, second.right),
        min(first.top, second.top),
        max(first.bottom, second.bottom),
    )
