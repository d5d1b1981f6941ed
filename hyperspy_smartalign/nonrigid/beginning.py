"""What the cycles of a non-rigid registration start from: frames, places, settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid.spectra import white_noise_variance
from hyperspy_smartalign.rigid.store import FrameSource, FrameStore
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import Transform

from .frame_fit import Brightness
from .lines import lines_of
from .settings import Settings
from .sources import ComparedFrames
from .state import State
from .timing import drift_rates
from .whitened import WhiteGrid

__all__ = ["Beginning"]

BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Beginning:
    """What the cycles start from, in pixels of what is compared.

    Attributes
    ----------
    store : FrameStore
    state : State
    settings : Settings
    """

    store: FrameStore
    state: State
    settings: Settings

    @classmethod
    def of(
        cls,
        frames: FrameSource,
        start: Sequence[Transform],
        parameters: NonrigidParameters,
        excluded: BoolArray,
        scan: ScanGeometry | None,
        region: tuple[int, int, int, int] | None,
        grid: WhiteGrid | None,
        *,
        num_workers: int | None,
    ) -> Beginning:
        """The beginning of a registration; arguments are those of `align_frames_nonrigid`.

        `start` is in pixels of the region, and `grid` the one on which frames are compared, where
        that is not their own.

        Raises
        ------
        ValueError
            The reference, the weights or ``continuous`` do not fit the series.
        """
        work = _Work.of(frames, parameters, excluded, region, grid, num_workers=num_workers)
        axes = _axes(scan, len(start), parameters)
        if grid is not None:
            start = [grid.to_grid(transform) for transform in start]
        state = State(
            paths=tuple(
                lines_of(transform, work.store.shape, int(axis))
                for transform, axis in zip(start, axes, strict=True)
            ),
            brightness=(Brightness(),) * len(start),
            noise=work.noise,
        )
        rates = None
        if parameters.continuous is not False:
            rates = _rates(scan, state, axes, work.store.shape, grid)
            if rates is None and parameters.continuous:
                raise ValueError(
                    "continuous=True needs the times of the scan lines: give them with "
                    "signal.smartalign.prepare(line_time=...)."
                )
        return cls(work.store, state, replace(work.settings, axes=axes, rates=rates))


def _axes(
    scan: ScanGeometry | None, n: int, parameters: NonrigidParameters
) -> npt.NDArray[np.intp]:
    """Array axis of the slow scan of each frame; rows where no model needs scan lines."""
    if scan is None or set(parameters.models) <= {"free"}:
        return np.zeros(n, np.intp)
    return np.array([scan.slow_axis(i) for i in range(n)], np.intp)


def _rates(
    scan: ScanGeometry | None,
    state: State,
    axes: npt.NDArray[np.intp],
    shape: tuple[int, int],
    grid: WhiteGrid | None,
) -> DoubleArray | None:
    """Drift (n, 2) (y, x) of each frame, px a line of what is compared."""
    if grid is None:
        return drift_rates(scan, state.shifts, shape)
    # Times are those of the lines of the frames.
    rates = drift_rates(scan, state.shifts * grid.step, grid.whitening.shape)
    return None if rates is None else grid.rates(rates, axes)


@dataclass(frozen=True)
class _Work:
    """The frames as they are compared, and the settings that hold throughout."""

    store: FrameStore
    settings: Settings
    noise: NoiseModel

    @classmethod
    def of(
        cls,
        frames: FrameSource,
        parameters: NonrigidParameters,
        excluded: BoolArray,
        region: tuple[int, int, int, int] | None,
        grid: WhiteGrid | None,
        *,
        num_workers: int | None,
    ) -> _Work:
        information, step = 1.0, 1.0
        if grid is not None:
            # From here on pixels are those of the grid, which covers the region alone.
            frames, parameters, region = grid.source(frames), grid.parameters(parameters), None
            information, step = grid.whitening.filled, grid.mean_step
        width = float(parameters.smooth_frames)
        first = np.asarray(frames.frame(0))
        source = ComparedFrames(frames, width)
        store = FrameStore(source, region=region, keep=not source.lazy, num_workers=num_workers)
        used = ~excluded
        means = np.array([_mean(store.frame(i)) if used[i] else np.nan for i in range(len(store))])
        saturation = np.inf
        if first.dtype.kind in "iu" and width == 0:
            saturation = float(np.iinfo(first.dtype).max)
        fixed = parameters.reference if isinstance(parameters.reference, int) else None
        if fixed is not None and (fixed >= len(frames) or excluded[fixed]):
            raise ValueError(
                f"reference={fixed} is no frame that takes part: there are {len(frames)} frames, "
                "counted from 0, and excluded ones cannot be the reference."
            )
        members = np.flatnonzero(used)
        sample = members[np.unique(np.linspace(0, len(members) - 1, 8).astype(int))]
        variance = white_noise_variance(
            lambda index: np.nan_to_num(store.frame(index), nan=means[index]), sample, store.shape
        )
        # A smoothed frame shows its noise at low frequencies only.
        spread = 1.0 if width == 0 else max(1.0, 4 * np.pi * width**2)
        level = float(np.nanmean(means))
        variance = max(variance, 1e-12 * max(level**2, 1e-30))
        settings = Settings(
            used=used,
            axes=np.zeros(len(frames), np.intp),
            weights=_weights(parameters, used, means),
            level=level,
            fixed=fixed,
            smoothing=parameters.smooth_reference,
            length=parameters.smoothing,
            robustness=float(parameters.noise_constant),
            line_noise=bool(parameters.line_noise),
            information=information / spread,
            step=step,
            saturation=saturation,
            constrain_edges=bool(parameters.constrain_edges),
            num_workers=num_workers,
        )
        return cls(store, settings, NoiseModel(variance, 0.0, 0.1 * variance))


def _mean(pixels: npt.NDArray[np.float32]) -> float:
    finite = pixels[np.isfinite(pixels)]
    return float(finite.mean(dtype=np.float64)) if finite.size else 0.0


def _weights(parameters: NonrigidParameters, used: BoolArray, means: DoubleArray) -> DoubleArray:
    """Weight of each frame in the reference, one on average."""
    given = parameters.weights
    if given == "dose":
        weights = np.where(used, np.maximum(np.nan_to_num(means), 0.0), 0.0)
    elif isinstance(given, str):
        weights = np.where(used, 1.0, 0.0)
    else:
        weights = np.where(used, np.asarray(given, np.float64), 0.0)
    if (weights > 0).sum() < 2:
        raise ValueError("fewer than two frames have a weight above 0, so that there is no mean.")
    return np.asarray(weights / weights[weights > 0].mean())
