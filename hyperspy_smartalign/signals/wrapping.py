"""From an array back to a signal: class, axes, metadata and record."""

from __future__ import annotations

from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.recording import write_alignment
from hyperspy_smartalign.signals.validating import Layout, layout_of
from hyperspy_smartalign.transforms.alignment import Alignment
from hyperspy_smartalign.transforms.canvas import Canvas


def aligned_signal(
    signal: BaseSignal,
    data: Any,
    *,
    canvas: Canvas | None = None,
    alignment: Alignment | None = None,
    title: str = "aligned",
    series_dimension: int | None = None,
) -> BaseSignal:
    """A result signal that looks like the input, with new data.

    Parameters
    ----------
    signal : BaseSignal
        The input: a series of images, spectrum images or diffraction patterns. It stays as it is.
    data : numpy or dask array
        (*series_shape, height, width, *channel_shape), or without the series axes for an
        average or sum. A dask array makes a lazy signal, a numpy array one that is not.
    canvas : Canvas or None
        Window of the input's frames that the output covers, in pixels. None: the whole frame.
    alignment : Alignment or None
        Written to the record. None leaves the record as it was.
    title : str
        Put behind the title in brackets; "" leaves the title.
    series_dimension : int or None
        Number of series axes, as in `layout_of`; needed for diffraction patterns.

    Returns
    -------
    BaseSignal
        Signal of the class of the input, lazy or not as the data. The value at output pixel 0
        is ``offset + canvas.left * scale``, so that features keep their coordinates. Metadata
        and original metadata are copied; the noise model, the navigator and decompositions of
        the input are not, as they belong to the old pixels.

    Raises
    ------
    ValueError
        The shape of the data fits neither the series nor one frame on the canvas.
    """
    layout = layout_of(signal, series_dimension=series_dimension, fewest=1)
    canvas = Canvas.of_frame(layout.frame_shape) if canvas is None else canvas
    one_frame = _is_one_frame(data.shape, layout, canvas)
    result = with_data(signal, data)
    _recalibrate(result, layout, canvas)
    if one_frame:
        series = list(result.axes_manager._axes[: len(layout.series_shape)])
        result.axes_manager.remove(series)
    lazy = hasattr(data, "dask")
    if lazy != result._lazy:
        result._lazy = lazy
        result._assign_subclass()
    if title:
        general = result.metadata.General
        general.title = f"{general.title} ({title})" if general.title else title
    if alignment is not None:
        write_alignment(result, alignment)
    return result


def _is_one_frame(shape: tuple[int, ...], layout: Layout, canvas: Canvas) -> bool:
    frame = (*canvas.shape, *layout.channel_shape)
    series = (*layout.series_shape, *frame)
    if tuple(shape) not in (frame, series):
        raise ValueError(
            f"The result has shape {tuple(shape)}, but a series on this canvas has {series} and "
            f"one frame {frame}."
        )
    return tuple(shape) == frame


def _recalibrate(result: BaseSignal, layout: Layout, canvas: Canvas) -> None:
    """Fit the image axes to the canvas, and show the first frame."""
    for axis in result.axes_manager.navigation_axes:
        axis.index = 0
    for place, start, size in zip(layout.image_axes, canvas.origin, canvas.shape, strict=True):
        axis = result.axes_manager._axes[place]
        axis.offset += start * axis.scale
        axis.size = size


def variance_signal(result: BaseSignal, variance: Any) -> BaseSignal:
    """The variance of a result as HyperSpy keeps it, in ``Signal.Noise_properties.variance``.

    Parameters
    ----------
    result : BaseSignal
        The result.
    variance : numpy or dask array
        Of the shape of its data.
    """
    noise = result.__class__(
        variance, axes=[axis.get_axis_dictionary() for axis in result.axes_manager._axes]
    )
    noise.metadata.General.title = f"Variance of {result.metadata.General.title}"
    return noise
