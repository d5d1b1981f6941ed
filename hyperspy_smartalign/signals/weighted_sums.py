"""Weighted averages and sums of frames, eager or lazy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.dose import FadingSum
from hyperspy_smartalign.signals.progressing import interruptible

FloatArray = npt.NDArray[np.float64]


def weighted(data: Any, weights: FloatArray, output: str, *, variance: bool) -> tuple[Any, Any]:
    """Weighted average, or that times the number of frames that take part, and its variance.

    Parameters
    ----------
    data : numpy or dask array
        (n, height, width, *channels); NaN where a frame saw nothing.
    weights : (n,) array
        0 for frames that take no part.
    output : {"average", "sum"}
    variance : bool

    Returns
    -------
    result, variance
        The second is None unless wanted. float32 for float32 data, else float64; the variance is
        float64 and NaN where fewer than two frames saw the pixel.

    Notes
    -----
    The variance of sum(w f) / W with W = sum(w), over the frames that saw a pixel, is the sum of
    w^2 r^2 / (1 - w / W) over W^2, r being what a frame differs from the average [1]_. Without
    bias where weights are inverse to variances, of which equal weights are one case.

    References
    ----------
    .. [1] J. G. MacKinnon and H. White, J. Econometrics 29 (1985) 305-325, HC2.
    """
    kept = np.flatnonzero(weights > 0)
    lazy = hasattr(data, "dask")
    if len(kept) < len(data):
        # Of an array in memory this would be a copy.
        data = data[kept] if lazy else _Chosen(data, kept)
    at = weights[kept] / weights[kept].max()
    sums = _sums_lazily if lazy else _sums
    total, coverage = sums(data, at)
    mean = _map(_ratio, lazy, total, coverage)
    factor = 1.0 if output == "average" else float(len(kept))
    spread = None
    if variance:
        square, seen = (_squares_lazily if lazy else _squares)(data, at, mean, coverage)
        spread = _map(_variance, lazy, square, coverage, seen) * factor**2
    return (mean * factor).astype(result_dtype(data.dtype)), spread


def by_detail(data: Any, kept: npt.NDArray[np.intp], fading: FadingSum, output: str) -> Any:
    """Average with weights against fading, or that times the number of frames.

    Parameters
    ----------
    data : numpy or dask array
        (n, height, width); NaN where a frame saw nothing.
    kept : (m,) array of int
        Frames that take part.
    fading : FadingSum
        Of these frames.
    output : {"average", "sum"}
    """
    lazy = hasattr(data, "dask")
    if len(kept) < len(data):
        data = data[kept] if lazy else _Chosen(data, kept)
    factor = 1.0 if output == "average" else float(len(kept))
    total, coverage = (_sums_lazily if lazy else _sums)(data, np.ones(len(kept)))
    mean = _map(_ratio, lazy, total, coverage)
    if not lazy:
        parts = np.zeros(mean.shape)
        for place in interruptible(range(len(kept))):
            parts += fading.part(place, data[place] - mean)
        result = fading.result(mean, parts)
    else:
        import dask.array as da

        parts = da.map_blocks(
            _parts,
            (data - mean).rechunk({0: 1, 1: -1, 2: -1}),
            da.arange(len(kept), chunks=1)[:, None, None],
            fading=fading,
            dtype=np.float64,
            meta=np.empty((0, 0, 0)),
        )
        result = da.map_blocks(
            fading.result,
            mean.rechunk(-1),
            parts.sum(axis=0).rechunk(-1),
            dtype=np.float64,
            meta=np.empty((0, 0)),
        )
    return (result * factor).astype(result_dtype(data.dtype))


def result_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32 for float32, else float64."""
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


class _Chosen:
    """Some of the frames of an array, without a copy."""

    def __init__(self, data: npt.NDArray[Any], kept: npt.NDArray[np.intp]) -> None:
        self._data, self._kept = data, kept
        self.shape, self.dtype = (len(kept), *data.shape[1:]), data.dtype

    def __len__(self) -> int:
        return len(self._kept)

    def __getitem__(self, place: int) -> npt.NDArray[Any]:
        return np.asarray(self._data[self._kept[place]])


def _sums(data: Any, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted sum of what was seen, and the sum of the weights of the frames that saw it."""
    total, coverage = np.zeros(data.shape[1:]), np.zeros(data.shape[1:])
    for place in interruptible(range(len(data))):
        frame = data[place]
        seen = ~np.isnan(frame)
        np.add(total, weights[place] * frame, out=total, where=seen)
        coverage += weights[place] * seen
    return total, coverage


def _sums_lazily(data: Any, weights: FloatArray) -> tuple[Any, Any]:
    import dask.array as da

    along = _along(weights, data)
    seen = ~da.isnan(data)
    total = (da.where(seen, data, 0) * along).sum(axis=0, dtype=np.float64)
    return total, (seen * along).sum(axis=0, dtype=np.float64)


def _squares(
    data: Any, weights: FloatArray, mean: FloatArray, coverage: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sum of w^2 r^2 / (1 - w / W), and the number of frames that saw the pixel."""
    square, count = np.zeros(mean.shape), np.zeros(mean.shape)
    for place in interruptible(range(len(data))):
        difference = data[place] - mean
        seen = ~np.isnan(difference)
        share = _square(difference, weights[place], coverage)
        np.add(square, share, out=square, where=seen)
        count += seen
    return square, count


def _squares_lazily(data: Any, weights: FloatArray, mean: Any, coverage: Any) -> tuple[Any, Any]:
    import dask.array as da

    difference = data - mean
    squares = _square(difference, _along(weights, data), coverage)
    return da.nansum(squares, axis=0), (~da.isnan(difference)).sum(axis=0, dtype=np.float64)


def _square(difference: Any, weight: Any, coverage: Any) -> Any:
    # Where a frame alone saw the pixel nothing is left, and there is no variance.
    others = np.maximum(coverage - weight, np.finfo(np.float64).tiny)
    return weight**2 * difference**2 * coverage / others


def _variance(square: FloatArray, coverage: FloatArray, count: FloatArray) -> FloatArray:
    result = np.full(square.shape, np.nan)
    np.divide(square, coverage**2, out=result, where=count > 1)
    return result


def _ratio(total: FloatArray, coverage: FloatArray) -> FloatArray:
    mean = np.full(total.shape, np.nan)
    np.divide(total, coverage, out=mean, where=coverage > 0)
    return mean


def _parts(
    block: npt.NDArray[Any], place: npt.NDArray[np.intp], *, fading: FadingSum
) -> FloatArray:
    return fading.part(int(place.flat[0]), block[0])[None]


def _along(weights: FloatArray, data: Any) -> Any:
    """Weights as an array that goes with the chunks of the frames."""
    import dask.array as da

    lazy = da.from_array(weights, chunks=(data.chunks[0],))
    return lazy.reshape(-1, *(1,) * (data.ndim - 1))


def _map(function: Any, lazy: bool, *arrays: Any) -> Any:
    """A function of arrays of one shape, block by block where they are lazy."""
    if not lazy:
        return function(*arrays)
    import dask.array as da

    return da.map_blocks(function, *arrays, dtype=np.float64)
