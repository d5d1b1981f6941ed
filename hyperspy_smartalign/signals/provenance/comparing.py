"""Whether two signals have the same pixels, and by how much they differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.provenance.states import computed_part
from hyperspy_smartalign.signals.spectra.channels import as_dense

ROUNDING = 1e-3
"""Largest difference, in parts of the noise of a pixel, that is put down to rounding."""


@dataclass(frozen=True)
class Comparison:
    """How the pixels of two signals of one shape differ.

    Attributes
    ----------
    pixels : int
        How many there are.
    differing : int
        How many are not equal bit for bit; two NaN are equal.
    unlike : int
        How many are NaN in one of them only.
    largest : float
        Largest difference; 0 where none differs.
    noise : float
        Standard deviation of the noise of a pixel, from the record of the alignment; where there
        is none, the spread of the pixels.
    measured : bool
        Whether the noise is from the record.
    """

    pixels: int
    differing: int
    unlike: int
    largest: float
    noise: float
    measured: bool

    @property
    def equal(self) -> bool:
        """Whether the pixels are the same, bit for bit."""
        return self.differing == 0

    @property
    def same(self) -> bool:
        """Whether they are the same, but for rounding; see `ROUNDING`."""
        if self.equal:
            return True
        return self.unlike == 0 and self.largest <= ROUNDING * self.noise

    @property
    def words(self) -> str:
        """The result in a sentence."""
        if self.equal:
            return "same pixels, bit for bit"
        share = self.largest / self.noise if self.noise > 0 else math.inf
        of = "noise of a pixel" if self.measured else "spread of the pixels"
        told = (
            f"{self.differing} of {self.pixels} pixels differ, by {self.largest:.3g} at most, "
            f"{share:.1g} of the {of}"
        )
        if self.unlike:
            told += f"; {self.unlike} are NaN in one of both only"
        return f"same pixels within rounding: {told}" if self.same else f"other pixels: {told}"


def compared(first: BaseSignal, second: BaseSignal) -> Comparison:
    """Compare the pixels of two signals, a few frames of lazy ones at a time.

    Parameters
    ----------
    first, second : BaseSignal
        Of one shape.

    Returns
    -------
    Comparison
    """
    one, two = (each.data if each.data.ndim > 2 else each.data[None] for each in (first, second))
    differing, unlike, largest = 0, 0, 0.0
    moments = np.zeros(3)
    for number in range(len(one)):
        a, b = _part(one, number), _part(two, number)
        other = a != b
        if a.dtype.kind in "fc" or b.dtype.kind in "fc":
            gaps = np.isnan(a), np.isnan(b)
            other &= ~(gaps[0] & gaps[1])
            unlike += int(np.count_nonzero(gaps[0] != gaps[1]))
        differing += int(np.count_nonzero(other))
        if other.any():
            # Integers of 8 bits would wrap round.
            gap = np.abs(np.subtract(a[other], b[other], dtype=np.result_type(a, b, np.float64)))
            largest = max(largest, float(np.nanmax(gap, initial=0.0)))
        seen = np.abs(a) if a.dtype.kind == "c" else a
        seen = seen[np.isfinite(seen)].astype(np.float64)
        moments += seen.size, seen.sum(), np.sum(seen**2)
    mean = moments[1] / max(moments[0], 1)
    spread = math.sqrt(max(moments[2] / max(moments[0], 1) - mean**2, 0.0))
    noise = _noise(second, mean)
    return Comparison(
        pixels=int(np.prod(one.shape, dtype=np.int64)),
        differing=differing,
        unlike=unlike,
        largest=largest,
        noise=spread if noise is None else noise,
        measured=noise is not None,
    )


def _part(stack: Any, number: int) -> npt.NDArray[Any]:
    part = stack[number]
    return as_dense(computed_part(part) if hasattr(part, "dask") else part)


def _noise(signal: BaseSignal, mean: float) -> float | None:
    """Standard deviation of the noise of a pixel of mean intensity; None where unknown."""
    try:
        variance = float(np.squeeze(recording.noise_of(signal).variance(np.array([mean]))))
    except ValueError:
        return None
    return math.sqrt(variance) if variance > 0 else None
