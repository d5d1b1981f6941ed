"""Pixels of tiles that were aligned, cut once more out of the series that is still in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import origins, recording
from hyperspy_smartalign.signals.motif.belonging import Belonging, GivenTiles
from hyperspy_smartalign.signals.motif.cutting import cut_frame, cut_images
from hyperspy_smartalign.signals.motif.selecting import table_of_tiles
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.rendering import Rendering
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Frames, layout_of_axes
from hyperspy_smartalign.transforms import Alignment, Canvas

CUT_TWICE = (
    "The pixels of these tiles were interpolated when they were cut out, and now a second time. To "
    "interpolate once, cut the tiles out of the series anew: series.apply_alignment(aligned_tiles)."
)


def redrawn(
    tiles: BaseSignal,
    alignment: Alignment,
    rendering: Rendering,
    *,
    lazy: bool,
    num_workers: int | None,
    progress: Progress | None,
) -> Any:
    """Aligned pixels of tiles, each by one interpolation of the frame that it comes from.

    Parameters
    ----------
    tiles : Signal2D
        The tiles as they were cut out.
    alignment : Alignment
        How they lie on each other, and the canvas of the result.
    rendering : Rendering
        Kernel, fill and output.
    lazy : bool
        Give a dask array, to be computed later.
    num_workers, progress
        As in `rendering.render`.

    Returns
    -------
    numpy or dask array, or None
        None where the series is gone, or the tiles are not as they were cut out of it.
    """
    series = origins.living_parent(tiles)
    if series is None or rendering.fill == "mean" or rendering.interpolation == "nearest":
        return None
    belonging = _belonging(series, tiles, alignment)
    if belonging is None:
        return None
    layout, placing = belonging.layout, belonging.placing
    frames = Frames(layout, series.data.reshape(*layout.series_shape, *layout.frame_shape))
    if not _as_they_were_cut(tiles, belonging, frames):
        return None
    taken = np.full(len(placing.frame), True)
    if rendering.output != "series":
        taken = ~alignment.excluded
    rows = [np.flatnonzero((placing.frame == i) & taken) for i in range(len(frames))]
    return cut_images(
        frames,
        [placing.of_frame(i, numbers, alignment.canvas) for i, numbers in enumerate(rows)],
        rows,
        interpolation=rendering.interpolation,
        fill=rendering.fill,
        output=rendering.output,
        lazy=lazy,
        num_workers=num_workers,
        progress=progress,
    )


def _belonging(series: BaseSignal, tiles: BaseSignal, alignment: Alignment) -> Belonging | None:
    """Where the aligned tiles lie in the series, None where it does not fit any more."""
    try:
        given = GivenTiles(tiles, table_of_tiles(tiles), alignment, True)
        belonging = Belonging.of_tiles(series, given, stacklevel=1)
    except (ValueError, NotImplementedError):
        return None
    same = len(belonging.tiles.table) == len(given.table)
    return belonging if same and not belonging.layout.channel_shape else None


def _as_they_were_cut(tiles: BaseSignal, belonging: Belonging, frames: Frames) -> bool:
    """Whether the first and the last tile are still what was cut out."""
    manager = tiles.axes_manager
    x, y = manager.signal_axes
    canvas = Canvas.of_frame(layout_of_axes((1,), y, x).frame_shape)
    steps = [step for step in recording.steps_of(tiles) if step["name"] == "template_match"]
    kernel = steps[-1].get("parameters", {}).get("interpolation", "spline") if steps else "spline"
    placing = belonging.placing.unaligned()
    stream = FrameStream(frames)
    for number in (0, len(placing.frame) - 1):
        frame = int(placing.frame[number])
        place = placing.of_frame(frame, np.array([number]), canvas)
        pixels = stream.frame(frame)
        if kernel == "nearest":
            pixels = pixels.astype(np.float32)
        cut, _ = cut_frame(pixels, place, interpolation=kernel, fill="nan")
        if not np.allclose(np.asarray(tiles.data[number]), cut[0], rtol=1e-4, equal_nan=True):
            return False
    return True
