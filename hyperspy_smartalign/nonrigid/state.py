"""Where the frames are, and what the series says of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.noise import NoiseModel

from .equations import LineEquations
from .frame_fit import Brightness
from .free_equations import FreeEquations
from .free_path import FreePath
from .lines import LinePath
from .result import ScanPrior

__all__ = ["Evaluated", "Path", "State", "shift_of"]

DoubleArray = npt.NDArray[np.float64]
Path = LinePath | FreePath


#: The prior is estimated anew until displacements change by less than this share of their error.
SETTLED = 0.3
#: A pass that asks for more than this share of the change before shortens the steps,
SWINGING = 0.8
#: by this factor, but not below the least.
SHORTER, SHORTEST = 0.6, 0.2


def shift_of(path: Path) -> DoubleArray:
    """Mean displacement (y, x) of a frame, px."""
    return path.image_order(path.mean) if isinstance(path, LinePath) else path.mean


@dataclass(frozen=True)
class State:
    """Where all frames are by now, and what else has been learned.

    Attributes
    ----------
    paths : tuple of LinePath, or of FreePath
    brightness : tuple of Brightness
    noise : NoiseModel
    line_noise : float
        Variance of the brightness of lines beyond what the noise of their pixels explains.
    prior : ScanPrior or None
    errors : tuple of arrays
        Standard errors: (lines, 2) (slow, fast) of each line, or (2, rows, columns) (y, x) of each
        node, px; NaN where unknown, empty before the first pass.
    change : float
        Mean change of the displacement that the last pass asked for, px.
    damping : float
        Share of it that was taken. Below 1 where passes swing to and fro: what frames of several
        directions say of each other is taken up in all of them at once.
    """

    paths: tuple[Path, ...]
    brightness: tuple[Brightness, ...]
    noise: NoiseModel
    line_noise: float = 0.0
    prior: ScanPrior | None = None
    errors: tuple[DoubleArray, ...] = ()
    change: float = np.inf
    damping: float = 1.0

    @property
    def shifts(self) -> DoubleArray:
        """Mean displacement (n, 2) (y, x) of each frame, px."""
        return np.array([shift_of(path) for path in self.paths])

    @property
    def wants_prior(self) -> bool:
        """Whether the prior is to be estimated, for the first time or anew."""
        return self.prior is None or self.change > SETTLED * self.error

    def damping_after(self, change: float) -> float:
        """Share to take of a change that a further pass asks for."""
        if change > SWINGING * self.change:
            return max(SHORTER * self.damping, SHORTEST)
        return self.damping

    @property
    def lines(self) -> tuple[LinePath, ...]:
        """The paths, where they are those of scan lines."""
        return tuple(path for path in self.paths if isinstance(path, LinePath))

    @cached_property
    def error(self) -> float:
        """Root mean square of the standard errors, px."""
        known = [error for error in self.errors if np.isfinite(error).all()]
        if not known:
            return np.inf
        return float(np.sqrt(np.mean([np.mean(error**2) for error in known])))


@dataclass(frozen=True)
class Evaluated:
    """What the frames say of a state.

    Attributes
    ----------
    equations : tuple of LineEquations, FreeEquations or None
        None for a frame that is not compared.
    brightness : tuple of Brightness
    noise : NoiseModel
    similarity : (n,) float64
        Correlation of each frame with the mean of the others; NaN where not compared.
    line_noise : float
        As in `State`; 0 where lines are taken as they are.
    """

    equations: tuple[LineEquations | FreeEquations | None, ...]
    brightness: tuple[Brightness, ...]
    noise: NoiseModel
    similarity: DoubleArray
    line_noise: float = 0.0

    @property
    def lines(self) -> dict[int, LineEquations]:
        """Equations of scan lines, by frame."""
        return {i: e for i, e in enumerate(self.equations) if isinstance(e, LineEquations)}

    @property
    def nodes(self) -> dict[int, FreeEquations]:
        """Equations of free displacements, by frame."""
        return {i: e for i, e in enumerate(self.equations) if isinstance(e, FreeEquations)}
