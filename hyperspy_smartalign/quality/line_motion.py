"""Motion that is left in frames, line by line, against what error bars explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["FrameLines", "LeftMotion", "left_motion", "misfit_of_halves"]

DoubleArray = npt.NDArray[np.float64]

#: Excess of the halves of lines, in standard errors and as share of what is left, that counts.
SIGNIFICANT, MATERIAL = 4.0, 0.5


@dataclass(frozen=True, eq=False)
class FrameLines:
    """What the scan lines of one frame say at the place where they were put; pairs are (y, x).

    Attributes
    ----------
    information : (2, lines, 2, 2) float64
        Of the two interleaved halves of each line on its offset, px^-2.
    vector : (2, lines, 2) float64
        Their pull on it, px^-1: ``inv(information) @ vector`` is the offset still wanted.
    found : (lines, 2) float64
        Offset of each line from the frame's mean that the alignment corrects, px.
    expected, variance : (lines, 2) float64
        Mean and variance of the true offset given what all lines show, px and px^2.
    reported : (lines, 2) float64
        Standard error of each line's place that the alignment claims, px; NaN where it does not.
    """

    information: DoubleArray
    vector: DoubleArray
    found: DoubleArray
    expected: DoubleArray
    variance: DoubleArray
    reported: DoubleArray

    @property
    def weight(self) -> DoubleArray:
        """(lines, 2) information on each component by itself, px^-2."""
        return np.asarray(np.diagonal(self.information.sum(0), axis1=1, axis2=2))

    @property
    def claimed(self) -> DoubleArray:
        """(lines, 2) variance that is claimed, or else that of the best estimate, px^2."""
        return np.where(np.isfinite(self.reported), self.reported**2, self.variance)


@dataclass(frozen=True)
class LeftMotion:
    """Rms motion of lines that is left after an alignment, px per axis.

    Attributes
    ----------
    left, low, high : float
        What is left, and the ends of the interval that holds it with 95 % probability.
    explained : float
        What the error bars of the alignment explain.
    left_axes, explained_axes : (2,) float64
        The same along y and x.
    misfit : float
        Mean square of motion, px^2, that the halves of the lines agree on beyond `left`.
    misfit_error : float
        Its standard error.
    """

    left: float
    low: float
    high: float
    explained: float
    left_axes: DoubleArray
    explained_axes: DoubleArray
    misfit: float
    misfit_error: float


def misfit_of_halves(lines: Sequence[FrameLines]) -> tuple[float, float]:
    """Motion that both halves of the lines see and the error bars do not explain.

    Parameters
    ----------
    lines : sequence of FrameLines

    Returns
    -------
    misfit, error : float
        Mean square per axis, px^2, and its standard error; NaN where lines show nothing.

    Notes
    -----
    With x - d the error of a line, e the noise of half h and V the covariance of the error that a
    fit to both halves leaves, ``b_h = A_h (x - d) + e_h`` and the fit has followed both noises:
    ``E[b_0 b_1^T] = A_0 (R - 2 V) A_1`` with R = E[(x - d)(x - d)^T]. Noise alone, R = V, makes it
    ``-A_0 V A_1``; what is above that is motion. It does not depend on a model of the motion.
    """
    products, weights, noises = [], [], []
    for frame in lines:
        one, other = frame.information
        both = one * other
        variance = frame.claimed
        cross = (frame.vector[0] * frame.vector[1]).sum()
        products.append(cross + np.einsum("lij,lj->", both, variance))
        weights.append(both.sum())
        noises.append(np.einsum("lii->", both))
    total = float(np.sum(weights))
    if not total > 0:
        return float("nan"), float("nan")
    misfit = float(np.sum(products)) / total
    residual = np.array(products) - misfit * np.array(weights)
    count = len(lines)
    scatter = np.sqrt(count / max(count - 1, 1) * np.sum(residual**2)) / total
    noise = np.sqrt(max(float(np.sum(noises)), 0.0)) / total
    return misfit, float(max(scatter, noise))


def left_motion(
    lines: Sequence[FrameLines], *, jitter: tuple[float, float, float], corrected: bool
) -> LeftMotion | None:
    """How far lines are from where they belong.

    Parameters
    ----------
    lines : sequence of FrameLines
        Of the frames that took part.
    jitter : (low, middle, high)
        Mean square of the motion of lines about the drift of their frame, px^2 per axis, and the
        interval that holds it with 95 % probability.
    corrected : bool
        Whether the alignment moves lines one by one. What is left is then what each line still
        wants and its uncertainty. Elsewhere it is the jitter, what is left of drift within the
        frames, and the uncertainty of their shifts.

    Returns
    -------
    LeftMotion or None
        None where the lines show nothing.
    """
    weights = np.array([frame.weight.sum(0) for frame in lines]).reshape(-1, 2)
    if len(lines) < 2 or not weights.sum(0).min() > 0:
        return None
    parts = _corrected(lines) if corrected else _straight(lines)
    # The reference is made of the other frames, whose own motion it has.
    per_frame = parts.variance + parts.motion * (len(lines) - 1) / len(lines)
    total = weights.sum()
    axes = (weights * per_frame).sum(0) / weights.sum(0)
    square = float((weights * per_frame).sum() / total)
    scatter = (weights * per_frame).sum(1) / weights.sum(1)
    error = float(scatter.std(ddof=1) / np.sqrt(len(lines)))
    added = np.zeros(3) if corrected else np.array(jitter) * (len(lines) - 1) / len(lines)
    low, middle, high = np.array([square - 2 * error, square, square + 2 * error]) + added
    claimed = np.array([(frame.weight * frame.claimed).sum(0) for frame in lines])
    explained = float(claimed.sum() / total)
    misfit, misfit_error = misfit_of_halves(lines)
    beyond = misfit + explained - middle
    if beyond > SIGNIFICANT * misfit_error and beyond > MATERIAL * middle:
        low, middle, high = (
            low + beyond - 2 * misfit_error,
            middle + beyond,
            high + beyond + 2 * misfit_error,
        )
    low = min(max(low, 0.0), middle)
    return LeftMotion(
        left=float(np.sqrt(middle)),
        low=float(np.sqrt(low)),
        high=float(np.sqrt(max(high, middle))),
        explained=float(np.sqrt(explained)),
        left_axes=np.sqrt(axes + (middle - square)),
        explained_axes=np.sqrt(claimed.sum(0) / weights.sum(0)),
        misfit=misfit,
        misfit_error=misfit_error,
    )


@dataclass(frozen=True)
class _Parts:
    """Mean square (m, 2) of what lines want, and of the uncertainty of that, px^2."""

    motion: DoubleArray
    variance: DoubleArray


def _corrected(lines: Sequence[FrameLines]) -> _Parts:
    motion, variance = [], []
    for frame in lines:
        total = np.maximum(frame.weight.sum(0), 1e-300)
        wanted = frame.expected - frame.found
        motion.append((frame.weight * wanted**2).sum(0) / total)
        variance.append((frame.weight * frame.variance).sum(0) / total)
    return _Parts(np.array(motion), np.array(variance))


def _straight(lines: Sequence[FrameLines]) -> _Parts:
    """Of the shift and the drift of each frame alone."""
    motion, variance = [], []
    for frame in lines:
        count = len(frame.expected)
        place = np.linspace(-1.0, 1.0, count)
        design = np.stack([np.ones(count), place], axis=1)
        weight = np.sqrt(np.maximum(frame.weight, 1e-12 * frame.weight.max()))
        wanted = frame.expected - frame.found
        fits = [
            np.linalg.lstsq(weight[:, a, None] * design, weight[:, a] * wanted[:, a], rcond=None)[0]
            for a in (0, 1)
        ]
        shift, drift = np.array(fits).T
        middle = frame.variance[count // 2]
        # Of a straight line, the variance grows from the middle to the ends by that of its slope.
        spread = np.maximum(0.5 * (frame.variance[0] + frame.variance[-1]) - middle, 0.0)
        motion.append(shift**2 + drift**2 / 3)
        variance.append(middle + spread / 3)
    return _Parts(np.array(motion), np.array(variance))
