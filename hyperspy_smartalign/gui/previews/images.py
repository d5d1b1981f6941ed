"""Images of a signal for previews: those of spectra are made of their counts, frame by frame."""

from __future__ import annotations

from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.spectra.channels import by_frames, selected
from hyperspy_smartalign.signals.spectra.integrating import integrate
from hyperspy_smartalign.signals.validating import units_of

Pair = tuple[float, float]


def previewed_images(
    signal: BaseSignal, signal_range: Any = None, *, series_dimension: int | None = None
) -> BaseSignal:
    """The series as images, of which none is computed until it is asked for.

    Parameters
    ----------
    signal : BaseSignal
        Images, spectrum images or diffraction patterns; it stays as it is.
    signal_range : (start, stop), (left, right, top, bottom), ROI or None
        Channels to add.
    series_dimension : int or None
        Number of series axes. A Signal2D with two navigation axes more holds diffraction
        patterns. None: every Signal2D holds images.

    Returns
    -------
    BaseSignal
        The signal itself, where it holds images; else a lazy one, with a frame in each chunk
        where the signal is in memory.

    Raises
    ------
    NotASeriesError
        The signal is no series.
    ValueError, TypeError
        The range is wrong.
    """
    inner = len(signal.axes_manager.signal_axes)
    outer = signal.axes_manager.navigation_dimension
    if inner == 2 and (series_dimension is None or outer <= series_dimension):
        return signal
    if inner == 1 and outer == 2:
        # One spectrum image, such as tiles are cut out of.
        chosen = selected(signal, signal_range=signal_range)
        return with_data(chosen, chosen.data).sum("sig").transpose(signal_axes=2)
    return integrate(_frame_by_frame(signal), signal_range, series_dimension=series_dimension)


def _frame_by_frame(signal: BaseSignal) -> BaseSignal:
    """The same signal, lazy."""
    if signal._lazy:
        return signal
    dimension = len(signal.axes_manager.signal_axes)
    lazy = with_data(signal, by_frames(signal.data, dimension))
    lazy._lazy = True
    lazy._assign_subclass()
    return lazy


def calibration_of(axes: tuple[Any, Any]) -> tuple[Pair, tuple[str, str]]:
    """Size of a pixel (y, x) and its units, of the axes x and y."""
    x, y = axes
    return (float(y.scale), float(x.scale)), (units_of(y), units_of(x))
