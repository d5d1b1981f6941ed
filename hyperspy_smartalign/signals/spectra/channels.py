"""The channels that take part in a sum: chosen and binned before any work starts."""

from __future__ import annotations

import uuid
from itertools import product
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.copying import sliced, with_data


def as_dense(array: Any) -> npt.NDArray[Any]:
    """A numpy array, also of an array of the package sparse, as some readers of EDS give."""
    return np.asarray(array.todense() if hasattr(array, "todense") else array)


def sum_dtype(dtype: npt.DTypeLike, count: int) -> np.dtype[Any]:
    """Type that holds the sum of `count` numbers of type `dtype`.

    Parameters
    ----------
    dtype : data type
        Of the numbers.
    count : int
        How many are added.

    Returns
    -------
    numpy.dtype
        In native byte order. For integers the narrowest type of the same kind that cannot
        overflow, of 64 bits at most. Others stay, but half precision becomes single.
    """
    dtype = np.dtype(dtype).newbyteorder("=")
    if dtype.kind == "b":
        return np.min_scalar_type(count)
    if dtype.kind not in "iu":
        return np.result_type(dtype, np.float32) if dtype.itemsize < 4 else dtype
    largest = max(count, 1) * int(np.iinfo(dtype).max)
    for width in (1, 2, 4):
        wider = np.dtype(f"{dtype.kind}{width}")
        if largest <= np.iinfo(wider).max and width >= dtype.itemsize:
            return wider
    return np.dtype(f"{dtype.kind}8")


def selected(signal: BaseSignal, *, signal_range: Any = None, binning: int = 1) -> BaseSignal:
    """The signal with the chosen channels only, neighbours among them added together.

    Nothing is loaded or copied: without binning the data are a view (of a lazy signal, a slice
    of its dask array); with binning the result is lazy, and channels are added when a frame is
    asked for.

    Parameters
    ----------
    signal : BaseSignal
        Spectra (signal dimension 1) or diffraction patterns (2), with any navigation axes. It
        stays as it is.
    signal_range : (start, stop), (left, right, top, bottom), ROI or None
        Channels to keep: two numbers or an ``hs.roi.SpanROI`` for spectra, four numbers or an
        ``hs.roi.RectangularROI`` for patterns. As in ``signal.isig``, an int is an index
        (counted from the end where negative), a float a value on the axis, and the end is not
        included. A float may lie one channel beyond the last, to include that one. None: all.
    binning : int, default 1
        How many neighbouring channels are added together, along each signal axis. Channels that
        are left over at the end are left out, as in HyperSpy's ``rebin``.

    Returns
    -------
    BaseSignal
        The signal itself where all channels are kept as they are, otherwise a new one of the
        same class (or its lazy class), with calibrated signal axes and a copy of the metadata.
        Counts are added in an integer type that holds them.

    Raises
    ------
    ValueError
        The range holds no channel or lies outside the axis; `binning` is less than 1 or more
        than there are channels.
    TypeError
        The range or `binning` is not made of numbers.
    NotImplementedError
        Channels of an axis that is not uniform are to be binned.
    """
    if isinstance(binning, bool) or not isinstance(binning, Integral):
        raise TypeError(f"binning must be an int, the number of channels to add, not {binning!r}.")
    if signal_range is not None:
        indices = range_in_channels(signal, signal_range)
        sizes = [axis.size for axis in signal.axes_manager.signal_axes]
        if indices != tuple((0, size) for size in sizes):
            slices = tuple(slice(*pair) for pair in indices)
            signal = sliced(signal, slices if len(slices) > 1 else slices[0])
    return signal if binning == 1 else _binned(signal, int(binning))


def range_in_channels(signal: BaseSignal, signal_range: Any) -> tuple[tuple[int, int], ...]:
    """Channel indices of a range; parameters and errors as `selected`.

    Returns
    -------
    tuple of (start, stop)
        One pair for each signal axis, in HyperSpy's order (x before y), with
        ``0 <= start < stop <= size``.
    """
    axes = signal.axes_manager.signal_axes
    numbers = _numbers(signal_range, 2 * len(axes))
    return tuple(_channels(axis, *numbers[2 * k : 2 * k + 2]) for k, axis in enumerate(axes))


def _numbers(signal_range: Any, count: int) -> tuple[int | float, ...]:
    wanted = "(start, stop)" if count == 2 else "(left, right, top, bottom)"
    roi = "hs.roi.SpanROI" if count == 2 else "hs.roi.RectangularROI"
    try:
        # A region of HyperSpy can be unpacked, although it does not look iterable.
        numbers = () if isinstance(signal_range, str) else tuple(signal_range)
    except TypeError:
        numbers = ()
    if not numbers:
        raise TypeError(
            f"signal_range must be {wanted} or {roi}, not {signal_range!r}. Integers are indices "
            "of channels, floats are values on the axis."
        )
    if len(numbers) != count:
        raise ValueError(
            f"signal_range {signal_range!r} holds {len(numbers)} numbers; this signal needs "
            f"{count}: {wanted} or {roi}."
        )
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, Real):
            raise TypeError(
                f"signal_range {signal_range!r} must be made of numbers, {wanted}; {number!r} is "
                "none. Integers are indices of channels, floats are values on the axis."
            )
    return tuple(int(n) if isinstance(n, Integral) else float(n) for n in numbers)


def _channels(axis: Any, start: int | float, stop: int | float) -> tuple[int, int]:
    edges = [_edge(axis, start), _edge(axis, stop)]
    falling = axis.size > 1 and axis.axis[0] > axis.axis[-1]
    if falling and isinstance(start, float) and isinstance(stop, float):
        edges.sort()
    if not edges[0] < edges[1]:
        raise ValueError(
            f"signal_range from {start} to {stop} holds no channel of the {_described(axis)}: it "
            f"goes from channel {edges[0]} up to, not including, channel {edges[1]}. Integers are "
            "indices of channels, floats are values on the axis."
        )
    return edges[0], edges[1]


def _edge(axis: Any, value: int | float) -> int:
    if isinstance(value, int):
        index = value + axis.size if value < 0 else value
    else:
        index = _nearest(axis, value)
    if not 0 <= index <= axis.size:
        raise ValueError(
            f"signal_range: {value} lies outside the {_described(axis)}. Integers are indices "
            "of channels, floats are values on the axis."
        )
    return index


def _nearest(axis: Any, value: float) -> int:
    """Index of the channel nearest to a value; -1 and size + 1 stand for far outside."""
    values = axis.axis
    first = values[1] - values[0] if axis.size > 1 else getattr(axis, "scale", 1.0)
    last = values[-1] - values[-2] if axis.size > 1 else first
    if not np.isfinite(value) or (value - values[0]) / first < -0.5:
        return -1
    beyond = (value - values[-1]) / last
    if beyond > 0:
        return int(axis.size) - 1 + min(int(np.floor(beyond + 0.5)), 2)
    return int(axis.value2index(value)) if (value - values[0]) / first > 0 else 0


def _described(axis: Any) -> str:
    units = axis.units if isinstance(axis.units, str) and axis.units else ""
    name = axis.name if isinstance(axis.name, str) and axis.name else "signal"
    limits = f"{axis.axis[0]:g} to {axis.axis[-1]:g} {units}".rstrip()
    return f"{name} axis, which has {axis.size} channels from {limits}"


def _binned(signal: BaseSignal, binning: int) -> BaseSignal:
    axes = signal.axes_manager.signal_axes
    if binning < 1:
        raise ValueError(f"binning must be 1 or more channels, not {binning}.")
    for axis in axes:
        if not axis.is_uniform:
            raise NotImplementedError(
                f"Channels cannot be binned: axis {axis.name} is not uniform. Give binning=1, or "
                f"make the axis uniform first with signal.interpolate_on_axis('uniform', "
                f"'{axis.name}')."
            )
        if binning > axis.size:
            raise ValueError(
                f"binning={binning} is more than there are channels in the {_described(axis)}; "
                f"{axis.size} adds them all."
            )
    data = _binned_data(by_frames(signal.data, len(axes)), len(axes), binning)
    result = with_data(signal, data)
    if not result._lazy:
        # Before the axes shrink: with one channel, HyperSpy would not know the class any more.
        result._lazy = True
        result._assign_subclass()
    for axis, source in zip(result.axes_manager.signal_axes, axes, strict=True):
        axis.size = source.size // binning
        axis.scale = source.scale * binning
        axis.offset = source.offset + (binning - 1) * source.scale / 2
    return result


def by_frames(data: Any, dimension: int) -> Any:
    """A dask array of the data; each frame of a numpy array is a chunk, and a view of it."""
    if hasattr(data, "dask"):
        return data
    import dask.array as da

    # Unlike this, da.from_array would copy every chunk at once.
    series = data.shape[: max(data.ndim - dimension - 2, 0)]
    rest = data.shape[len(series) :]
    name = f"frames-{uuid.uuid4().hex}"
    blocks = {
        (name, *place, *(0,) * len(rest)): data[tuple(slice(i, i + 1) for i in place)]
        for place in np.ndindex(series)
    }
    chunks = (*((1,) * size for size in series), *((size,) for size in rest))
    return da.Array(blocks, name, chunks, dtype=data.dtype)


def _binned_data(data: Any, dimension: int, binning: int) -> Any:
    import dask.array as da

    first = data.ndim - dimension
    kept = [size // binning * binning for size in data.shape[first:]]
    data = data[(..., *(slice(stop) for stop in kept))]
    # Only chunks along the channels whose ends lie within a bin are changed.
    aligned = {axis: _whole_bins(data.chunks[axis], binning) for axis in range(first, data.ndim)}
    data = data.rechunk(aligned)
    dtype = sum_dtype(data.dtype, binning**dimension)
    smaller = (tuple(size // binning for size in aligned[axis]) for axis in aligned)
    return da.map_blocks(
        _bin_block,
        data,
        dimension=dimension,
        binning=binning,
        dtype_out=dtype,
        chunks=(*data.chunks[:first], *smaller),
        dtype=dtype,
        meta=np.empty((0,) * data.ndim, dtype),
    )


def _whole_bins(sizes: tuple[int, ...], binning: int) -> tuple[int, ...]:
    """Sizes of chunks whose ends are moved back to the ends of bins."""
    ends = np.unique(np.cumsum(sizes) // binning * binning)
    return tuple(int(size) for size in np.diff(ends, prepend=0) if size)


def _bin_block(
    block: Any, dimension: int, binning: int, dtype_out: np.dtype[Any]
) -> npt.NDArray[Any]:
    array = as_dense(block)
    first = array.ndim - dimension
    result = np.zeros(
        (*array.shape[:first], *(size // binning for size in array.shape[first:])), dtype_out
    )
    steps: list[Any] = [
        (..., *(slice(start, None, binning) for start in starts))
        for starts in product(range(binning), repeat=dimension)
    ]
    # Scan line by scan line, what is added stays in the processor's cache.
    for place in np.ndindex(array.shape[: max(first - 1, 0)]):
        for step in steps:
            np.add(result[place], array[place][step], out=result[place], casting="unsafe")
    return result
