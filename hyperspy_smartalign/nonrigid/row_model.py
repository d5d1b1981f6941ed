"""How the rows of one image follow from the rows before: the model behind straightening.

For every spatial frequency along the rows, the row is predicted from the few rows before it by
linear prediction. A lattice, however it is turned against the scan, is predicted; noise and what
happened between two rows are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter, uniform_filter1d
from scipy.special import gammainccinv

DoubleArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

# Rows over which the scatter is taken, few enough to tell bright rows from dark ones, and rows over
# which the information is averaged.
_SCATTER, _LOCAL = 3, 33
# Chance that noise is taken for a frequency that can be predicted.
_FALSE_ALARM = 1e-6
# Spectra of shifts are computed in steps of 1 / this of a pixel.
UPSAMPLE = 4


@dataclass(frozen=True, eq=False)
class RowModel:
    """Linear prediction of the rows of an image, and what it says about their shifts.

    With X_t(k) the spectrum of row t, the residual is r_t = sum_p a_p X_(t-p), a_0 = 1, and the
    log-likelihood of the image is -sum_t g_t |r_t|^2 / s.

    Attributes
    ----------
    spectra : (rows, k) complex128
        X, of the frequencies that can be predicted.
    filters : (order + 1, k) complex128
        a.
    residuals : (rows, k) complex128
        r; 0 for the first `order` rows, which nothing predicts.
    scatter : (k,) float64
        s, the expected |r|^2.
    weights : (rows,) float64
        g, the inverse of how much more than elsewhere the rows around scatter, less what
        frequencies that a taper mixed count twice.
    wave_numbers : (k,) float64
        Radians a pixel.
    width : int
        Pixels of a row.
    """

    spectra: ComplexArray
    filters: ComplexArray
    residuals: ComplexArray
    scatter: DoubleArray
    weights: DoubleArray
    wave_numbers: DoubleArray
    width: int

    @classmethod
    def fit(
        cls,
        spectra: ComplexArray,
        *,
        order: int,
        taper: DoubleArray,
        usable: npt.NDArray[np.bool_],
    ) -> Self:
        """Fit the filters by weighted least squares, one set a frequency.

        Parameters
        ----------
        spectra : (rows, width // 2 + 1) complex array
            Spectra of the rows from the mean upwards.
        order : int
            Rows that a row is predicted from.
        taper : (width,) array
            Taper that the rows were multiplied with.
        usable : (rows,) bool array
            False for rows that hold nothing, and that must not count.
        """
        rows, count = spectra.shape
        width = len(taper)
        kept = np.arange(1, (count - 1) if width % 2 == 0 else count)
        x = spectra[:, kept]
        waves = 2 * np.pi * kept / width
        # (rows - order, order + 1, k): row t and the rows before it.
        past = np.stack([x[order - p : rows - p] for p in range(order + 1)], axis=1)
        clean = np.all([usable[order - p : rows - p] for p in range(order + 1)], axis=0)
        g = clean.astype(np.float64)
        filters = np.zeros((order + 1, len(kept)), np.complex128)
        filters[0] = 1
        power = np.ones(len(kept))
        scatter = np.ones(len(kept))
        residuals = past[:, 0]
        for _ in range(3):
            moments = np.einsum("t,tpk,tqk->kpq", g, past.conj(), past, optimize=True)
            power = moments[:, 0, 0].real
            ridge = 1e-3 * np.trace(moments[:, 1:, 1:], axis1=1, axis2=2).real / order
            normal = moments[:, 1:, 1:] + (ridge + 1e-300)[:, None, None] * np.eye(order)
            filters[1:] = -np.linalg.solve(normal, moments[:, 1:, :1])[..., 0].T
            residuals = np.einsum("pk,tpk->tk", filters, past)
            freedom = max(1.0, float(g.sum()) ** 2 / max(float((g**2).sum()), 1e-300))
            # Few rows that count leave next to nothing to tell the scatter from.
            left = max(g.sum() * max(1 - order / freedom, 1e-6), 1e-30)
            scatter = (g @ np.abs(residuals) ** 2) / left
            relative = np.abs(residuals) ** 2 / np.maximum(scatter, 1e-300)
            excess = np.median(relative, axis=1) / np.log(2)
            local = median_filter(np.maximum(excess, 1e-3), _SCATTER, mode="nearest")
            g = clean / local
        # Noise alone is "predicted" by as much as a fit of `order` numbers takes of it.
        predicted = 1 - scatter * g.sum() / np.maximum(power, 1e-300)
        chance = (gammainccinv(order, _FALSE_ALARM) - order) / freedom
        used = (predicted > chance) & (scatter > 0)
        padded = np.zeros((rows, int(used.sum())), np.complex128)
        padded[order:] = residuals[:, used]
        weights = np.zeros(rows)
        weights[order:] = g / _overcounting(x[order:, used], waves[used], scatter[used], taper)
        return cls(x[:, used], filters[:, used], padded, scatter[used], weights, waves[used], width)

    @property
    def order(self) -> int:
        """Rows that a row is predicted from."""
        return len(self.filters) - 1

    def likelihood_of_steps(self, reach: float) -> tuple[DoubleArray, DoubleArray]:
        """Log-likelihood if all rows from t on are moved back, against the shift.

        Parameters
        ----------
        reach : float
            Largest shift in pixels.

        Returns
        -------
        shifts : (s,) float64
            In pixels.
        curves : (rows, s) float64
            For a displacement of the content of rows t, t + 1 ... by each shift, up to a constant
            a row: the mean over all shifts there are is zero.
        """
        order, rows = self.order, len(self.spectra)
        cross = np.zeros_like(self.spectra)
        weighted = self.weights[:, None] / np.maximum(self.scatter, 1e-300)
        for after in range(order):
            # Residual t + after: its terms up to `after` rows back are moved, the others are not.
            last = rows - after
            moved = np.zeros((last, self.spectra.shape[1]), np.complex128)
            for p in range(after + 1):
                moved += self.filters[p] * self.spectra[after - p : rows - p]
            rest = self.residuals[after:] - moved
            part = weighted[after:] * rest.conj() * moved
            part[: max(0, order - after)] = 0
            cross[:last] += part
        return self._over_shifts(cross, reach)

    def likelihood_of_lone_jumps(self, reach: float) -> tuple[DoubleArray, DoubleArray]:
        """As `likelihood_of_steps`, if row t alone is moved back."""
        order, rows = self.order, len(self.spectra)
        cross = np.zeros_like(self.spectra)
        weighted = self.weights[:, None] / np.maximum(self.scatter, 1e-300)
        for p in range(order + 1):
            moved = self.filters[p] * self.spectra[: rows - p]
            rest = self.residuals[p:] - moved
            part = weighted[p:] * rest.conj() * moved
            part[: max(0, order - p)] = 0
            cross[: rows - p] += part
        return self._over_shifts(cross, reach)

    def _over_shifts(self, cross: ComplexArray, reach: float) -> tuple[DoubleArray, DoubleArray]:
        size = UPSAMPLE * self.width
        full = np.zeros((len(cross), size // 2 + 1), np.complex128)
        full[:, np.rint(self.wave_numbers * self.width / (2 * np.pi)).astype(int)] = cross
        # -2 Re sum cross exp(i k s); irfft halves and divides by the size.
        curves = -np.fft.irfft(full, size, axis=1) * size
        half = int(reach * UPSAMPLE)
        places = np.arange(-half, half + 1)
        return places / UPSAMPLE, curves[:, places]

    def gradient(self) -> DoubleArray:
        """(rows,) derivative of the negative log-likelihood by the displacement of each row."""
        rows = len(self.spectra)
        result = np.zeros(rows)
        weighted = (
            2
            * self.weights[:, None]
            * self.residuals.conj()
            * (1j * self.wave_numbers / np.maximum(self.scatter, 1e-300))
        )
        for p in range(self.order + 1):
            terms = weighted[p:] * self.filters[p] * self.spectra[: rows - p]
            result[: rows - p] += terms.real.sum(axis=1)
        return result

    def information(self) -> DoubleArray:
        """Expected second derivative, as a lower banded matrix (order + 1, rows).

        Displacing all rows alike changes nothing, so that every residual adds a graph Laplacian
        over the rows it is made of; it is averaged over the rows around and kept positive.
        """
        order, rows = self.order, len(self.spectra)
        banded = np.zeros((order + 1, rows))
        if rows <= order or not self.spectra.shape[1]:
            return banded
        past = np.stack([self.spectra[order - p : rows - p] for p in range(order + 1)], axis=1)
        terms = self.filters * past
        weight = 2 * self.wave_numbers**2 / np.maximum(self.scatter, 1e-300)
        small = np.einsum("k,tpk,tqk->tpq", weight, terms.conj(), terms, optimize=True).real
        small *= self.weights[order:, None, None]
        small = uniform_filter1d(small, min(_LOCAL, len(small)), axis=0, mode="nearest")
        diagonal = np.arange(order + 1)
        small[:, diagonal, diagonal] = 0
        small[:, diagonal, diagonal] = -small.sum(axis=2)
        values, vectors = np.linalg.eigh(small)
        small = (vectors * np.clip(values, 0, None)[:, None, :]) @ vectors.transpose(0, 2, 1)
        for p in range(order + 1):
            for q in range(p + 1):
                # Row t - p lies above row t - q in the matrix.
                banded[p - q, order - p : rows - p] += small[:, p, q]
        return banded


def _overcounting(
    spectra: ComplexArray, waves: DoubleArray, scatter: DoubleArray, taper: DoubleArray
) -> float:
    """By how much the variance of the gradient exceeds that of independent frequencies.

    A taper makes the noise of neighbouring frequencies alike, as it does with the peaks of a
    lattice, so that together they tell less than they seem to.
    """
    if not spectra.size:
        return 1.0
    mixed = np.fft.fft(taper**2) / float((taper**2).sum())
    bins = np.rint(waves * len(taper) / (2 * np.pi)).astype(int)
    alike = mixed[(bins[:, None] - bins[None, :]) % len(taper)]
    terms = 1j * waves * spectra / np.sqrt(scatter)
    together = np.einsum("ta,ab,tb->", terms.conj(), alike, terms, optimize=True).real
    return max(1.0, float(together / (np.abs(terms) ** 2).sum()))
