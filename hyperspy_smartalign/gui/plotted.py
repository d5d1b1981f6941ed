"""A signal as HyperSpy shows it: its frames, its navigation index and its plot."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal
from matplotlib._pylab_helpers import Gcf

from hyperspy_smartalign.gui.previews.images import previewed_images
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import frames_of


class PlottedSignal:
    """Frames and plot of a series, followed without changing the signal.

    Parameters
    ----------
    signal : BaseSignal
        Images, or spectrum images whose navigation axes are x, y and then those of the series.
    patterns : bool
        Whether a Signal2D holds diffraction patterns, and its first navigation axes are x and y.

    Attributes
    ----------
    takes_patterns : bool
        The same; it can be changed.
    """

    def __init__(self, signal: BaseSignal, *, patterns: bool = False) -> None:
        self._signal = signal
        self.takes_patterns = patterns
        self._opened = False
        self._indices = tuple(int(index) for index in signal.axes_manager.indices)
        self._callbacks: list[Callable[[], None]] = []

    @property
    def holds_images(self) -> bool:
        """Whether the signal axes are those of an image."""
        return len(self._signal.axes_manager.signal_axes) == 2 and not self.takes_patterns

    @property
    def image_axes(self) -> tuple[Any, Any]:
        """The axes x and y."""
        manager = self._signal.axes_manager
        x, y = manager.signal_axes if self.holds_images else manager.navigation_axes[:2]
        return x, y

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the series axes in numpy's order."""
        return tuple(int(axis.size) for axis in reversed(self._series))

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def frame(self) -> int:
        """Number of the frame at the navigation index, in C order."""
        place = tuple(int(axis.index) for axis in reversed(self._series))
        return int(np.ravel_multi_index(place, self.shape)) if place else 0

    @property
    def is_open(self) -> bool:
        """Whether HyperSpy's plot of the signal is there.

        HyperSpy is not told of plots that ``plt.close("all")`` closes.
        """
        if not self._is_active:
            return False
        plot = self._signal._plot
        part = plot.navigator_plot if plot.navigator_plot and not self.holds_images else None
        figure = (part or plot.signal_plot).get_mpl_figure()
        managers = Gcf.get_all_fig_managers()
        # One without a number was made without pyplot, and is left to its maker.
        numbered = getattr(figure, "number", None) is not None
        return not numbered or any(manager.canvas.figure is figure for manager in managers)

    def show_frame(self, frame: int) -> None:
        """Move the navigation index, and so the plot, to a frame."""
        if frame == self.frame or not self._series:
            return
        place = np.unravel_index(frame, self.shape)
        manager = self._signal.axes_manager
        before = len(manager.navigation_axes) - len(self._series)
        manager.indices = (*manager.indices[:before], *(int(i) for i in reversed(place)))

    def moved(self, callback: Callable[[int], None]) -> None:
        """Have ``callback(frame)`` called when the navigation index moves."""

        def call() -> None:
            callback(self.frame)

        self._signal.axes_manager.events.indices_changed.connect(call, [])
        self._callbacks.append(call)

    def open(self) -> None:
        """Plot the signal if it is not plotted yet.

        Images are plotted without HyperSpy's navigator, as a tool has a slider: of a lazy series
        it would be computed from all frames, and kept in the metadata.
        """
        if not self.is_open:
            if self._is_active:
                self._close_plot()
            if self.holds_images:
                self._signal.plot(navigator=None)
            elif self.n_frames > 1:
                self._plot_with_frames()
            else:
                self._signal.plot()
            self._opened = True

    def closed(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback()`` called when the image of the open plot is closed.

        Returns
        -------
        callable
            Takes this back.
        """
        plot = self._signal._plot
        event = (plot.signal_plot if self.holds_images else plot.navigator_plot).events.closed
        event.connect(callback, [])

        def forget() -> None:
            # HyperSpy lets go of all when the plot is closed.
            if callback in event.connected:
                event.disconnect(callback)

        return forget

    def add_roi(self, roi: Any, colour: str) -> None:
        """Put a region of HyperSpy's on the plot, which is opened first."""
        self.open()
        roi.add_widget(self._signal, axes=self.image_axes, color=colour)

    def remove_roi(self, roi: Any) -> None:
        """Take a region off the plot."""
        if self._signal in roi.signal_map:
            roi.remove_widget(self._signal)

    def close(self) -> None:
        """Leave the signal as it was: its index, its events, and its plot."""
        for call in self._callbacks:
            self._signal.axes_manager.events.indices_changed.disconnect(call)
        self._callbacks.clear()
        if tuple(self._signal.axes_manager.indices) != self._indices:
            self._signal.axes_manager.indices = self._indices
        if self._opened and self._is_active:
            self._close_plot()
        self._opened = False

    @property
    def _is_active(self) -> bool:
        """Whether HyperSpy takes the signal as plotted."""
        plot = self._signal._plot
        return plot is not None and bool(plot.is_active)

    @property
    def _series(self) -> tuple[Any, ...]:
        navigation = self._signal.axes_manager.navigation_axes
        return tuple(navigation if self.holds_images else navigation[2:])

    def _close_plot(self) -> None:
        """Close the plot, and no other one.

        HyperSpy forgets which figures they are before it closes them, and then closes those that
        happen to be the current ones.
        """
        plot = self._signal._plot
        for part in (plot.signal_plot, plot.navigator_plot):
            if part is not None and part.figure is not None:
                part.get_mpl_figure = partial(_same, part.get_mpl_figure())
        plot.close()

    def _plot_with_frames(self) -> None:
        """Plot spectra or patterns, with the image of the frame as the navigator.

        HyperSpy's own is computed from all frames.
        """
        import hyperspy.api as hs

        y, x = (int(axis.size) for axis in reversed(self.image_axes))
        manager = self._signal.axes_manager
        nothing = hs.signals.Signal2D(np.zeros((1,) * len(self._series) + (y, x)))
        nothing.data = np.broadcast_to(nothing.data, (*self.shape, y, x))
        nothing.get_dimensions_from_data()
        # HyperSpy would show sliders of its own beside that of the tool.
        manager.gui_navigation_sliders = lambda **keywords: None
        try:
            self._signal.plot(navigator=nothing)
        finally:
            del manager.gui_navigation_sliders
        images = previewed_images(self._signal, series_dimension=len(self._series))
        stream = FrameStream(frames_of(images))
        navigator = self._signal._plot.navigator_plot
        navigator.data_function = lambda **keywords: stream.frame(self.frame)
        navigator.update(auto_contrast=True)


def _same(figure: Any) -> Any:
    return figure
