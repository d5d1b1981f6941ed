"""The ways to find the repeats of a motif and to cut them out: one function each."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.contestants import OWN
from benchmarks.motif.measures import Found

Frames = npt.NDArray[np.float32]

DEFAULT = f"{OWN}, as it comes"
ONE_SEARCH = f"{OWN}, one search"
SKIMAGE = "scikit-image match_template, peak_local_max"
HYPERSPY = "HyperSpy find_peaks(template_matching)"


@dataclass(frozen=True)
class Contestant:
    """A way to find tiles.

    Attributes
    ----------
    name : str
        Name in tables.
    module : str
        What must be importable.
    find : callable
        From frames (n, h, w), a motif (th, tw), the spacing of the repeats in px, and a threshold
        to `Found`.
    thresholds : tuple of float
        Those to choose from; empty where a method finds its own.
    """

    name: str
    module: str
    find: Callable[[Frames, Frames, float, float], Found]
    thresholds: tuple[float, ...] = ()


def smartalign(frames: Frames, motif: Frames, **parameters: Any) -> Found:
    """The verb template_match; the threshold may be among its parameters."""
    from hyperspy.signals import Signal2D

    from hyperspy_smartalign import template_match

    tiles = template_match(Signal2D(frames), Signal2D(motif), show_progressbar=False, **parameters)
    table = tiles.smartalign.matches
    return Found(
        frame=table.frame,
        centres=np.stack([table.y, table.x], axis=1),
        tiles=tiles.data,
        peak_scores=tuple(map(float, table.peak_scores)),
    )


def _default(frames: Frames, motif: Frames, spacing: float, threshold: float) -> Found:
    return smartalign(frames, motif)


def _one_search(frames: Frames, motif: Frames, spacing: float, threshold: float) -> Found:
    return smartalign(frames, motif, refine=0, threshold=threshold, min_distance=spacing / 2)


def _skimage(frames: Frames, motif: Frames, spacing: float, threshold: float) -> Found:
    from skimage.feature import match_template, peak_local_max

    half = int(spacing / 2)
    corners = [
        peak_local_max(
            match_template(frame, motif),
            min_distance=half,
            threshold_abs=threshold,
            exclude_border=False,
        )
        for frame in frames
    ]
    return _cut(frames, motif, corners)


def _hyperspy(frames: Frames, motif: Frames, spacing: float, threshold: float) -> Found:
    from hyperspy.signals import Signal2D

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peaks = Signal2D(frames).find_peaks(
            method="template_matching",
            template=motif,
            distance=int(spacing / 2),
            threshold=threshold,
            interactive=False,
            show_progressbar=False,
        )
    # They tell the pixel in the middle of a tile, and pad the frame; without any, NaN.
    back = np.array(motif.shape) // 2
    places = [np.reshape(peaks.data[i], (-1, 2)) for i in range(len(frames))]
    corners = [each[np.isfinite(each).all(axis=1)].astype(np.intp) - back for each in places]
    return _cut(frames, motif, corners)


def _cut(frames: Frames, motif: Frames, corners: list[npt.NDArray[np.intp]]) -> Found:
    """Tiles at whole pixels; those that reach beyond the frame are left out."""
    height, width = motif.shape
    last = np.array(frames.shape[1:]) - motif.shape
    kept = [places[((places >= 0) & (places <= last)).all(axis=1)] for places in corners]
    number = np.repeat(np.arange(len(frames)), [len(places) for places in kept])
    places = np.concatenate(kept)
    tiles = np.empty((len(places), height, width), frames.dtype)
    for tile, i, (y, x) in zip(tiles, number, places, strict=True):
        tile[:] = frames[i, y : y + height, x : x + width]
    return Found(number, places + (np.array(motif.shape) - 1) / 2, tiles)


# Scores of a match; and, of HyperSpy's, the least difference of the scores around it.
_THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(3, 13))
_DIFFERENCES = tuple(round(0.05 * k, 2) for k in range(6, 18))
_OWN_MODULE = "hyperspy_smartalign.signals.motif.finding"

CONTESTANTS = (
    Contestant(DEFAULT, _OWN_MODULE, _default),
    Contestant(ONE_SEARCH, _OWN_MODULE, _one_search, _THRESHOLDS),
    Contestant(SKIMAGE, "skimage.feature", _skimage, _THRESHOLDS),
    Contestant(HYPERSPY, "hyperspy.signals", _hyperspy, _DIFFERENCES),
)


def runner(name: str) -> Callable[[Frames], npt.NDArray[Any]]:
    """From frames on disk or not to tiles, by template_match; `name` is that of a motif."""
    from hyperspy.signals import Signal2D

    from benchmarks.motif.settings import LARGE
    from hyperspy_smartalign import template_match

    if name != LARGE.name:
        raise KeyError(name)

    def run(frames: Frames) -> npt.NDArray[Any]:
        from benchmarks.motif.scenes import perfect, repeats

        shape = (frames.shape[1], frames.shape[2])
        (top, left), _ = repeats(perfect(LARGE, shape), LARGE.shape)
        motif = np.array(frames[0, top : top + LARGE.shape[0], left : left + LARGE.shape[1]])
        lazy = Signal2D(_from_file(frames)).as_lazy()
        return np.asarray(template_match(lazy, Signal2D(motif), show_progressbar=False).data)

    return run


def _from_file(frames: Frames) -> Any:
    """A dask array of the frames, read one by one from the file that they are mapped from.

    Pages of a map that stays open would count as memory of the process.
    """
    from dask import array as da
    from dask import delayed

    path = getattr(frames, "filename", None)

    def read(number: int) -> Frames:
        return np.array(frames[number] if path is None else np.load(path, mmap_mode="r")[number])

    return da.stack(
        [
            da.from_delayed(delayed(read)(number), frames.shape[1:], frames.dtype)
            for number in range(len(frames))
        ]
    )
