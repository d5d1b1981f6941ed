"""Upright tiles of a frame between the pixels, where they lie well inside it."""

from __future__ import annotations

import numpy as np

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import SPLINE, split, tap_weights
from hyperspy_smartalign.resampling.options import FloatArray


@compiled
def sample_inside(
    source: FloatArray, y0: float, x0: float, line: FloatArray, out: FloatArray
) -> bool:
    """Sample spline coefficients at (y0, x0) + (q, p) for all pixels (q, p) of a tile.

    `line` is scratch, three pixels wider than the tile. Returns False, and leaves the tile as it
    is, where taps lie beyond the frame, or some have no weight and so must not be read.
    """
    rows, columns = source.shape
    h, w = out.shape
    iy, fy = split(y0)
    ix, fx = split(x0)
    if fy == 0 or fx == 0 or iy < 1 or ix < 1 or iy + h + 2 > rows or ix + w + 2 > columns:
        return False
    wy, wx = tap_weights(fy, SPLINE), tap_weights(fx, SPLINE)
    # One dimension and indices that cannot be negative: loops without a test for each pixel.
    pixels, tile = source.reshape(rows * columns), out.reshape(h * w)
    width, stride, reach = np.uint64(w), np.uint64(columns), np.uint64(w + 3)
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    for q in range(h):
        k0 = np.uint64((iy - 1 + q) * columns + ix - 1)
        k1 = k0 + stride
        k2 = k1 + stride
        k3 = k2 + stride
        for j in range(reach):
            line[j] = (
                wy[0] * pixels[k0 + j]
                + wy[1] * pixels[k1 + j]
                + wy[2] * pixels[k2 + j]
                + wy[3] * pixels[k3 + j]
            )
        first = np.uint64(q * w)
        for j in range(width):
            tile[first + j] = (
                wx[0] * line[j]
                + wx[1] * line[j + one]
                + wx[2] * line[j + two]
                + wx[3] * line[j + three]
            )
    return True
