"""Running sums of aligned spectra, with what each pixel of the canvas was seen by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from queue import SimpleQueue
from typing import Any, Literal, Self, cast, get_args

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.options import DoubleArray, Fill, FloatArray, fill_number
from hyperspy_smartalign.resampling.pixel_map import Counts, PixelMap, Sampling, Taps
from hyperspy_smartalign.resampling.spectral_frame import (
    SpectralFrame,
    add_integers,
    add_samples,
    add_variances,
    block_size,
    merge_spread,
    scratch_sizes,
)
from hyperspy_smartalign.resampling.tile_sum import (
    TilePlaces,
    block_of,
)
from hyperspy_smartalign.resampling.workers import run_tasks, worker_count

Variance = Literal["none", "poisson", "spread"]


def sum_dtype(dtype: npt.DTypeLike, counts: Counts) -> np.dtype[Any]:
    """Type of a sum of frames of `dtype`: integers for whole integer counts, else float32.

    Integers of up to 16 bits are summed in 32 bits, longer ones in 64.
    """
    kind = np.dtype(dtype)
    if counts != "whole" or kind.kind not in "biu":
        return np.dtype(np.float32)
    letter = "i" if kind.kind == "i" else "u"
    return np.dtype(f"{letter}{4 if kind.itemsize <= 2 else 8}")


class SpectrumSum:
    """Sum of aligned frames of spectra that grows frame by frame.

    Parameters
    ----------
    shape : (H, W, E)
        Shape of the canvas in pixels, and the number of channels.
    dtype : dtype
        Of the frames. The sum is float32; integers for whole counts of integer frames, see
        `sum_dtype`.
    counts : {"interpolate", "share", "whole"}
        Mode of the pixel maps that will be used.
    variance : {"none", "poisson", "spread"}
        Variance to keep. "poisson" takes the pixels of the frames for counts, whose variance is
        their expectation. "spread" takes the scatter between the frames.

    Raises
    ------
    ValueError
        If the shape is not three sizes of at least 1, or a mode is unknown.

    Notes
    -----
    Rounding of a float32 sum of n frames of like size is about ``3e-8 * sqrt(n)`` rms, relative.
    The result does not depend on the number of threads, nor on how channels are grouped.

    Memory is that of the sum, once more for a variance, and a few megabytes a thread.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        dtype: npt.DTypeLike = np.float32,
        counts: Counts = "interpolate",
        variance: Variance = "none",
    ) -> None:
        sizes = tuple(int(size) for size in shape)
        if len(sizes) != 3 or min(sizes) < 1:
            raise ValueError(
                f"The shape of a sum of spectra must be (height, width, channels) of at least 1 "
                f"each, not {shape!r}."
            )
        for name, value, known in (
            ("counts", counts, get_args(Counts)),
            ("variance", variance, get_args(Variance)),
        ):
            if value not in known:
                raise ValueError(
                    f"Unknown {name} {value!r}; choose one of {', '.join(map(repr, known))}."
                )
        self._counts: Counts = counts
        self._variance: Variance = variance
        self._total: npt.NDArray[Any] = np.zeros(sizes, sum_dtype(dtype, counts))
        self._coverage = np.zeros(sizes[:2], np.float64)
        self._frames = np.zeros(sizes[:2], np.int64)
        self._weight = 0
        # Undivided counts are their own variance.
        keeps = variance == "spread" or (variance == "poisson" and counts != "whole")
        self._squares: FloatArray | None = np.zeros(sizes, np.float32) if keeps else None
        self._spent = False

    @property
    def total(self) -> npt.NDArray[Any]:
        """Sum (H, W, E) over the frames that observed each pixel, not scaled."""
        return self._total

    @property
    def coverage(self) -> DoubleArray:
        """Frames (H, W) that observed each pixel; for sent counts, the exposure in frames."""
        return self._coverage

    @property
    def weight(self) -> int:
        """Number of frames added."""
        return self._weight

    def add(
        self, frame: npt.ArrayLike, pixel_map: PixelMap, *, num_workers: int | None = None
    ) -> None:
        """Add a frame.

        Parameters
        ----------
        frame : (h, w, E) array
            Real numbers. A pixel with a value that is not finite in any channel counts as not
            observed in all.
        pixel_map : PixelMap
            Of the frame.
        num_workers : int, optional
            Threads; one per processor by default.

        Raises
        ------
        ValueError
            If shape or mode do not fit the sum, or its result has been taken in place.
        TypeError
            If the frame is complex, or has other numbers than the sum can take.
        """
        if self._spent:
            raise ValueError(
                "The result was written over this sum, so nothing can be added; start a new "
                "SpectrumSum, or ask for the result with in_place=False."
            )
        if pixel_map.counts != self._counts:
            raise ValueError(
                f"The pixel map was made with counts={pixel_map.counts!r} but the sum with "
                f"counts={self._counts!r}; give both the same."
            )
        expected = (*pixel_map.shape, self._total.shape[2])
        if expected != self._total.shape:
            raise ValueError(
                f"The pixel map is for a canvas of shape {pixel_map.shape} but the sum has shape "
                f"{self._total.shape[:2]}; use one canvas for both."
            )
        source = SpectralFrame.of(frame, pixel_map, self._total.shape[2], num_workers=num_workers)
        if not np.can_cast(sum_dtype(source.pixels.dtype, self._counts), self._total.dtype):
            raise TypeError(
                f"The frame holds {source.pixels.dtype}, which a sum of {self._total.dtype} cannot "
                f"take; start the sum with dtype={source.pixels.dtype}."
            )
        coverage = pixel_map.coverage(source.gaps)
        if source.gaps is not None and pixel_map.conserves_counts:
            # What was not observed is not sent; samples keep their taps, and are not covered.
            taps = cast(Taps, pixel_map.steps).without(source.gaps)
            pixel_map = replace(pixel_map, steps=taps)
        if coverage.any():
            self._add_blocks(source, pixel_map, coverage, num_workers)
        self._coverage += coverage
        self._frames += coverage > 0
        self._weight += 1

    def _add_blocks(
        self,
        source: SpectralFrame,
        pixel_map: PixelMap,
        coverage: FloatArray,
        num_workers: int | None,
    ) -> None:
        """Add block after block of channels; blocks are disjoint, so threads do not meet."""
        channels = self._total.shape[2]
        size = block_size(pixel_map, channels)
        count, seen = -(-channels // size), coverage > 0
        exposure, before = coverage.astype(np.float64).ravel(), self._coverage.ravel()
        spare: SimpleQueue[tuple[FloatArray, FloatArray]] = SimpleQueue()
        for _ in range(worker_count(num_workers, count)):
            held, filtered = scratch_sizes(pixel_map, size)
            spare.put((np.empty(held, np.float32), np.empty(filtered, np.float32)))
        squares = self._squares
        places = np.empty((2, 0, 0))
        if self._variance == "poisson" and not isinstance(pixel_map.steps, Taps):
            places = pixel_map.places()

        def task(k: int) -> None:
            part = np.s_[:, :, k * size : min((k + 1) * size, channels)]
            total = self._total[part]
            # For the spread, the samples of this frame alone are compared with the mean so far.
            spread = self._variance == "spread"
            out = np.zeros(total.shape, total.dtype) if spread else total
            if total.dtype.kind in "iu":
                add_integers(source, pixel_map, k * size, out)
            else:
                scratch = spare.get()
                try:
                    add_samples(source, pixel_map, k * size, seen, out, scratch, size)
                finally:
                    spare.put(scratch)
            if squares is not None and spread:
                merge_spread(total, squares[part], out, exposure, before)
            elif squares is not None:
                add_variances(source, pixel_map, k * size, seen, squares[part], places)

        run_tasks(task, count, num_workers=num_workers)

    def add_tiles(
        self,
        frame: npt.ArrayLike,
        places: npt.ArrayLike,
        *,
        interpolation: Sampling = "spline",
        num_workers: int | None = None,
    ) -> None:
        """Add small parts of a frame, each as if it were a frame of its own.

        Much faster than `add` for each of them, as the spline is made once for all.

        Parameters
        ----------
        frame : (h, w, E) array
            As in `add`.
        places : (2, n, H, W) array
            Where the pixels of n tiles lie in the frame: (y, x) px.
        interpolation : {"spline", "linear", "nearest"}
            Kernel of the samples. Tiles that lie on the pixels of the frame are copied.
        num_workers : int, optional
            Threads; one per processor by default.

        Raises
        ------
        ValueError
            If shapes do not fit the sum, its counts are not interpolated, or its result has been
            taken in place.
        TypeError
            If the frame is complex.
        """
        points = np.asarray(places, np.float64)
        if self._spent or self._counts != "interpolate":
            raise ValueError(
                "Tiles are added to a sum with counts='interpolate' whose result was not taken in "
                "place; start a new SpectrumSum."
            )
        if points.ndim != 4 or (points.shape[0], *points.shape[2:]) != (2, *self._total.shape[:2]):
            raise ValueError(
                f"Places of shape {points.shape} do not fit a sum of shape "
                f"{self._total.shape[:2]}; give (2, tiles, height, width)."
            )
        pixels = np.asarray(frame)
        source = SpectralFrame.checked(pixels, self._total.shape[2], num_workers=num_workers)
        tiles = TilePlaces.of(points, source, pixels.shape[:2], interpolation)
        channels, size = self._total.shape[2], block_of(pixels.shape[1])
        add = self._merge_tile_block if self._variance == "spread" else self._add_tile_block

        def task(k: int) -> None:
            add(source, tiles, slice(k * size, min((k + 1) * size, channels)))

        run_tasks(task, -(-channels // size), num_workers=num_workers)
        seen = tiles.covered.sum(axis=0)
        self._coverage += seen
        self._frames += seen
        self._weight += len(tiles.whole)

    def _add_tile_block(self, source: SpectralFrame, tiles: TilePlaces, part: slice) -> None:
        """Add the tiles of a frame to some channels of the sum; blocks are disjoint."""
        # Side by side the channels of a block stay in the cache.
        total = np.zeros((*tiles.sizes, part.stop - part.start), np.float32)
        squares = np.zeros_like(total)
        for numbers, band in tiles.read(source, part, squares=self._squares is not None):
            band.add(numbers, total)
            if self._squares is not None:
                band.add_squares(numbers, squares)
        self._total[:, :, part] += total
        if self._squares is not None:
            self._squares[:, :, part] += squares

    def _merge_tile_block(self, source: SpectralFrame, tiles: TilePlaces, part: slice) -> None:
        """The same with the spread, for which each tile is compared with the mean so far."""
        kept = cast(FloatArray, self._squares)[:, :, part]
        total, squares = self._total[:, :, part].copy(), kept.copy()
        before = self._coverage.copy()
        for numbers, band in tiles.read(source, part):
            for number in numbers:
                sample = np.zeros_like(total)
                band.add(np.array([number]), sample)
                seen = tiles.covered[number].astype(np.float64)
                merge_spread(total, squares, sample, seen.ravel(), before.ravel())
                before += seen
        self._total[:, :, part] = total
        kept[:] = squares

    def merge(self, other: SpectrumSum) -> None:
        """Add all that another sum holds, which stays as it is.

        Raises
        ------
        ValueError
            If the other has another shape, type or mode.
        """
        mine = (self._total.shape, self._total.dtype, self._counts, self._variance)
        theirs = (other._total.shape, other._total.dtype, other._counts, other._variance)
        if mine != theirs or self._spent or other._spent:
            raise ValueError(
                f"Sums of (shape, type, counts, variance) {mine} and {theirs} cannot be merged; "
                "make both with the same arguments, and do not take results in place before."
            )
        if self._variance == "spread" and self._squares is not None and other._squares is not None:
            # Chan, Golub & LeVeque, The American Statistician 37 (1983) 242: pairwise sums.
            for q in range(len(self._total)):
                here, there = self._coverage[q], other._coverage[q]
                both = here + there
                cross = np.divide(here * there, both, out=np.zeros_like(both), where=both > 0)
                gap = self._total[q] * _reciprocal(here)[:, None]
                gap -= other._total[q] * _reciprocal(there)[:, None]
                self._squares[q] += other._squares[q] + cross[:, None] * gap**2
        elif self._squares is not None and other._squares is not None:
            self._squares += other._squares
        self._total += other._total
        self._coverage += other._coverage
        self._frames += other._frames
        self._weight += other._weight

    def mean(self, *, fill: Fill = math.nan, in_place: bool = False) -> FloatArray:
        """Mean spectrum (H, W, E) float32 of the frames that observed each pixel.

        Parameters
        ----------
        fill : float, "nan" or "zero"
            Value of pixels that no frame observed.
        in_place : bool
            Write over the running sum, which is spent then: it saves a copy. Integer sums are
            copied all the same.
        """
        value = fill_number(fill, np.dtype(np.float32))
        return self._divided(self._coverage, value, in_place)

    def sum(self, *, fill: Fill = math.nan, in_place: bool = False) -> npt.NDArray[Any]:
        """Sum (H, W, E) over all frames.

        Where interpolated frames observed a pixel in part, the sum is scaled to all frames, as that
        of images. Shared and whole counts are the plain sum: counts are conserved.

        Parameters
        ----------
        fill, in_place
            As in `mean`. An integer sum takes only whole numbers.
        """
        value = fill_number(fill, self._total.dtype)
        if self._counts == "interpolate":
            return self._divided(self._coverage / max(self._weight, 1), value, in_place)
        result = self._total if in_place else self._total.copy()
        self._spent = self._spent or in_place
        result[self._coverage == 0] = value
        return result

    def variance_of_mean(self, *, fill: Fill = math.nan) -> FloatArray:
        """Variance (H, W, E) float32 of `mean`.

        "poisson": the squares of the weights times the counts. It is that of each pixel on its own;
        neighbours of interpolated pixels are correlated. "spread": the squares of the deviations
        from the mean, over n (n - 1), weighted by exposure; `fill` where fewer than two frames
        observed the pixel. It holds whatever the noise. For shared counts it is right where the
        frames have even exposures; where they differ much, as at borders, it is up to a
        quarter low.

        Raises
        ------
        ValueError
            If the sum was made with ``variance="none"``.
        """
        return self._variances(_reciprocal(self._coverage), fill)

    def variance_of_sum(self, *, fill: Fill = math.nan) -> FloatArray:
        """Variance (H, W, E) float32 of `sum`; see `variance_of_mean`."""
        if self._counts == "interpolate":
            return self._variances(self._weight * _reciprocal(self._coverage), fill)
        return self._variances((self._coverage > 0).astype(np.float64), fill)

    def _variances(self, scale: DoubleArray, fill: Fill) -> FloatArray:
        """Variance of the total times `scale`."""
        if self._variance == "none":
            raise ValueError(
                'This sum kept no variance; make it with variance="poisson" or variance="spread".'
            )
        value = fill_number(fill, np.dtype(np.float32))
        factor = scale**2
        if self._variance == "spread":
            # Deviations are kept weighted by exposure: their mean square times the exposure.
            n = self._frames
            extra = np.divide(self._coverage, n - 1, out=np.zeros_like(scale), where=n > 1)
            factor = factor * extra
        source = self._total if self._squares is None else self._squares
        result = np.empty(source.shape, np.float32)
        for row, squares, f in zip(result, source, factor, strict=True):
            np.multiply(np.maximum(squares, 0), f[:, None], out=row, casting="same_kind")
        result[factor == 0] = value
        return result

    def _divided(self, by: DoubleArray, value: float, in_place: bool) -> FloatArray:
        """The total divided by an image, and `value` where that is 0."""
        reuse = in_place and self._total.dtype == np.float32
        self._spent = self._spent or reuse
        result = self._total if reuse else np.empty(self._total.shape, np.float32)
        # Line by line: nothing of the size of the sum is made on the way.
        for row, total, d in zip(result, self._total, by.astype(np.float32), strict=True):
            safe = np.where(d > 0, d, np.float32(1.0))
            np.divide(total, safe[:, None], out=row, casting="unsafe")
        result[by == 0] = value
        return result

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that `from_arrays` needs, for a checkpoint. Not copied."""
        result: dict[str, npt.NDArray[Any]] = {
            "total": self._total,
            "coverage": self._coverage,
            "frames": self._frames,
            "weight": np.asarray(self._weight),
            "modes": np.asarray([self._counts, self._variance]),
        }
        if self._squares is not None:
            result["squares"] = self._squares
        return result

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """The sum whose `arrays` these are; they are copied only if they cannot be written to.

        Raises
        ------
        ValueError
            If an array is missing or of another shape.
        """
        try:
            counts, variance = (str(mode) for mode in arrays["modes"])
            total = arrays["total"]
            result = cls((1, 1, 1), dtype=total.dtype, counts=counts, variance=variance)  # type: ignore[arg-type]
            shapes = {"coverage": total.shape[:2], "frames": total.shape[:2], "weight": ()}
            if result._squares is not None:
                shapes["squares"] = total.shape
            for name, shape in shapes.items():
                if arrays[name].shape != shape:
                    raise ValueError(f"array {name!r} has shape {arrays[name].shape}, not {shape}.")
        except KeyError as error:
            raise ValueError(f"These are no arrays of a SpectrumSum: {error} is missing.") from None
        result._total = np.require(total, requirements=["C", "W"])
        result._coverage = np.require(arrays["coverage"], np.float64, ["C", "W"])
        result._frames = np.require(arrays["frames"], np.int64, ["C", "W"])
        result._weight = int(arrays["weight"])
        if result._squares is not None:
            result._squares = np.require(arrays["squares"], np.float32, ["C", "W"])
        return result


def warp_spectra(
    frame: npt.ArrayLike,
    pixel_map: PixelMap,
    *,
    fill: Fill = math.nan,
    num_workers: int | None = None,
) -> npt.NDArray[Any]:
    """One aligned frame of spectra.

    Parameters
    ----------
    frame : (h, w, E) array
        Real numbers.
    pixel_map : PixelMap
        Of the frame.
    fill : float, "nan" or "zero"
        Value of pixels that the frame did not observe.
    num_workers : int, optional
        Threads; one per processor by default.

    Returns
    -------
    (H, W, E) array
        float32; the frame's own type for nearest samples; `sum_dtype` for whole counts.

    Raises
    ------
    ValueError, TypeError
        As `SpectrumSum.add`; if integers cannot hold the fill value.
    """
    if pixel_map.counts == "interpolate" and pixel_map.interpolation == "nearest":
        source = SpectralFrame.of(frame, pixel_map)
        pixels = source.pixels
        value = fill_number(fill, pixels.dtype.newbyteorder("="))
        out = np.full((*pixel_map.shape, pixels.shape[2]), value, pixels.dtype.newbyteorder("="))
        covered = pixel_map.coverage(source.gaps) > 0
        number = np.zeros(pixel_map.shape, np.int64)
        number[pixel_map.covered > 0] = cast(Taps, pixel_map.steps).index
        q, p = np.nonzero(covered)
        r, s = np.divmod(number[covered], pixels.shape[1])

        def task(k: int) -> None:
            row = slice(*np.searchsorted(q, (k, k + 1)))
            out[k, p[row]] = pixels[r[row], s[row]]

        run_tasks(task, len(out), num_workers=num_workers)
        return out
    pixels = np.asarray(frame)
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    one = SpectrumSum(
        (*pixel_map.shape, max(1, channels)), dtype=pixels.dtype, counts=pixel_map.counts
    )
    fill_number(fill, one.total.dtype)
    one.add(pixels, pixel_map, num_workers=num_workers)
    return one.sum(fill=fill, in_place=True)


def _reciprocal(values: DoubleArray) -> DoubleArray:
    """1 / values, and 0 where they are 0."""
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)
