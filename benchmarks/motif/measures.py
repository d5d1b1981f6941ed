"""How good the tiles are that a method found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from benchmarks.motif.scenes import FloatArray, Scene

# A place farther from all repeats than this share of the spacing is false.
NEAR = 0.2


@dataclass(frozen=True, eq=False)
class Found:
    """What a method found.

    Attributes
    ----------
    frame : (k,) int
        Number of the frame of each tile.
    centres : (k, 2) float64
        (y, x) of its centre, px.
    tiles : (k, th, tw) array
        Its pixels.
    peak_scores : tuple of float
        Median score of the matches of each search; empty where a method does not tell.
    """

    frame: npt.NDArray[np.intp]
    centres: FloatArray
    tiles: npt.NDArray[np.float32]
    peak_scores: tuple[float, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """How right it is.

    Attributes
    ----------
    tiles : int
        Tiles found.
    recall : float
        Share of the repeats found, of those whose tile lies a pixel inside the frame.
    false : int
        Tiles where there is no repeat, or a better one of the same.
    error : (float, float)
        Rms error of the position (y, x) of the same repeats, px, less what is common to all: where
        the motif itself has its centre is a matter of its first cut.
    """

    tiles: int
    recall: float
    false: int
    error: tuple[float, float]


def judge(found: Found, scene: Scene) -> Judgement:
    """Compare with the truth."""
    half = (np.array(scene.shape) - 1) / 2
    size = np.array(scene.frames.shape[1:])
    inside = (scene.centres >= half + 1) & (scene.centres <= size - half - 2)
    sure = np.flatnonzero(inside.all(axis=1))
    tree = cKDTree(scene.centres)
    recalled, false, errors = 0, 0, [np.empty((0, 2))]
    for number in range(len(scene.frames)):
        places = found.centres[found.frame == number]
        if not len(places):
            continue
        # Methods differ by up to half a pixel in what they call the centre.
        distance, nearest = tree.query(places)
        near = distance < NEAR * scene.spacing
        hit = np.unique(nearest[near])
        false += len(places) - len(hit)
        recalled += len(np.intersect1d(hit, sure))
        # At the rim of a map of scores there are maxima that belong beyond it.
        whole = near & np.isin(nearest, sure)
        errors.append((places - scene.centres[nearest])[whole])
    error = np.concatenate(errors)
    spread = np.full(2, np.nan)
    if len(error):
        spread = np.sqrt(np.mean((error - np.median(error, axis=0)) ** 2, axis=0))
    return Judgement(
        tiles=len(found.frame),
        recall=recalled / (len(scene.frames) * len(sure)),
        false=false,
        error=(float(spread[0]), float(spread[1])),
    )
