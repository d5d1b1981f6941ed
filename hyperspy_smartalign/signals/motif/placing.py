"""Where the pixels of tiles lie in the raw frames of a signal.

Pixel k of a tile belongs at r = c + M (k + t(k) - m) of the common frame of the parent series: c is
the centre of the tile, m the middle of its pixels, M turns, mirrors and scales, and t is the tile's
own transform where the tiles were aligned. In raw frame i it lies at r + d_i(r), with the transform
d_i of that frame. All of this is one displacement a tile, so that pixels are interpolated once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.orientations import Orientation
from hyperspy_smartalign.motif.tiles import tile_size
from hyperspy_smartalign.signals.motif.match_table import MatchTable
from hyperspy_smartalign.transforms import Affine, Alignment, Canvas, Field, Transform, Translation

FloatArray = npt.NDArray[np.float64]

# Tiles are placed so many pixels at a time, which bounds the memory for their positions.
_BATCH = 1 << 20


@dataclass(frozen=True, eq=False)
class FrameTiles:
    """The transforms of the tiles of one frame, each made when it is asked for.

    Attributes
    ----------
    centres : (m, 2) float64 array
        Centres (y, x) of the tiles in the common frame of the parent series, px.
    matrices : (m, 2, 2) float64 array
        From pixels of the tiles to pixels of that frame.
    middle : (2,) float64 array
        Middle of a tile in its own pixels.
    parent : Transform
        Of the frame that the tiles are cut out of.
    own : tuple of Transform
        Of the tiles themselves, one each; empty where they were not aligned.
    canvas : Canvas
        Pixels of the tiles that are wanted.
    """

    centres: FloatArray
    matrices: FloatArray
    middle: FloatArray
    parent: Transform
    own: tuple[Transform, ...]
    canvas: Canvas

    def __len__(self) -> int:
        return len(self.centres)

    def __iter__(self) -> Iterator[Transform]:
        if self.rigid:
            for shift, matrix in zip(self._moves, self.matrices, strict=True):
                if np.array_equal(matrix, np.eye(2)):
                    yield Translation(shift)
                else:
                    yield Affine(matrix, shift, self.middle)
            return
        pixels = _pixels(self.canvas)
        for _, places in self.batches():
            for tile in places.swapaxes(0, 1):
                yield Field(tile - pixels, origin=np.array(self.canvas.origin, np.float64))

    @property
    def rigid(self) -> bool:
        """Whether tiles and frame are only shifted, apart from how the tiles are turned."""
        return isinstance(self.parent, Translation) and all(
            isinstance(transform, Translation) for transform in self.own
        )

    @property
    def shifts(self) -> FloatArray | None:
        """(m, 2) displacements of tiles that are only shifted; None where they are not."""
        upright = np.array_equal(self.matrices, np.broadcast_to(np.eye(2), self.matrices.shape))
        return self._moves if self.rigid and upright else None

    @property
    def _moves(self) -> FloatArray:
        """(m, 2) displacements of the middle pixels of rigid tiles."""
        moves = self.centres - self.middle + self.parent.at(np.zeros(2))
        if self.own:
            own = np.array([transform.at(self.middle) for transform in self.own])
            moves = moves + np.einsum("nab,nb->na", self.matrices, own)
        return np.asarray(moves, np.float64)

    def batches(self) -> Iterator[tuple[slice, FloatArray]]:
        """Numbers of tiles, and where their pixels lie in the frame, (2, m, H, W)."""
        shape = self.canvas.shape
        step = max(1, _BATCH // (shape[0] * shape[1]))
        pixels = _pixels(self.canvas)
        for first in range(0, len(self), step):
            rows = slice(first, min(first + step, len(self)))
            offsets = (pixels - self.middle[:, None, None])[:, None]
            if self.own:
                moves = [
                    transform.displacement(shape, origin=self.canvas.origin)
                    for transform in self.own[rows]
                ]
                offsets = offsets + np.stack(moves, axis=1)
            turned = np.einsum(
                "nab,bnij->anij",
                self.matrices[rows],
                np.broadcast_to(offsets, (2, rows.stop - rows.start, *shape)),
            )
            places = self.centres[rows].T[:, :, None, None] + turned
            yield rows, places + self.parent.at(places)

    def around(self, margin: int) -> Self:
        """The same transforms, exact for some more pixels on each side."""
        (top, left), (height, width) = self.canvas.origin, self.canvas.shape
        wider = Canvas(top - margin, left - margin, height + 2 * margin, width + 2 * margin)
        return replace(self, canvas=wider)


@dataclass(frozen=True, eq=False)
class Placing:
    """Where the tiles of a table lie in the frames of a signal.

    Made by `Placing.of`.

    Attributes
    ----------
    frame : (n,) int array
        Frame that each tile is cut out of.
    centres, matrices, middle
        Of all tiles; see `FrameTiles`.
    parents : tuple of Transform
        One a frame of the signal.
    own : tuple of Transform
        One a tile, or none at all.
    """

    frame: npt.NDArray[np.intp]
    centres: FloatArray
    matrices: FloatArray
    middle: FloatArray
    parents: tuple[Transform, ...]
    own: tuple[Transform, ...]

    @classmethod
    def of(
        cls,
        table: MatchTable,
        parent: Alignment,
        *,
        origin: tuple[int, int],
        own: Sequence[Transform] = (),
        step: tuple[float, float] = (1.0, 1.0),
        start: tuple[float, float] = (0.0, 0.0),
    ) -> Self:
        """From the table of matches.

        Parameters
        ----------
        table : MatchTable
            One row a tile.
        parent : Alignment
            Of the frames of the signal that the tiles are cut out of.
        origin : (y, x) of int
            Pixel of the common frame that is pixel 0 of what was searched.
        own : sequence of Transform
            Of each tile, where they were aligned.
        step, start : (y, x)
            Pixel P of the signal lies at ``step * P + start`` in pixels of what was searched.
        """
        steps = np.array(step, np.float64)
        centres = np.stack([table.y, table.x], axis=1) + origin
        turns = {
            (angle, mirror): Orientation(angle, mirror).matrix
            for angle, mirror in zip(table.angle.tolist(), table.mirror.tolist(), strict=True)
        }
        matrices = np.array(
            [turns[key] for key in zip(table.angle.tolist(), table.mirror.tolist(), strict=True)],
            np.float64,
        ).reshape(-1, 2, 2)
        size = tile_size(table.tile_shape, table.upsample)
        return cls(
            frame=np.asarray(table.frame, np.intp),
            centres=(centres - start) / steps,
            matrices=matrices / table.upsample / steps[:, None],
            middle=(np.array(size, np.float64) - 1) / 2,
            parents=parent.transforms,
            own=tuple(own),
        )

    @property
    def same_scale(self) -> bool:
        """Whether pixels of tiles are squares as large as those of the frames."""
        products = self.matrices @ self.matrices.swapaxes(1, 2)
        return bool(np.allclose(products, np.eye(2), atol=1e-9))

    @property
    def sends_counts(self) -> bool:
        """Whether it can be told to which pixels of the tiles those of the frames belong.

        Displacements are inverted step by step, which goes astray where tiles are turned too.
        """
        rigid = all(isinstance(t, Translation) for t in (*self.parents, *self.own))
        return rigid or np.array_equal(
            self.matrices, np.broadcast_to(np.eye(2), self.matrices.shape)
        )

    @property
    def along_axes(self) -> bool:
        """Whether rows and columns of the tiles lie along rows and columns of the frames."""
        products = self.matrices[:, 0] * self.matrices[:, 1]
        return bool(np.allclose(products, 0, atol=1e-9))

    def unaligned(self) -> Self:
        """The same tiles as they were before they were aligned."""
        return replace(self, own=())

    def of_frame(self, frame: int, rows: npt.NDArray[np.intp], canvas: Canvas) -> FrameTiles:
        """The transforms of some tiles of a frame on a canvas in pixels of the tiles."""
        return FrameTiles(
            centres=self.centres[rows],
            matrices=self.matrices[rows],
            middle=self.middle,
            parent=self.parents[frame],
            own=tuple(self.own[i] for i in rows.tolist()) if self.own else (),
            canvas=canvas,
        )


def _pixels(canvas: Canvas) -> FloatArray:
    """Coordinates (2, H, W) of the pixels of a canvas."""
    return np.asarray(
        np.indices(canvas.shape, np.float64) + np.reshape(canvas.origin, (2, 1, 1)), np.float64
    )
