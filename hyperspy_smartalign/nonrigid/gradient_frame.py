"""A frame beside its model, ready for the gradient matching."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .frame_fit import Brightness
from .free_path import FreePath
from .gradient_descent import View
from .gradient_kernels import SUMS, frame_slopes, line_forces, pixel_forces
from .lines import LinePath

__all__ = ["MatchedFrame", "match_frame"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

#: Residuals beyond this many (robust) standard deviations, and beyond half of the range of the
#: model, are no specimen: hot and saturated pixels, cosmic rays.
CLIP = 5.0
#: At noise constant 1 a pixel of mean gradient counts half at this many standard deviations.
HALF_AT = 3.0

Gathered = tuple[DoubleArray, DoubleArray, DoubleArray]


@dataclass(frozen=True)
class MatchedFrame:
    """A frame and its model, as the kernels take them.

    Attributes
    ----------
    pixels : (h, w) float32
        NaN where they take no part.
    slopes : (2, h, w) float32
        Minus the gradient of the frame.
    coefficients, count : (H, W) float32
        The model, as in `fit_gradient`.
    origin : (slow, fast)
    level, contrast : float
        Expected is level + contrast * model.
    noise_constant : float
        In 1/px.
    limit : float
        Residual beyond which a pixel is an outlier.
    hidden : float
        Squared residual that a pixel counts for where the model does not reach.
    """

    pixels: FloatArray
    slopes: FloatArray
    coefficients: FloatArray
    count: FloatArray
    origin: tuple[float, float]
    level: float
    contrast: float
    noise_constant: float
    limit: float = np.inf
    hidden: float = 0.0

    def along(self, path: LinePath, residuals: FloatArray | None = None) -> Gathered:
        """Energy (lines, 3) and force (lines, 2, 2) of the lines, and sums; see `line_forces`."""
        energy, force = np.zeros((path.lines, 3)), np.zeros((path.lines, 2, 2))
        sums = np.zeros(SUMS)
        line_forces(
            self.pixels, self.slopes, self.coefficients, self.count, *self.origin, path.offsets,
            path.slopes, self.level, self.contrast, self.noise_constant, self.limit, energy,
            force, np.empty((0, 0), np.float32) if residuals is None else residuals, sums,
        )  # fmt: skip
        return energy, force, sums

    def everywhere(
        self, path: FreePath, residuals: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, DoubleArray]:
        """Energy (h, w) and force (2, h, w) of the pixels, and sums; see `pixel_forces`."""
        energy, force = np.empty(path.shape, np.float32), np.empty((2, *path.shape), np.float32)
        sums = np.zeros(SUMS)
        pixel_forces(
            self.pixels, self.slopes, self.coefficients, self.count, *self.origin,
            path.displacement(), self.level, self.contrast, self.noise_constant, self.limit,
            energy, force, np.empty((0, 0), np.float32) if residuals is None else residuals, sums,
        )  # fmt: skip
        return energy, force, sums

    def view(self, sums: DoubleArray, update: DoubleArray) -> View:
        """What the sums say of the frame as a whole."""
        size = max(self.pixels.size, 1)
        misfit = float(sums[7] + (size - sums[0]) * self.hidden) / size
        n, sf, sff, sm, smm, sfm = sums[1:7]
        spread = (sff - sf * sf / n) * (smm - sm * sm / n) if n > 1 else 0.0
        similarity = float((sfm - sf * sm / n) / np.sqrt(spread)) if spread > 0 else 0.0
        return View(misfit, float(sums[0]), similarity, update)


def match_frame(
    frame: npt.NDArray[np.floating],
    coefficients: FloatArray,
    count: FloatArray,
    *,
    path: LinePath | FreePath,
    origin: tuple[float, float],
    level: float,
    brightness: Brightness,
    noise_constant: float,
) -> MatchedFrame:
    """A frame with its own gradient, and its outliers by the residuals at the start.

    The parameters are those of `fit_gradient`.
    """
    pixels = np.ascontiguousarray(frame, np.float32)
    residuals = np.full(pixels.shape, np.nan, np.float32)
    raw = MatchedFrame(
        pixels=pixels,
        slopes=np.zeros((2, *pixels.shape), np.float32),
        coefficients=coefficients,
        count=count,
        origin=(float(origin[0]), float(origin[1])),
        level=float(level + brightness.offset),
        contrast=float(brightness.contrast),
        noise_constant=1.0,
    )
    if isinstance(path, LinePath):
        sums = raw.along(path, residuals)[2]
    else:
        sums = raw.everywhere(path, residuals)[2]
    limit, half = _residual_scales(residuals, coefficients, brightness.contrast)
    mean_slope = float(np.sqrt(sums[9] / sums[0])) if sums[0] > 0 else 0.0
    good = np.isfinite(pixels) & ~(np.abs(residuals) > limit)
    # The same pixels from start to end, or what comes into view and leaves it would stop the
    # convergence. The model goes on a little beyond where it is trusted.
    seen = np.isfinite(residuals)
    size = np.minimum(np.abs(residuals[seen]), limit).astype(np.float64)
    return replace(
        raw,
        pixels=np.where(seen, pixels, np.float32(np.nan)),
        slopes=frame_slopes(pixels, good),
        count=np.ones_like(count),
        noise_constant=noise_constant * mean_slope / half,
        limit=limit,
        hidden=float(np.mean(size**2)) if size.size else 0.0,
    )


def _residual_scales(
    residuals: FloatArray, coefficients: FloatArray, contrast: float
) -> tuple[float, float]:
    """Residual beyond which a pixel is no specimen, and that at which it counts half."""
    seen = residuals[np.isfinite(residuals)]
    if not seen.size:
        return np.inf, np.inf
    noise = 1.4826 * float(np.median(np.abs(seen)))
    low, high = np.quantile(coefficients[::2, ::2], (0.005, 0.995))
    spread = contrast * float(high - low)
    limit = max(CLIP * noise, 0.5 * spread)
    half = max(HALF_AT * noise, 0.05 * spread)
    return (limit, half) if limit > 0 else (np.inf, np.inf)
