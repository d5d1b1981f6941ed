"""The displacement field of a frame from what its parts show and from how fields vary.

The maximum of the posterior of ``-z A z / 2 + b z`` and a Gaussian-process prior, the mean of the
frame being left free: a linear system of the size of the grid. In amplitudes u of the modes of the
prior, z = L u, it is ``(1 + L^T A L) u = L^T b``, solved by conjugate gradients. The preconditioner
is the same matrix for an A that is everywhere its mean, which the modes make nearly diagonal.
Errors come from samples of the posterior (Papandreou & Yuille, NIPS 2010: solve for right-hand
sides with the noise of data and prior in them), averaged over a part of a correlation length. The
error of the mean is added exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .free_equations import FreeEquations, times
from .free_path import FreePath
from .free_process import FieldModes, field_modes
from .result import ScanPrior
from .smoother import UNKNOWN

__all__ = ["free_gain", "solve_free"]

DoubleArray = npt.NDArray[np.float64]

#: Samples that the errors are made of: 20 % of a standard deviation, and about half of it after
#: averaging over nodes, within this share of a correlation length.
SAMPLES, AVERAGED = 12, 0.2
#: Conjugate gradients end when residuals have fallen by this factor, for the displacement and for
#: samples of its error, or after so many steps.
FINE, COARSE, MOST_STEPS = 1e-4, 0.03, 200


@dataclass(frozen=True)
class _Posterior:
    """Posterior of a displacement field about the mean of its frame."""

    information: DoubleArray
    modes: FieldModes

    def amplitudes(self, right: DoubleArray, tolerance: float) -> DoubleArray:
        """Solve for several right-hand sides (k, 2, r, s) at once."""
        condition = self._preconditioner()
        solution = np.zeros_like(right)
        residual = right.copy()
        direction = guess = condition(residual)
        power = _inner(residual, guess)
        goal = tolerance**2 * power
        for _ in range(MOST_STEPS):
            if (power <= goal).all():
                break
            image = direction + self.modes.project(
                times(self.information, self.modes.field(direction))
            )
            step = power / np.maximum(_inner(direction, image), 1e-300)
            solution += step * direction
            residual -= step * image
            guess = condition(residual)
            before, power = power, _inner(residual, guess)
            direction = guess + power / np.maximum(before, 1e-300) * direction
        return solution

    def _preconditioner(self) -> Callable[[DoubleArray], DoubleArray]:
        yy, yx, xx = self.information.mean(axis=(1, 2))
        first, second = self.modes.variance
        a, d = 1 + first * yy, 1 + second * xx
        b = np.sqrt(first * second) * yx
        known = a * d - b * b

        def condition(residual: DoubleArray) -> DoubleArray:
            y, x = residual[:, 0], residual[:, 1]
            return np.stack([(d * y - b * x) / known, (a * x - b * y) / known], axis=1)

        return condition

    def fit(self, vector: DoubleArray, samples: int) -> tuple[DoubleArray, DoubleArray]:
        """Displacement about the mean that the path has now, and its variance."""
        information, modes = self.information, self.modes
        grid = information.shape[1:]
        # A shift of the whole frame, eliminated: what the field does when the frame is shifted.
        whole = np.zeros((2, 2, *grid))
        whole[0, 0] = whole[1, 1] = 1.0
        pulls = np.concatenate([vector[None], times(information, whole)])
        fields = modes.field(self.amplitudes(modes.project(pulls), FINE))
        alone, answer = fields[0], fields[1:3]
        rest = whole - answer
        left = times(information, rest)
        known = left.sum(axis=(2, 3)) + np.eye(2) / UNKNOWN**2
        error = np.linalg.inv(0.5 * (known + known.T))
        force = vector.sum(axis=(1, 2)) - times(information, alone).sum(axis=(1, 2))
        mean = error @ force
        values = alone + np.tensordot(mean, rest, axes=1)
        variance = np.einsum("kcij,kl,lcij->cij", rest, error, rest)
        if samples:
            scattered = modes.field(self.amplitudes(self._noise(samples), COARSE))
            variance = variance + (scattered**2).mean(0)
        return values, variance

    def _noise(self, samples: int) -> DoubleArray:
        """Right-hand sides whose solutions scatter as the posterior does."""
        # The same samples every time: a result must not depend on when it was computed.
        generator = np.random.default_rng(0)
        yy, yx, xx = self.information
        first = np.sqrt(np.maximum(yy, 1e-300))
        mixed = yx / first
        second = np.sqrt(np.maximum(xx - mixed**2, 0.0))
        white = generator.standard_normal((samples, *self.information[:2].shape))
        data = np.stack([first * white[:, 0], mixed * white[:, 0] + second * white[:, 1]], axis=1)
        prior = generator.standard_normal((samples, *self.modes.shape))
        return self.modes.project(data) + prior


def _inner(first: DoubleArray, second: DoubleArray) -> DoubleArray:
    return np.asarray(np.einsum("kcij,kcij->k", first, second)[:, None, None, None])


def _fade(path: FreePath, prior: ScanPrior) -> DoubleArray:
    """0 at the frame's border and beyond, 1 a correlation length from it."""
    nodes = path.nodes
    inside = np.minimum(nodes, np.array(path.shape)[:, None, None] - 1 - nodes).min(0)
    ramp = np.clip(inside / max(float(np.mean(prior.length)), path.spacing), 0.0, 1.0)
    return np.asarray(np.sin(0.5 * np.pi * ramp) ** 2)


def solve_free(
    equations: FreeEquations,
    path: FreePath,
    prior: ScanPrior,
    *,
    constrain_edges: bool = False,
    samples: int = SAMPLES,
) -> tuple[FreePath, DoubleArray]:
    """The most likely displacement field of a frame, and its errors.

    Parameters
    ----------
    equations : FreeEquations
        Of the frame at its present displacement.
    path : FreePath
        That displacement.
    prior : ScanPrior
        Deviation and correlation length (y, x) of fields, px. The mean of the frame is not part
        of it: it is free.
    constrain_edges : bool
        Let the deviation from the mean go to zero at the border of the frame.
    samples : int
        Samples of the posterior that errors are made of; 0 saves most of the time, and leaves
        the error of the mean only.

    Returns
    -------
    path : FreePath
    errors : (2, rows, columns) float64
        Standard errors (y, x) at the nodes, px, to about a tenth, the same for the same equations.
    """
    information, vector = equations.about_mean(path)
    fade = _fade(path, prior) if constrain_edges else None
    modes = field_modes(prior, path.grid, spacing=path.spacing, fade=fade)
    samples = samples if prior.rms.any() else 0
    values, variance = _Posterior(information, modes).fit(vector, samples)
    if samples:
        width = [AVERAGED * float(np.mean(prior.length)) / path.spacing] * 2
        variance = np.stack([ndimage.gaussian_filter(v, width, mode="nearest") for v in variance])
    moved = replace(path, values=path.mean[:, None, None] + values)
    return moved, np.sqrt(variance)


def free_gain(equations: FreeEquations, path: FreePath, prior: ScanPrior) -> float:
    """Rise of the log-likelihood of held-out pixels by the field, over a frame that only shifts.

    Each half of the frame is fitted alone, and tried on the other.

    Parameters
    ----------
    equations, path, prior
        As for `solve_free`.

    Returns
    -------
    float
        Below 0: the field makes pixels that were not fitted worse.
    """
    if not prior.rms.any():
        return 0.0
    modes = field_modes(prior, path.grid, spacing=path.spacing)
    halves = [equations.about_mean(path, half) for half in range(2)]
    gain = 0.0
    for (information, vector), tried in (halves, halves[::-1]):
        field, _ = _Posterior(information, modes).fit(vector, 0)
        known = np.array([[information[0].sum(), information[1].sum()],
                          [information[1].sum(), information[2].sum()]])  # fmt: skip
        shift = np.linalg.solve(known + np.eye(2) / UNKNOWN**2, vector.sum(axis=(1, 2)))
        gain += _score(*tried, field)
        gain -= _score(*tried, np.broadcast_to(shift[:, None, None], field.shape))
    return gain


def _score(information: DoubleArray, vector: DoubleArray, values: DoubleArray) -> float:
    """Log-likelihood of displacements, relative to none."""
    return float((values * (vector - 0.5 * times(information, values))).sum())
