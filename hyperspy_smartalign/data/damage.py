"""What the beam does to the simulated specimen, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import FloatArray, at_least
from hyperspy_smartalign.data.crystal import Crystal


@dataclass(frozen=True)
class Damage:
    """Damage and contamination that grow in proportion to the dose.

    The exposure of frame i, from 0, is i + 1/2 frames: that of its middle.

    Parameters
    ----------
    blur : float
        Variance, in px^2 along each axis, by which every frame spreads the atoms of a column. A
        column of Gaussian sigma s has sigma sqrt(s^2 + N blur) after N frames, and keeps its
        integral.
    loss : float
        Part of a column's height that a frame takes: after N frames exp(-N loss) is left.
    contamination : float
        Intensity that every frame adds to the background. It hides nothing but adds noise.

    Raises
    ------
    ValueError
        If a number is negative or not finite.

    Notes
    -----
    What columns show at frequency k fades as exp(-N / N_c(k)) with
    1 / N_c = 2 pi^2 k^2 blur + loss, exactly: the law of a Debye-Waller factor that grows with the
    dose. Broad patches stay.
    """

    blur: float = 0.0
    loss: float = 0.0
    contamination: float = 0.0

    def __post_init__(self) -> None:
        for name in ("blur", "loss", "contamination"):
            value = at_least(getattr(self, name), 0.0, name=f"damage.{name}")
            object.__setattr__(self, name, value)

    def rate(self, frequency: npt.ArrayLike) -> FloatArray:
        """1 / N_c, a frame, at frequencies in periods per pixel."""
        square = np.asarray(frequency, np.float64) ** 2
        return np.asarray(2 * np.pi**2 * square * self.blur + self.loss)

    def amplitude(self, frequency: npt.ArrayLike, frame: int) -> FloatArray:
        """Part of the columns' amplitude that is left in a frame, at frequencies in 1/px."""
        return np.asarray(np.exp(-(frame + 0.5) * self.rate(frequency)))

    def of(self, crystal: Crystal, frame: int) -> Crystal:
        """The crystal as a frame sees it."""
        exposure = frame + 0.5
        widths = np.sqrt(crystal.widths**2 + exposure * self.blur)
        kept = (crystal.widths / widths) ** 2 * np.exp(-exposure * self.loss)
        return replace(
            crystal,
            heights=crystal.heights * kept,
            widths=widths,
            background=crystal.background + exposure * self.contamination,
        )
