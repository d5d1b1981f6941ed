"""The search for a motif in one frame or many, in stages that refine the motif."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.averages import average_tiles
from hyperspy_smartalign.motif.fitting import MotifFit
from hyperspy_smartalign.motif.matches import Matches, joined
from hyperspy_smartalign.motif.memory import SearchMemory, Work
from hyperspy_smartalign.motif.noise import tile_noise
from hyperspy_smartalign.motif.orientations import orientations, oriented
from hyperspy_smartalign.motif.peaks import find_peaks, keep_best
from hyperspy_smartalign.motif.prepared import PreparedFrame, PreparedFrames
from hyperspy_smartalign.motif.repeats import NEAREST_REPEAT, repeat_distance
from hyperspy_smartalign.motif.searched_motif import SearchedMotif, checked_motif
from hyperspy_smartalign.motif.sites import other_sites
from hyperspy_smartalign.motif.smoothing import smooth_motif
from hyperspy_smartalign.motif.sources import Frames, as_source
from hyperspy_smartalign.motif.stages import MotifSearch, Stage
from hyperspy_smartalign.motif.threshold import automatic_threshold, noise_floor
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.resampling.workers import run_tasks

# A fit may go so many pixels, and no more than this share of the way to another match.
_FARTHEST = 4.0
_STRAYING = 0.25
# Pixels; maxima at the rim are placed at whole pixels across it.
_RIM = 0.25
Progress = Callable[[str, int, int], None]
Recall = Callable[[int, Work, Callable[[], Matches]], Matches]


class NoMatchError(ValueError):
    """No tile is enough like the motif."""


def find_motif(
    frames: Frames,
    motif: npt.ArrayLike,
    parameters: TemplateParameters | None = None,
    *,
    memory: SearchMemory | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> MotifSearch:
    """Find the repeats of a motif.

    Parameters
    ----------
    frames : (h, w) or (n, h, w) array, or FrameSource
        Images of real pixels; NaN where nothing was observed.
    motif : (th, tw) array
        Region of an image, or of another one with the same pixel size; NaN where it says nothing.
    parameters : TemplateParameters, optional
    memory : SearchMemory, optional
        What keeps results as they come, and gives back those of an earlier search.
    num_workers : int, optional
        Threads; one per processor by default.
    progress : callable, optional
        Called as ``progress(stage, done, frames)``.

    Returns
    -------
    MotifSearch

    Raises
    ------
    NoMatchError
        If a motif is to be refined and no tile is like it.
    ValueError
        If the motif has no contrast or is larger than a frame, or there is not one threshold for
        each frame.

    Notes
    -----
    Each stage scores every tile of every frame by normalised cross-correlation, keeps the best of
    the local maxima that are too near to each other, and places them by parabolas. What the tiles
    of one stage have in common, less the noise of their mean (`smooth_motif`), is the motif of the
    next. The last stage fits it to the pixels; how tiles scatter is the noise that weights these.
    Where the candidates make up a lattice it tells how near repeats are, and which of its sites
    only look like the motif (`other_sites`).
    """
    options = TemplateParameters() if parameters is None else parameters
    source = as_source(frames)
    _check_thresholds(options, len(source))
    template, known = checked_motif(motif)
    if known is not None:
        template[~known] = np.nan
    current = np.ascontiguousarray(template, np.float32)
    noise: DoubleArray | None = None
    prepared = PreparedFrames(source)
    stages: list[Stage] = []
    for number in range(options.refine + 1):
        final = number == options.refine
        name = "searching the motif" if number == 0 else f"searching the refined motif {number}"
        search = _Search(current, options, prepared, noise=noise, final=final)
        recall = None if memory is None else partial(memory.candidates, number)
        stages.append(search.run(recall, num_workers, _named(progress, name)))
        if final:
            break
        matches = stages[-1].matches
        if not len(matches):
            raise NoMatchError(
                "No tile is enough like the motif to refine it. Give a lower threshold and "
                "refine=0, a larger motif, or one with the pixel size of the frames."
            )
        matches = search.well_inside(matches)
        add_up = partial(
            average_tiles,
            source,
            matches,
            coefficients=prepared.coefficients,
            num_workers=num_workers,
            progress=_named(progress, f"averaging {len(matches)} tiles"),
        )
        work = {"matches": matches}
        average = add_up() if memory is None else memory.average(number + 1, work, add_up)
        smooth = smooth_motif(average)
        current = smooth if known is None else np.where(known, smooth, np.nan)
        noise = tile_noise(average)
    return MotifSearch(tuple(stages))


def _check_thresholds(options: TemplateParameters, frames: int) -> None:
    given = np.shape(options.threshold)
    if given not in ((), (frames,)):
        raise ValueError(
            f"threshold has {given[0]} numbers, and {frames} frame(s) are searched; give one "
            "number for all, or one for each."
        )


def _named(progress: Progress | None, stage: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    report = progress
    return lambda done, total: report(stage, done, total)


class _Search:
    """One stage: a motif in all its orientations, ready to be searched in any frame."""

    def __init__(
        self,
        motif: FloatArray,
        options: TemplateParameters,
        frames: PreparedFrames,
        *,
        noise: DoubleArray | None,
        final: bool,
    ) -> None:
        self.motif = motif
        self.shape = motif.shape[0], motif.shape[1]
        self.options = options
        self.frames = frames
        self.fixed = None
        if final and options.threshold != "auto":
            self.fixed = np.asarray(options.threshold, np.float64)
        self.orientations = orientations(options.angles, mirror=options.mirror)
        self.turned = [
            SearchedMotif(oriented(motif, orientation)) for orientation in self.orientations
        ]
        self.pixels = int(np.isfinite(motif).sum())
        places = frames.first.size * len(frames) * len(self.orientations)
        self.floor = noise_floor(self.pixels, places)
        self.distance = float(options.min_distance or self.learned_distance())
        self.noise = noise if final else None
        # What is averaged need not be placed better than to a tenth of a pixel.
        self.fit = MotifFit(motif, noise=noise) if final and options.subpixel == "fit" else None

    def learned_distance(self) -> float:
        """Distance below which two matches are one, from the scores of a frame."""
        first = self.frames.first_frame()
        scores = first.scores(self.turned[0], coverage=self.options.coverage)
        return repeat_distance(scores, self.motif, floor=self.floor)

    def run(
        self,
        recall: Recall | None,
        num_workers: int | None,
        progress: Callable[[int, int], None] | None,
    ) -> Stage:
        count = len(self.frames)
        found: list[Matches | None] = [None] * count

        def task(i: int) -> None:
            def search() -> Matches:
                return self.candidates(self.frames.frame(i), i)

            found[i] = search() if recall is None else recall(i, self.work(i), search)

        run_tasks(task, count, num_workers=num_workers, progress=progress)
        parts = [part for part in found if part is not None]
        candidates, other = self.sites(joined(parts))
        own = candidates.chosen(~other)
        return Stage(self.motif, candidates, self.thresholds(own, count), other)

    def sites(self, candidates: Matches) -> tuple[Matches, npt.NDArray[np.bool_]]:
        """Candidates without those too near to a better one, and which are on other sites."""
        none = np.zeros(len(candidates), np.bool_)
        if self.options.min_distance is not None or self.options.other_sites:
            return candidates, none  # as the user says
        places, score, frame = candidates.centres, candidates.score, candidates.frame
        found = other_sites(places, score, frame=frame)
        if found.repeat is None:
            return candidates, found.other
        kept = found.other.copy()
        distance = NEAREST_REPEAT * found.repeat
        for number in np.unique(frame):
            rows = np.flatnonzero((frame == number) & ~found.other)
            kept[rows] = self.best(places[rows], score[rows], distance)
        return candidates.chosen(kept), found.other[kept]

    def well_inside(self, matches: Matches) -> Matches:
        """Matches whose score has its maximum inside the frame; all, if there is none.

        Where it has it at the rim, the repeat itself may lie beyond.
        """
        reach = np.array([(np.array(motif.shape) - 1) / 2 for motif in self.turned])
        first = matches.centres - reach[matches.orientation]
        last = first + 2 * reach[matches.orientation]
        inside = (first > _RIM) & (last < np.array(self.frames.first.shape) - 1 - _RIM)
        kept = inside.all(axis=1)
        return matches.chosen(kept) if kept.any() else matches

    def work(self, number: int) -> Work:
        """All that the candidates of a frame depend on but the frame."""
        return {
            "motif": self.motif,
            "noise": self.noise,
            "orientations": self.orientations,
            "distance": float(self.distance),
            "overlap": self.options.overlap,
            "coverage": self.options.coverage,
            "subpixel": self.options.subpixel,
            "fitted": self.fit is not None,
            "lowest": self.lowest(number),
        }

    def lowest(self, number: int) -> float:
        """Smallest score of a candidate of a frame."""
        if self.fixed is None:
            return self.floor
        return min(self.floor, float(np.atleast_1d(self.fixed)[number if self.fixed.ndim else 0]))

    def thresholds(self, candidates: Matches, frames: int) -> DoubleArray:
        """Smallest score of a match, frame by frame."""
        if self.fixed is not None:
            return np.full(frames, self.fixed)
        if self.options.fixed_threshold:
            return np.full(frames, automatic_threshold(candidates.score, pixels=self.pixels))
        return np.array(
            [
                automatic_threshold(candidates.score[candidates.frame == i], pixels=self.pixels)
                for i in range(frames)
            ]
        )

    def candidates(self, frame: PreparedFrame, number: int) -> Matches:
        """The best of the local maxima of one frame, over all orientations."""
        lowest = self.lowest(number)
        size = self.frames.first.shape
        parts = []
        for index, motif in enumerate(self.turned):
            # A motif larger than the frame is an error; one turned so that it is, is not.
            if index and any(a > b for a, b in zip(motif.shape, size, strict=True)):
                continue
            scores = frame.scores(motif, coverage=self.options.coverage)
            peaks = find_peaks(scores, threshold=lowest, subpixel=self.options.subpixel != "none")
            parts.append((peaks.centres, peaks.scores, np.full(len(peaks), index)))
        centres, score, which = (np.concatenate(column) for column in zip(*parts, strict=True))
        kept = self.best(centres, score, self.distance)
        centres, score, which = centres[kept], score[kept], which[kept]
        errors = np.full(centres.shape, np.nan)
        if self.fit is not None:
            inside = np.ones(len(score), np.bool_)
            for index, orientation in enumerate(self.orientations):
                rows = np.flatnonzero(which == index)
                fitted = self.fit.locate(
                    frame.coefficients,
                    centres[rows],
                    orientation=orientation,
                    farthest=min(_FARTHEST, max(1.0, _STRAYING * self.distance)),
                )
                centres[rows], errors[rows] = fitted.centres, fitted.errors
                inside[rows] = ~fitted.outside
            # Fits may move two maxima onto one place.
            inside[inside] = self.best(centres[inside], score[inside], self.distance)
            centres, score, which = centres[inside], score[inside], which[inside]
            errors = errors[inside]
        return Matches(
            frame=np.full(len(score), number),
            y=centres[:, 0],
            x=centres[:, 1],
            score=score,
            orientation=which,
            errors=errors,
            tile_shape=self.shape,
            orientations=self.orientations,
        )

    def best(
        self, centres: DoubleArray, scores: DoubleArray, distance: float
    ) -> npt.NDArray[np.bool_]:
        return keep_best(
            centres,
            scores,
            tile_shape=self.shape,
            distance=distance,
            overlap=self.options.overlap,
        )
