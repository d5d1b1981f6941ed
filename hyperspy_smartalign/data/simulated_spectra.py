"""A simulated spectrum image and what is true of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hyperspy_smartalign.data._checks import FloatArray
from hyperspy_smartalign.data.composition import SpectrumModel
from hyperspy_smartalign.data.truth import Truth


@dataclass(frozen=True, eq=False)
class SimulatedSpectra:
    """Spectra recorded along with a series, and what an undistorted scan would have shown.

    Parameters
    ----------
    signal : EELSSpectrum, EDSTEMSpectrum or Signal1D
        (x, y, frame | energy), recorded on the path of the probe.
    model : SpectrumModel
        Shapes of the spectra.
    truth : Truth
        Specimen and path of the probe.
    dose : float
        Counts a pixel and frame of the continuum at intensity 1, over all channels.
    """

    signal: Any
    model: SpectrumModel
    truth: Truth
    dose: float

    def __repr__(self) -> str:
        return f"SimulatedSpectra({self.signal!r}, dose {self.dose:g})"

    def undistorted(
        self, shape: Sequence[int] | None = None, *, origin: tuple[float, float] = (0, 0)
    ) -> FloatArray:
        """(h, w, e) expected counts a frame on the grid of the common frame.

        Parameters
        ----------
        shape : (int, int), optional
            Rows and columns; those of a frame by default.
        origin : (float, float)
            Point (y, x) of the common frame at the first pixel, such as the corner of a canvas.
            Need not be whole.
        """
        return self.model.undistorted_counts(self.truth, shape, dose=self.dose, origin=origin)

    def undistorted_map(
        self,
        element: str,
        shape: Sequence[int] | None = None,
        *,
        origin: tuple[float, float] = (0, 0),
    ) -> FloatArray:
        """(h, w) expected counts a frame of one element, summed over the channels.

        This is what `SpectrumModel.maps` finds in `undistorted`.

        Parameters
        ----------
        element : str
            One of ``model.symbols``, such as "Ti".
        shape, origin
            As for `undistorted`.
        """
        species = self.model.species(element)
        strength = float(self.model.elements[species].sum())
        image = self.truth.species_image(species, shape, origin=origin)
        return self.dose * strength * image
