"""From noise-free intensities to what a detector records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import above_zero, at_least, fraction, whole


@dataclass(frozen=True)
class Detector:
    """A counting detector with gain, offset, read noise and a converter.

    A pixel of intensity I gives Poisson(dose * I) counts. Its grey level is

        offset + gain * counts + read noise.

    Parameters
    ----------
    gain : float
        Grey levels a count.
    offset : float
        Grey level of no counts.
    read_noise : float
        Standard deviation of Gaussian noise, in grey levels.
    bit_depth : int, optional
        Bits of the converter, 1 to 32: grey levels are rounded and clipped to 0 ... 2^bits - 1 and
        stored in the smallest unsigned type. Without it they are float32, not rounded.
    dtype : str, optional
        Store them in this type instead, such as ">u2" or "int32".
    hot_pixels : float
        Share of the pixels struck by a spike, anew in each frame.
    hot_counts : float
        Counts that a spike adds.
    missing_rows : int
        Rows a frame that recorded no counts, anew in each frame.

    Raises
    ------
    ValueError
        If a number is out of range or the type cannot hold the bits.
    """

    gain: float = 1.0
    offset: float = 0.0
    read_noise: float = 0.0
    bit_depth: int | None = None
    dtype: str | None = None
    hot_pixels: float = 0.0
    hot_counts: float = 1000.0
    missing_rows: int = 0

    def __post_init__(self) -> None:
        above_zero(self.gain, name="gain")
        if not math.isfinite(self.offset):
            raise ValueError(f"offset is {self.offset!r}; give a finite number.")
        at_least(self.read_noise, 0.0, name="read_noise")
        fraction(self.hot_pixels, name="hot_pixels")
        at_least(self.hot_counts, 0.0, name="hot_counts")
        whole(self.missing_rows, 0, name="missing_rows")
        if self.bit_depth is not None and not 1 <= whole(self.bit_depth, 1, name="bit_depth") <= 32:
            raise ValueError(f"bit_depth is {self.bit_depth}; give 1 to 32 bits.")
        kind = self.pixel_type.kind
        if kind not in "iuf":
            raise ValueError(f"dtype is {self.dtype!r}; give a real or integer type.")
        if self.bit_depth is not None and kind in "iu":
            largest = np.iinfo(self.pixel_type).max
            if largest < 2**self.bit_depth - 1:
                raise ValueError(
                    f"dtype {self.dtype!r} holds at most {largest}, less than the "
                    f"{self.bit_depth} bits of bit_depth; give a larger type or fewer bits."
                )

    @property
    def pixel_type(self) -> np.dtype[Any]:
        """Type of the recorded pixels."""
        if self.dtype is not None:
            return np.dtype(self.dtype)
        if self.bit_depth is None:
            return np.dtype(np.float32)
        return np.min_scalar_type(2**self.bit_depth - 1)

    def record(
        self, intensity: npt.NDArray[np.floating], *, dose: float, rng: np.random.Generator
    ) -> npt.NDArray[np.generic]:
        """Record one frame.

        Parameters
        ----------
        intensity : array
            Noise-free intensity, 1 for the strongest column over no background.
        dose : float
            Counts a pixel at intensity 1. With ``inf`` there is no shot noise and the counts are
            the intensity itself.
        rng : numpy.random.Generator
            Source of the noise.

        Returns
        -------
        array of `pixel_type`, of the same shape
        """
        dose = above_zero(dose, name="dose", allow_infinite=True)
        if intensity.size and intensity.min() < 0:
            raise ValueError(
                f"the intensity goes down to {intensity.min():.4g}; counts cannot be negative. "
                "Give the crystal a higher background."
            )
        counts = intensity.astype(np.float64)
        if math.isfinite(dose):
            counts = rng.poisson(dose * counts).astype(np.float64)
        if self.hot_pixels:
            counts += self.hot_counts * (rng.random(counts.shape) < self.hot_pixels)
        if self.missing_rows:
            rows = counts.shape[0]
            if self.missing_rows > rows:
                raise ValueError(f"missing_rows is {self.missing_rows} on frames of {rows} rows.")
            counts[rng.choice(rows, size=self.missing_rows, replace=False)] = 0
        levels = self.offset + self.gain * counts
        if self.read_noise:
            levels += self.read_noise * rng.standard_normal(levels.shape)
        if self.bit_depth is not None:
            levels = np.clip(np.rint(levels), 0, 2**self.bit_depth - 1)
        elif self.pixel_type.kind in "iu":
            limits = np.iinfo(self.pixel_type)
            levels = np.clip(np.rint(levels), limits.min, limits.max)
        return levels.astype(self.pixel_type)
