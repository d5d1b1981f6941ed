"""Recall, false matches and errors over dose; and distortions of tiles."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from benchmarks.command import Report
from benchmarks.motif.contestants import smartalign
from benchmarks.motif.measures import judge
from benchmarks.motif.scenes import FloatArray, perfect, repeats, row_information, scene
from benchmarks.motif.settings import Settings
from benchmarks.settings import Shape
from hyperspy_smartalign.data import (
    Crystal,
    Truth,
    row_covariance,
    simulate_series,
)
from hyperspy_smartalign.transforms import Transform

# Of the rows of the frame whose tiles are aligned: rms jitter, px, and rows it is correlated over.
ROW_JITTER = 0.5
ROW_CORRELATION = 6.0
# Standard deviation of the place of a tile of which nothing is known beforehand, px.
UNKNOWN = 10.0
# Newton's steps to the place of an average, of which two would do.
STEPS = 4


@dataclass(frozen=True)
class Trial:
    """One motif at one dose, over all seeds.

    Attributes
    ----------
    motif : str
    dose : float
        Peak counts a pixel.
    tiles : int
        Tiles found.
    recall, false : float, int
        Worst share of the repeats that was found, and false tiles in all.
    error, bound : float
        Rms error of the position of a tile, and its smallest possible value, px.
    peak_scores : tuple of float
        Median score of the matches of each search, mean over the seeds.
    """

    motif: str
    dose: float
    tiles: int
    recall: float
    false: int
    error: float
    bound: float
    peak_scores: tuple[float, ...]


@dataclass(frozen=True)
class Distortion:
    """Rows of tiles before and after their non-rigid alignment, rms px an axis.

    Errors are less what is common to all tiles.
    """

    dose: float
    tiles: int
    before: float
    after: float
    bound: float
    ratio: float
    predicted: float


def run_trials(settings: Settings, *, report: Report) -> list[Trial]:
    """Every motif at every dose."""
    trials = []
    for motif in settings.motifs:
        for dose in settings.doses:
            report(f"{motif.name}, {dose:g} counts")
            judged, scores, bound = [], [], 0.0
            for seed in range(settings.seeds):
                made = scene(
                    motif, dose=dose, frames=settings.frames, shape=settings.shape, seed=seed
                )
                bound = float(np.sqrt(np.mean(made.bound**2)))
                try:
                    found = smartalign(made.frames, made.motif)
                except ValueError:
                    # Nothing is like the motif: all repeats are lost.
                    continue
                judged.append(judge(found, made))
                scores.append(found.peak_scores)
            lost = len(judged) < settings.seeds
            errors = np.array([one.error for one in judged]).reshape(-1, 2)
            trials.append(
                Trial(
                    motif=motif.name,
                    dose=dose,
                    tiles=sum(one.tiles for one in judged),
                    recall=0.0 if lost else min(one.recall for one in judged),
                    false=sum(one.false for one in judged),
                    error=float(np.sqrt(np.mean(errors**2))) if len(errors) else float("nan"),
                    bound=bound,
                    peak_scores=_mean_scores(scores),
                )
            )
    return trials


def _mean_scores(scores: list[tuple[float, ...]]) -> tuple[float, ...]:
    """Mean of each search, as far as all seeds went."""
    return tuple(float(np.mean(column)) for column in zip(*scores, strict=False))


def run_distortions(settings: Settings, *, report: Report) -> list[Distortion]:
    """Tiles of one frame whose rows jitter, aligned non-rigidly."""
    return [_distortion(settings, dose, report=report) for dose in settings.tile_doses]


def _distortion(settings: Settings, dose: float, *, report: Report) -> Distortion:
    report(f"tiles of a frame whose rows jitter, {dose:g} counts")
    motif, shape = settings.tile_motif, settings.tile_frame
    crystal = perfect(motif, shape)
    (top, left), centres = repeats(crystal, motif.shape)
    simulated = simulate_series(
        shape=shape,
        frames=1,
        crystal=crystal,
        dose=dose,
        drift=(0.0, 0.0),
        drift_walk=0.0,
        row_jitter=ROW_JITTER,
        row_correlation=ROW_CORRELATION,
        seed=0,
    )
    height, width = motif.shape
    image = simulated.series.inav[0]
    region = image.isig[left : left + width, top : top + height]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tiles = image.template_match(region, show_progressbar=False)
        aligned = tiles.align_nonrigid(show_progressbar=False)
    known = KnownRows(simulated.truth, centres, motif.shape)
    bound = row_bound(crystal, (top, left), motif.shape, dose=dose)
    after = known.relative_error(aligned, aligned.smartalign.alignment.transforms)
    errors = aligned.smartalign.nonrigid.line_errors
    return Distortion(
        dose=dose,
        tiles=len(tiles.data),
        before=known.relative_error(tiles, None),
        after=after,
        bound=bound,
        ratio=after / bound,
        predicted=float("nan") if errors is None else float(np.sqrt(np.nanmean(errors**2))),
    )


@dataclass(frozen=True, eq=False)
class KnownRows:
    """Where the rows of tiles truly are.

    Attributes
    ----------
    truth : Truth
        Of the frames.
    centres : (m, 2) float64
        (y, x) of the repeats without distortion, px.
    shape : (int, int)
        Rows and columns of a tile.
    """

    truth: Truth
    centres: FloatArray
    shape: Shape

    def relative_error(self, tiles: Any, transforms: Sequence[Transform] | None) -> float:
        """Rms error of the rows of tiles less what is common to all, px an axis.

        Parameters
        ----------
        tiles : signal
            With its table of matches.
        transforms : sequence of Transform or None
            What was found for each tile; None for no displacement.
        """
        table = tiles.smartalign.matches
        places = np.stack([table.source_y, table.source_x], axis=1)
        nearest = cKDTree(self.centres).query(places)[1]
        fields = {i: self.truth.frame_displacement(i) for i in set(table.frame.tolist())}
        half = (np.array(self.shape) - 1) / 2
        errors = np.empty((len(places), 2, self.shape[0]))
        for n, place in enumerate(places):
            found = np.zeros((2, *self.shape))
            if transforms is not None:
                found = transforms[n].displacement(self.shape)
            at = np.indices(self.shape) + found + (place - half)[:, None, None]
            true = [
                ndimage.map_coordinates(part, at, order=1, mode="nearest")
                for part in fields[int(table.frame[n])]
            ]
            off = place - self.centres[nearest[n]]
            errors[n] = (found - true).mean(axis=2) + off[:, None]
        # Without the factor a perfect method would come out below the bound.
        count = len(errors)
        errors = (errors - errors.mean(axis=0)) * np.sqrt(count / (count - 1))
        return float(np.sqrt(np.mean(errors**2)))


def row_bound(crystal: Crystal, corner: tuple[int, int], shape: Shape, *, dose: float) -> float:
    """Bound with prior on the error of a row of one tile, rms px an axis.

    The motif is known, the jitter's covariance too, and the place of the tile is not.
    """
    rows = shape[0]
    information = np.zeros((rows, 2, rows, 2))
    every = np.arange(rows)
    information[every, :, every] = row_information(crystal, corner, shape, dose=dose)
    covariance = row_covariance(rows, rms=ROW_JITTER, correlation=ROW_CORRELATION) + UNKNOWN**2
    prior = np.kron(covariance, np.eye(2))
    joint = information.reshape(2 * rows, 2 * rows)
    # (J + K^-1)^-1 = (1 + K J)^-1 K, as K has no inverse in floating point.
    posterior = np.linalg.solve(np.eye(2 * rows) + prior @ joint, prior)
    return float(np.sqrt(np.mean(np.diag(posterior))))
