"""What every scan line of a frame says of its own displacement.

To first order in a change z of a line's displacement, the residual between a frame and the model
(the mean of the others, sampled where the line was) is ``-grad(model) . z``. Weighted least squares
gives the quadratic log-likelihood ``-z A z / 2 + b z`` of each line, with the variance of every
pixel as weight. Lines are gathered in two interleaved halves, so that what one half says can be
tried on the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE, SPLINE_SLOPE, tap_weights

from .frame_fit import Brightness, FrameFit

__all__ = ["NOISE_BINS", "LineEquations", "half_of_pixels", "line_equations"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

NOISE_BINS = 16
#: Residuals beyond this many standard deviations pull no harder than at it, and beyond twice as
#: many not at all: hot and saturated pixels, cosmic rays, things that moved.
CLIP = 5.0
#: Interleaved blocks of a line that go to the two halves in turn.
BLOCKS = 16
#: Error of the model itself, px: interpolation and the finite steps between lines. It keeps a
#: single line of a bright frame from being believed beyond reason.
MODEL_ERROR = 0.01


@dataclass(frozen=True)
class LineEquations(FrameFit):
    """Normal equations of the lines of one frame.

    Attributes
    ----------
    information : (2, lines, m, m) float64
        A of each half of each line, px^-2. Parameters are the offsets along the slow and the fast
        scan, and for m = 4 their change from the middle to the end of the line.
    vector : (2, lines, m) float64
        b, px^-1.
    lever : (2, lines, m) float64
        How a change of each line's brightness acts on b.
    weight, residual : (2, lines) float64
        Sum of the weights, and of the weighted residuals.
    moments, fit, bins
        See `FrameFit`.
    """

    information: DoubleArray
    vector: DoubleArray
    lever: DoubleArray
    weight: DoubleArray
    residual: DoubleArray

    def line_noise(self) -> float:
        """Variance of the brightness of lines beyond what the noise of their pixels explains."""
        return float(_line_noise(self.weight, self.residual))

    def with_line_noise(self, variance: float) -> LineEquations:
        """The equations when every line has a brightness of its own, of this variance."""
        if variance <= 0:
            return self
        share = variance / (1.0 + variance * self.weight)
        return replace(
            self,
            information=self.information
            - share[..., None, None] * self.lever[..., :, None] * self.lever[..., None, :],
            vector=self.vector - (share * self.residual)[..., None] * self.lever,
        )

    def disagreement(self) -> DoubleArray:
        """Squared difference of what the halves say, over its variance, of each line seen by both.

        About 2 on average, if the noise of the pixels is white.
        """
        found = np.empty(self.vector.shape[1])
        return found[: _disagreement(self.information, self.vector, found)]

    def score(self, change: DoubleArray, half: int) -> float:
        """Rise of the log-likelihood of one half by a change (lines, m) of the parameters."""
        information, vector = self.joined(half)
        quadratic = np.einsum("ki,kij,kj->", change, information, change)
        return float((vector * change).sum() - 0.5 * quadratic)

    def offsets_only(self) -> LineEquations:
        """The equations of lines whose displacement does not change along them."""
        return replace(
            self,
            information=self.information[..., :2, :2],
            vector=self.vector[..., :2],
            lever=self.lever[..., :2],
        )

    def scaled(self, factor: float) -> LineEquations:
        """The equations when pixels carry this share of the information (correlated noise)."""
        return replace(self, information=factor * self.information, vector=factor * self.vector)

    def joined(self, half: int | None = None) -> tuple[DoubleArray, DoubleArray]:
        """A and b of whole lines, or of one half, with the error of the model itself included."""
        if half is None:
            information, vector = self.information.sum(0), self.vector.sum(0)
        else:
            information, vector = self.information[half], self.vector[half]
        m = information.shape[-1]
        # The same as adding an error to the line: A -> (A^-1 + e^2)^-1, without inverting A.
        damping = np.linalg.inv(np.eye(m) + MODEL_ERROR**2 * information)
        damped = damping @ information
        return (
            0.5 * (damped + damped.transpose(0, 2, 1)),
            np.einsum("kij,kj->ki", damping, vector),
        )


@compiled
def _line_noise(weights: DoubleArray, residuals: DoubleArray) -> float:
    lines = weights.shape[1]
    mean, weight, seen = np.empty(lines), np.empty(lines), 0
    for k in range(lines):
        total = weights[0, k] + weights[1, k]
        if total > 0:
            mean[seen] = (residuals[0, k] + residuals[1, k]) / total
            weight[seen] = total
            seen += 1
    if seen < 8:
        return 0.0
    # Robust, as a step edge in a misplaced line is no noise of its brightness.
    spread = 1.4826 * np.median(np.abs(mean[:seen] - np.median(mean[:seen])))
    return float(max(spread**2 - 1.0 / np.median(weight[:seen]), 0.0))


@compiled
def _disagreement(information: DoubleArray, vector: DoubleArray, found: DoubleArray) -> int:
    """Fill `found`, and count; matrices of two rows are inverted by hand."""
    seen = 0
    for k in range(vector.shape[1]):
        one, other = information[0, k], information[1, k]
        a, b, c, d = one[0, 0], one[0, 1], one[1, 0], one[1, 1]
        e, f, g, h = other[0, 0], other[0, 1], other[1, 0], other[1, 1]
        first, second = a * d - b * c, e * h - f * g
        scale = a + d + e + h
        if not min(first, second) > 1e-6 * scale * scale:
            continue
        p, q = vector[0, k, 0], vector[0, k, 1]
        r, s = vector[1, k, 0], vector[1, k, 1]
        u = (d * p - b * q) / first - (h * r - f * s) / second
        v = (a * q - c * p) / first - (e * s - g * r) / second
        # The information on the difference is A (A + B)^-1 B.
        x, y = e * u + f * v, g * u + h * v
        i, j, m, n = a + e, b + f, c + g, d + h
        both = i * n - j * m
        x, y = (n * x - j * y) / both, (i * y - m * x) / both
        found[seen] = u * (a * x + b * y) + v * (c * x + d * y)
        seen += 1
    return seen


def half_of_pixels(length: int) -> npt.NDArray[np.int64]:
    """Which half (0 or 1) each of the `length` pixels of a line belongs to."""
    edges = np.arange(1, BLOCKS) * length // BLOCKS
    return np.searchsorted(edges, np.arange(length), side="right") % 2


@compiled
def _sample_straight(
    coefficients: FloatArray,
    slow: float,
    fast: float,
    first: int,
    last: int,
    value: FloatArray,
    slope_slow: FloatArray,
    slope_fast: FloatArray,
    rows: FloatArray,
) -> None:
    """Model and its slopes at (slow, fast + l) for l from `first` below `last`."""
    iy = int(np.floor(slow))
    ix = int(np.floor(fast))
    wy, vy = tap_weights(slow - iy, SPLINE), tap_weights(slow - iy, SPLINE_SLOPE)
    wx, vx = tap_weights(fast - ix, SPLINE), tap_weights(fast - ix, SPLINE_SLOPE)
    begin, count = ix + first - 1, last - first
    r0, r1 = coefficients[iy - 1], coefficients[iy]
    r2, r3 = coefficients[iy + 1], coefficients[iy + 2]
    for j in range(count + 3):
        i = begin + j
        a, b, c, d = r0[i], r1[i], r2[i], r3[i]
        rows[0, j] = wy[0] * a + wy[1] * b + wy[2] * c + wy[3] * d
        rows[1, j] = vy[0] * a + vy[1] * b + vy[2] * c + vy[3] * d
    m0, m1, m2, m3 = rows[0, :count], rows[0, 1:], rows[0, 2:], rows[0, 3:]
    s0, s1, s2, s3 = rows[1, :count], rows[1, 1:], rows[1, 2:], rows[1, 3:]
    for j in range(count):
        value[first + j] = wx[0] * m0[j] + wx[1] * m1[j] + wx[2] * m2[j] + wx[3] * m3[j]
        slope_fast[first + j] = vx[0] * m0[j] + vx[1] * m1[j] + vx[2] * m2[j] + vx[3] * m3[j]
        slope_slow[first + j] = wx[0] * s0[j] + wx[1] * s1[j] + wx[2] * s2[j] + wx[3] * s3[j]


@compiled
def _sample_tilted(
    coefficients: FloatArray,
    slow: float,
    fast: float,
    tilt_slow: float,
    tilt_fast: float,
    first: int,
    last: int,
    value: FloatArray,
    slope_slow: FloatArray,
    slope_fast: FloatArray,
) -> None:
    """The same along a line whose displacement changes by a tilt (slow, fast) a pixel."""
    for i in range(first, last):
        y, x = slow + i * tilt_slow, fast + i + i * tilt_fast
        iy, ix = int(np.floor(y)), int(np.floor(x))
        wy, vy = tap_weights(y - iy, SPLINE), tap_weights(y - iy, SPLINE_SLOPE)
        wx, vx = tap_weights(x - ix, SPLINE), tap_weights(x - ix, SPLINE_SLOPE)
        v, gs, gf = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        for a in range(4):
            row = coefficients[iy - 1 + a]
            along = (
                wx[0] * row[ix - 1] + wx[1] * row[ix] + wx[2] * row[ix + 1] + wx[3] * row[ix + 2]
            )
            change = (
                vx[0] * row[ix - 1] + vx[1] * row[ix] + vx[2] * row[ix + 1] + vx[3] * row[ix + 2]
            )
            v += wy[a] * along
            gs += vy[a] * along
            gf += wy[a] * change
        value[i], slope_slow[i], slope_fast[i] = v, gs, gf


@compiled
def _count_along(
    count: FloatArray, slow: float, fast: float, first: int, last: int, seen: FloatArray
) -> None:
    """Weight behind the model at (slow, fast + l), linear between pixels.

    From pixel to pixel, lines at the rim of what is trusted would swing to and fro.
    """
    iy, ix = int(np.floor(slow)), int(np.floor(fast))
    y, x = np.float32(slow - iy), np.float32(fast - ix)
    above, below = count[iy], count[iy + 1]
    for i in range(first, last):
        a = above[ix + i] + y * (below[ix + i] - above[ix + i])
        b = above[ix + i + 1] + y * (below[ix + i + 1] - above[ix + i + 1])
        seen[i] = a + x * (b - a)


@compiled
def _gather(
    frame: FloatArray,
    coefficients: FloatArray,
    count: FloatArray,
    origin_slow: float,
    origin_fast: float,
    offsets: DoubleArray,
    slopes: DoubleArray,
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
    blocks: int,
    centred: bool,
    information: DoubleArray,
    vector: DoubleArray,
    lever: DoubleArray,
    weights: DoubleArray,
    residuals: DoubleArray,
    moments: DoubleArray,
    fit: DoubleArray,
    bins: DoubleArray,
) -> None:
    lines, length = frame.shape
    rows_seen, columns_seen = coefficients.shape
    value = np.zeros(length, np.float32)
    slope_slow = np.zeros(length, np.float32)
    slope_fast = np.zeros(length, np.float32)
    scratch = np.empty((2, length + 3), np.float32)
    seen = np.zeros(length, np.float32)
    m = vector.shape[2]
    middle = 0.5 * (length - 1)
    half_length = max(middle, 1.0)
    last_bin = bins.shape[1] - 1
    for k in range(lines):
        tilt_slow, tilt_fast = -slopes[k, 0], -slopes[k, 1]
        slow = k - offsets[k, 0] - origin_slow - tilt_slow * middle
        fast = -offsets[k, 1] - origin_fast - tilt_fast * middle
        end_slow = slow + tilt_slow * (length - 1)
        if not (min(slow, end_slow) >= 1.0 and max(slow, end_slow) < rows_seen - 3):
            continue
        # Pixels whose four taps lie inside the window, with a pixel to spare for the tilt.
        first = max(0, int(np.ceil(1.0 - fast + abs(tilt_fast) * length)))
        last = min(length, int(np.floor(columns_seen - 4.0 - fast - abs(tilt_fast) * length)))
        if last <= first:
            continue
        if tilt_slow == 0.0 and tilt_fast == 0.0:
            _sample_straight(
                coefficients, slow, fast, first, last, value, slope_slow, slope_fast, scratch
            )
        else:
            _sample_tilted(
                coefficients, slow, fast, tilt_slow, tilt_fast, first, last,
                value, slope_slow, slope_fast,
            )  # fmt: skip
        _count_along(
            count, slow + 0.5 * tilt_slow * (length - 1), fast + 0.5 * tilt_fast * (length - 1),
            first, last, seen,
        )  # fmt: skip
        sampled = k % 4 == 0
        # A line that is brighter as a whole says nothing of its pixels' noise.
        bright = 0.0
        if centred:
            number = 0
            for i in range(first, last):
                pixel = frame[k, i]
                if seen[i] >= 1e-3 and pixel < saturation and pixel - pixel == 0.0:
                    bright += pixel - level - brightness - contrast * value[i]
                    number += 1
            bright /= max(number, 1)
        for block in range(blocks):
            start = max(first, block * length // blocks)
            stop = min(last, (block + 1) * length // blocks)
            half = block % 2
            a00, a01, a11, b0, b1, u0, u1, w0, r0 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            p00, p01, p11, q00, q01, q11 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            c0, c1, v0, v1 = 0.0, 0.0, 0.0, 0.0
            for i in range(start, stop):
                others = seen[i]
                pixel = frame[k, i]
                if others < 1e-3 or pixel >= saturation or pixel - pixel != 0.0:
                    continue
                model = value[i]
                expected = level + brightness + contrast * model
                residual = pixel - expected
                spread = 1.0 + denoised / others
                variance = max(noise_offset + noise_gain * expected, noise_floor)
                # Where the model has slopes its filter lets all noise of the mean pass.
                weight = 1.0 / (variance * (1.0 + 1.0 / others))
                variance *= spread
                size = (residual - bright) ** 2 / variance
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
                g0, g1 = -contrast * slope_slow[i], -contrast * slope_fast[i]
                a00 += weight * g0 * g0
                a01 += weight * g0 * g1
                a11 += weight * g1 * g1
                b0 += weight * g0 * residual
                b1 += weight * g1 * residual
                u0 += weight * g0
                u1 += weight * g1
                w0 += weight
                r0 += weight * residual
                if m == 4:
                    t = (i - middle) / half_length
                    p00 += t * weight * g0 * g0
                    p01 += t * weight * g0 * g1
                    p11 += t * weight * g1 * g1
                    q00 += t * t * weight * g0 * g0
                    q01 += t * t * weight * g0 * g1
                    q11 += t * t * weight * g1 * g1
                    c0 += t * weight * g0 * residual
                    c1 += t * weight * g1 * residual
                    v0 += t * weight * g0
                    v1 += t * weight * g1
            weights[half, k] += w0
            residuals[half, k] += r0
            known = information[half, k]
            known[0, 0] += a00
            known[0, 1] += a01
            known[1, 0] += a01
            known[1, 1] += a11
            vector[half, k, 0] += b0
            vector[half, k, 1] += b1
            lever[half, k, 0] += u0
            lever[half, k, 1] += u1
            if m == 4:
                known[0, 2] += p00
                known[2, 0] += p00
                known[0, 3] += p01
                known[3, 0] += p01
                known[1, 2] += p01
                known[2, 1] += p01
                known[1, 3] += p11
                known[3, 1] += p11
                known[2, 2] += q00
                known[2, 3] += q01
                known[3, 2] += q01
                known[3, 3] += q11
                vector[half, k, 2] += c0
                vector[half, k, 3] += c1
                lever[half, k, 2] += v0
                lever[half, k, 3] += v1


def line_equations(
    frame: FloatArray,
    coefficients: FloatArray,
    count: FloatArray,
    *,
    origin: tuple[float, float],
    offsets: DoubleArray,
    slopes: DoubleArray,
    tilted: bool,
    level: float,
    brightness: Brightness,
    noise: NoiseModel,
    denoised: float,
    robustness: float,
    saturation: float,
    intensities: tuple[float, float],
    line_noise: bool = False,
) -> LineEquations:
    """Normal equations of every line of a frame at its present displacement.

    Parameters
    ----------
    frame : (lines, length) float32
        The frame, turned so that its scan lines are rows; NaN where nothing is known.
    coefficients : (H, W) float32
        Cubic B-spline coefficients of the model less `level`, on a window of the common frame,
        turned in the same way.
    count : (H, W) float32
        Weight of the frames behind each pixel of the model; 0 where it is not to be trusted.
    origin : (slow, fast)
        Where the window's first pixel lies in the common frame.
    offsets, slopes : (lines, 2) float64
        Displacement (slow, fast) of the middle of each line, px, and its change along it, px/px.
    tilted : bool
        Ask for four parameters a line instead of two.
    level : float
        What was taken off the model.
    brightness : Brightness
        Of this frame with respect to the model.
    noise : NoiseModel
        Of a pixel of one frame.
    denoised : float
        Share of the noise of a plain mean that the filtered model keeps.
    robustness : float
        1 is standard; a larger number clips residuals at fewer standard deviations.
    saturation : float
        Pixels at this value or above are not compared.
    intensities : (low, high)
        Range of the bins for the noise.
    line_noise : bool
        Whether lines may have a brightness of their own, which is then no noise of their pixels.

    Returns
    -------
    LineEquations
    """
    lines = frame.shape[0]
    m = 4 if tilted else 2
    low, high = intensities
    information, vector = np.zeros((2, lines, m, m)), np.zeros((2, lines, m))
    lever, weight = np.zeros((2, lines, m)), np.zeros((2, lines))
    residual, moments, fit = np.zeros((2, lines)), np.zeros(7), np.zeros(5)
    bins = np.zeros((3, NOISE_BINS))
    _gather(
        frame, coefficients, count, float(origin[0]), float(origin[1]), offsets, slopes, level,
        brightness.contrast, brightness.offset, noise.offset, noise.gain, noise.floor, denoised,
        CLIP / robustness, saturation, low, NOISE_BINS / max(high - low, 1e-30), BLOCKS, line_noise,
        information, vector, lever, weight, residual, moments, fit, bins,
    )  # fmt: skip
    return LineEquations(moments, fit, bins, information, vector, lever, weight, residual)
