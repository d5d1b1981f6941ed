"""Frames whose noise is not white, and what was found on the grid where it is.

Frames that were smoothed or resampled are registered on the grid of a `Whitening`: up-sampled
ones have a pixel for each raw pixel there again, and a line for each scan line. Everything that
leaves the registration is in pixels of the frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.rigid.store import FrameSource, FrameStore
from hyperspy_smartalign.rigid.whitening import WhitenedFrames, Whitening, find_whitening
from hyperspy_smartalign.transforms import Transform

from .result import NonrigidResult
from .sources import ComparedFrames

__all__ = ["WhiteGrid", "find_white_grid"]

BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]
Region = tuple[int, int, int, int]

#: Tiles of the spectrum along each axis.
TILES = 8
#: Largest logarithm by which the density of the noise is corrected: beyond it frequencies are
#: nearly empty, and stay so.
MOST = float(np.log(4.0))


def find_white_grid(
    frames: FrameSource, excluded: BoolArray, region: Region | None
) -> WhiteGrid | None:
    """The grid on which the noise of a series is white; None where that is the grid it has.

    Parameters
    ----------
    frames : FrameSource
    excluded : (n,) bool
        Frames that are not looked at.
    region : (left, right, top, bottom) or None
        Pixels of the frame that are used.

    Returns
    -------
    WhiteGrid or None
    """
    store = FrameStore(ComparedFrames(frames), region=region, keep=False)

    def filled(index: int) -> npt.NDArray[np.float32]:
        pixels = store.frame(index)
        known = np.isfinite(pixels)
        if known.all() or not known.any():
            return np.nan_to_num(pixels)
        return np.where(known, pixels, pixels[known].mean(dtype=np.float64).astype(np.float32))

    whitening = find_whitening(filled, np.flatnonzero(~excluded), store.shape)
    return None if whitening is None else WhiteGrid(whitening, region)


@dataclass(frozen=True)
class WhiteGrid:
    """The way to the grid on which noise is white, and back.

    Attributes
    ----------
    whitening : Whitening
    region : (left, right, top, bottom) or None
        Pixels of the frame that it covers; all where None.
    """

    whitening: Whitening
    region: Region | None = None

    @property
    def step(self) -> DoubleArray:
        """Pixels of the frame (y, x) that a pixel of the grid stands for."""
        return np.array(self.whitening.step, np.float64)

    @property
    def mean_step(self) -> float:
        """The step of what has no direction, px of the frame."""
        return float(np.sqrt(self.step.prod()))

    def source(self, frames: FrameSource) -> WhitenedFrames:
        """The frames on the grid, which covers the region alone."""
        return WhitenedFrames(ComparedFrames(frames), self.whitening, self.region)

    def parameters(self, parameters: NonrigidParameters) -> NonrigidParameters:
        """The parameters with lengths in pixels (lines) of the grid."""
        changed: dict[str, Any] = {
            "smooth_frames": parameters.smooth_frames / self.mean_step,
        }
        for name in ("smooth_reference", "smoothing"):
            value = getattr(parameters, name)
            if value is not None:
                changed[name] = value / self.mean_step
        if parameters.convergence != "auto" and parameters.convergence_limit is not None:
            changed["convergence"] = parameters.convergence_limit / self.mean_step
        return NonrigidParameters(**{**parameters.keywords(), **changed})

    def to_grid(self, transform: Transform) -> Transform:
        """A transform in pixels of the grid."""
        return transform.regridded(self.step, self.whitening.start)

    def to_frames(self, transform: Transform) -> Transform:
        """A transform in pixels of the frames (of the region)."""
        return transform.regridded(1.0 / self.step, -np.array(self.whitening.start) / self.step)

    def refined(self, power: DoubleArray) -> WhiteGrid:
        """The grid with the noise on it made white anew.

        Parameters
        ----------
        power : (h', w' // 2 + 1) float64 array
            Spectrum of the noise as it is on the grid.
        """
        height, width = self.whitening.grid
        rows, columns = (
            np.minimum((frequency / 0.5 * TILES).astype(np.intp), TILES - 1)
            for frequency in (np.abs(fft.fftfreq(height)), fft.rfftfreq(width))
        )
        density = np.array(
            [[power[np.ix_(rows == y, columns == x)].mean() for x in range(TILES)]
             for y in range(TILES)]
        )  # fmt: skip
        density = ndimage.median_filter(np.log(density), 3, mode="mirror")
        density = np.clip(density - density[:2, :2].mean(), -MOST, MOST)
        place = np.meshgrid(
            *((np.arange(size) + 0.5) / size * TILES - 0.5 for size in (height, width)),
            indexing="ij",
        )
        smooth = ndimage.map_coordinates(density, place, order=1, mode="nearest")
        gain = np.asarray(self.whitening.gain * np.exp(-0.5 * smooth), np.float32)
        return replace(self, whitening=replace(self.whitening, gain=gain))

    def rates(self, rates: DoubleArray, axes: npt.NDArray[np.intp]) -> DoubleArray:
        """Drift (n, 2) (y, x) a line of the frame as that a line of the grid."""
        return np.asarray(rates * self.step[axes][:, None] / self.step)

    def on_frames(self, found: NonrigidResult, axes: npt.NDArray[np.intp]) -> NonrigidResult:
        """What was found on the grid in pixels of the frames, but for the transforms.

        Parameters
        ----------
        found : NonrigidResult
            Its transforms are in pixels of the frames already.
        axes : (n,) int
            Array axis of the slow scan of each frame.
        """
        step, mean, prior = self.step, self.mean_step, found.prior
        if prior is not None and found.line_errors is None:
            prior = replace(prior, rms=prior.rms * step, length=prior.length * mean)
        elif prior is not None:
            slow, fast = (float(step[each].mean()) for each in (axes, 1 - axes))
            prior = replace(
                prior, rms=prior.rms * np.array([slow, fast]), length=prior.length * slow
            )
        area = float(step.prod()) / self.whitening.filled
        return replace(
            found,
            precision=found.precision * step,
            line_errors=(
                None if found.line_errors is None else self._line_errors(found.line_errors, axes)
            ),
            cycles=tuple(cycle.scaled(mean) for cycle in found.cycles),
            prior=prior,
            noise=found.noise.scaled(area),
        )

    def _line_errors(self, errors: DoubleArray, axes: Sequence[int] | npt.NDArray[np.intp]) -> Any:
        """Standard errors (n, lines, 2) at the lines of the frames."""
        whitening = self.whitening
        lines = max(whitening.shape[axis] for axis in axes)
        result = np.full((len(errors), lines, 2), np.nan)
        for error, on_frame, axis in zip(errors, result, axes, strict=True):
            count, kept = whitening.shape[axis], whitening.grid[axis]
            place = (np.arange(count) - whitening.start[axis]) / whitening.step[axis]
            for column, step in enumerate(whitening.step):
                on_frame[:count, column] = step * np.interp(
                    place, np.arange(kept), error[:kept, column]
                )
        return result
