"""Spectra of the simulated specimen: two elements over a continuum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import FloatArray, above_zero, one_of, whole
from hyperspy_smartalign.data.render import render_frame
from hyperspy_smartalign.data.truth import Truth

SpectrumKind = Literal["EELS", "EDS"]
SPECTRUM_KINDS = ("EELS", "EDS")
ELEMENTS = ("Sr", "Ti")

# Onsets of the Sr L3 and Ti L3 edges in eV; Sr L-alpha, Ti K-alpha and Ti K-beta lines in keV.
_EDGES = (1940.0, 456.0)
# Strength against the continuum, for edges that stand out of it about equally.
_EDGE_STRENGTHS = (0.15, 1.0)
_LINES = (((1.806, 1.0),), ((4.511, 0.88), (4.932, 0.12)))
_PEAK_SIGMA = 0.055


@dataclass(frozen=True, eq=False)
class SpectrumModel:
    """Shapes of the spectra.

    Parameters
    ----------
    kind : {"EELS", "EDS"}
    energies : (e,) array
        Middle of each channel, in eV for EELS and keV for EDS.
    continuum : (e,) array
        Background of the whole specimen, with a sum of 1 over the channels.
    elements : (2, e) array
        What columns of species 0 (Sr) and 1 (Ti) add, with a sum of 1; 0.15 for the Sr L edge.
    """

    kind: SpectrumKind
    energies: FloatArray
    continuum: FloatArray
    elements: FloatArray

    @property
    def units(self) -> str:
        """Unit of the energies."""
        return "eV" if self.kind == "EELS" else "keV"

    def counts(self, truth: Truth, frame: int, *, dose: float) -> FloatArray:
        """(h, w, e) expected counts of one frame.

        Parameters
        ----------
        truth : Truth
            Specimen and path; species other than 0 and 1 add to the continuum alone.
        frame : int
            Number of the frame.
        dose : float
            Counts of the continuum at intensity 1, summed over the channels; the elements follow.
        """
        total = render_frame(truth.crystal, truth.path, frame)[..., np.newaxis] * self.continuum
        for species, shape in enumerate(self.elements):
            columns = truth.crystal.only_species(species)
            total += render_frame(columns, truth.path, frame)[..., np.newaxis] * shape
        return above_zero(dose, name="spectrum_dose") * total

    def record(
        self, truth: Truth, frame: int, *, dose: float, rng: np.random.Generator
    ) -> npt.NDArray[Any]:
        """(h, w, e) Poisson counts of one frame, uint16; a channel is full at 65,535."""
        counts = rng.poisson(self.counts(truth, frame, dose=dose))
        return np.minimum(counts, np.iinfo(np.uint16).max).astype(np.uint16)


def spectrum_model(kind: SpectrumKind, *, channels: int = 64) -> SpectrumModel:
    """Spectra of strontium (species 0) and titanium (species 1).

    Parameters
    ----------
    kind : {"EELS", "EDS"}
        "EELS": a power law with edges at 456 eV (Ti L) and 1940 eV (Sr L), 400 to 2200 eV. "EDS":
        bremsstrahlung with lines at 1.81 keV (Sr L) and 4.51 keV (Ti K), 0.5 to 6 keV.
    channels : int
        Number of channels, 8 or more.
    """
    one_of(kind, SPECTRUM_KINDS, name="spectrum_image")
    channels = whole(channels, 8, name="channels")
    low, high = (400.0, 2200.0) if kind == "EELS" else (0.5, 6.0)
    step = (high - low) / channels
    energies = np.asarray(low + step * (np.arange(channels) + 0.5), dtype=np.float64)
    if kind == "EELS":
        continuum = energies**-3.0
        strengths: tuple[float, ...] = _EDGE_STRENGTHS
        rows = [_edge(energies, onset, step) for onset in _EDGES]
    else:
        continuum = (20.0 / energies - 1.0) * (1 - np.exp(-energies))
        strengths = (1.0, 1.0)
        sigma = np.hypot(_PEAK_SIGMA, step / 2)
        rows = [
            sum(
                (
                    share * np.exp(-((energies - line) ** 2) / (2 * sigma**2))
                    for line, share in lines
                ),
                start=np.zeros(channels),
            )
            for lines in _LINES
        ]
    return SpectrumModel(
        kind=kind,
        energies=energies,
        continuum=continuum / continuum.sum(),
        elements=np.stack(
            [strength * row / row.sum() for strength, row in zip(strengths, rows, strict=True)]
        ),
    )


def _edge(energies: FloatArray, onset: float, step: float) -> FloatArray:
    """Ionisation edge: a step rounded over a channel, then a power law."""
    rise = 1 / (1 + np.exp(-np.clip((energies - onset) / (step / 4), -60, 60)))
    return np.asarray(rise * energies**-3.0)
