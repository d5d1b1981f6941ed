"""Pairs of frames as matrices, coarsened where there are more frames than a figure has room for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hyperspy_smartalign.rigid import PairTable

Matrix = npt.NDArray[np.float64]

# A panel has about this many cells that the eye can tell apart.
MOST_CELLS = 128


@dataclass(frozen=True)
class Cells:
    """How the frames of a series are put into the rows and columns of a matrix.

    Attributes
    ----------
    excluded : (n,) bool
        Frames that took no part.
    per_cell : int
        Frames that share one row or column.
    """

    excluded: npt.NDArray[np.bool_]
    per_cell: int

    @classmethod
    def of(cls, excluded: npt.NDArray[np.bool_], *, most: int = MOST_CELLS) -> Cells:
        """Cells for a series, not more than `most`."""
        return cls(excluded, max(1, math.ceil(len(excluded) / most)))

    @property
    def n_frames(self) -> int:
        """Frames of the series."""
        return len(self.excluded)

    @property
    def count(self) -> int:
        """Rows and columns of a matrix."""
        return math.ceil(self.n_frames / self.per_cell)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """(left, right, bottom, top) edges in frames, row 0 on top."""
        end = self.count * self.per_cell - 0.5
        return -0.5, end, end, -0.5

    @property
    def without_frames(self) -> npt.NDArray[np.bool_]:
        """Rows (count,) all of whose frames are excluded."""
        used = np.bincount(self._cell(), weights=~self.excluded, minlength=self.count)
        return np.asarray(used == 0)

    def matrix(self, pairs: PairTable, values: npt.NDArray[np.generic], *, sign: int = 1) -> Matrix:
        """Values of pairs as a full matrix, NaN where nothing was measured.

        Parameters
        ----------
        pairs : PairTable
            Frames i < j of each value.
        values : (p,) array
            One a pair; of several pairs in one cell the mean is shown.
        sign : {1, -1}
            -1 if the value of (j, i) is the opposite of that of (i, j), as for shifts.
        """
        i, j = (pairs.indices // self.per_cell).T
        number = np.asarray(values, np.float64)
        known = np.isfinite(number)
        i, j, number = i[known], j[known], number[known]
        place = np.concatenate([i * self.count + j, j * self.count + i])
        weights = np.concatenate([number, sign * number])
        if self.per_cell > 1 and sign < 0:
            # Both orders of a pair inside one cell cancel, as they should: its mean shift is 0.
            weights = np.where(np.concatenate([i == j, i == j]), 0.0, weights)
        total = np.bincount(place, weights=weights, minlength=self.count**2)
        measured = np.bincount(place, minlength=self.count**2)
        mean = np.full(self.count**2, np.nan)
        np.divide(total, measured, out=mean, where=measured > 0)
        return mean.reshape(self.count, self.count)

    def differences(self, shifts: npt.NDArray[np.float64]) -> Matrix:
        """``shifts[i] - shifts[j]`` of one component (n,) as a full matrix.

        NaN in the rows and columns of excluded frames.
        """
        cell = self._cell()
        used = ~self.excluded
        total = np.bincount(cell, weights=np.where(used, shifts, 0.0), minlength=self.count)
        number = np.bincount(cell, weights=used, minlength=self.count)
        mean = np.full(self.count, np.nan)
        np.divide(total, number, out=mean, where=number > 0)
        difference: Matrix = mean[:, None] - mean[None, :]
        return difference

    def excluded_matrix(self) -> Matrix:
        """1 in the rows and columns of excluded frames, NaN elsewhere."""
        gone = self.without_frames
        return np.where(gone[:, None] | gone[None, :], 1.0, np.nan)

    def lower(self, matrix: Matrix) -> Matrix:
        """The matrix below its diagonal, NaN elsewhere: the later frame in rows.

        A cell of several frames on the diagonal has pairs in it and stays.
        """
        return np.where(np.tri(self.count, k=self._diagonal - 1, dtype=bool), matrix, np.nan)

    def upper(self, matrix: Matrix) -> Matrix:
        """The matrix above its diagonal, NaN elsewhere."""
        return np.where(np.tri(self.count, k=0, dtype=bool), np.nan, matrix)

    @property
    def _diagonal(self) -> int:
        return int(self.per_cell > 1)

    def _cell(self) -> npt.NDArray[np.intp]:
        return np.arange(self.n_frames) // self.per_cell
