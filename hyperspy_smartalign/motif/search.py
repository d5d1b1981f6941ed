"""The search for a motif in one frame or many, in stages that refine the motif."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.fitting import MotifFit
from hyperspy_smartalign.motif.matches import Matches, joined
from hyperspy_smartalign.motif.noise import tile_noise
from hyperspy_smartalign.motif.orientations import orientations, oriented
from hyperspy_smartalign.motif.peaks import find_peaks, keep_best, smallest_distance
from hyperspy_smartalign.motif.scores import SearchedFrame, checked_motif
from hyperspy_smartalign.motif.sources import Frames, as_source
from hyperspy_smartalign.motif.threshold import (
    ScoreHistogram,
    automatic_threshold,
    noise_floor,
    score_histogram,
)
from hyperspy_smartalign.motif.tiles import average_tiles
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.resampling import spline_coefficients
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.resampling.workers import run_tasks

Progress = Callable[[str, int, int], None]


class NoMatchError(ValueError):
    """No tile is enough like the motif."""


@dataclass(frozen=True, eq=False)
class Stage:
    """One search with one motif.

    Attributes
    ----------
    motif : (h, w) float32
        What was searched.
    candidates : Matches
        All local maxima of the scores above the noise, in reading order.
    threshold : (n,) float64
        Smallest score of a match, for each frame.
    """

    motif: FloatArray
    candidates: Matches
    threshold: DoubleArray

    @property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """(m,) whether each candidate reaches the threshold of its frame."""
        return np.asarray(self.candidates.score >= self.threshold[self.candidates.frame])

    @property
    def matches(self) -> Matches:
        """The candidates that were accepted."""
        return self.candidates.chosen(self.accepted)

    def with_threshold(self, threshold: npt.ArrayLike) -> Stage:
        """The same search with another threshold, a number or one a frame.

        Raises
        ------
        ValueError
            If it is neither.
        """
        given = np.asarray(threshold, np.float64)
        if given.shape not in ((), (1,), self.threshold.shape) or not np.isfinite(given).all():
            raise ValueError(
                f"threshold is {threshold!r}; give a finite number, or one for each of the "
                f"{len(self.threshold)} frames."
            )
        return Stage(self.motif, self.candidates, np.full(self.threshold.shape, given))

    def histogram(
        self, *, bins: int = 64, score_range: tuple[float, float] | None = None
    ) -> ScoreHistogram:
        """Histogram of the scores of all candidates; see `score_histogram`."""
        return score_histogram(self.candidates.score, bins=bins, score_range=score_range)

    @property
    def peak_score(self) -> float:
        """Median score of the matches; NaN without any."""
        found = self.matches.score
        return float(np.median(found)) if len(found) else float("nan")


@dataclass(frozen=True, eq=False)
class MotifSearch:
    """What a search found.

    Attributes
    ----------
    stages : tuple of Stage
        From the motif that was given to the one refined last; the last one is the result.
    """

    stages: tuple[Stage, ...]

    @property
    def last(self) -> Stage:
        """The final search."""
        return self.stages[-1]

    @property
    def matches(self) -> Matches:
        """Tiles that the final search found."""
        return self.last.matches

    @property
    def motif(self) -> FloatArray:
        """(h, w) motif of the final search, of exactly the shape of the first."""
        return self.last.motif

    @property
    def peak_scores(self) -> list[float]:
        """Median score of the matches of each stage: refining the motif raises it."""
        return [stage.peak_score for stage in self.stages]


def find_motif(
    frames: Frames,
    motif: npt.ArrayLike,
    parameters: TemplateParameters | None = None,
    *,
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
        If the motif has no contrast or is larger than a frame.

    Notes
    -----
    Each stage scores every tile of every frame by normalised cross-correlation, keeps the best of
    the local maxima that are too near to each other, and fits the motif to the pixels there. What
    the tiles of one stage have in common is the motif of the next; how they scatter is the noise
    that weights the pixels in its fits.
    """
    options = TemplateParameters() if parameters is None else parameters
    source = as_source(frames)
    template, known = checked_motif(motif)
    if known is not None:
        template[~known] = np.nan
    current = template.astype(np.float32)
    noise: DoubleArray | None = None
    stages: list[Stage] = []
    for number in range(options.refine + 1):
        final = number == options.refine
        name = "searching the motif" if number == 0 else f"searching the refined motif {number}"
        # A refined motif tells better how it repeats.
        distance = options.min_distance or smallest_distance(current)
        search = _Search(current, options, distance=distance, noise=noise, final=final)
        stages.append(search.run(source, num_workers, _named(progress, name)))
        if final:
            break
        matches = stages[-1].matches
        if not len(matches):
            raise NoMatchError(
                "No tile is enough like the motif to refine it. Give a lower threshold and "
                "refine=0, a larger motif, or one with the pixel size of the frames."
            )
        average = average_tiles(
            source,
            matches,
            num_workers=num_workers,
            progress=_named(progress, "averaging tiles"),
        )
        current = average.mean if known is None else np.where(known, average.mean, np.nan)
        noise = tile_noise(average)
    return MotifSearch(tuple(stages))


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
        *,
        distance: float,
        noise: DoubleArray | None,
        final: bool,
    ) -> None:
        self.motif = motif
        self.shape = motif.shape[0], motif.shape[1]
        self.options = options
        self.distance = distance
        self.fixed = options.threshold if final and options.threshold != "auto" else None
        self.orientations = orientations(options.angles, mirror=options.mirror)
        self.turned = [oriented(motif, orientation) for orientation in self.orientations]
        self.pixels = int(np.isfinite(motif).sum())
        self.fit = MotifFit(motif, noise=noise) if options.subpixel == "fit" else None

    def run(
        self, source: Any, num_workers: int | None, progress: Callable[[int, int], None] | None
    ) -> Stage:
        found: list[Matches | None] = [None] * len(source)

        def task(i: int) -> None:
            frame = np.asarray(source.frame(i))
            found[i] = self.candidates(frame, i, places=frame.size * len(source))

        run_tasks(task, len(source), num_workers=num_workers, progress=progress)
        parts = [part for part in found if part is not None]
        candidates = joined(parts)
        return Stage(self.motif, candidates, self.thresholds(candidates, len(source)))

    def thresholds(self, candidates: Matches, frames: int) -> DoubleArray:
        """Smallest score of a match, frame by frame."""
        if self.fixed is not None:
            return np.full(frames, float(self.fixed))
        if self.options.fixed_threshold:
            return np.full(frames, automatic_threshold(candidates.score, pixels=self.pixels))
        return np.array(
            [
                automatic_threshold(candidates.score[candidates.frame == i], pixels=self.pixels)
                for i in range(frames)
            ]
        )

    def candidates(self, frame: npt.NDArray[Any], number: int, *, places: int) -> Matches:
        """The best of the local maxima of one frame, over all orientations."""
        searched = SearchedFrame(frame)
        floor = noise_floor(self.pixels, places * len(self.orientations))
        lowest = floor if self.fixed is None else min(floor, float(self.fixed))
        coefficients = None if self.fit is None else spline_coefficients(frame)
        parts = []
        for index, template in enumerate(self.turned):
            # A motif larger than the frame is an error; one turned so that it is, is not.
            if index and any(a > b for a, b in zip(template.shape, searched.shape, strict=True)):
                continue
            scores = searched.scores(template, coverage=self.options.coverage)
            peaks = find_peaks(scores, threshold=lowest, subpixel=self.options.subpixel != "none")
            parts.append((peaks.centres, peaks.scores, np.full(len(peaks), index)))
        centres, score, which = (np.concatenate(column) for column in zip(*parts, strict=True))
        kept = self.best(centres, score)
        centres, score, which = centres[kept], score[kept], which[kept]
        errors = np.full(centres.shape, np.nan)
        if self.fit is not None and coefficients is not None:
            inside = np.ones(len(score), np.bool_)
            for index, orientation in enumerate(self.orientations):
                rows = np.flatnonzero(which == index)
                fitted = self.fit.locate(coefficients, centres[rows], orientation=orientation)
                centres[rows], errors[rows] = fitted.centres, fitted.errors
                inside[rows] = ~fitted.outside
            # Fits may move two maxima onto one place.
            inside[inside] = self.best(centres[inside], score[inside])
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

    def best(self, centres: DoubleArray, scores: DoubleArray) -> npt.NDArray[np.bool_]:
        return keep_best(
            centres,
            scores,
            tile_shape=self.shape,
            distance=self.distance,
            overlap=self.options.overlap,
        )
