"""Where a motif was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.orientations import Orientation
from hyperspy_smartalign.resampling.options import DoubleArray

IndexArray = npt.NDArray[np.intp]

# Attributes with one row a match.
_ROWS = ("frame", "y", "x", "score", "orientation", "errors")


@dataclass(frozen=True, eq=False)
class Matches:
    """Tiles that are like a motif: one row a tile.

    Attributes
    ----------
    frame : (n,) int
        Number of the frame, from 0.
    y, x : (n,) float64
        Centre of the tile in pixels of that frame. The centre of h x w pixels lies
        ``((h - 1) / 2, (w - 1) / 2)`` from the first of them, half-way between two pixels along an
        even side.
    score : (n,) float64
        Correlation coefficient with the motif: 1 is perfect, 0 is none.
    orientation : (n,) int
        Which of `orientations`.
    errors : (n, 2) float64
        Standard errors of (y, x), px; NaN where there is none.
    tile_shape : (int, int)
        Rows and columns of the motif, and so of a tile.
    orientations : tuple of Orientation
        How the motif was turned and mirrored.
    """

    frame: IndexArray
    y: DoubleArray
    x: DoubleArray
    score: DoubleArray
    orientation: IndexArray
    errors: DoubleArray
    tile_shape: tuple[int, int]
    orientations: tuple[Orientation, ...] = field(default=(Orientation(),))

    def __post_init__(self) -> None:
        for name in ("frame", "orientation"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.intp))
        for name in ("y", "x", "score", "errors"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        n = len(self.frame)
        for name in ("frame", "y", "x", "score", "orientation", "errors"):
            expected = (n, 2) if name == "errors" else (n,)
            found = getattr(self, name).shape
            if found != expected:
                raise ValueError(
                    f"{name} has shape {found}; give one row for each of the {n} matches."
                )

    @classmethod
    def at(
        cls,
        centres: npt.ArrayLike,
        *,
        tile_shape: tuple[int, int],
        frame: npt.ArrayLike = 0,
        score: npt.ArrayLike = 1.0,
    ) -> Matches:
        """Upright matches at known centres (n, 2), such as the nodes of a lattice."""
        places = np.asarray(centres, np.float64).reshape(-1, 2)
        n = len(places)
        return cls(
            frame=np.broadcast_to(np.asarray(frame, np.intp), n),
            y=places[:, 0],
            x=places[:, 1],
            score=np.broadcast_to(np.asarray(score, np.float64), n),
            orientation=np.zeros(n, np.intp),
            errors=np.full((n, 2), np.nan),
            tile_shape=tile_shape,
        )

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        h, w = self.tile_shape
        frames = len(np.unique(self.frame))
        return f"Matches({len(self)} tiles of {h} x {w} px in {frames} frame(s))"

    @property
    def centres(self) -> DoubleArray:
        """(n, 2) centres of the tiles, (y, x) px."""
        return np.stack([self.y, self.x], axis=1)

    def chosen(self, which: npt.ArrayLike) -> Matches:
        """The matches under a mask, or with these numbers, in this order."""
        rows: Any = np.asarray(which)
        if rows.size == 0:
            rows = np.empty(0, np.intp)
        return replace(self, **{name: getattr(self, name)[rows] for name in _ROWS})

    def in_frame(self, frame: int) -> Matches:
        """The matches of one frame."""
        return self.chosen(self.frame == frame)

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The table of matches: frame, y, x, score, and what tells more, each (n,)."""
        angles = np.array([o.angle for o in self.orientations])
        mirrored = np.array([o.mirror for o in self.orientations])
        return {
            "frame": self.frame,
            "y": self.y,
            "x": self.x,
            "score": self.score,
            "y_error": self.errors[:, 0],
            "x_error": self.errors[:, 1],
            "angle": angles[self.orientation],
            "mirror": mirrored[self.orientation],
        }


def joined(parts: list[Matches]) -> Matches:
    """Matches of several frames as one table, in reading order: frame, then y, then x.

    Raises
    ------
    ValueError
        If there is none, or they belong to different motifs.
    """
    if not parts:
        raise ValueError("There are no matches to join.")
    table = concatenated(parts)
    return table.chosen(np.lexsort((table.x, table.y, table.frame)))


def concatenated(parts: Sequence[Matches]) -> Matches:
    """Matches of one table after the other.

    Raises
    ------
    ValueError
        If they belong to different motifs.
    """
    first = parts[0]
    if any(
        part.tile_shape != first.tile_shape or part.orientations != first.orientations
        for part in parts
    ):
        raise ValueError("The matches belong to motifs of different shape or orientations.")
    rows: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in _ROWS
    }
    return replace(first, **rows)
