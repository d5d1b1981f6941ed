"""One frame of spectra, and its way through the compiled loops, block by block of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from hyperspy_smartalign.resampling import spectral_taps
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.resampling.pixel_map import Lines, PixelMap, Pixels, Taps
from hyperspy_smartalign.resampling.spectral_spline import (
    REACH,
    STRIPE,
    add_field,
    add_lines,
)
from hyperspy_smartalign.resampling.workers import Chunk, map_chunks

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# A row of a block has about this many values, so that the rows at work stay in the cache.
ROW_VALUES = 16384
SMALLEST_BLOCK, LARGEST_BLOCK = 64, 128
# Lists of taps need no rows at hand; long runs of channels are read faster.
TAPS_BLOCK = 512


def block_size(pixel_map: PixelMap, channels: int) -> int:
    """Channels of a frame that are worked on together."""
    if isinstance(pixel_map.steps, Taps):
        return TAPS_BLOCK
    width = pixel_map.frame_shape[1]
    if isinstance(pixel_map.steps, Lines):
        width = pixel_map.frame_shape[1 - pixel_map.steps.axis]
    size = int(np.clip(ROW_VALUES // width // 16 * 16, SMALLEST_BLOCK, LARGEST_BLOCK))
    return min(size, -(-channels // 16) * 16)


@dataclass(frozen=True, eq=False)
class SpectralFrame:
    """A frame of spectra that is read in blocks of channels.

    Attributes
    ----------
    pixels : (h, w, E) array
        Real numbers of any type, order and strides.
    gaps : (h, w) bool array or None
        Pixels with a value that is not finite, if there are any.
    stand_ins : two (h, w) int64 arrays
        Row and column of the pixel that is read in place of each pixel: the nearest one that was
        observed, so that the spline of its neighbours is not spoilt.
    """

    pixels: npt.NDArray[Any]
    gaps: Mask | None
    stand_ins: tuple[Indices, Indices]

    @classmethod
    def of(
        cls,
        frame: npt.ArrayLike,
        pixel_map: PixelMap,
        channels: int | None = None,
        *,
        num_workers: int | None = None,
    ) -> SpectralFrame:
        """Check a frame against its pixel map, and look for gaps.

        Raises
        ------
        ValueError
            If the frame has another shape.
        TypeError
            If it does not hold real numbers.
        """
        pixels = np.asarray(frame)
        h, w = pixel_map.frame_shape
        if pixels.shape[:2] != (h, w):
            expected = (h, w, "channels" if channels is None else channels)
            raise ValueError(_misfit(pixels, expected))
        return cls.checked(pixels, channels, num_workers=num_workers)

    @classmethod
    def checked(
        cls,
        pixels: npt.NDArray[Any],
        channels: int | None = None,
        *,
        num_workers: int | None = None,
    ) -> SpectralFrame:
        """A frame whose shape is known to fit; errors as `of`."""
        if pixels.dtype.kind not in "biuf":
            raise TypeError(
                f"Spectra must hold real numbers, not {pixels.dtype}; pass the real part or the "
                "modulus of complex data."
            )
        if pixels.ndim != 3 or channels not in (None, pixels.shape[2]):
            expected = ("height", "width", "channels" if channels is None else channels)
            raise ValueError(_misfit(pixels, expected))
        if 0 in pixels.shape:
            raise ValueError(
                f"A frame of shape {pixels.shape} holds no channel; select at least 1."
            )
        gaps = _gaps(pixels, num_workers)
        if gaps is None or gaps.all():
            stand_ins: Any = np.indices(pixels.shape[:2])
        else:
            stand_ins = distance_transform_edt(gaps, return_distances=False, return_indices=True)
        rows, columns = stand_ins.astype(np.int64)
        return cls(pixels, gaps, (rows, columns))

    def block(self, first: int, count: int) -> tuple[FloatArray, Indices]:
        """Some channels in float32: a flat array, and the places (h, w) of the pixels in it."""
        part = self.pixels[:, :, first : first + count]
        if not _is_direct(part):
            part = part.astype(np.float32, order="C")
        return self._flat(part)

    def converted(
        self, first: int, count: int, dtype: np.dtype[Any]
    ) -> tuple[npt.NDArray[Any], Indices]:
        """As `block`, in another type."""
        return self._flat(self.pixels[:, :, first : first + count].astype(dtype, order="C"))

    def _flat(self, part: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Indices]:
        down, along = (step // part.itemsize for step in part.strides[:2])
        rows, columns = self.stand_ins
        return flat_view(part, writeable=False), rows * down + columns * along


def _misfit(pixels: npt.NDArray[Any], expected: tuple[Any, ...]) -> str:
    return (
        f"A frame of shape {pixels.shape} does not fit; the pixel map and the sum are for "
        f"({', '.join(map(str, expected))}). Several signal axes must be flattened to one."
    )


def flat_view(array: npt.NDArray[Any], *, writeable: bool) -> npt.NDArray[Any]:
    """A flat array from the first to the last number of a strided one; nothing is copied."""
    steps = [step // array.itemsize for step in array.strides]
    size = 1 + sum((n - 1) * step for n, step in zip(array.shape, steps, strict=True))
    return np.lib.stride_tricks.as_strided(array, (size,), (array.itemsize,), writeable=writeable)


def _is_direct(part: npt.NDArray[Any]) -> bool:
    """Whether the compiled loops can read an array as it is."""
    return (
        part.dtype == np.float32
        and part.dtype.isnative
        and part.flags.aligned
        and (part.shape[2] == 1 or part.strides[2] == part.itemsize)
        and all(step >= 0 and step % part.itemsize == 0 for step in part.strides)
    )


def _gaps(pixels: npt.NDArray[Any], num_workers: int | None) -> Mask | None:
    """Pixels (h, w) with a channel that is not finite, if there are any."""
    if pixels.dtype.kind != "f":
        return None
    gaps = np.empty(pixels.shape[:2], np.bool_)
    direct = _is_direct(pixels)

    def task(rows: Chunk) -> None:
        for r in rows:
            if direct:
                along = pixels.strides[1] // pixels.itemsize
                raw = flat_view(pixels[r], writeable=False)
                spectral_taps.mark_gaps(raw, along, pixels.shape[2], gaps[r])
            else:
                np.isfinite(pixels[r]).all(axis=1, out=gaps[r])
                np.logical_not(gaps[r], out=gaps[r])

    map_chunks(task, len(pixels), num_workers=num_workers)
    return gaps if gaps.any() else None


def scratch_sizes(pixel_map: PixelMap, block: int) -> tuple[int, int]:
    """Numbers held of half filtered rows and of filtered rows, for a block of channels."""
    steps, (h, w) = pixel_map.steps, pixel_map.frame_shape
    if isinstance(steps, Taps):
        return 0, 0
    if isinstance(steps, Lines):
        seen = steps.spans[:, 1] > steps.spans[:, 0]
        low, high = steps.rows.min(axis=1), steps.rows.max(axis=1)
        length = (h, w)[1 - steps.axis] * block
        h = (h, w)[steps.axis]
    else:
        covered = pixel_map.covered > 0
        seen = np.asarray(covered.any(axis=1))
        low = np.where(covered, steps.corners[0], h).min(axis=1) - 1
        high = np.where(covered, steps.corners[0], -1).max(axis=1) + 2
        length = (w + 3) * block
    span = 0
    for top in range(0, len(seen), STRIPE):
        part = slice(top, top + STRIPE)
        if seen[part].any():
            kept = seen[part]
            span = max(span, int(high[part][kept].max() - low[part][kept].min()) + 1)
    rows = min(h, span + REACH)
    return rows * length, rows * length


def add_samples(
    source: SpectralFrame,
    pixel_map: PixelMap,
    first: int,
    seen: Mask,
    out: npt.NDArray[Any],
    scratch: tuple[FloatArray, FloatArray],
    block: int,
) -> None:
    """Add the channels from `first` on of a frame to a block `out` (H, W, channels) of a sum.

    `seen` (H, W) are the pixels that take part; `scratch` has `scratch_sizes`.
    """
    count = out.shape[2]
    raw, position = source.block(first, count)
    total, steps = flat_view(out, writeable=True), pixel_map.steps
    down, along = (step // out.itemsize for step in out.strides[:2])
    if isinstance(steps, Taps):
        taps = steps.ends, steps.index, steps.weight
        spectral_taps.add_taps(raw, position.ravel(), count, *taps, seen.ravel(), total, along)
    elif isinstance(steps, Pixels):
        add_field(
            raw,
            position,
            count,
            block,
            steps.corners,
            steps.fractions,
            steps.filters,
            seen,
            total,
            (down, along),
            *scratch,
        )
    else:
        strides = (down, along)
        if steps.axis == 1:
            position, seen = np.ascontiguousarray(position.T), np.ascontiguousarray(seen.T)
            strides = (along, down)
        add_lines(
            raw,
            position,
            count,
            block,
            steps.rows,
            steps.row_weights,
            steps.columns,
            steps.column_weights,
            steps.spans,
            steps.filters,
            seen,
            total,
            strides,
            *scratch,
        )


def add_integers(
    source: SpectralFrame, pixel_map: PixelMap, first: int, out: npt.NDArray[Any]
) -> None:
    """Add whole counts to a block `out` (H, W, channels) of a sum of integers."""
    count = out.shape[2]
    raw, position = source.converted(first, count, out.dtype)
    steps = cast(Taps, pixel_map.steps)
    total, along = flat_view(out, writeable=True), out.strides[1] // out.itemsize
    spectral_taps.add_integers(raw, position.ravel(), count, steps.ends, steps.index, total, along)


def add_variances(
    source: SpectralFrame,
    pixel_map: PixelMap,
    first: int,
    seen: Mask,
    out: FloatArray,
    places: DoubleArray,
) -> None:
    """Add the variance of a frame of counts to a block `out` (H, W, channels).

    `places` (2, H, W) are those of the samples, `PixelMap.places`; lists of taps need none.
    """
    count, steps = out.shape[2], pixel_map.steps
    raw, position = source.block(first, count)
    total = flat_view(out, writeable=True)
    down, along = (step // out.itemsize for step in out.strides[:2])
    if isinstance(steps, Taps):
        taps = steps.ends, steps.index, steps.weight
        spectral_taps.add_tap_squares(
            raw, position.ravel(), count, *taps, seen.ravel(), total, along
        )
    elif isinstance(steps, Pixels):
        spectral_taps.add_spline_squares(raw, position, count, places, seen, total, along)
    else:
        strides = (down, along)
        if steps.axis == 1:
            position, seen = np.ascontiguousarray(position.T), np.ascontiguousarray(seen.T)
            places = np.ascontiguousarray(places[::-1].transpose(0, 2, 1))
            strides = (along, down)
        spectral_taps.add_line_squares(raw, position, count, places, seen, total, strides)


def merge_spread(
    total: npt.NDArray[Any],
    squares: FloatArray,
    samples: npt.NDArray[Any],
    exposure: DoubleArray,
    before: DoubleArray,
) -> None:
    """Add the `samples` of one frame to a block of a sum and of its squared deviations.

    `exposure` and `before` (H * W,) are those of the frame and of the sum so far.
    """
    steps = [array.strides[1] // array.itemsize for array in (total, samples)]
    spectral_taps.add_spread(
        flat_view(total, writeable=True),
        flat_view(squares, writeable=True),
        flat_view(samples, writeable=False),
        total.shape[2],
        (steps[0], steps[1]),
        exposure,
        before,
    )
