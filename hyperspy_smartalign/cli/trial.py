"""The simulated series of the demo, and how its alignment compares with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data import Detector, SimulatedSeries, Truth, simulate_series
from hyperspy_smartalign.series.checks import listed

if TYPE_CHECKING:
    from hyperspy_smartalign.transforms.alignment import Alignment

FloatArray = npt.NDArray[np.float64]

# (y, x) px from the first to the last frame, and px a frame of random walk on top.
_DRIFT = (45.6, -34.2)
_WALK = 0.6
# A detector with 16 bits, gain and offset, as they are; read noise well below one count.
_DETECTOR = Detector(gain=120.0, offset=400.0, read_noise=12.0, bit_depth=16)
# Columns are 16.3 / sqrt(2) px apart, so an error of a third of that is a hop.
_HOP = 3.8
_WORST_RATIO = 1.5


def simulate(*, frames: int, dose: float, size: int, seed: int) -> SimulatedSeries:
    """A perovskite lattice with flaws on two detectors, drifting by 57 px in all."""
    step = np.array(_DRIFT) * min(1.0, size / 256) / (frames - 1)
    return simulate_series(
        shape=(size, size),
        frames=frames,
        dose=dose,
        drift=step,
        drift_walk=_WALK,
        detector=_DETECTOR,
        second_detector=True,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class Outcome:
    """Found and true shifts of a series.

    Attributes
    ----------
    true, found : (n, 2) float64
        Shifts (y, x) in px, without what is common to all frames.
    precision : (n, 2) float64
        Standard errors that the alignment reports.
    bound : (n, 2) float64
        Cramer-Rao bound.
    """

    true: FloatArray
    found: FloatArray
    precision: FloatArray
    bound: FloatArray

    @classmethod
    def of(cls, truth: Truth, alignment: Alignment) -> Outcome:
        """Compare an alignment with the truth.

        A registration knows shifts only up to a constant: the mean error of the largest group of
        frames that agree with each other is taken off.
        """
        true = truth.shifts
        found = alignment.shifts - _common_part(alignment.shifts - true)
        middle = true.mean(axis=0)
        read_noise = _DETECTOR.read_noise / _DETECTOR.gain
        precision = alignment.precision
        return cls(
            true=true - middle,
            found=found - middle,
            precision=np.full_like(true, np.nan) if precision is None else precision,
            bound=np.array(
                [
                    truth.cramer_rao_shift(frame=frame, read_noise=read_noise)
                    for frame in range(len(true))
                ]
            ),
        )

    @property
    def error(self) -> FloatArray:
        """Found minus true shift (n, 2), px."""
        return self.found - self.true

    @property
    def hops(self) -> npt.NDArray[np.bool_]:
        """Frames (n,) that sit on a wrong column of the lattice."""
        return np.asarray(np.hypot(*self.error.T) > _HOP)

    @property
    def rms(self) -> float:
        """Root mean square error per axis of the frames that did not hop, px."""
        return _rms(self.error[~self.hops])

    @property
    def rms_bound(self) -> float:
        """The same of the bound."""
        return _rms(self.bound)

    @property
    def verdict(self) -> str:
        """What is wrong; empty if nothing is."""
        hopped = np.flatnonzero(self.hops)
        if len(hopped):
            return (
                f"{len(hopped)} of {len(self.true)} frames are off by a lattice vector "
                f"({listed(hopped.tolist())})."
            )
        if not self.rms <= _WORST_RATIO * self.rms_bound:
            return (
                f"the rms error of the shifts is {self.rms / self.rms_bound:.2f} times the bound, "
                f"and {_WORST_RATIO:g} is allowed."
            )
        return ""

    def table(self) -> str:
        """True and found shift, error and reported standard error of every frame."""
        lines = [
            "          true shift (px)   found shift (px)        error (px)   standard error",
            "frame        y        x        y        x        y        x        y        x",
        ]
        columns = np.hstack([self.true, self.found, self.error, self.precision])
        for frame, (row, hopped) in enumerate(zip(columns, self.hops, strict=True)):
            numbers = "".join(f"{number:9.2f}" for number in row[:4])
            numbers += "".join(f"{number:9.3f}" for number in row[4:])
            lines.append(f"{frame:5d}{numbers}{'  hop' if hopped else ''}")
        return "\n".join(lines)

    def summary(self) -> str:
        """Errors and hops of the whole series, a line each."""
        reported = _rms(self.precision[np.isfinite(self.precision).all(axis=1)])
        return (
            f"rms error of a shift, per axis   {self.rms:.4f} px\n"
            f"smallest possible (Cramer-Rao)   {self.rms_bound:.4f} px, "
            f"ratio {self.rms / self.rms_bound:.2f}\n"
            f"standard error reported          {reported:.4f} px\n"
            f"frames off by a lattice vector   {int(self.hops.sum())} of {len(self.true)}"
        )


def _common_part(errors: FloatArray) -> FloatArray:
    """Mean (2,) of the largest group of errors (n, 2) that lie within a hop of one of them."""
    agree = np.hypot(*(errors[:, np.newaxis] - errors).T) < _HOP
    return np.asarray(errors[agree[np.argmax(agree.sum(axis=1))]].mean(axis=0))


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values)))) if values.size else float("nan")
