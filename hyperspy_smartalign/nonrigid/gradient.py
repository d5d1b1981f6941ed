"""Matching of a frame to a model by their gradients, step by step.

The classical alternative to the Gauss-Newton step with a prior: every pixel asks for an update by
the demons rule (see `gradient_kernels`), the updates are averaged over what must move together, a
scan line for scanned frames (Jones et al., Adv. Struct. Chem. Imaging 1, 8 (2015)), the change is
multiplied by the acceleration, smoothed, and made; until it is small.

Averages are weighted by the gradient energy of the pixels. That is the least-squares estimate, and
pixels without contrast, whose update is a ratio of two noises, do not enter it. A line with less
energy than the mean of the lines moves in proportion to it, so that lines without contrast are led
by the smoothing.

The smoothing is the Gaussian at acceleration 2, a full step. For other steps it is scaled so that
what is converged to does not depend on the acceleration: with the update u(x) of the displacements
x and the Gaussian G, that is always ``x = G (x + u(x))``. Mean and drift of the frame are not
smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from .frame_fit import Brightness
from .free_path import FreePath
from .gradient_descent import Descent, descend
from .gradient_frame import match_frame
from .gradient_problems import LineProblem, NodeProblem
from .lines import LinePath

__all__ = ["GradientFit", "fit_gradient", "fit_gradient_free"]

FloatArray = npt.NDArray[np.float32]

Path = TypeVar("Path", LinePath, FreePath)


@dataclass(frozen=True)
class GradientFit(Generic[Path]):
    """What the gradient matching of one frame found.

    Attributes
    ----------
    path : LinePath or FreePath
        The displacement, improved.
    mean_shifts : tuple of float
        Mean over the pixels of the change of the displacement, px, one an iteration. Steps that
        were undone are not among them.
    healed : int
        How often a step made things worse, was undone, and the acceleration lowered by 10 %.
    acceleration : float
        What is left of it.
    diverged : bool
        Whether steps still made things worse after the last healing, `path` being what had been
        reached by then, or ended worse than they began, `path` being the start.
    similarity : float
        Correlation of frame and model at the end, without outliers.
    """

    path: Path
    mean_shifts: tuple[float, ...]
    healed: int
    acceleration: float
    diverged: bool
    similarity: float

    @property
    def message(self) -> str:
        """What the user should know of the convergence, in plain words; empty if nothing."""
        if self.diverged:
            return (
                "did not converge: steps raised the misfit, also after the acceleration was "
                f"lowered to {self.acceleration:.3g}"
            )
        if self.healed:
            return f"became unstable: the acceleration was lowered to {self.acceleration:.3g}"
        return ""


def fit_gradient(
    frame: npt.NDArray[np.floating],
    coefficients: FloatArray,
    count: FloatArray,
    *,
    origin: tuple[float, float],
    path: LinePath,
    level: float,
    brightness: Brightness,
    acceleration: float,
    noise_constant: float,
    smoothing: float,
    tolerance: float,
    max_iterations: int,
    affine: bool = False,
    tilted: bool = False,
    constrain_edges: bool = False,
) -> GradientFit[LinePath]:
    """Displacement of the scan lines of one frame by matching gradients with a model.

    Parameters
    ----------
    frame : (lines, length) array
        The frame, turned so that its scan lines are rows; NaN where nothing is known.
    coefficients : (H, W) float32
        Cubic B-spline coefficients of the model less `level`, on a window of the common frame,
        turned in the same way.
    count : (H, W) float32
        Weight of the frames behind each pixel of the model; 0 where it is not to be trusted.
    origin : (slow, fast)
        Where the window's first pixel lies in the common frame.
    path : LinePath
        Displacement to start from.
    level : float
        What was taken off the model.
    brightness : Brightness
        Of this frame with respect to the model.
    acceleration : float
        Length of the steps; 2 is a full step. It is lowered by itself where steps diverge.
    noise_constant : float
        Robustness. At 1 a pixel of mean gradient counts half at a residual of 3 standard
        deviations of all residuals, at 2 at 1.5, and so on. Larger is more robust and less
        sensitive.
    smoothing : float
        Standard deviation in lines of the Gaussian that smooths offsets; 0 for none.
    tolerance : float
        Mean change in px of the displacement at which an iteration is the last.
    max_iterations : int
        Most iterations.
    affine : bool
        Move the frame by 6 parameters instead of line by line.
    tilted : bool
        Let lines turn and stretch too, all alike.
    constrain_edges : bool
        Hold the displacement of the first and the last lines, and the slope along lines. The
        affine fit, which has no edges to hold, does not heed it.

    Returns
    -------
    GradientFit

    Raises
    ------
    ValueError
        If a number is out of its range, or shapes do not fit.
    """
    _check_numbers(acceleration, noise_constant, smoothing, tolerance, max_iterations)
    _check_model(frame, coefficients, count, (path.lines, path.length))
    matched = match_frame(
        frame,
        coefficients,
        count,
        path=path,
        origin=origin,
        level=level,
        brightness=brightness,
        noise_constant=noise_constant,
    )
    problem = LineProblem(
        matched,
        path,
        smoothing=smoothing,
        affine=affine,
        tilted=tilted and not affine,
        constrain_edges=constrain_edges,
    )
    found = descend(
        problem,
        problem.start,
        acceleration=acceleration,
        tolerance=tolerance,
        max_iterations=max_iterations,
    )
    return _fit_of(problem.path(found.values), found)


def fit_gradient_free(
    frame: npt.NDArray[np.floating],
    coefficients: FloatArray,
    count: FloatArray,
    *,
    origin: tuple[float, float],
    path: FreePath,
    level: float,
    brightness: Brightness,
    acceleration: float,
    noise_constant: float,
    smoothing: float,
    tolerance: float,
    max_iterations: int,
    constrain_edges: bool = False,
) -> GradientFit[FreePath]:
    """Displacement of every pixel of one frame by matching gradients with a model.

    The updates of the pixels are averaged by a Gaussian about each node of the path's grid
    (fluid regularisation), and the displacement that follows is smoothed by it too (diffusion).
    Its affine part is not smoothed.

    Parameters
    ----------
    frame : (h, w) array
        The frame; NaN where nothing is known.
    coefficients, count : (H, W) float32
        The model, as in `fit_gradient`.
    origin : (y, x)
        Where the window's first pixel lies in the common frame.
    path : FreePath
        Displacement to start from.
    level, brightness, acceleration, noise_constant
        As in `fit_gradient`.
    smoothing : float
        Standard deviation of the Gaussian, px. Updates are averaged over half a node at least;
        0 for no diffusion.
    tolerance, max_iterations
        As in `fit_gradient`.
    constrain_edges : bool
        Hold the displacement at the edges of the frame.

    Returns
    -------
    GradientFit

    Raises
    ------
    ValueError
        If a number is out of its range, or shapes do not fit.
    """
    _check_numbers(acceleration, noise_constant, smoothing, tolerance, max_iterations)
    _check_model(frame, coefficients, count, path.shape)
    matched = match_frame(
        frame,
        coefficients,
        count,
        path=path,
        origin=origin,
        level=level,
        brightness=brightness,
        noise_constant=noise_constant,
    )
    problem = NodeProblem(matched, path, smoothing=smoothing, constrain_edges=constrain_edges)
    found = descend(
        problem,
        problem.start,
        acceleration=acceleration,
        tolerance=tolerance,
        max_iterations=max_iterations,
    )
    return _fit_of(problem.path(found.values), found)


def _fit_of(path: Path, found: Descent) -> GradientFit[Path]:
    return GradientFit(
        path=path,
        mean_shifts=found.mean_shifts,
        healed=found.healed,
        acceleration=found.acceleration,
        diverged=found.diverged,
        similarity=found.similarity,
    )


def _check_model(
    frame: npt.NDArray[np.floating],
    coefficients: FloatArray,
    count: FloatArray,
    shape: tuple[int, int],
) -> None:
    if np.shape(frame) != shape:
        raise ValueError(
            f"frame has shape {np.shape(frame)}, and its path is for {shape[0]} lines of "
            f"{shape[1]} pixels: give its own path, and turn the frame so that scan lines are rows"
        )
    if coefficients.ndim != 2 or coefficients.shape != count.shape:
        raise ValueError(
            f"coefficients {coefficients.shape} and count {count.shape} must be of one model: "
            "two arrays of the same two-dimensional shape"
        )


def _check_numbers(
    acceleration: float,
    noise_constant: float,
    smoothing: float,
    tolerance: float,
    max_iterations: int,
) -> None:
    for name, value in (
        ("acceleration", acceleration),
        ("noise_constant", noise_constant),
        ("tolerance", tolerance),
    ):
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive number, not {value}")
    if not 0 <= smoothing < np.inf:
        raise ValueError(f"smoothing must be 0 (none) or a positive number, not {smoothing}")
    if max_iterations < 1:
        raise ValueError(f"max_iterations must be 1 or more, not {max_iterations}")
