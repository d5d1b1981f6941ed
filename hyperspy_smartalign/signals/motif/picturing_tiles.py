"""From the table of matches of a stack of tiles to its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign import plotting
from hyperspy_smartalign.motif import Matches, frame_matches
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.motif.match_table import MatchTable, matches_of
from hyperspy_smartalign.signals.motif.searching import images_of
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.transforms import AlignmentMismatchError


def plot_scores(signal: BaseSignal, **keywords: Any) -> Any:
    """Scores of the tiles and of the rejected candidates; see the accessor's member."""
    table = matches_of(signal)
    rows = _once(table)
    scores = np.concatenate([table.score[rows], table.rejected["score"]])
    accepted = np.arange(len(scores)) < len(rows)
    return plotting.plot_scores(scores, threshold=table.threshold, accepted=accepted, **keywords)


def plot_motif(signal: BaseSignal, **keywords: Any) -> Any:
    """Motif and scores of each stage of the search; see the accessor's member."""
    table = matches_of(signal)
    return plotting.plot_motif_stages(
        table.stages,
        **{"scale": table.parent.frame_scale, "units": table.parent.frame_units, **keywords},
    )


def plot_matches(
    signal: BaseSignal,
    image: BaseSignal | None = None,
    *,
    frame: int | None = None,
    outlines: bool = False,
    **keywords: Any,
) -> Any:
    """Where the tiles lie; see the accessor's member."""
    table = matches_of(signal)
    field = _field(table, image, frame)
    return plotting.plot_matches(
        field.pixels,
        field.places,
        accepted=np.arange(len(field.places)) < len(field.angles),
        tile_shape=table.tile_shape if outlines else None,
        angles=np.concatenate([field.angles, np.zeros(len(field.places) - len(field.angles))]),
        **{"scale": table.parent.frame_scale, "units": table.parent.frame_units, **keywords},
    )


@dataclass(frozen=True, eq=False)
class _Field:
    """What is seen of a table of matches on one image.

    Attributes
    ----------
    pixels : (h, w) array
        The image; NaN where there is none.
    places : (n, 2) float64
        First the tiles, then the rejected candidates, (y, x) px.
    angles : (m,) float64
        How the tiles are turned; there are fewer than places where some are rejected.
    """

    pixels: npt.NDArray[Any]
    places: npt.NDArray[np.float64]
    angles: npt.NDArray[np.float64]


def _field(table: MatchTable, image: BaseSignal | None, frame: int | None) -> _Field:
    common = _in_average(table)
    number = _frame_of(table, frame)
    if image is None:
        pixels = np.full(table.parent.canvas.shape, np.nan, np.float32)
        raw, many = False, not common
    else:
        frames = images_of(image)
        many = len(frames) > 1
        if many and not number < len(frames):
            raise ValueError(f"frame={number} does not exist; image has {len(frames)} frames.")
        pixels = FrameStream(frames).frame(number if many else 0)
        raw = _is_raw(table, image, pixels.shape)
    # An average shows what was found in all frames; a match in many of them is shown once.
    by_frame = many or not common or raw or frame is not None
    rows = np.flatnonzero(table.frame == number) if by_frame else _once(table)
    outside = table.rejected
    below = outside["frame"] == (-1 if common else number)
    places = np.stack(
        [np.concatenate([table.columns[name][rows], outside[name][below]]) for name in ("y", "x")],
        axis=1,
    )
    if raw:
        carried = frame_matches(
            Matches.at(places, tile_shape=table.tile_shape),
            frame=number,
            transform=table.parent.transforms[number],
            origin=table.parent.canvas.origin,
        )
        places = carried.centres
    return _Field(pixels, places, table.columns["angle"][rows])


def _is_raw(table: MatchTable, image: BaseSignal, shape: tuple[int, ...]) -> bool:
    """Whether an image is a frame as it was recorded, and not one of the common frame.

    Raises
    ------
    AlignmentMismatchError
        It is neither.
    """
    raw, common = table.parent.frame_shape, table.parent.canvas.shape
    if shape not in (raw, common):
        known = " or ".join(dict.fromkeys((str(raw), str(common))))
        raise AlignmentMismatchError(
            f"The image has {shape} px (y, x), and the tiles lie in frames of {known} px. Give "
            "the image or series that was searched"
        )
    if raw != common:
        return shape == raw
    return not recording.has_alignment(image)


def _in_average(table: MatchTable) -> bool:
    """Whether one image was searched, whose matches are in all frames."""
    one_image = len(table.threshold) == 1 and len(np.unique(table.frame)) > 1
    return bool(one_image or (table.rejected["frame"] == -1).any())


def _once(table: MatchTable) -> npt.NDArray[np.intp]:
    """Rows of the table, each match once where it is in many frames."""
    if not _in_average(table):
        return np.arange(len(table))
    columns = np.stack([table.y, table.x], axis=1)
    return np.sort(np.unique(columns, axis=0, return_index=True)[1])


def _frame_of(table: MatchTable, frame: int | None) -> int:
    if frame is None:
        return int(table.frame.min()) if len(table) else 0
    if not 0 <= frame < table.parent.n_frames:
        raise ValueError(
            f"frame={frame} does not exist; the tiles were cut out of {table.parent.n_frames} "
            "frames, counted from 0."
        )
    return int(frame)
