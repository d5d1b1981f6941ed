"""Spectra of the simulated specimen: its elements over a continuum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import FloatArray, above_zero, one_of, whole
from hyperspy_smartalign.data.counting import draw_counts, expected_counts
from hyperspy_smartalign.data.truth import Truth

SpectrumKind = Literal["EELS", "EDS"]
SPECTRUM_KINDS = ("EELS", "EDS")
ELEMENTS = ("Sr", "Ti")
INTERFACE_ELEMENTS = ("Sr", "Ti", "Mn")

_PEAK_SIGMA = 0.055


@dataclass(frozen=True)
class _Element:
    """What is known of an element.

    Parameters
    ----------
    edge : float
        Onset of its L3 edge in eV.
    edge_strength : float
        Against the continuum, for edges that stand out of it about equally.
    lines : tuple of (energy in keV, share)
    """

    edge: float
    edge_strength: float
    lines: tuple[tuple[float, float], ...]


_TABLE = {
    "Sr": _Element(1940.0, 0.15, ((1.806, 1.0),)),
    "Ti": _Element(456.0, 1.0, ((4.511, 0.88), (4.932, 0.12))),
    "Mn": _Element(640.0, 0.7, ((5.899, 0.88), (6.490, 0.12))),
}


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
    elements : (k, e) array
        What columns of species 0, 1, ... add, with a sum of 1 for lines. The edges of Sr and Mn
        have sums of 0.15 and 0.7.
    symbols : tuple of str
        The elements, in the order of the species.
    """

    kind: SpectrumKind
    energies: FloatArray
    continuum: FloatArray
    elements: FloatArray
    symbols: tuple[str, ...] = ELEMENTS

    @property
    def units(self) -> str:
        """Unit of the energies."""
        return "eV" if self.kind == "EELS" else "keV"

    @property
    def components(self) -> FloatArray:
        """(1 + k, e) the continuum, then the elements: every spectrum is a sum of these."""
        return np.concatenate([self.continuum[np.newaxis], self.elements])

    def species(self, element: str) -> int:
        """Number of the species that an element stands for."""
        return self.symbols.index(one_of(element, self.symbols, name="element"))

    def counts(self, truth: Truth, frame: int, *, dose: float) -> FloatArray:
        """(h, w, e) expected counts of one frame.

        Parameters
        ----------
        truth : Truth
            Specimen and path; species that are not among the elements add to the continuum alone.
        frame : int
            Number of the frame.
        dose : float
            Counts of the continuum at intensity 1, summed over the channels; the elements follow.
        """
        dose = above_zero(dose, name="spectrum_dose")
        return expected_counts(self._frame_weights(truth, frame), self.components, dose)

    def undistorted_counts(
        self,
        truth: Truth,
        shape: Sequence[int] | None = None,
        *,
        dose: float,
        origin: tuple[float, float] = (0, 0),
    ) -> FloatArray:
        """(h, w, e) expected counts on the grid of the common frame: no noise, drift or scan.

        Parameters
        ----------
        truth : Truth
            Specimen.
        shape : (int, int), optional
            Rows and columns; those of a frame by default.
        dose : float
            As for `counts`: one frame's. Multiply by the frames for that of their sum.
        origin : (float, float)
            Point (y, x) of the common frame at the first pixel, such as the corner of a canvas.
        """
        dose = above_zero(dose, name="spectrum_dose")
        size = truth.path.shape if shape is None else shape
        maps = [truth.species_image(k, size, origin=origin) for k in range(len(self.elements))]
        weights = np.stack([truth.image(size, origin=origin), *maps])
        return expected_counts(weights, self.components, dose)

    def record(
        self, truth: Truth, frame: int, *, dose: float, rng: np.random.Generator
    ) -> npt.NDArray[Any]:
        """(h, w, e) Poisson counts of one frame, uint16; a channel is full at 65,535."""
        dose = above_zero(dose, name="spectrum_dose")
        weights = self._frame_weights(truth, frame)
        return draw_counts(weights, self.components, dose=dose, rng=rng)

    def maps(self, spectra: npt.NDArray[Any]) -> FloatArray:
        """Counts of the continuum and of each element, fitted to measured spectra.

        Parameters
        ----------
        spectra : (..., e) array
            Counts, or sums or means of them.

        Returns
        -------
        (1 + k, ...) array of float64
            Sums over the channels of the continuum, then of the elements in the order of
            `symbols`. Without noise they are those of the specimen.

        Notes
        -----
        Least squares with the known `components`, weighted by the inverse of the mean spectrum,
        which is the variance of its counts. It is linear in the counts, so that noise adds no bias.
        """
        channels = len(self.energies)
        if spectra.shape[-1] != channels:
            raise ValueError(
                f"spectra have {spectra.shape[-1]} channels and the model {channels}; give the "
                "spectra whole, or make a model with as many channels."
            )
        weight = 1 / self.components.mean(axis=0)
        weighted = self.components * weight
        solve = np.linalg.solve(weighted @ self.components.T, weighted)
        fitted = np.moveaxis(spectra @ solve.T, -1, 0)
        sums = self.components.sum(axis=1)
        return np.asarray(fitted * sums.reshape(-1, *(1,) * (fitted.ndim - 1)), dtype=np.float64)

    def _frame_weights(self, truth: Truth, frame: int) -> FloatArray:
        """(1 + k, h, w) intensities of the whole and of each species where the probe was."""
        maps = [truth.species_noise_free(k, frame) for k in range(len(self.elements))]
        return np.stack([truth.noise_free(frame), *maps])


def spectrum_model(
    kind: SpectrumKind, *, channels: int = 64, elements: Sequence[str] = ELEMENTS
) -> SpectrumModel:
    """Spectra of the elements of a perovskite.

    Parameters
    ----------
    kind : {"EELS", "EDS"}
        "EELS": a power law with edges at 456 eV (Ti L), 640 eV (Mn L) and 1940 eV (Sr L), 400 to
        2200 eV. "EDS": bremsstrahlung with lines at 1.81 keV (Sr L), 4.51 keV (Ti K) and 5.90 keV
        (Mn K), 0.5 to 6 keV, or to 7 keV with Mn.
    channels : int
        Number of channels, 8 or more.
    elements : sequence of {"Sr", "Ti", "Mn"}
        Elements of species 0, 1, and so on. By default strontium and titanium.
    """
    one_of(kind, SPECTRUM_KINDS, name="spectrum_image")
    channels = whole(channels, 8, name="channels")
    symbols = tuple(one_of(element, tuple(_TABLE), name="elements") for element in elements)
    if not symbols or len(set(symbols)) < len(symbols):
        raise ValueError(
            f"elements is {tuple(elements)!r}; give one or more, each once, such as {ELEMENTS}."
        )
    known = [_TABLE[symbol] for symbol in symbols]
    low, high = (400.0, 2200.0) if kind == "EELS" else (0.5, 7.0 if "Mn" in symbols else 6.0)
    step = (high - low) / channels
    energies = np.asarray(low + step * (np.arange(channels) + 0.5), dtype=np.float64)
    if kind == "EELS":
        continuum = energies**-3.0
        strengths = [element.edge_strength for element in known]
        rows = [_edge(energies, element.edge, step) for element in known]
    else:
        continuum = (20.0 / energies - 1.0) * (1 - np.exp(-energies))
        strengths = [1.0] * len(known)
        sigma = np.hypot(_PEAK_SIGMA, step / 2)
        rows = [_lines(energies, element.lines, sigma) for element in known]
    return SpectrumModel(
        kind=kind,
        energies=energies,
        continuum=continuum / continuum.sum(),
        elements=np.stack(
            [strength * row / row.sum() for strength, row in zip(strengths, rows, strict=True)]
        ),
        symbols=symbols,
    )


def _edge(energies: FloatArray, onset: float, step: float) -> FloatArray:
    """Ionisation edge: a step rounded over a channel, then a power law."""
    rise = 1 / (1 + np.exp(-np.clip((energies - onset) / (step / 4), -60, 60)))
    return np.asarray(rise * energies**-3.0)


def _lines(
    energies: FloatArray, lines: tuple[tuple[float, float], ...], sigma: float
) -> FloatArray:
    """Gaussian peaks (energy, share)."""
    peaks = (share * np.exp(-((energies - line) ** 2) / (2 * sigma**2)) for line, share in lines)
    return sum(peaks, start=np.zeros(len(energies)))
