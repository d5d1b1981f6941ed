"""Compiled loops of the gradient matching: what every pixel says of its displacement.

The model m is sampled where the frame's pixel was, at ``q - e(q)``, so that the noise of the frame
is never interpolated. With the residual r = frame - model, the gradients g of model and frame
(both turned, ``g = -grad``) and the noise constant c, a pixel asks for the update
``r g / (|g|^2 + c^2 r^2)`` (Thirion, Med. Image Anal. 2, 243 (1998)), once with each of the two
gradients (Kroon & Slump, Proc. IEEE ISBI 2009, 963). Weighted by ``|g|^2`` its sum over pixels
stays finite where there is no contrast: that is the force ``r g |g|^2 / (|g|^2 + c^2 r^2)``, with
the energy ``|g|^2``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE, SPLINE_SLOPE, tap_weights

from .equations import _sample_straight, _sample_tilted

__all__ = ["SUMS", "frame_slopes", "line_forces", "pixel_forces"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

#: Entries of `sums`: pixels seen, those with no larger residual than the limit, sums of
#: f, f^2, m, m^2, f m over these, sum of the squared residuals (no larger than the limit's) of all
#: seen, force along g, and energy.
SUMS = 10
# Keeps 0 / 0 from pixels without gradient and residual.
_TINY = np.float32(1e-30)


@compiled
def frame_slopes(frame: FloatArray, good: BoolArray) -> FloatArray:
    """Minus the gradient (2, h, w) of a frame: central differences, averaged 1 2 1 across.

    It is 0 at the border, and where a pixel of the neighbourhood is not good. The pixel itself
    does not enter, so that its own noise does not pull it.
    """
    h, w = frame.shape
    slopes = np.zeros((2, h, w), np.float32)
    eighth, two = np.float32(0.125), np.float32(2.0)
    for k in range(1, h - 1):
        above, here, below = frame[k - 1], frame[k], frame[k + 1]
        for j in range(1, w - 1):
            clean = good[k, j - 1] and good[k, j] and good[k, j + 1]
            for i in range(j - 1, j + 2):
                clean = clean and good[k - 1, i] and good[k + 1, i]
            if not clean:
                continue
            corner_down = below[j + 1] - above[j - 1]
            corner_up = below[j - 1] - above[j + 1]
            slopes[0, k, j] = -eighth * (corner_down + corner_up + two * (below[j] - above[j]))
            slopes[1, k, j] = -eighth * (
                corner_down - corner_up + two * (here[j + 1] - here[j - 1])
            )
    return slopes


@compiled
def line_forces(
    frame: FloatArray,
    slopes_of_frame: FloatArray,
    coefficients: FloatArray,
    count: FloatArray,
    origin_slow: float,
    origin_fast: float,
    offsets: DoubleArray,
    slopes: DoubleArray,
    level: float,
    contrast: float,
    noise_constant: float,
    limit: float,
    energy: DoubleArray,
    force: DoubleArray,
    residuals: FloatArray,
    sums: DoubleArray,
) -> None:
    """Energy (lines, 3) and force (lines, 2, 2) of every line.

    Moments of the energy along the line are those of 1, t and t^2, with t from -1 to 1; of the
    force (slow, fast) those of 1 and t. `residuals` (lines, length), NaN where nothing is seen, is
    filled if it is not empty.
    """
    lines, length = frame.shape
    rows_seen, columns_seen = coefficients.shape
    value = np.zeros(length, np.float32)
    slope_slow = np.zeros(length, np.float32)
    slope_fast = np.zeros(length, np.float32)
    scratch = np.empty((2, length + 3), np.float32)
    middle = 0.5 * (length - 1)
    half_length = max(middle, 1.0)
    base, scale = np.float32(level), np.float32(contrast)
    rigour = np.float32(noise_constant * noise_constant)
    most = np.float32(limit)
    keep = residuals.size > 0
    for k in range(lines):
        tilt_slow, tilt_fast = -slopes[k, 0], -slopes[k, 1]
        slow = k - offsets[k, 0] - origin_slow - tilt_slow * middle
        fast = -offsets[k, 1] - origin_fast - tilt_fast * middle
        end_slow = slow + tilt_slow * (length - 1)
        # Taps of all pixels must lie inside the window; also false for lines that ran far away.
        if not (min(slow, end_slow) >= 1.0 and max(slow, end_slow) < rows_seen - 3):
            continue
        if not abs(fast) < 4.0 * (columns_seen + length):
            continue
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
        seen = count[int(np.round(slow + 0.5 * tilt_slow * (length - 1)))]
        shift = int(np.round(fast + 0.5 * tilt_fast * (length - 1)))
        e0, e1, e2, p0, p1, q0, q1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        along, sf, sff, sm, smm, sfm, square = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        number, used = 0, 0
        for j in range(first, last):
            pixel = frame[k, j]
            if seen[j + shift] < 1e-3 or pixel - pixel != 0.0:
                continue
            number += 1
            model = scale * value[j]
            pixel -= base
            residual = pixel - model
            if keep:
                residuals[k, j] = residual
            size = residual * residual
            if abs(residual) <= most:
                used += 1
                square += size
                sf += pixel
                sff += pixel * pixel
                sm += model
                smm += model * model
                sfm += pixel * model
            else:
                square += float(most * most)
            g0, g1 = -scale * slope_slow[j], -scale * slope_fast[j]
            h0, h1 = slopes_of_frame[0, k, j], slopes_of_frame[1, k, j]
            of_model, of_frame = g0 * g0 + g1 * g1, h0 * h0 + h1 * h1
            share_model = of_model / (of_model + rigour * size + _TINY)
            share_frame = of_frame / (of_frame + rigour * size + _TINY)
            u0 = residual * (share_model * g0 + share_frame * h0)
            u1 = residual * (share_model * g1 + share_frame * h1)
            weight = of_model + of_frame
            t = (j - middle) / half_length
            e0 += weight
            e1 += t * weight
            e2 += t * t * weight
            p0 += u0
            p1 += u1
            q0 += t * u0
            q1 += t * u1
            along += share_model * of_model + share_frame * of_frame
        energy[k, 0], energy[k, 1], energy[k, 2] = e0, e1, e2
        force[k, 0, 0], force[k, 0, 1] = p0, p1
        force[k, 1, 0], force[k, 1, 1] = q0, q1
        sums[0] += number
        sums[1] += used
        sums[2] += sf
        sums[3] += sff
        sums[4] += sm
        sums[5] += smm
        sums[6] += sfm
        sums[7] += square
        sums[8] += along
        sums[9] += e0


@compiled
def pixel_forces(
    frame: FloatArray,
    slopes_of_frame: FloatArray,
    coefficients: FloatArray,
    count: FloatArray,
    origin_y: float,
    origin_x: float,
    displacement: DoubleArray,
    level: float,
    contrast: float,
    noise_constant: float,
    limit: float,
    energy: FloatArray,
    force: FloatArray,
    residuals: FloatArray,
    sums: DoubleArray,
) -> None:
    """Energy (h, w) and force (2, h, w) of every pixel of a frame displaced by (2, h, w)."""
    h, w = frame.shape
    rows_seen, columns_seen = coefficients.shape
    base, scale = np.float32(level), np.float32(contrast)
    rigour = np.float32(noise_constant * noise_constant)
    most = np.float32(limit)
    zero = np.float32(0.0)
    keep = residuals.size > 0
    for k in range(h):
        for j in range(w):
            energy[k, j] = zero
            force[0, k, j] = zero
            force[1, k, j] = zero
            y = k - displacement[0, k, j] - origin_y
            x = j - displacement[1, k, j] - origin_x
            # False for NaN too.
            if not (1.0 <= y < rows_seen - 3 and 1.0 <= x < columns_seen - 3):
                continue
            pixel = frame[k, j]
            if count[int(np.round(y)), int(np.round(x))] < 1e-3 or pixel - pixel != 0.0:
                continue
            iy, ix = int(np.floor(y)), int(np.floor(x))
            wy, vy = tap_weights(y - iy, SPLINE), tap_weights(y - iy, SPLINE_SLOPE)
            wx, vx = tap_weights(x - ix, SPLINE), tap_weights(x - ix, SPLINE_SLOPE)
            value, g0, g1 = zero, zero, zero
            for a in range(4):
                row = coefficients[iy - 1 + a]
                b, c, d, e = row[ix - 1], row[ix], row[ix + 1], row[ix + 2]
                plain = wx[0] * b + wx[1] * c + wx[2] * d + wx[3] * e
                value += wy[a] * plain
                g0 -= vy[a] * plain
                g1 -= wy[a] * (vx[0] * b + vx[1] * c + vx[2] * d + vx[3] * e)
            model = scale * value
            g0, g1 = scale * g0, scale * g1
            pixel -= base
            residual = pixel - model
            if keep:
                residuals[k, j] = residual
            size = residual * residual
            sums[0] += 1.0
            if abs(residual) <= most:
                sums[1] += 1.0
                sums[2] += pixel
                sums[3] += pixel * pixel
                sums[4] += model
                sums[5] += model * model
                sums[6] += pixel * model
                sums[7] += size
            else:
                sums[7] += most * most
            h0, h1 = slopes_of_frame[0, k, j], slopes_of_frame[1, k, j]
            of_model, of_frame = g0 * g0 + g1 * g1, h0 * h0 + h1 * h1
            share_model = of_model / (of_model + rigour * size + _TINY)
            share_frame = of_frame / (of_frame + rigour * size + _TINY)
            force[0, k, j] = residual * (share_model * g0 + share_frame * h0)
            force[1, k, j] = residual * (share_model * g1 + share_frame * h1)
            energy[k, j] = of_model + of_frame
            sums[8] += share_model * of_model + share_frame * of_frame
            sums[9] += of_model + of_frame
