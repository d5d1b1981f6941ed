"""Small parts of a frame of spectra, sampled and added on one another.

The frame is worked on in blocks of channels, and a block in bands of rows. A band is filtered once
for all tiles in it; a tile then takes 16 samples of the spline coefficients a pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling.compiled import compiled
from hyperspy_smartalign.resampling.kernels import LINEAR, SPLINE, mirror, tap_weights
from hyperspy_smartalign.resampling.options import TOLERANCE, DoubleArray, FloatArray
from hyperspy_smartalign.resampling.spectral_frame import SpectralFrame
from hyperspy_smartalign.resampling.spectral_spline import REACH, filter_line, mirror_line
from hyperspy_smartalign.resampling.spectral_taps import SIDE, cardinal_weights
from hyperspy_smartalign.resampling.spline import filter_columns
from hyperspy_smartalign.resampling.warp import warp_frame
from hyperspy_smartalign.transforms.canvas import Canvas

Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Channels of a block; a tile of a block stays in the cache of a core.
BLOCK, BLOCK_OF_WIDE = 32, 16
_WIDE = 512
# Values of a band of rows, 32 MB a thread: bands overlap, so they should be many tiles high.
BAND_VALUES = 1 << 23
_KINDS: dict[str, int | None] = {"spline": SPLINE, "linear": LINEAR, "nearest": None}


@dataclass(frozen=True, eq=False)
class TilePlaces:
    """Where the pixels of some tiles lie in one frame.

    Attributes
    ----------
    places : (2, n, H, W) float64 array
        Coordinates (y, x) in pixels of the frame, moved inside where they are outside.
    covered : (n, H, W) bool array
        Pixels that the frame saw.
    kind : int or None
        Kernel of the samples, `kernels.SPLINE` or `LINEAR`; None takes the nearest pixel.
    whole : (n,) bool array
        Tiles whose pixels lie on pixels of the frame, which are copied.
    shifted : (n,) bool array
        Tiles whose pixels lie one pixel of the frame apart.
    """

    places: DoubleArray
    covered: Mask
    kind: int | None
    whole: Mask
    shifted: Mask

    @classmethod
    def of(
        cls, places: DoubleArray, frame: SpectralFrame, shape: tuple[int, int], interpolation: str
    ) -> Self:
        """From coordinates (2, n, H, W) in a frame of a shape (h, w)."""
        if interpolation not in _KINDS:
            raise ValueError(
                f"Unknown interpolation {interpolation!r} for spectra; choose one of "
                f"{', '.join(map(repr, _KINDS))}."
            )
        limits = np.reshape(shape, (2, 1, 1, 1)) - 1.0
        inside: Mask = np.all((places >= -TOLERANCE) & (places <= limits + TOLERANCE), axis=0)
        if frame.gaps is not None:
            # A sample that uses a pixel that was not observed is not covered.
            image = np.where(frame.gaps, np.float32(np.nan), np.float32(0.0))
            tall = places.reshape(2, -1, places.shape[3])
            seen = warp_frame(
                image,
                tall - np.indices(tall.shape[1:]),
                Canvas(0, 0, *tall.shape[1:]),
                interpolation=cast(Any, interpolation),
            )
            inside &= seen.covered.reshape(inside.shape)
        kept = np.clip(places, 0, limits)
        nearest = np.floor(kept + 0.5)
        whole: Mask = np.all(np.abs(kept - nearest) <= TOLERANCE, axis=(0, 2, 3))
        if interpolation == "nearest":
            whole[:] = True
        kept = np.where(whole[:, None, None], nearest, kept)
        apart = places - np.indices(places.shape[2:])[:, None]
        apart -= apart[:, :, :1, :1]
        shifted: Mask = np.all(np.abs(apart) <= TOLERANCE, axis=(0, 2, 3))
        return cls(kept, inside, _KINDS[interpolation], whole, shifted)

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows and columns of a tile."""
        height, width = self.covered.shape[1:]
        return int(height), int(width)

    def read(
        self, frame: SpectralFrame, channels: slice, *, squares: bool = False
    ) -> Iterator[tuple[Indices, Band]]:
        """Tiles that are worked on together, and the band of the frame that they lie in.

        `squares` says whether `Band.add_squares` is going to be asked.
        """
        for numbers, rows, columns in self._bands(frame.pixels.shape[:2]):
            raw = loaded(frame, rows, columns, channels)
            keep = squares or bool(self.whole[numbers].any())
            yield numbers, Band(raw, (rows.start, columns.start), self, keep=keep)

    def _bands(self, shape: tuple[int, ...]) -> list[tuple[Indices, slice, slice]]:
        """Numbers of tiles, and the rows and columns of the frame that they need."""
        seen = self.covered.any(axis=(1, 2))
        first = np.floor(self.places.min(axis=(2, 3))).astype(np.int64)
        last = np.floor(self.places.max(axis=(2, 3))).astype(np.int64) + 1
        reach = np.int64(REACH if self.kind == SPLINE else 1)
        most = max(1, BAND_VALUES // (shape[1] * block_of(shape[1])))
        order = np.flatnonzero(seen)
        order = order[np.argsort(first[0, order], kind="stable")]
        groups: list[list[int]] = []
        for i in order.tolist():
            if groups:
                top = first[0, groups[-1][0]]
                bottom = max(last[0, i], last[0, groups[-1]].max())
                if bottom - top + 2 * reach < most:
                    groups[-1].append(i)
                    continue
            groups.append([i])
        found = []
        for group in groups:
            low = np.maximum(first[:, group].min(axis=1) - reach, 0)
            high = np.minimum(last[:, group].max(axis=1) + reach + 1, shape)
            found.append(
                (
                    np.array(group),
                    slice(int(low[0]), int(high[0])),
                    slice(int(low[1]), int(high[1])),
                )
            )
        return found


class Band:
    """A part of a frame that is at hand, and tiles in it.

    Parameters
    ----------
    raw : (rows, columns + 3, channels) float32 array
        What `loaded` gave.
    origin : (y, x) of int
        Where the part begins in the frame.
    tiles : TilePlaces
        All tiles of the frame.
    keep : bool
        Whether the pixels are needed after the spline was made.
    """

    def __init__(
        self, raw: FloatArray, origin: tuple[int, int], tiles: TilePlaces, *, keep: bool
    ) -> None:
        self._raw = raw
        self._keep = keep
        self._origin = origin
        self._tiles = tiles
        self._spline: FloatArray | None = None

    def add(self, numbers: Indices, out: FloatArray) -> None:
        """Add the samples of some tiles to `out` (H, W, channels)."""
        tiles = self._tiles
        where = self._origin, tiles.places, tiles.covered
        whole = tiles.whole[numbers]
        if whole.any():
            copy_tiles(self._raw, numbers[whole], *where, out)
        if not whole.all():
            if self._spline is None:
                part = self._raw
                if tiles.kind == SPLINE:
                    part = filtered(part.copy() if self._keep else part)
                self._spline = part
            sum_tiles(self._spline, numbers[~whole], *where, cast(int, tiles.kind), out)

    def add_squares(self, numbers: Indices, out: FloatArray) -> None:
        """Add what these samples are made of, times their squared weights.

        That is the variance of the samples where the pixels are counts. Values below zero are no
        counts, and add nothing.
        """
        tiles = self._tiles
        where = self._origin, tiles.places, tiles.covered
        counts = np.maximum(self._raw, np.float32(0))
        whole, shifted = tiles.whole[numbers], tiles.shifted[numbers]
        copy_tiles(counts, numbers[whole], *where, out)
        kind = LINEAR if tiles.kind is None else tiles.kind
        sum_squares_of_lines(counts, numbers[shifted & ~whole], *where, kind, out)
        sum_squares(counts, numbers[~shifted & ~whole], *where, kind, out)


def block_of(width: int) -> int:
    """Channels of a block for frames of a width."""
    return BLOCK if width <= _WIDE else BLOCK_OF_WIDE


def loaded(frame: SpectralFrame, rows: slice, columns: slice, channels: slice) -> FloatArray:
    """A part of a frame as a new float32 array (rows, columns + 3, channels).

    One pixel before each row and two after it are mirrored.
    """
    height, width = rows.stop - rows.start, columns.stop - columns.start
    part = np.empty((height, width + 3, channels.stop - channels.start), np.float32)
    if frame.gaps is None:
        part[:, 1:-2] = frame.pixels[rows, columns, channels]
    else:
        down, along = (where[rows, columns] for where in frame.stand_ins)
        part[:, 1:-2] = frame.pixels[down, along, channels]
    mirror_lines(part.reshape(height, -1), width, part.shape[2])
    return part


def filtered(part: FloatArray) -> FloatArray:
    """Spline coefficients of what `loaded` gave, along both image axes, in place."""
    rows, columns, channels = part.shape
    if columns > 4:
        filter_lines(part.reshape(rows, -1), columns - 3, channels)
    filter_columns(part.reshape(rows, -1))
    return part


@compiled
def mirror_lines(part: FloatArray, columns: int, channels: int) -> None:
    """Fill the pixels before and after each row."""
    for r in range(part.shape[0]):
        mirror_line(part[r], columns, channels, 2)


@compiled
def filter_lines(part: FloatArray, columns: int, channels: int) -> None:
    """Filter each row along x, in place."""
    for r in range(part.shape[0]):
        filter_line(part[r], channels, columns, channels)
        mirror_line(part[r], columns, channels, 2)


@compiled
def sum_tiles(
    part: FloatArray,
    numbers: Indices,
    origin: tuple[int, int],
    places: DoubleArray,
    covered: Mask,
    kind: int,
    out: FloatArray,
) -> None:
    """Add samples of a part of a frame to `out` (H, W, channels).

    The part (rows, columns + 3, channels) begins at `origin` of the frame. Tile numbers[k] has its
    pixels at places[:, numbers[k]].
    """
    rows, columns, channels = part.shape
    flat, total = part.ravel(), out.ravel()
    count, length = np.uint64(channels), columns * channels
    two, three = count + count, count + count + count
    for i in numbers:
        o = np.uint64(0)
        for q in range(covered.shape[1]):
            for p in range(covered.shape[2]):
                if covered[i, q, p]:
                    y, x = places[0, i, q, p] - origin[0], places[1, i, q, p] - origin[1]
                    iy, ix = int(y), int(x)
                    wy, wx = tap_weights(y - iy, kind), tap_weights(x - ix, kind)
                    # Four taps at a time: more pointers would not run in vector instructions.
                    for j in range(4):
                        if wy[j] != 0:
                            a = np.uint64(mirror(iy - 1 + j, rows) * length + ix * channels)
                            w0, w1, w2, w3 = (
                                wy[j] * wx[0],
                                wy[j] * wx[1],
                                wy[j] * wx[2],
                                wy[j] * wx[3],
                            )
                            for c in range(count):
                                b = a + c
                                left = w0 * flat[b] + w1 * flat[b + count]
                                total[o + c] += left + w2 * flat[b + two] + w3 * flat[b + three]
                o += count


@compiled
def copy_tiles(
    part: FloatArray,
    numbers: Indices,
    origin: tuple[int, int],
    places: DoubleArray,
    covered: Mask,
    out: FloatArray,
) -> None:
    """As `sum_tiles` for tiles that lie on the pixels of the frame."""
    columns, channels = part.shape[1:]
    flat, total = part.ravel(), out.ravel()
    count = np.uint64(channels)
    for i in numbers:
        o = np.uint64(0)
        for q in range(covered.shape[1]):
            for p in range(covered.shape[2]):
                if covered[i, q, p]:
                    y, x = places[0, i, q, p] - origin[0], places[1, i, q, p] - origin[1]
                    a = np.uint64((int(y) * columns + int(x) + 1) * channels)
                    for c in range(count):
                        total[o + c] += flat[a + c]
                o += count


@compiled
def sum_squares(
    part: FloatArray,
    numbers: Indices,
    origin: tuple[int, int],
    places: DoubleArray,
    covered: Mask,
    kind: int,
    out: FloatArray,
) -> None:
    """As `sum_tiles` with the squares of the weights of the pixels that samples are made of."""
    rows, columns, channels = part.shape
    flat, total = part.ravel(), out.ravel()
    count = np.uint64(channels)
    down, along = np.zeros(2 * SIDE, np.int64), np.zeros(2 * SIDE, np.int64)
    wy, wx = np.zeros(2 * SIDE, np.float32), np.zeros(2 * SIDE, np.float32)
    for i in numbers:
        o = np.uint64(0)
        for q in range(covered.shape[1]):
            for p in range(covered.shape[2]):
                if covered[i, q, p]:
                    n_down = weights_of(places[0, i, q, p] - origin[0], rows, kind, down, wy)
                    n_along = weights_of(
                        places[1, i, q, p] - origin[1], columns - 3, kind, along, wx
                    )
                    for j in range(n_down):
                        for k in range(n_along):
                            a = np.uint64((down[j] * columns + along[k] + 1) * channels)
                            v = wy[j] * wx[k]
                            v *= v
                            for c in range(count):
                                total[o + c] += v * flat[a + c]
                o += count


@compiled
def sum_squares_of_lines(
    part: FloatArray,
    numbers: Indices,
    origin: tuple[int, int],
    places: DoubleArray,
    covered: Mask,
    kind: int,
    out: FloatArray,
) -> None:
    """As `sum_squares` for tiles that are only shifted: rows first, then columns."""
    rows, columns, channels = part.shape
    flat, total = part.ravel(), out.ravel()
    count = np.uint64(channels)
    index, weight = np.zeros(2 * SIDE, np.int64), np.zeros(2 * SIDE, np.float32)
    line = np.empty(columns * channels, np.float32)
    for i in numbers:
        for q in range(covered.shape[1]):
            first = last = -1
            for p in range(covered.shape[2]):
                if covered[i, q, p]:
                    first = p if first < 0 else first
                    last = p
            if first < 0:
                continue
            left = max(int(places[1, i, q, first] - origin[1]) - SIDE, 0)
            right = min(int(places[1, i, q, last] - origin[1]) + SIDE + 1, columns - 3)
            size = np.uint64((right - left) * channels)
            start = np.uint64(left * channels)
            for c in range(size):
                line[start + c] = np.float32(0.0)
            for j in range(
                weights_of(places[0, i, q, first] - origin[0], rows, kind, index, weight)
            ):
                v = weight[j] * weight[j]
                a = np.uint64((index[j] * columns + left + 1) * channels)
                for c in range(size):
                    line[start + c] += v * flat[a + c]
            o = np.uint64((q * covered.shape[2] + first) * channels)
            for p in range(first, last + 1):
                if covered[i, q, p]:
                    x = places[1, i, q, p] - origin[1]
                    for k in range(weights_of(x, columns - 3, kind, index, weight)):
                        v = weight[k] * weight[k]
                        b = np.uint64(index[k] * channels)
                        for c in range(count):
                            total[o + c] += v * line[b + c]
                o += count


@compiled
def weights_of(position: float, n: int, kind: int, index: Indices, weight: FloatArray) -> int:
    """Pixels of a line of `n` that a sample is made of, and their weights; how many there are."""
    if kind == SPLINE:
        return cardinal_weights(position, n, index, weight)
    whole = int(position)
    index[0], index[1] = whole, min(whole + 1, n - 1)
    weight[1] = position - whole
    weight[0] = np.float32(1.0) - weight[1]
    return 2
