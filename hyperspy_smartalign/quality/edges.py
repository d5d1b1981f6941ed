"""Width of an interface from a profile across it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["EdgeWidth", "edge_width"]

FloatArray = npt.NDArray[np.float64]

# Distance from 10 to 90 % of an error function, in sigma.
TEN_TO_NINETY = 2.563103131
_FEWEST_SAMPLES = 6
# Starts of the fit of an edge: sigma as parts of the length, and centres along it.
_START_SIGMAS = (0.005, 0.015, 0.04, 0.1, 0.25)
_START_CENTRES = 61


@dataclass(frozen=True)
class EdgeWidth:
    """An error function fitted to a profile: ``low + (high - low) Phi((x - centre) / sigma)``.

    Lengths are in the unit of the `scale` that was given, pixels by default.

    Attributes
    ----------
    centre, centre_error : float
        Where the profile is half way, from its first sample, and its standard error.
    sigma, sigma_error : float
        Width of the error function and its standard error.
    low, high : float
        Levels before and after the edge; `high` is the lower one on a falling edge.
    rms : float
        Root mean square of what the fit leaves.
    """

    centre: float
    centre_error: float
    sigma: float
    sigma_error: float
    low: float
    high: float
    rms: float

    @property
    def width(self) -> float:
        """Distance from 10 to 90 % of the edge: 2.563 sigma."""
        return TEN_TO_NINETY * self.sigma

    @property
    def width_error(self) -> float:
        """Standard error of `width`."""
        return TEN_TO_NINETY * self.sigma_error


def edge_width(
    profile: npt.ArrayLike, scale: float = 1.0, *, errors: npt.ArrayLike | None = None
) -> EdgeWidth:
    """Fit an error function to a profile across an interface.

    Parameters
    ----------
    profile : (n,) array-like
        Real values at even distances, such as the mean of an element map along the interface. NaN
        marks samples that are not there.
    scale : float, default 1
        Distance between samples.
    errors : (n,) array-like, optional
        Standard error of each sample. Without it all count the same, and what the fit leaves tells
        how large the error is.

    Returns
    -------
    EdgeWidth

    Raises
    ------
    ValueError
        If there are fewer than 6 samples, they are all equal, an error is not positive, or the edge
        does not lie within the profile.

    Notes
    -----
    Least squares. Centre and sigma are looked for on a grid first, with the best levels for each,
    then all four are refined together. Standard errors are those of independent samples; the
    columns of a lattice, or counts shared between neighbours, make neighbouring samples depend on
    each other. The blur of the imaging adds to sigma in squares. A sigma below about 0.3
    samples is not resolved: it is then no more than a limit, and its error means nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import ndtr
    >>> edge = edge_width(2 + 3 * ndtr((np.arange(40) - 18.2) / 2.5), 0.1)
    >>> print(f"{edge.centre:.3f} {edge.sigma:.3f} {edge.width:.3f}")
    1.820 0.250 0.641
    """
    from scipy.optimize import least_squares
    from scipy.special import ndtr

    values = np.asarray(profile)
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise ValueError(
            f"profile has shape {values.shape} and type {values.dtype}; give one row of real "
            "values."
        )
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale is {scale!r}; give the distance between samples, above 0.")
    values = values.astype(np.float64)
    seen = np.isfinite(values)
    deviation = np.ones(len(values))
    if errors is not None:
        deviation = np.asarray(errors, np.float64)
        if deviation.shape != values.shape or not (deviation[seen] > 0).all():
            raise ValueError("errors must be one positive number for each sample of the profile.")
    place, level, weight = (
        np.flatnonzero(seen).astype(np.float64),
        values[seen],
        1 / deviation[seen],
    )
    if len(level) < _FEWEST_SAMPLES or not np.ptp(level) > 0:
        raise ValueError(
            f"the profile has {len(level)} finite samples from {level.min(initial=np.inf):g} to "
            f"{level.max(initial=-np.inf):g}; an edge needs {_FEWEST_SAMPLES} that differ."
        )

    def residual(p: FloatArray) -> FloatArray:
        low, high, centre, log_sigma = p
        share = ndtr((place - centre) * math.exp(-log_sigma))
        return np.asarray(weight * (low + (high - low) * share - level))

    def slopes(p: FloatArray) -> FloatArray:
        low, high, centre, log_sigma = p
        distance = (place - centre) * math.exp(-log_sigma)
        bell = (high - low) * np.exp(-(distance**2) / 2) / math.sqrt(2 * math.pi)
        share = ndtr(distance)
        columns = [1 - share, share, -bell * math.exp(-log_sigma), -bell * distance]
        return np.asarray(weight[:, None] * np.stack(columns, axis=1))

    first, last = float(place[0]), float(place[-1])
    start = _edge_start(place, level, weight)
    # Sigma below a hundredth of a sample or far beyond the profile cannot be told from its limit.
    narrow, broad = math.log(0.01), math.log(2 * (last - first))
    bounds = ([-np.inf, -np.inf, first, narrow], [np.inf, np.inf, last, broad])
    fit = least_squares(residual, start, slopes, bounds=bounds, x_scale="jac", xtol=1e-10)
    low, high, centre, log_sigma = (float(value) for value in fit.x)
    if min(centre - first, last - centre) < 1e-3 or log_sigma > broad - 1e-3:
        raise ValueError(
            "the profile holds no edge between two levels; give one that starts before the "
            "interface and ends behind it."
        )
    sigma = math.exp(log_sigma)
    variance = 1.0 if errors is not None else 2 * fit.cost / max(len(level) - 4, 1)
    covariance = variance * np.linalg.pinv(fit.jac.T @ fit.jac)
    centre_error, relative = np.sqrt(np.diag(covariance))[2:]
    return EdgeWidth(
        centre=scale * centre,
        centre_error=scale * float(centre_error),
        sigma=scale * sigma,
        sigma_error=scale * sigma * float(relative),
        low=low,
        high=high,
        rms=float(np.sqrt(np.mean((fit.fun / weight) ** 2))),
    )


def _edge_start(place: FloatArray, level: FloatArray, weight: FloatArray) -> FloatArray:
    """(low, high, centre, log sigma) of the best edge on a grid."""
    from scipy.special import ndtr

    length = place[-1] - place[0]
    centres = np.linspace(place[0], place[-1], _START_CENTRES + 2)[1:-1]
    squares = weight**2 / (weight**2).sum()
    mean = float(squares @ level)
    best, start = -1.0, np.zeros(4)
    for sigma in (max(part * length, 0.2) for part in _START_SIGMAS):
        share = ndtr((place - centres[:, None]) / sigma)
        middle = share @ squares
        apart = share - middle[:, None]
        # Straight line of the level in the share, for every centre.
        spread = apart**2 @ squares
        slope = (apart * squares) @ (level - mean) / np.maximum(spread, 1e-12)
        gained = slope**2 * spread
        one = int(np.argmax(gained))
        if gained[one] > best:
            best = float(gained[one])
            low = mean - slope[one] * middle[one]
            start = np.array([low, low + slope[one], centres[one], math.log(sigma)])
    return start
