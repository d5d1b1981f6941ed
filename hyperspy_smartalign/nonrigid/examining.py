"""What the scan lines of frames say of an alignment that is given, whoever made it.

Every frame is compared with the mean of the others at the place where the alignment puts it. What
lines still want, and how they may be displaced at all, is estimated afresh, so that an alignment by
another program or another solver is judged by the same measure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.line_motion import FrameLines
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid.spectra import white_noise_variance
from hyperspy_smartalign.rigid.store import FrameSource, FrameStore
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import Transform

from .comparing import evaluate
from .equations import LineEquations
from .frame_fit import Brightness
from .held_out import dispersion, line_gain
from .likelihood import line_likelihood
from .line_pass import process_of
from .lines import LinePath, lines_of
from .prior import estimate_prior
from .process import LineProcess, matern
from .result import ScanPrior
from .settings import Settings
from .smoother import UNKNOWN, Smoothed, smooth_lines
from .sources import ComparedFrames
from .state import State

__all__ = ["Examined", "examine_lines"]

BoolArray = npt.NDArray[np.bool_]
DoubleArray = npt.NDArray[np.float64]
Quadratic = tuple[DoubleArray, DoubleArray]
Progress = Callable[[str, int, int], None]

#: Jitter that the likelihood is asked about: rms in px, correlation in lines.
DEVIATIONS = np.concatenate([[0.0], np.geomspace(0.01, 3.0, 24)])
LENGTHS = (1.0, 3.0, 8.0, 20.0)
#: Probability on either side of the interval of the jitter.
TAIL = 0.025
#: Drift within frames below which there is none, px, and in standard errors of its mean square.
LEAST_DRIFT, SURE_DRIFT = 1e-3, 2.0
#: Lines that are asked at most.
MOST_LINES = 3000


@dataclass(frozen=True, eq=False)
class Examined:
    """What lines say of an alignment.

    Attributes
    ----------
    frames : tuple of int
        Frames that were compared.
    lines : tuple of FrameLines
        One for each of them.
    gain : (m,) float64
        Rise of the log-likelihood of pixels held out of a fit by displacing the lines of each
        frame, over frames that are only shifted.
    jitter : (3,) float64
        Mean square of the motion of lines about the drift of their frame, px^2 per axis: 2.5, 50
        and 97.5 % of its probability.
    prior : ScanPrior
        Process that the motion of lines follows best; its rms is 0 where no motion is seen.
    similarity : (m,) float64
        Correlation of each frame with the mean of the others.
    contrast : (m,) float64
        Contrast of each frame relative to the others.
    noise : NoiseModel
    """

    frames: tuple[int, ...]
    lines: tuple[FrameLines, ...]
    gain: DoubleArray
    jitter: DoubleArray
    prior: ScanPrior
    similarity: DoubleArray
    contrast: DoubleArray
    noise: NoiseModel


def examine_lines(
    frames: FrameSource,
    transforms: Sequence[Transform],
    *,
    used: BoolArray,
    reported: Sequence[DoubleArray | None],
    scan: ScanGeometry | None = None,
    region: tuple[int, int, int, int] | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> Examined | None:
    """Compare every frame with the mean of the others where an alignment puts it.

    Parameters
    ----------
    frames : FrameSource
        ``len(frames)`` frames read by ``frames.frame(i)``, (h, w).
    transforms : sequence of Transform
        From the common frame to each frame.
    used : (n,) bool
        Frames that take part.
    reported : sequence of (2,) or (lines, 2) arrays, or None
        Standard errors (y, x) that the alignment claims, of a whole frame or of its lines, px.
    scan : ScanGeometry, optional
        Directions of the scan lines; rows by default.
    region : (left, right, top, bottom), optional
        Pixels of the frame that are used.
    num_workers : int, optional
    progress : callable, optional
        ``progress(stage, done, total)``.

    Returns
    -------
    Examined or None
        None where fewer than three frames show anything in common.
    """
    store = FrameStore(
        ComparedFrames(frames, 0.0),
        region=region,
        keep=not getattr(frames, "lazy", False),
        num_workers=num_workers,
    )
    n = len(store)
    origin = (0, 0) if region is None else (region[2], region[0])
    axes = np.array([0 if scan is None else scan.slow_axis(i) for i in range(n)], np.intp)
    paths = tuple(
        lines_of(transform.moved(origin), store.shape, int(axis))
        for transform, axis in zip(transforms, axes, strict=True)
    )
    state, settings = _start(store, paths, used, axes, num_workers)
    for _ in range(3):
        evaluated = evaluate(store, state, settings, progress=_stage(progress))
        settled = np.isclose(
            float(evaluated.noise.variance(settings.level)),
            float(state.noise.variance(settings.level)),
            rtol=0.1,
        )
        state = replace(
            state,
            brightness=evaluated.brightness,
            noise=evaluated.noise,
            line_noise=evaluated.line_noise,
        )
        if settled:
            break
    known = {i: e.with_line_noise(evaluated.line_noise) for i, e in evaluated.lines.items()}
    seen = [i for i, e in known.items() if np.trace(e.information.sum((0, 1))) > 0]
    if len(seen) < 3:
        return None
    share = 1.0 / dispersion([known[i].disagreement() for i in seen])
    equations = {i: known[i].offsets_only().scaled(share) for i in seen}
    return _judged(equations, paths, reported, evaluated.similarity, state, settings)


def _stage(progress: Progress | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress("judging frames", done, total)


def _start(
    store: FrameStore,
    paths: tuple[LinePath, ...],
    used: BoolArray,
    axes: npt.NDArray[np.intp],
    num_workers: int | None,
) -> tuple[State, Settings]:
    members = np.flatnonzero(used)
    means = [float(np.nanmean(store.frame(int(i)))) for i in members]
    sample = members[np.unique(np.linspace(0, len(members) - 1, 8).astype(int))]
    level = float(np.mean(means))
    mean_of = dict(zip(members.tolist(), means, strict=True))
    variance = white_noise_variance(
        lambda i: np.nan_to_num(store.frame(i), nan=mean_of[int(i)]), sample, store.shape
    )
    variance = max(variance, 1e-12 * max(level**2, 1e-30))
    weights = used / used.mean()
    settings = Settings(used=used, axes=axes, weights=weights, level=level, num_workers=num_workers)
    state = State(
        paths=paths,
        brightness=(Brightness(),) * len(paths),
        noise=NoiseModel(variance, 0.0, 0.1 * variance),
    )
    return state, settings


def _judged(
    equations: dict[int, LineEquations],
    paths: tuple[LinePath, ...],
    reported: Sequence[DoubleArray | None],
    similarity: DoubleArray,
    state: State,
    settings: Settings,
) -> Examined:
    order = list(equations)
    one_way = len(set(settings.axes[order])) == 1
    if one_way:
        equations = _without_common(equations, paths)
    present = {i: paths[i].offsets - paths[i].mean for i in order}
    if one_way:
        # What is common to all frames of one scan direction cannot be seen.
        mean = np.mean([present[i] for i in order], axis=0)
        present = {i: each - mean for i, each in present.items()}

    def about_mean(i: int, half: int | None = None) -> Quadratic:
        information, vector = equations[i].joined(half)
        return information, vector + np.einsum("kij,kj->ki", information, present[i])

    apart = []
    for i in order:
        information, vector = equations[i].joined()
        own = np.ascontiguousarray(np.diagonal(information, axis1=1, axis2=2))
        apart.append((own, vector + own * present[i]))
    prior = estimate_prior(apart, num_workers=settings.num_workers)
    process, rms = process_of(prior)
    posteriors = {i: smooth_lines(*about_mean(i), process, rms) for i in order}
    drift = max(_drift(list(posteriors.values())), LEAST_DRIFT)
    if drift < UNKNOWN:
        # Drift within frames that is no larger than its errors is none.
        posteriors = {
            i: smooth_lines(*about_mean(i), process, rms, drift_error=drift) for i in order
        }
    gain = line_gain(
        [(about_mean(i, 0), about_mean(i, 1)) for i in order],
        process,
        rms,
        paths=[paths[i] for i in order],
        groups=[list(range(len(order)))] if one_way else [],
        against_drift=False,
        num_workers=settings.num_workers,
    )
    lines = []
    for i in order:
        path, posterior = paths[i], posteriors[i]
        claimed = reported[i]
        lines.append(
            FrameLines(
                information=_turned(path, equations[i].information),
                vector=path.image_order(equations[i].vector),
                found=path.image_order(present[i]),
                expected=path.image_order(posterior.values),
                variance=path.image_order(np.diagonal(posterior.covariance, axis1=1, axis2=2)),
                reported=np.broadcast_to(
                    np.full(2, np.nan) if claimed is None else np.asarray(claimed, np.float64),
                    (path.lines, 2),
                ),
            )
        )
    return Examined(
        frames=tuple(order),
        lines=tuple(lines),
        gain=gain,
        jitter=_jitter(apart),
        prior=prior,
        similarity=similarity[order],
        contrast=np.array([state.brightness[i].contrast for i in order]),
        noise=state.noise,
    )


def _drift(posteriors: Sequence[Smoothed]) -> float:
    """Rms drift of the frames from their middle to their ends, less that of its errors, px.

    0 where that is within its own error.
    """
    squares = []
    for each in posteriors:
        place = np.linspace(-1.0, 1.0, len(each.values))
        slope = place @ (each.values - each.values.mean(0)) / (place @ place)
        variance = np.diagonal(each.covariance, axis1=1, axis2=2)
        # Of a straight line, the variance grows from the middle to the ends by that of its slope.
        spread = 0.5 * (variance[0] + variance[-1]) - variance[len(variance) // 2]
        squares.append(slope**2 - np.maximum(spread, 0.0))
    mean = float(np.mean(squares))
    error = float(np.std(squares) / np.sqrt(np.size(squares)))
    return float(np.sqrt(mean)) if mean > SURE_DRIFT * error else 0.0


def _without_common(
    equations: dict[int, LineEquations], paths: tuple[LinePath, ...]
) -> dict[int, LineEquations]:
    """The equations less what all frames want alike at a row of the common frame.

    That is error of their common reference, whose noise is correlated from row to row, and would
    pass for slow motion. The halves are treated apart, so that their noise stays independent.
    """
    rows = {i: np.rint(np.arange(paths[i].lines) - paths[i].mean[0]).astype(int) for i in equations}
    low = min(int(row[0]) for row in rows.values())
    size = max(int(row[-1]) for row in rows.values()) - low + 1
    information, vector = np.zeros((2, size, 2, 2)), np.zeros((2, size, 2))
    for i, each in equations.items():
        place = slice(rows[i][0] - low, rows[i][-1] - low + 1)
        information[:, place] += each.information
        vector[:, place] += each.vector
    trace = np.trace(information, axis1=2, axis2=3)
    ridge = 1e-6 * np.maximum(trace, 1e-6 * trace.max())[..., None, None] * np.eye(2)
    common = np.linalg.solve(information + ridge, vector[..., None])[..., 0]
    result = {}
    for i, each in equations.items():
        place = slice(rows[i][0] - low, rows[i][-1] - low + 1)
        shared = np.einsum("hkij,hkj->hki", each.information, common[:, place])
        result[i] = replace(each, vector=each.vector - shared)
    return result


def _turned(path: LinePath, information: DoubleArray) -> DoubleArray:
    return information if path.axis == 0 else information[..., ::-1, ::-1]


def _jitter(data: Sequence[Quadratic]) -> DoubleArray:
    """Quantiles of the mean square of the jitter, its rms having a flat prior.

    Correlation lengths and axes are integrated over; each axis has a jitter of its own.
    """
    count = max(2, MOST_LINES // max(len(data[0][1]), 1))
    chosen = np.unique(np.linspace(0, len(data) - 1, min(count, len(data))).astype(int))
    # Flat in the rms, of which the points are the middles.
    width = np.gradient(DEVIATIONS)
    shares = []
    for axis in range(2):
        heights = np.full((len(LENGTHS), len(DEVIATIONS)), -np.inf)
        for row, length in enumerate(LENGTHS):
            unit = matern(1.5, length)
            for column, rms in enumerate(DEVIATIONS):
                process = unit if rms > 0 else LineProcess.none()
                heights[row, column] = sum(
                    line_likelihood(
                        np.ascontiguousarray(data[i][0][:, axis]),
                        np.ascontiguousarray(data[i][1][:, axis]),
                        process,
                        float(rms),
                    )
                    for i in chosen
                )
        share = np.exp(heights - heights.max()).sum(0) * width
        shares.append(share / share.sum())
    # Mean over the axes.
    both = np.multiply.outer(*shares).ravel()
    squares = 0.5 * np.add.outer(DEVIATIONS**2, DEVIATIONS**2).ravel()
    ordered = np.argsort(squares)
    share = both[ordered]
    # A point stands for the values around it: half of its share lies below.
    below = np.cumsum(share) - 0.5 * share
    return np.asarray(np.interp([TAIL, 0.5, 1 - TAIL], below, squares[ordered]))
