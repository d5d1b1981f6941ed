"""A series of spectrum images integrated over its channels: a series of images."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal, Signal2D

from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.provenance.noting import note
from hyperspy_smartalign.signals.spectra.channels import as_dense, selected, sum_dtype
from hyperspy_smartalign.signals.validating import NotASeriesError, layout_of


def integrate(
    signal: BaseSignal,
    signal_range: Any = None,
    *,
    series_dimension: int | None = None,
    num_workers: int | None = None,
) -> Signal2D:
    """Images of the counts in a range of channels, one a frame.

    Parameters
    ----------
    signal : Signal1D or Signal2D
        Series of spectrum images (frames, y, x | E), or of diffraction patterns
        (frames, y, x | ky, kx). It stays as it is.
    signal_range : (start, stop), (left, right, top, bottom), ROI or None
        Channels to add, as in `channels.selected`. For diffraction patterns this makes a virtual
        image. None: all.
    series_dimension : int or None
        Number of series axes; None: all navigation axes beyond x and y.
    num_workers : int or None
        Threads, for data in memory; None: one per processor.

    Returns
    -------
    Signal2D or LazySignal2D
        Series of images (frames | y, x), lazy where the signal is, with its calibration and
        metadata; the signal type is that of images. Counts stay integers. A pixel with NaN in
        a channel is NaN. The step is added to the record.

    Raises
    ------
    NotASeriesError
        The signal is not a series of spectrum images.
    ValueError, TypeError
        The range is wrong, as in `channels.selected`.
    """
    if series_dimension is None and len(signal.axes_manager.signal_axes) == 2:
        # Images have no channels, so these are patterns.
        series_dimension = max(signal.axes_manager.navigation_dimension - 2, 0) or None
    layout = layout_of(signal, series_dimension=series_dimension)
    if not layout.channel_shape:
        raise NotASeriesError(
            f"{signal!r} holds images; there are no channels to integrate over. Spectrum images "
            "need signal dimension 1 and navigation axes x, y and frames."
        )
    chosen = selected(signal, signal_range=signal_range)
    data = sum_of_channels(chosen.data, len(layout.channel_shape), num_workers=num_workers)
    result = _image_series(signal, data)
    given = None if signal_range is None else [_builtin(number) for number in signal_range]
    recording.append_step(result, "integrate", {"signal_range": given})
    parameters = {"signal_range": given, "series_dimension": series_dimension}
    note(result, "integrate", {"signal": signal}, parameters)
    return result


def sum_of_channels(data: Any, dimension: int, *, num_workers: int | None = None) -> Any:
    """Sum over the last axes.

    Parameters
    ----------
    data : numpy or dask array
        (..., *channel_shape). Blocks of a dask array may be sparse.
    dimension : int
        Number of channel axes, 1 or 2.
    num_workers : int or None
        Threads, for a numpy array; None: one per processor.

    Returns
    -------
    numpy or dask array
        (...), in a type that holds the sums; chunks of a dask array as in `data`.
    """
    first = data.ndim - dimension
    axes = tuple(range(first, data.ndim))
    dtype = sum_dtype(data.dtype, int(np.prod(data.shape[first:])))
    if hasattr(data, "dask"):
        total = data.sum(axis=axes, dtype=dtype)
        if isinstance(data._meta, np.ndarray):
            return total
        return total.map_blocks(as_dense, dtype=dtype, meta=np.empty((0,) * first, dtype))
    result: npt.NDArray[Any] = np.empty(data.shape[:first], dtype)
    outer = data.shape[: max(first - 1, 0)]

    def add(task: int) -> None:
        place = np.unravel_index(task, outer)
        data[place].sum(axis=tuple(range(-dimension, 0)), dtype=dtype, out=result[place])

    if first == 0:
        return data.sum(axis=axes, dtype=dtype)
    if result.size:
        run_tasks(add, int(np.prod(outer)), num_workers=num_workers)
    return result


def _image_series(signal: BaseSignal, data: Any) -> Signal2D:
    axes = [axis.get_axis_dictionary() for axis in signal.axes_manager.navigation_axes[::-1]]
    for axis in axes[-2:]:
        axis["navigate"] = False
    metadata = signal.metadata.as_dictionary()
    # These belong to the spectra, not to their images.
    metadata["Signal"].pop("Noise_properties", None)
    metadata["Signal"]["signal_type"] = ""
    metadata.pop("Markers", None)
    metadata.get("_HyperSpy", {}).pop("_sig_navigator", None)
    title = signal.metadata.get_item("General.title", "")
    metadata["General"]["title"] = f"{title} (integrated)" if title else "integrated"
    result = Signal2D(
        data,
        axes=axes,
        metadata=copy.deepcopy(metadata),
        original_metadata=copy.deepcopy(signal.original_metadata.as_dictionary()),
    )
    return result.as_lazy() if hasattr(data, "dask") else result


def _builtin(number: Any) -> int | float:
    return int(number) if isinstance(number, int | np.integer) else float(number)
