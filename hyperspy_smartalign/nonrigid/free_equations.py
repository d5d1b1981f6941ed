"""What every part of a frame says of its own displacement.

As in `equations`, but gathered at the nodes of a control grid: each pixel shares what it says among
the four nodes around it, in proportion to its nearness. The vector is then the slope of the
likelihood along linear basis functions, and is that of the interpolated displacement. The matrix is
lumped, its rows summed to one 2x2 block a node, which changes the length of a step but not where
the steps end. Cells of the grid belong to two halves in turn, like the fields of a chessboard, so
that what one half says can be tried on the other; at every node the halves say about as much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE, SPLINE_SLOPE, tap_weights

from .equations import CLIP, MODEL_ERROR, NOISE_BINS
from .frame_fit import Brightness, FrameFit
from .free_path import FreePath

__all__ = ["FreeEquations", "free_equations", "half_of_cells", "times"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

#: Cells of the grid that go to one half together span at least this many pixels, so that the
#: filtered noise of the reference is not shared between the halves.
BLOCK = 8.0


@dataclass(frozen=True)
class FreeEquations(FrameFit):
    """Normal equations of the nodes of one frame.

    Attributes
    ----------
    information : (2, 3, rows, columns) float64
        A of each half: yy, yx and xx at every node, px^-2.
    vector : (2, 2, rows, columns) float64
        b of each half (y, x), px^-1.
    moments, fit, bins
        See `FrameFit`.
    """

    information: DoubleArray
    vector: DoubleArray

    def scaled(self, factor: float) -> FreeEquations:
        """The equations when pixels carry this share of the information (correlated noise)."""
        return replace(self, information=factor * self.information, vector=factor * self.vector)

    def joined(self, half: int | None = None) -> tuple[DoubleArray, DoubleArray]:
        """A (3, rows, columns) and b (2, rows, columns) of all pixels, or of one half.

        About the present displacement, with the error of the model itself included.
        """
        if half is None:
            information, vector = self.information.sum(0), self.vector.sum(0)
        else:
            information, vector = self.information[half], self.vector[half]
        # A -> (A^-1 + e^2)^-1 without inverting A, which may say nothing at all.
        error = MODEL_ERROR**2
        yy, yx, xx = information
        known = yy * xx - yx * yx
        scale = 1.0 / (1.0 + error * (yy + xx) + error**2 * known)
        damped = scale * np.stack([yy + error * known, yx, xx + error * known])
        b_y, b_x = vector
        pulled = scale * np.stack(
            [b_y + error * (xx * b_y - yx * b_x), b_x + error * (yy * b_x - yx * b_y)]
        )
        return damped, pulled

    def score(self, change: DoubleArray, half: int) -> float:
        """Rise of the log-likelihood of one half by a change (2, rows, columns) of the nodes."""
        information, vector = self.joined(half)
        return float((change * (vector - 0.5 * times(information, change))).sum())

    def about_mean(
        self, path: FreePath, half: int | None = None
    ) -> tuple[DoubleArray, DoubleArray]:
        """A and b about a frame that is displaced by its mean only."""
        information, vector = self.joined(half)
        return information, vector + times(information, path.deviation)

    def apart(self, path: FreePath) -> tuple[DoubleArray, DoubleArray]:
        """A and b (2, rows, columns) of each component of the displacement by itself.

        About a frame whose one component is its mean, while the other is where it is: where
        structure has a direction, what one component does would pass for the other.
        """
        information, vector = self.joined()
        own = information[::2]
        return own, vector + own * path.deviation


def times(information: DoubleArray, values: DoubleArray) -> DoubleArray:
    """A v for values (..., 2, rows, columns), node by node."""
    yy, yx, xx = information
    y, x = values[..., 0, :, :], values[..., 1, :, :]
    return np.stack([yy * y + yx * x, yx * y + xx * x], axis=-3)


def _cells_together(path: FreePath) -> int:
    """Cells of the grid along each axis that go to one half together."""
    return max(1, int(np.ceil(BLOCK / path.spacing - 1e-9)))


def half_of_cells(path: FreePath) -> npt.NDArray[np.int64]:
    """Which half (0 or 1) each pixel (h, w) of a frame belongs to."""
    side = path.spacing * _cells_together(path)
    down, across = (
        ((np.arange(size) - start) // side).astype(np.int64)
        for size, start in zip(path.shape, path.origin, strict=True)
    )
    return np.asarray((down[:, None] + across[None, :]) % 2)


@compiled
def _gather(
    frame: FloatArray,
    coefficients: FloatArray,
    count: FloatArray,
    displacement: DoubleArray,
    origin_y: float,
    origin_x: float,
    grid_y: float,
    grid_x: float,
    spacing: float,
    block: int,
    level: float,
    contrast: float,
    brightness: float,
    noise_offset: float,
    noise_gain: float,
    noise_floor: float,
    denoised: float,
    clip: float,
    saturation: float,
    low: float,
    bin_scale: float,
    information: DoubleArray,
    vector: DoubleArray,
    moments: DoubleArray,
    fit: DoubleArray,
    bins: DoubleArray,
) -> None:
    height, width = frame.shape
    rows_seen, columns_seen = coefficients.shape
    grid_rows, grid_columns = vector.shape[2], vector.shape[3]
    last_bin = bins.shape[1] - 1
    sums = np.zeros((2, 5))
    for k in range(height):
        place = (k - grid_y) / spacing
        row = min(max(int(np.floor(place)), 0), grid_rows - 2)
        down = place - row
        sampled = k % 4 == 0
        for cell in range(grid_columns - 1):
            start = max(0, int(np.ceil(grid_x + cell * spacing - 1e-9)))
            stop = min(width, int(np.ceil(grid_x + (cell + 1) * spacing - 1e-9)))
            if cell == grid_columns - 2:
                stop = width
            sums[:] = 0.0
            for i in range(start, stop):
                y = k - displacement[0, k, i] - origin_y
                x = i - displacement[1, k, i] - origin_x
                if not (1.0 <= y < rows_seen - 3 and 1.0 <= x < columns_seen - 3):
                    continue
                others = count[int(y + 0.5), int(x + 0.5)]
                pixel = frame[k, i]
                if others < 1e-3 or pixel >= saturation or pixel - pixel != 0.0:
                    continue
                iy, ix = int(y), int(x)
                wy, vy = tap_weights(y - iy, SPLINE), tap_weights(y - iy, SPLINE_SLOPE)
                wx, vx = tap_weights(x - ix, SPLINE), tap_weights(x - ix, SPLINE_SLOPE)
                model, g0, g1 = np.float32(0.0), np.float32(0.0), np.float32(0.0)
                for a in range(4):
                    taps = coefficients[iy - 1 + a]
                    c0, c1, c2, c3 = taps[ix - 1], taps[ix], taps[ix + 1], taps[ix + 2]
                    along = wx[0] * c0 + wx[1] * c1 + wx[2] * c2 + wx[3] * c3
                    change = vx[0] * c0 + vx[1] * c1 + vx[2] * c2 + vx[3] * c3
                    model += wy[a] * along
                    g0 -= vy[a] * along
                    g1 -= wy[a] * change
                expected = level + brightness + contrast * model
                residual = pixel - expected
                spread = 1.0 + denoised / others
                variance = max(noise_offset + noise_gain * expected, noise_floor) * spread
                weight = 1.0 / variance
                size = residual * residual * weight
                if sampled:
                    index = min(max(int((expected - low) * bin_scale), 0), last_bin)
                    bins[0, index] += 1.0
                    bins[1, index] += expected
                    bins[2, index] += min(size, clip * clip) * variance / spread
                if size > 4.0 * clip * clip:
                    moments[6] -= 2.0 * clip * clip
                    continue
                moments[0] += 1.0
                moments[1] += pixel
                moments[2] += pixel * pixel
                moments[3] += model
                moments[4] += model * model
                moments[5] += pixel * model
                moments[6] -= 0.5 * size
                if size > clip * clip:
                    weight *= clip / np.sqrt(size)
                fit[0] += weight
                fit[1] += weight * model
                fit[2] += weight * model * model
                fit[3] += weight * (pixel - level)
                fit[4] += weight * (pixel - level) * model
                # The filter of the reference keeps all noise in the band where its slopes are.
                weight *= spread / (1.0 + 1.0 / others)
                right = (i - grid_x) / spacing - cell
                g0 *= contrast
                g1 *= contrast
                for side in range(2):
                    share = weight * (right if side == 1 else 1.0 - right)
                    sums[side, 0] += share * g0 * g0
                    sums[side, 1] += share * g0 * g1
                    sums[side, 2] += share * g1 * g1
                    sums[side, 3] += share * g0 * residual
                    sums[side, 4] += share * g1 * residual
            half = (row // block + cell // block) % 2
            for below in range(2):
                near = down if below == 1 else 1.0 - down
                for side in range(2):
                    i, j = row + below, cell + side
                    for c in range(3):
                        information[half, c, i, j] += near * sums[side, c]
                    vector[half, 0, i, j] += near * sums[side, 3]
                    vector[half, 1, i, j] += near * sums[side, 4]


def free_equations(
    frame: FloatArray,
    coefficients: FloatArray,
    count: FloatArray,
    *,
    origin: tuple[float, float],
    path: FreePath,
    level: float,
    brightness: Brightness,
    noise: NoiseModel,
    denoised: float,
    robustness: float,
    intensities: tuple[float, float],
    saturation: float = np.inf,
) -> FreeEquations:
    """Normal equations of the nodes of a frame at its present displacement.

    Parameters
    ----------
    frame : (h, w) float32
        NaN where nothing is known.
    coefficients : (H, W) float32
        Cubic B-spline coefficients of the model less `level`, on a window of the common frame.
    count : (H, W) float32
        Weight of the frames behind each pixel of the model; 0 where it is not to be trusted.
    origin : (y, x)
        Where the window's first pixel lies in the common frame.
    path : FreePath
        Present displacement.
    level : float
        What was taken off the model.
    brightness : Brightness
        Of this frame with respect to the model.
    noise : NoiseModel
        Of a pixel of one frame.
    denoised : float
        Share of the noise of a plain mean that the filtered model keeps, over all frequencies.
    robustness : float
        1 is standard; a larger number clips residuals at fewer standard deviations.
    intensities : (low, high)
        Range of the bins for the noise.
    saturation : float
        Pixels at this value or above are not compared.

    Returns
    -------
    FreeEquations
    """
    grid = path.values.shape[1:]
    low, high = intensities
    information, vector = np.zeros((2, 3, *grid)), np.zeros((2, 2, *grid))
    moments, fit, bins = np.zeros(7), np.zeros(5), np.zeros((3, NOISE_BINS))
    _gather(
        frame, coefficients, count, path.displacement(), float(origin[0]), float(origin[1]),
        path.origin[0], path.origin[1], float(path.spacing),
        _cells_together(path), level, brightness.contrast,
        brightness.offset, noise.offset, noise.gain, noise.floor, denoised, CLIP / robustness,
        float(saturation), low, NOISE_BINS / max(high - low, 1e-30),
        information, vector, moments, fit, bins,
    )  # fmt: skip
    return FreeEquations(
        moments=moments, fit=fit, bins=bins, information=information, vector=vector
    )
