"""Whether tiles and another signal of the same scan belong together, and where they lie in it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif.tiles import tile_size
from hyperspy_smartalign.series.checks import listed
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.matching import (
    check_fits,
    check_order,
    warn_of_other_preparation,
)
from hyperspy_smartalign.signals.motif.match_table import MatchTable
from hyperspy_smartalign.signals.motif.placing import Placing
from hyperspy_smartalign.signals.motif.selecting import table_of_tiles
from hyperspy_smartalign.signals.regridding import carried_to
from hyperspy_smartalign.signals.staging import unmoved
from hyperspy_smartalign.signals.validating import (
    Layout,
    NotASeriesError,
    check_uniform,
    layout_of_axes,
)
from hyperspy_smartalign.transforms import Alignment, AlignmentMismatchError


@dataclass(frozen=True, eq=False)
class GivenTiles:
    """A stack of tiles that says what another signal is to be cut into.

    Attributes
    ----------
    signal : Signal2D
        The stack.
    table : MatchTable
        Where its tiles come from.
    alignment : Alignment
        How the tiles lie on each other; without shifts where they were not aligned.
    aligned : bool
        Whether they were.
    """

    signal: BaseSignal
    table: MatchTable
    alignment: Alignment
    aligned: bool

    @classmethod
    def of(cls, signal: BaseSignal) -> Self:
        """Read and check what the stack carries.

        Raises
        ------
        ValueError
            The table of matches is that of other tiles, or corrupt.
        AlignmentMismatchError
            The alignment is that of other tiles, or the tiles were cropped.
        """
        table = table_of_tiles(signal)
        size = tile_size(table.tile_shape, table.upsample)
        if recording.has_alignment(signal):
            alignment = recording.alignment_of(signal)
            if (alignment.navigation_shape, alignment.frame_shape) != ((len(table),), size):
                raise AlignmentMismatchError(
                    f"the tiles carry the alignment of {alignment.n_frames} tiles of "
                    f"{_size(alignment.frame_shape)}, and the table of {len(table)} tiles of "
                    f"{_size(size)}. Take some of the tiles with "
                    "tiles.smartalign.select_tiles(...), or align them again"
                )
            return cls(signal, table, alignment, True)
        x, y = signal.axes_manager.signal_axes
        layout = layout_of_axes((len(table),), y, x)
        if layout.frame_shape != size:
            raise AlignmentMismatchError(
                f"the tiles have {_size(layout.frame_shape)}, and those of their table "
                f"{_size(size)}: they were cropped or rebinned. Give the tiles as they were cut "
                "out, and crop the result"
            )
        return cls(signal, table, unmoved(layout), False)

    def in_every_frame(self, frames: npt.NDArray[np.intp]) -> Self:
        """The same tiles, found in one image, once in each of these frames."""
        rows = np.tile(np.arange(len(self.table)), len(frames))
        table = self.table.chosen(rows)
        columns = {**table.columns, "frame": np.repeat(frames, len(self.table))}
        known = self.alignment
        alignment = replace(
            known,
            transforms=tuple(known.transforms[i] for i in rows.tolist()),
            navigation_shape=(len(rows),),
            precision=None if known.precision is None else known.precision[rows],
            hop_margin=None if known.hop_margin is None else known.hop_margin[rows],
            excluded=known.excluded[rows],
            exclusion_reasons=tuple(known.exclusion_reasons[i] for i in rows.tolist()),
        )
        return replace(self, table=replace(table, columns=columns), alignment=alignment)

    @property
    def of_one_image(self) -> bool:
        """Whether the tiles were found in the average of the frames that they belong to."""
        matched = [
            step.get("parameters", {})
            for step in recording.steps_of(self.signal)
            if step["name"] == "template_match"
        ]
        # One frame that was selected is no average.
        searched = [given.get("search") for given in matched[-1:] if given.get("frames") is None]
        taken = self.table.parent.n_frames - int(self.table.parent.excluded.sum())
        one = searched == ["frames"] and self.table.threshold.size == 1
        return one and taken > 1 and not self.table.frame.any()


@dataclass(frozen=True, eq=False)
class Belonging:
    """Tiles, and where they lie in a signal.

    Attributes
    ----------
    tiles : GivenTiles
        The tiles, one row for each that is cut out of the signal.
    layout : Layout
        Of the signal; a single image or spectrum image is a series of one.
    placing : Placing
        Where the tiles lie in its frames.
    parent : Alignment
        Of its frames.
    """

    tiles: GivenTiles
    layout: Layout
    placing: Placing
    parent: Alignment

    @classmethod
    def of(cls, signal: BaseSignal, given: BaseSignal, *, stacklevel: int) -> Self:
        """Find out whether tiles belong to a signal, and where they lie in it.

        Parameters
        ----------
        signal : BaseSignal
            What is to be cut into tiles.
        given : Signal2D
            The stack of tiles.
        stacklevel : int
            As in `warnings.warn`, counted from the caller of this function.

        Raises
        ------
        AlignmentMismatchError
            They do not belong together, or the signal was aligned before.
        NotASeriesError
            The signal holds neither images nor spectra.
        ValueError
            The tiles and their table do not belong together.

        Warns
        -----
        SeriesWarning
            Frames were chosen, turned or resampled in one of the two only.
        """
        return cls.of_tiles(signal, GivenTiles.of(given), stacklevel=stacklevel + 1)

    @classmethod
    def of_tiles(cls, signal: BaseSignal, tiles: GivenTiles, *, stacklevel: int) -> Self:
        """The same for tiles that were checked; parameters and errors are those of `of`."""
        found_in = tiles.table.parent
        layout = layout_of_target(signal, found_in)
        one_image = tiles.of_one_image
        if one_image and layout.n_frames == 1 and layout.frame_shape == found_in.canvas.shape:
            parent = unmoved(layout)
            placing = Placing.of(tiles.table, parent, origin=(0, 0), own=_own(tiles))
            return cls(tiles, layout, placing, parent)
        if recording.has_alignment(signal):
            raise AlignmentMismatchError(
                f"{signal!r} is aligned, so its pixels are interpolated already, and lie elsewhere "
                "than those of the frames that the tiles were found in. Give the signal as it was "
                "before, which is aligned and cut into tiles in one step"
            )
        if not one_image:
            _check_number(tiles.table, layout)
        try:
            parent = carried_to(found_in, layout)
            check_fits(parent, layout)
        except AlignmentMismatchError as error:
            raise AlignmentMismatchError(
                f"the tiles do not belong to the signal: {error}"
            ) from error
        steps = recording.steps_of(signal)
        check_order(found_in.steps, steps)
        regridded = parent is not found_in
        warn_of_other_preparation(
            found_in.steps, steps, regridded=regridded, stacklevel=stacklevel + 1
        )
        if one_image:
            tiles = tiles.in_every_frame(np.flatnonzero(~found_in.excluded))
        grid: dict[str, Any] = {}
        if regridded:
            recorded = parent.steps[-1]["parameters"]
            grid = {"step": tuple(recorded["step"]), "start": tuple(recorded["start"])}
        placing = Placing.of(
            tiles.table, parent, origin=found_in.canvas.origin, own=_own(tiles), **grid
        )
        return cls(tiles, layout, placing, parent)


def layout_of_target(signal: BaseSignal, parent: Alignment) -> Layout:
    """Layout of a signal that tiles are cut out of; without series axes it is a series of one.

    Parameters
    ----------
    signal : BaseSignal
        Image or images, spectrum image or a series of them, 4D-STEM or a series of that.
    parent : Alignment
        Of the frames that the tiles were found in.

    Raises
    ------
    NotASeriesError
        It is none of these.
    NotImplementedError
        An axis of the image is not uniform.
    """
    manager = signal.axes_manager
    # HyperSpy's signal_dimension is 0 where there is but one channel.
    inner, outer = manager.signal_axes, manager.navigation_axes
    series_dimension = len(parent.navigation_shape) if parent.n_frames > 1 else 0
    patterns = len(inner) == 2 and (
        len(outer) == series_dimension + 2 or (not series_dimension and len(outer) > 2)
    )
    channels: tuple[Any, ...] = ()
    if len(inner) == 2 and not patterns:
        (x, y), series = inner, outer
    elif len(inner) in (1, 2) and len(outer) >= 2:
        (x, y), series, channels = outer[:2], outer[2:], inner
    else:
        raise NotASeriesError(
            f"{signal!r} holds neither images nor spectrum images: its signal dimension is "
            f"{len(inner)} and its navigation dimension {len(outer)}. Images need signal "
            "dimension 2; spectrum images need signal dimension 1 and navigation axes x and y."
        )
    check_uniform((y, x))
    shape = tuple(int(axis.size) for axis in reversed(series))
    if math.prod(shape) == 1 and parent.n_frames == 1:
        shape = parent.navigation_shape
    return layout_of_axes(shape or (1,), y, x, tuple(int(axis.size) for axis in reversed(channels)))


def _check_number(table: MatchTable, layout: Layout) -> None:
    """Refuse a signal that has not as many frames as the tiles were found in."""
    n = table.parent.n_frames
    if layout.n_frames == n:
        return
    numbers = np.unique(table.frame).tolist()
    lie = f"lie in {'frame' if len(numbers) == 1 else 'frames'} {listed(numbers)} of {n} frames"
    raise AlignmentMismatchError(
        f"the tiles do not belong to the signal: they {lie}, counted from 0, and the signal has "
        f"{layout.n_frames}. Frames keep their numbers, so give all {n}, in the same order; where "
        f"each is a file, all {n} files"
    )


def _own(tiles: GivenTiles) -> tuple[Any, ...]:
    """The transforms of tiles that were aligned."""
    return tiles.alignment.transforms if tiles.aligned else ()


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]} px"
