"""How well displacements could be known at best."""

from __future__ import annotations

import numpy as np

from benchmarks.nonrigid.measures import MARGIN, rms
from benchmarks.nonrigid.series import ROW_CORRELATION, ROW_JITTER, FloatArray
from hyperspy_smartalign.data import Truth, image_gradient, row_covariance

# Standard deviation of a drift, and of a shift, of which nothing is known beforehand, px.
UNKNOWN = 10.0


def row_bound(truth: Truth, *, margin: int = MARGIN) -> FloatArray:
    """(2,) bound with prior on the error (y, x) of a line in the interior, rms, px.

    Over the first, the middle and the last frame.
    """
    count = len(truth.path)
    frames = sorted({0, count // 2, count - 1})
    bounds = [
        truth.cramer_rao_rows(frame, rms=ROW_JITTER, correlation=ROW_CORRELATION)
        for frame in frames
    ]
    return rms([bound[margin:-margin] for bound in bounds])


def common_bound(truth: Truth, *, margin: int = MARGIN) -> FloatArray:
    """(2,) bound with prior on the error (y, x) common to the frames of one direction, rms, px.

    For two scan directions, a frames with lines along x and b with lines along y, whose lines are
    displaced by the common c(y) and e(x). Neither of them is known, nor is the image: it is as
    if the mean of the a frames were compared with the mean of the b ones. At a pixel with gradient
    g and intensity I in counts, these differ by g (c - e) with the variance I (1 / a + 1 / b), so
    that the information on all lines of both directions is the sum over the pixels of
    ``a b / (a + b) * D^T g g^T D / I``, where D takes the lines to c - e at that pixel. The prior
    of a mean of a frames is their jitter's covariance over a, with a drift and a shift of which
    nothing is known. (What frames of one direction do relative to each other does not enter: it
    adds up to zero at every pixel.) A shift common to all is taken off, as from the errors.
    """
    counts = np.array([sum(a % 180 == angle for a in truth.path.rotation) for angle in (0, 90)])
    shape = np.array(truth.path.shape)
    gradient = image_gradient(truth.crystal, truth.path.shape)
    weight = truth.dose / truth.image() * counts.prod() / counts.sum()
    blocks = np.einsum("ayx,byx,yx->yxab", gradient, gradient, weight)
    rows, columns = shape
    information = np.zeros((rows + columns, 2, rows + columns, 2))
    every_row, every_column = np.arange(rows), rows + np.arange(columns)
    information[every_row, :, every_row] = blocks.sum(axis=1)
    information[every_column, :, every_column] = blocks.sum(axis=0)
    across = -blocks.transpose(0, 2, 1, 3)
    information[:rows, :, rows:] = across
    information[rows:, :, :rows] = across.transpose(2, 3, 0, 1)

    covariance = np.zeros((rows + columns,) * 2)
    for lines, start, count in zip(shape, (0, rows), counts, strict=True):
        place = np.linspace(-1.0, 1.0, lines)
        jitter = row_covariance(lines, rms=ROW_JITTER, correlation=ROW_CORRELATION) / count
        group = slice(start, start + lines)
        covariance[group, group] = jitter + UNKNOWN**2 * (1 + np.multiply.outer(place, place))
    prior = np.kron(covariance, np.eye(2))
    size = len(prior)
    joint = information.reshape(size, size)
    # (J + K^-1)^-1 = (1 + K J)^-1 K, as K has no inverse in floating point.
    posterior = np.linalg.solve(np.eye(size) + prior @ joint, prior).reshape(size // 2, 2, -1, 2)
    # Each direction has half a say in the shift that is taken off.
    share = np.repeat(0.5 / shape, shape)
    variances = []
    for axis in (0, 1):
        part = posterior[:, axis, :, axis]
        mean = share @ part
        variances.append(np.diag(part) - 2 * mean + share @ mean)
    errors = np.sqrt(np.clip(np.stack(variances, axis=1), 0.0, None))
    return rms([part[margin:-margin] for part in (errors[:rows], errors[rows:])])
