"""Candidates of a search, from which a threshold chooses those that become tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import Matches, MotifSearch, NoMatchError
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.signals import origins, recording
from hyperspy_smartalign.signals.motif.lazy_tiles import cut_tiles_lazily
from hyperspy_smartalign.signals.motif.match_table import MatchTable
from hyperspy_smartalign.signals.motif.searching import Plan
from hyperspy_smartalign.signals.motif.tiling import cut_tiles, tile_signal
from hyperspy_smartalign.signals.progressing import Progress, progress_bar
from hyperspy_smartalign.signals.provenance.noting import note
from hyperspy_smartalign.signals.streaming import FrameStream

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.motif.picturing import MotifPicker


@dataclass(frozen=True, eq=False)
class FoundMotif:
    """Candidates of a search, from which a threshold chooses those that become tiles.

    Attributes
    ----------
    plan : Plan
        What was searched.
    search : MotifSearch
        What was found.
    parameters : TemplateParameters
        What the user asked for.
    template : mapping
        What the motif was, as it is recorded.
    motif_given : (left, right, top, bottom) or (h, w) array
        The motif itself: pixels of the image, or an image.
    asked : TemplateParameters or None
        What the user asked for before another threshold was chosen; None where none was.
    picked : float, list of float or None
        That threshold.
    """

    plan: Plan
    search: MotifSearch
    parameters: TemplateParameters
    template: Mapping[str, Any]
    motif_given: Any
    asked: TemplateParameters | None = None
    picked: Any = None

    def __repr__(self) -> str:
        return f"FoundMotif({self.search.last.in_words})"

    @property
    def threshold(self) -> npt.NDArray[np.float64]:
        """(m,) smallest score of a match in each image that was searched."""
        return self.search.last.threshold

    @property
    def motif(self) -> npt.NDArray[np.float32]:
        """(h, w) motif of the last search: refined, unless ``refine=0``."""
        return self.search.motif

    @property
    def matches(self) -> Matches:
        """Candidates that are matches: `y`, `x` (px), `score`, `errors`, `frame` and others.

        `frame` counts the images that were searched, from 0.
        """
        return self.search.matches

    def with_threshold(self, threshold: npt.ArrayLike) -> FoundMotif:
        """The same candidates with another threshold, a number or one for each image.

        Candidates on sites of the lattice that only look like the motif stay rejected, whatever
        their score; search with ``other_sites=True`` to choose by the threshold alone.

        Raises
        ------
        ValueError
            It is neither.
        """
        last = self.search.last.with_threshold(threshold)
        search = MotifSearch((*self.search.stages[:-1], last))
        changed = {**self.parameters.changed(), "threshold": np.asarray(threshold).tolist()}
        changed.pop("fixed_threshold", None)
        return replace(
            self,
            search=search,
            parameters=TemplateParameters(**changed),
            asked=self.parameters if self.asked is None else self.asked,
            picked=np.asarray(threshold).tolist(),
        )

    def tiles(
        self,
        *,
        show_progressbar: bool | None = None,
        num_workers: int | None = None,
        lazy_output: bool | None = None,
    ) -> BaseSignal:
        """Cut out the tiles that reach the threshold; see `hyperspy_smartalign.template_match`.

        Raises
        ------
        NoMatchError
            None does.
        """
        with progress_bar(show_progressbar) as progress:
            return self.cut(num_workers, progress, lazy=bool(lazy_output))

    def score_map(self, frame: int | None = None) -> BaseSignal:
        """Scores of the motif that was searched last, at every place of an image.

        The motif is searched upright.

        Parameters
        ----------
        frame : int, optional
            Number of the frame; by default the first that was searched.

        Returns
        -------
        Signal2D
            -1 to 1, on the axes of the image: the score of the tile about each pixel, or about
            the corner between four for even sizes. Tiles lie inside the frame, so it is smaller
            by the motif. NaN where too little was observed.

        Raises
        ------
        ValueError
            The frame was not searched.
        """
        from hyperspy_smartalign.signals.motif import score_maps

        return score_maps.score_map_of(self, frame=frame)

    def plot_scores(
        self,
        *,
        bins: int = 64,
        score_range: tuple[float, float] | None = None,
        stage: int = -1,
        frame: int | None = None,
        **keywords: Any,
    ) -> Any:
        """Plot the histogram of the scores, accepted ones red and rejected ones blue.

        Parameters
        ----------
        bins : int
            Number of bars.
        score_range : (low, high), optional
            Scores that are shown; by default from the lowest to 1.
        stage : int
            Which search: 0 is that of the motif as given, -1 the last.
        frame : int, optional
            Show the candidates of one frame only.
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_scores`: title, fig, axes.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The stage or the frame does not exist, or the range is empty.
        """
        from hyperspy_smartalign.signals.motif import picturing

        return picturing.plot_scores(
            self, bins=bins, score_range=score_range, stage=stage, frame=frame, **keywords
        )

    def plot_matches(
        self, frame: int | None = None, *, outlines: bool = False, **keywords: Any
    ) -> Any:
        """Plot the image that was searched, accepted candidates red and rejected ones blue.

        Parameters
        ----------
        frame : int, optional
            Number of the frame; by default the first that was searched.
        outlines : bool
            Draw the borders of the tiles as well.
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_matches`: size, limits, title, fig, axes.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The frame was not searched.
        """
        from hyperspy_smartalign.signals.motif import picturing

        return picturing.plot_matches(self, frame=frame, outlines=outlines, **keywords)

    def plot_motif(self, **keywords: Any) -> Any:
        """Plot the motif of each search over the scores that it reached.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_motif_stages`: fig, axes.

        Returns
        -------
        (2, stages) array of matplotlib.axes.Axes
        """
        from hyperspy_smartalign.signals.motif import picturing

        return picturing.plot_motif(self, **keywords)

    def pick_threshold(
        self, frame: int | None = None, *, fixed: bool | None = None, **keywords: Any
    ) -> MotifPicker:
        """Choose the threshold by eye: drag it over the histogram while the markers change colour.

        The figure answers to the mouse where matplotlib has a window, or in a notebook with
        ``%matplotlib widget``. Keep what is returned in a variable.

        Parameters
        ----------
        frame : int, optional
            Number of the frame that is shown first; by default the first that was searched.
        fixed : bool, optional
            True moves one threshold for all frames, False that of the frame shown; by default as
            the parameter `fixed_threshold` says.
        **keywords
            Passed to `hyperspy_smartalign.plotting.ThresholdPicker`: bins, score_range, size, fig.

        Returns
        -------
        MotifPicker
            ``picker.threshold`` is what was chosen, ``picker.found`` this search with it, and
            ``picker.tiles()`` cuts out the tiles that reach it.

        Raises
        ------
        ValueError
            The frame was not searched, or the range is empty.
        """
        from hyperspy_smartalign.signals.motif import picturing

        return picturing.MotifPicker(self, frame=frame, fixed=fixed, **keywords)

    def markers(
        self, signal: BaseSignal | None = None, *, frame: int | None = None
    ) -> tuple[Any, Any]:
        """HyperSpy's markers of accepted and of rejected candidates, red and blue.

        They are for ``signal.add_marker([accepted, rejected])``. Those of a series that was
        searched frame by frame follow the navigation index.

        Parameters
        ----------
        signal : Signal2D, optional
            Image or series whose axes they lie on; by default the one that was searched.
        frame : int, optional
            Markers of this frame only, which stay whatever the navigation index.

        Returns
        -------
        accepted, rejected : hyperspy.api.plot.markers.Points

        Raises
        ------
        ValueError
            The frame was not searched, or the signal has fewer frames than were searched.
        """
        from hyperspy_smartalign.signals.motif import picturing

        return picturing.markers(self, signal=signal, frame=frame)

    def add_markers(
        self,
        signal: BaseSignal | None = None,
        *,
        frame: int | None = None,
        permanent: bool = False,
    ) -> None:
        """Put the markers on HyperSpy's plot of a signal, which is plotted if it is not yet.

        Parameters
        ----------
        signal, frame
            As those of `markers`.
        permanent : bool
            Keep them in the metadata of the signal, and so in its file.
        """
        from hyperspy_smartalign.signals.motif import picturing

        picturing.add_markers(self, signal=signal, frame=frame, permanent=permanent)

    def cut(self, num_workers: int | None, progress: Progress | None, *, lazy: bool) -> BaseSignal:
        """The tiles, with progress reported to a function; see `tiles`."""
        plan, parameters, last = self.plan, self.parameters, self.search.last
        if not len(last.matches):
            best = last.candidates.score.max(initial=0.0)
            raise NoMatchError(
                f"No tile reaches the threshold {np.max(last.threshold):.3g}; the best score is "
                f"{best:.3g}. Lower the threshold, or give a larger or clearer motif."
            )
        located = plan.located(last.matches)
        options: dict[str, Any] = {
            "transforms": plan.transforms,
            "origin": plan.origin,
            "num_workers": num_workers,
            "progress": progress,
        }
        if lazy:
            tiles = cut_tiles_lazily(plan.drawn, located, parameters, **options)
        else:
            tiles = cut_tiles(FrameStream(plan.drawn), located, parameters, **options)
        if not len(tiles.pixels):
            raise NoMatchError(
                f"No tile was observed to {100 * parameters.coverage:.3g} % in the frames that "
                "tiles are cut out of. Lower coverage."
            )
        table = MatchTable.of(
            self.search,
            tiles.columns,
            plan.rejected(last),
            upsample=parameters.upsample,
            parent=plan.parent,
        )
        result = tile_signal(
            plan.signal if plan.source is None else plan.source,
            tiles,
            table,
            layout=plan.drawn.layout,
            steps=recording.steps_of(plan.signal),
            scan=plan.scan,
        )
        origins.remember_parent(result, plan.signal, plan.source, plan.known)
        step = {**parameters.to_dict(), "template": dict(self.template), "search": plan.search}
        if len(plan.kept) < len(plan.drawn):
            step["frames"] = plan.kept.tolist()
        recording.append_step(result, "template_match", step)
        note(
            result,
            "template_match",
            {"signal": plan.signal, "source": plan.source, "raw": plan.raw},
            self._call(lazy=lazy),
        )
        return result

    def _call(self, *, lazy: bool) -> dict[str, Any]:
        """Everything that the tiles depend on but the images, to find them again."""
        plan = self.plan
        asked = self.parameters if self.asked is None else self.asked
        return {
            **asked.keywords(),
            "template": self.motif_given,
            "search": "auto" if len(plan.frames) == 1 else plan.search,
            "frames": None if len(plan.kept) == len(plan.drawn) else plan.kept.tolist(),
            "picked": self.picked,
            "lazy": lazy,
        }
