"""The threshold chosen by eye: dragged over the histogram while the markers change colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import Event, KeyEvent, MouseButton, MouseEvent, key_press_handler
from matplotlib.figure import Figure
from matplotlib.widgets import Slider

from hyperspy_smartalign.motif import Matches, ScoreHistogram, score_histogram
from hyperspy_smartalign.plotting.image import grey_limits, show_image
from hyperspy_smartalign.plotting.legends import legend_of
from hyperspy_smartalign.plotting.matches import MatchMarkers, counted, figure_size_of, marker_size
from hyperspy_smartalign.plotting.moving import MovingArtists
from hyperspy_smartalign.plotting.scores import ScoreBars, ScoreRange, reached
from hyperspy_smartalign.plotting.style import SMALL, TITLE, FigureLike, new_figure
from hyperspy_smartalign.plotting.units import pixel_size

# What an arrow key moves the threshold by, alone and with shift.
_STEP = 0.005
_LONG_STEP = 0.05

Image = npt.NDArray[Any]


class ThresholdPicker:
    """Histogram of scores and markers on the image; dragging the threshold changes both.

    Press or drag the mouse in the histogram to move the threshold. The left and right arrow keys
    move it in small steps, with shift in large ones. Where several images were searched, page up
    and page down and the slider choose the one that is shown. Keep the picker in a variable: its
    figure answers as long as it exists, and its threshold outlives the figure.

    Parameters
    ----------
    candidates : Matches
        All candidates; their ``frame`` counts the images that were searched.
    threshold : (m,) array-like
        Smallest score of a match in each image, to begin with.
    image : callable
        ``image(k)`` gives image k, (h, w); called when it is shown.
    barred : (n,) array-like of bool, optional
        Candidates that stay rejected whatever their score.
    fixed : bool
        True moves one threshold of all images, which begins with that of the image shown; False
        moves that of the image shown.
    numbers : (m,) sequence of int, optional
        What the images are called, in ascending order; 0, 1, 2, ... by default.
    frame : int, optional
        Number of the image that is shown first; the first one by default.
    bins : int
        Number of bars of the histogram.
    score_range : (low, high), optional
        Scores that are shown; by default from the lowest to 1.
    size : float, optional
        Diameter of the markers, points; by default smaller the denser they are.
    scale : (y, x)
        Size of a pixel.
    units : (y, x)
        Its units; "px" where it has none.
    chooser : bool
        Whether a slider chooses the image, where there are several.
    changed : callable, optional
        Called without arguments when the threshold or the image was changed in the figure, and
        when the mouse lets the threshold go.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.

    Attributes
    ----------
    figure : Figure or SubFigure
        What it is drawn in.
    score_axes, image_axes : Axes
        Those of the histogram and of the image.

    Raises
    ------
    ValueError
        There is no bin, the range is empty, or `frame` is not a number of an image.
    """

    def __init__(
        self,
        candidates: Matches,
        threshold: npt.ArrayLike,
        image: Callable[[int], Image],
        *,
        barred: npt.ArrayLike | None = None,
        fixed: bool = True,
        numbers: Sequence[int] | None = None,
        frame: int | None = None,
        bins: int = 64,
        score_range: ScoreRange | None = None,
        size: float | None = None,
        scale: tuple[float, float] = (1.0, 1.0),
        units: tuple[str, str] = ("px", "px"),
        chooser: bool = True,
        changed: Callable[[], None] | None = None,
        fig: FigureLike | None = None,
    ) -> None:
        self._candidates = candidates
        self._barred = np.broadcast_to(
            np.asarray(False if barred is None else barred, np.bool_), (len(candidates),)
        )
        self._thresholds = np.array(threshold, np.float64, ndmin=1)
        self._image = image
        self._changed = changed
        self._fixed = fixed
        self._numbers = [*range(len(self._thresholds))] if numbers is None else [*map(int, numbers)]
        self._shown = 0 if frame is None else self._index_of(frame)
        self._bins, self._range = bins, score_range
        if fixed:
            self._thresholds[:] = self._thresholds[self._shown]
        # Before a figure is made, so that a wrong range leaves none behind.
        self._histogram = self._counted()
        first = np.asarray(image(self._shown))
        calibrated = pixel_size(scale, units)
        most = int(np.bincount(candidates.frame, minlength=1).max())
        width, height = figure_size_of(first.shape, calibrated, units, n=most)
        figure = new_figure((width + 4.6, max(height, 3.6))) if fig is None else fig
        self.figure: FigureLike = figure
        many = chooser and len(self._numbers) > 1
        grid = figure.add_gridspec(
            1 + many, 2, width_ratios=(4.2, width), height_ratios=(16, 1)[: 1 + many]
        )
        self.score_axes: Axes = figure.add_subplot(grid[0, 0])
        self.image_axes: Axes = figure.add_subplot(grid[0, 1])
        self._slider = self._chooser(figure.add_subplot(grid[1, :])) if many else None
        self._bars = ScoreBars(self.score_axes)
        self._picture = show_image(
            self.image_axes,
            first.astype(np.result_type(first.dtype, np.float32)),
            title="",
            scale=calibrated,
            units=units,
            limits=grey_limits(first),
        )
        self.image_axes.autoscale(False)
        if size is None:
            size = marker_size(self.image_axes, most, first.shape)
        self._markers = MatchMarkers(self.image_axes, size=size)
        legend_of(self.image_axes, self._markers.handles, outside=fig is None, loc="lower center")
        self._dragging = False
        self._draw_histogram()
        self._draw_threshold()
        if isinstance(figure, Figure) and fig is None:
            # Laying out is half the time of a draw.
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        self._moving = MovingArtists(figure, self._movable)
        self._connections = self._connect(keys=fig is None)

    @property
    def threshold(self) -> float | npt.NDArray[np.float64]:
        """The threshold; where each image has its own, (m,) one for each."""
        return float(self._thresholds[0]) if self._fixed else self._thresholds.copy()

    @property
    def thresholds(self) -> npt.NDArray[np.float64]:
        """(m,) the threshold of each image, also where they share one."""
        return self._thresholds.copy()

    @property
    def numbers(self) -> list[int]:
        """What the images are called."""
        return list(self._numbers)

    @property
    def score_range(self) -> ScoreRange:
        """Scores that the histogram shows."""
        low, high = self._histogram.edges[[0, -1]].tolist()
        return low, high

    @property
    def frame(self) -> int:
        """Number of the image that is shown."""
        return self._numbers[self._shown]

    @property
    def dragging(self) -> bool:
        """Whether the mouse holds the threshold."""
        return self._dragging

    @property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """(n,) whether each candidate reaches the threshold of its image."""
        candidates = self._candidates
        enough = candidates.score >= self._thresholds[candidates.frame]
        return np.asarray(enough & ~self._barred)

    def set_threshold(self, threshold: float) -> None:
        """Move the threshold: that of all images, or where each has its own, of the one shown.

        Raises
        ------
        ValueError
            It is not a finite number.
        """
        if not np.isfinite(threshold):
            raise ValueError(f"threshold is {threshold!r}; give a finite number.")
        if self._fixed:
            self._thresholds[:] = threshold
        else:
            self._thresholds[self._shown] = threshold
        self._draw_threshold()
        self._moving.redraw()

    def set_thresholds(self, threshold: npt.ArrayLike) -> None:
        """Move all thresholds at once: a number for all images, or (m,) one for each.

        Raises
        ------
        ValueError
            They are no finite numbers, or several where all images share one.
        """
        given = np.asarray(threshold, np.float64)
        several = given.ndim > 0 and len(np.unique(given)) > 1
        if given.shape not in ((), self._thresholds.shape) or not np.isfinite(given).all():
            raise ValueError(
                f"threshold={threshold!r}: give a finite number, or one for each of "
                f"{len(self._thresholds)} images."
            )
        if self._fixed and several:
            raise ValueError("The images share one threshold; give one number.")
        self._thresholds[:] = given
        self._draw_threshold()
        self._moving.redraw()

    def set_bins(self, bins: int | None = None, score_range: ScoreRange | None = None) -> None:
        """Show the histogram with other bars.

        Parameters
        ----------
        bins : int, optional
            Their number; as it is by default.
        score_range : (low, high), optional
            Scores that are shown; from the lowest to 1 by default.

        Raises
        ------
        ValueError
            There is no bin, or the range is empty.
        """
        bins = self._bins if bins is None else bins
        score_histogram([], bins=bins, score_range=score_range)
        self._bins, self._range = bins, score_range
        self._draw_histogram()
        self._draw_threshold()
        self._moving.settle()

    def show_frame(self, frame: int) -> None:
        """Show another image, by its number.

        Raises
        ------
        ValueError
            It is not one that was searched.
        """
        self._show(self._index_of(frame))
        if self._slider is not None and self._slider.val != frame:
            self._slider.set_val(frame)

    def close(self) -> None:
        """Let the figure answer no more; `threshold` stays."""
        self._moving.close()
        for number in self._connections:
            self.figure.canvas.mpl_disconnect(number)
        self._connections = []
        if self._slider is not None:
            self._slider.disconnect_events()

    def _index_of(self, frame: int) -> int:
        if frame not in self._numbers:
            first, last = self._numbers[0], self._numbers[-1]
            raise ValueError(
                f"frame={frame} was not searched; give one of the {len(self._numbers)} from "
                f"{first} to {last} that were."
            )
        return self._numbers.index(frame)

    def _in_view(self) -> npt.NDArray[np.bool_]:
        """(n,) candidates that the histogram counts."""
        frame = self._candidates.frame
        return np.ones(len(frame), np.bool_) if self._fixed else frame == self._shown

    def _counted(self) -> ScoreHistogram:
        scores = self._candidates.score[self._in_view()]
        return score_histogram(scores, bins=self._bins, score_range=self._range)

    def _show(self, index: int) -> None:
        if index == self._shown:
            return
        self._shown = index
        pixels = np.asarray(self._image(index))
        self._picture.set_data(pixels.astype(np.result_type(pixels.dtype, np.float32)))
        self._picture.set_clim(*grey_limits(pixels))
        if not self._fixed:
            self._draw_histogram()
        self._draw_threshold()
        self._moving.settle()

    def _draw_histogram(self) -> None:
        part = self._in_view()
        self._histogram = self._bars.show(
            self._candidates.score[part],
            self.accepted[part],
            bins=self._bins,
            score_range=self._range,
        )

    def _draw_threshold(self) -> None:
        """Colours, threshold and numbers."""
        part, good = self._in_view(), self.accepted
        here = self._candidates.frame == self._shown
        self._bars.colour(self._candidates.score[part], good[part], self._histogram)
        # One line, of the image shown, which is that of all where they share it.
        self._bars.mark(self._thresholds[self._shown, None])
        self._markers.show(self._candidates.centres[here], good[here])
        self.score_axes.set_title(reached(good[part]), fontsize=TITLE)
        where = f"frame {self.frame}: " if len(self._numbers) > 1 else ""
        self.image_axes.set_title(where + counted(good[here]), fontsize=TITLE)

    def _movable(self) -> list[Artist]:
        """What the threshold changes, and what lies over it; the lowest first."""
        legend = self.image_axes.get_legend()
        over = [] if legend is None else [legend]
        axes = self.score_axes, self.image_axes
        spines = [spine for ax in axes for spine in ax.spines.values()]
        titles = [ax.title for ax in axes]
        return [*self._bars.artists, *self._markers.artists, *spines, *over, *titles]

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed()

    def _chooser(self, ax: Axes) -> Slider:
        slider = Slider(
            ax,
            "frame",
            self._numbers[0],
            self._numbers[-1],
            valinit=self._numbers[self._shown],
            valstep=self._numbers,
            valfmt="%d",
        )
        slider.label.set_fontsize(SMALL)
        slider.valtext.set_fontsize(SMALL)
        slider.on_changed(self._chosen)
        return slider

    def _chosen(self, value: float) -> None:
        if int(value) != self.frame:
            self._show(self._index_of(int(value)))
            self._tell()

    def _connect(self, *, keys: bool) -> list[int]:
        canvas = self.figure.canvas
        manager: Any = canvas.manager
        usual = getattr(manager, "key_press_handler_id", None)
        if keys and usual is not None:
            # The arrow keys belong to the toolbar's history; the other shortcuts are passed on.
            canvas.mpl_disconnect(usual)
        pressed = self._key if usual is None or not keys else self._key_or_usual
        return [
            canvas.mpl_connect("button_press_event", self._press),
            canvas.mpl_connect("motion_notify_event", self._move),
            canvas.mpl_connect("button_release_event", self._release),
            canvas.mpl_connect("key_press_event", pressed),
            canvas.mpl_connect("close_event", self._closed),
        ]

    def _press(self, event: MouseEvent) -> None:
        # Zooming and panning with the toolbar hold the lock.
        locked = self.figure.canvas.widgetlock.locked()
        if event.inaxes is self.score_axes and event.button == MouseButton.LEFT and not locked:
            self._dragging = True
            self._move(event)

    def _move(self, event: MouseEvent) -> None:
        if not self._dragging:
            return
        # The mouse may leave the histogram while it drags.
        x, _ = self.score_axes.transData.inverted().transform((event.x, event.y))
        self.set_threshold(float(np.clip(x, *self.score_axes.get_xlim())))
        self._tell()

    def _release(self, event: MouseEvent) -> None:
        if self._dragging and event.button == MouseButton.LEFT:
            # A browser leaves moves out while it is behind.
            self._move(event)
            self._dragging = False
            self._tell()
            self._moving.settle()

    def _key(self, event: KeyEvent) -> bool:
        """Answer a key, and say whether it was one of ours."""
        steps = {"left": -_STEP, "right": _STEP, "shift+left": -_LONG_STEP}
        steps["shift+right"] = _LONG_STEP
        pages = {"pagedown": 1, "pageup": -1}
        key = event.key or ""
        if key in steps:
            current = float(self._thresholds[self._shown])
            self.set_threshold(float(np.clip(current + steps[key], -1.0, 1.0)))
            self._tell()
        elif key in pages:
            index = self._shown + pages[key]
            number = self._numbers[min(max(index, 0), len(self._numbers) - 1)]
            if number != self.frame:
                self.show_frame(number)
                self._tell()
        return key in steps or key in pages

    def _key_or_usual(self, event: KeyEvent) -> None:
        if not self._key(event):
            key_press_handler(event)

    def _closed(self, event: Event) -> None:
        self.close()
