"""From a signal to what the core takes: layout of the axes, frames, regions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.axes import UniformDataAxis
from hyperspy.exceptions import SignalDimensionError
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import recording

# Smaller regions hold too little for a correlation.
SMALLEST_REGION = 8


class NotASeriesError(SignalDimensionError, ValueError):
    """The signal is not a series of images or of spectrum images."""

    def __init__(self, message: str) -> None:
        ValueError.__init__(self, message)

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Layout:
    """Where series, image and spectral channels lie in the data of a signal.

    Attributes
    ----------
    series_shape : tuple of int
        Shape of the series axes in numpy's order; they come first in the data.
    frame_shape : tuple of int
        (height, width) of a frame in pixels.
    channel_shape : tuple of int
        Shape of what each pixel holds: () in images, (channels,) in spectrum images, (ky, kx)
        in series of diffraction patterns.
    scale, offset : tuple of float
        (y, x) of the image axes, in `units`.
    units : tuple of str
        (y, x); "px" where the axis has none.
    """

    series_shape: tuple[int, ...]
    frame_shape: tuple[int, int]
    channel_shape: tuple[int, ...]
    scale: tuple[float, float]
    offset: tuple[float, float]
    units: tuple[str, str]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return math.prod(self.series_shape)

    @property
    def image_axes(self) -> tuple[int, int]:
        """Positions of y and x among the axes of the data."""
        y = len(self.series_shape)
        return y, y + 1


def layout_of(
    signal: BaseSignal, *, series_dimension: int | None = None, fewest: int = 2
) -> Layout:
    """Layout of an image series (Signal2D) or a series of spectrum images (Signal1D).

    With `series_dimension`, a Signal2D may also be a series of diffraction patterns, as in
    4D-STEM: (frames, y, x | ky, kx).

    Parameters
    ----------
    signal : BaseSignal
        Signal with one or more series axes. In spectrum images they are the navigation axes
        beyond x and y.
    series_dimension : int or None
        Number of series axes. A Signal2D with two navigation axes more holds diffraction
        patterns, and its first two navigation axes are x and y. None: every Signal2D holds
        images, and in spectrum images all other navigation axes are series axes.
    fewest : int
        Least number of frames.

    Returns
    -------
    Layout

    Raises
    ------
    NotASeriesError
        The signal has neither images nor spectra, or no series axis, or too few frames, or another
        number of series axes than `series_dimension`.
    NotImplementedError
        An axis of the image is not uniform.
    """
    # HyperSpy's signal_dimension is 0 where there is but one channel.
    dimension = len(signal.axes_manager.signal_axes)
    navigation = signal.axes_manager.navigation_axes
    channels: tuple[int, ...] = ()
    if series_dimension is not None:
        _check_series_dimension(signal, series_dimension)
    if dimension == 2 and series_dimension is not None and len(navigation) > series_dimension:
        (x, y), series = navigation[:2], navigation[2:]
        channels = tuple(int(axis.size) for axis in reversed(signal.axes_manager.signal_axes))
    elif dimension == 2:
        (x, y), series = signal.axes_manager.signal_axes, navigation
    elif dimension == 1 and len(navigation) >= 2:
        (x, y), series = navigation[:2], navigation[2:]
        channels = (signal.axes_manager.signal_axes[0].size,)
    else:
        raise NotASeriesError(
            f"{signal!r} is not a series of images or of spectrum images: its signal dimension "
            f"is {dimension} and its navigation dimension {len(navigation)}. Images need signal "
            "dimension 2, as after signal.transpose(signal_axes=('x', 'y')); spectrum images "
            "need signal dimension 1 and navigation axes x, y and frames."
        )
    check_uniform((y, x))
    series_shape = tuple(int(axis.size) for axis in reversed(series))
    if not series or math.prod(series_shape) < fewest:
        # An average of tiles has their matches too, but no axis of tiles.
        if series and recording.has_matches(signal):
            raise NotASeriesError(
                f"{signal!r} has one tile; alignment needs two or more. Lower the threshold of the "
                "search, or give a motif that repeats."
            )
        raise NotASeriesError(
            f"{signal!r} has one frame; alignment needs two or more. Load the series as a stack "
            "with hyperspy_smartalign.load_series(...) or hs.stack([...])."
        )
    return layout_of_axes(series_shape, y, x, channels)


def layout_of_axes(
    series_shape: tuple[int, ...],
    y: UniformDataAxis,
    x: UniformDataAxis,
    channel_shape: tuple[int, ...] = (),
) -> Layout:
    """Layout of frames on two uniform image axes."""
    return Layout(
        series_shape=series_shape,
        frame_shape=(int(y.size), int(x.size)),
        channel_shape=channel_shape,
        scale=(float(y.scale), float(x.scale)),
        offset=(float(y.offset), float(x.offset)),
        units=(units_of(y), units_of(x)),
    )


def _check_series_dimension(signal: BaseSignal, wanted: int) -> None:
    """Refuse images, spectra or patterns with another number of series axes."""
    dimension = len(signal.axes_manager.signal_axes)
    found = signal.axes_manager.navigation_dimension
    allowed = {1: (wanted + 2,), 2: (wanted, wanted + 2)}.get(dimension, (found,))
    if found in allowed:
        return
    needs = {
        1: f"spectrum images need {wanted + 2} (x, y and those of the series)",
        2: f"images need {wanted}, diffraction patterns {wanted + 2} (x, y and those of the "
        "series)",
    }
    raise NotASeriesError(
        f"{signal!r} has {found} navigation axes, but the series has {wanted} "
        f"{'axis' if wanted == 1 else 'axes'}: {needs[dimension]}."
    )


@dataclass(frozen=True)
class SeriesData:
    """The data of a series, and where its frames lie in them.

    Attributes
    ----------
    layout : Layout
        Shapes and calibration.
    data : numpy or dask array
        (*series_shape, height, width, *channel_shape).
    """

    layout: Layout
    data: Any

    def __len__(self) -> int:
        return self.layout.n_frames

    @property
    def lazy(self) -> bool:
        """True if the frames are computed when asked for."""
        return hasattr(self.data, "dask")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype


@dataclass(frozen=True)
class Frames(SeriesData):
    """The frames of an image series, one by one or as a stack.

    Frames are counted in C order over the series axes. Those of a lazy signal are computed when
    asked for.

    Attributes
    ----------
    layout : Layout
        Shapes and calibration.
    data : numpy or dask array
        The data of the signal, (*series_shape, height, width).
    """

    def frame(self, index: int) -> npt.NDArray[Any]:
        """Frame `index` as a read-only array (height, width)."""
        place = np.unravel_index(index, self.layout.series_shape)
        return read_only(self.data[place], f"frame {index}")

    def chunk(self, start: int, size: int) -> npt.NDArray[Any]:
        """Some steps along the first axis as a read-only array (frames, height, width)."""
        per_step = self.layout.n_frames // len(self.data)
        first, last = start * per_step, (start + size) * per_step - 1
        what = f"frame {first}" if first == last else f"one of the frames {first} to {last}"
        pixels = read_only(self.data[start : start + size], what)
        return pixels.reshape(-1, *self.layout.frame_shape)

    def __iter__(self) -> Iterator[npt.NDArray[Any]]:
        """Frames in order; of a lazy signal, each chunk along the first axis is computed once."""
        sizes = self.data.chunks[0] if self.lazy else (1,) * len(self.data)
        start = 0
        for size in sizes:
            yield from self.chunk(start, size)
            start += size

    def as_stack(self) -> npt.NDArray[Any]:
        """All frames as a read-only array (n, height, width), computed if the signal is lazy."""
        return read_only(self.data, "one of the frames").reshape(-1, *self.layout.frame_shape)


def frames_of(signal: BaseSignal) -> Frames:
    """The frames of an image series.

    Parameters
    ----------
    signal : Signal2D
        Two or more images; any number of navigation axes.

    Returns
    -------
    Frames

    Raises
    ------
    NotASeriesError
        The signal does not hold images, or holds only one.
    NotImplementedError
        An axis of the image is not uniform.
    """
    layout = layout_of(signal)
    if layout.channel_shape:
        raise NotASeriesError(
            f"{signal!r} holds spectra; shifts are found on images. Align the image series that "
            "was taken at the same time, then use signal.apply_alignment(aligned)."
        )
    return Frames(layout, signal.data)


def region_in_pixels(
    signal: BaseSignal,
    region: Iterable[int | float],
    *,
    name: str = "roi",
    smallest: int = SMALLEST_REGION,
) -> tuple[int, ...]:
    """Pixel indices of a region of the image.

    Parameters
    ----------
    signal : BaseSignal
        Signal whose image axes the region refers to.
    region : hs.roi.RectangularROI or (left, right, top, bottom)
        int: index; float: value on the axis. Right and bottom are not included. Where a scale
        is negative, values may come in either order.
    name : str
        Name of the parameter, for messages.
    smallest : int
        Least width and height in pixels.

    Returns
    -------
    (left, right, top, bottom) : tuple of int
        Indices with left < right and top < bottom; right and bottom are not included.

    Raises
    ------
    ValueError
        The region lies partly outside the frame, or is too small.
    NotImplementedError
        An axis of the image is not uniform.
    """
    manager = signal.axes_manager
    axes = manager.signal_axes if manager.signal_dimension == 2 else manager.navigation_axes[:2]
    check_uniform(axes)
    left, right, top, bottom = region
    columns = _indices(axes[0], left, right, (f"{name} left", f"{name} right"))
    rows = _indices(axes[1], top, bottom, (f"{name} top", f"{name} bottom"))
    width, height = columns[1] - columns[0], rows[1] - rows[0]
    if min(width, height) < smallest:
        raise ValueError(
            f"{name} (left, right, top, bottom) = {(left, right, top, bottom)} is {width} x "
            f"{height} px; it must be {smallest} x {smallest} px or larger. "
            "Integers are indices, floats are values on the axes."
        )
    return (*columns, *rows)


def _indices(
    axis: UniformDataAxis, start: int | float, stop: int | float, sides: tuple[str, str]
) -> tuple[int, int]:
    edges = [_index(axis, value, side) for value, side in zip((start, stop), sides, strict=True)]
    if axis.scale < 0 and isinstance(start, float) and isinstance(stop, float):
        edges.sort()
    return edges[0], edges[1]


def _index(axis: UniformDataAxis, value: int | float, side: str) -> int:
    if isinstance(value, float):
        position = (value - axis.offset) / axis.scale
        # HyperSpy's own rounding where it has an index; the far edge lies one beyond the last.
        inside = -0.5 < position < axis.size - 0.5
        index = int(axis.value2index(value)) if inside else math.floor(position + 0.5)
    else:
        index = int(value)
    if not 0 <= index <= axis.size:
        first, last = axis.offset, axis.offset + axis.scale * axis.size
        raise ValueError(
            f"{side}={value} lies outside the frame, which has {axis.size} px from "
            f"{first:g} to {last:g} {units_of(axis)}. Integers are indices, floats are values on "
            "the axis."
        )
    return index


def check_uniform(axes: Iterable[Any]) -> None:
    """Raise NotImplementedError if an axis is not uniform."""
    for axis in axes:
        if not axis.is_uniform:
            raise NotImplementedError(
                f"Axis {axis.name} is not uniform, and frames are aligned on uniform axes only. "
                f"Make it uniform first with signal.interpolate_on_axis('uniform', '{axis.name}')."
            )


def units_of(axis: Any) -> str:
    """Units of an axis, "px" where it has none."""
    return axis.units if isinstance(axis.units, str) and axis.units else "px"


def read_only(data: Any, what: str) -> npt.NDArray[Any]:
    """The data as a numpy array that cannot be written to, computed if it is lazy.

    Parameters
    ----------
    data : numpy or dask array
        Some frames.
    what : str
        What they are, for messages.

    Raises
    ------
    OSError
        The file of a lazy signal cannot be read there.
    """
    try:
        array = np.asarray(data).view()
    except OSError as error:
        raise OSError(
            f"{what} (counted from 0) cannot be read from its file: {error}. If the file was "
            "closed or moved, load it again; a frame that is damaged is left out with "
            "signal.smartalign.prepare(skip=...)."
        ) from error
    array.flags.writeable = False
    return array
