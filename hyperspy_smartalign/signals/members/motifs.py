"""Members that search a motif and show what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.signals.motif.found import FoundMotif


class Motifs:
    """Members that search a motif and show what was found."""

    __slots__ = ()
    _signal: BaseSignal

    def find_motif(
        self,
        template: Any,
        *,
        search: str = "auto",
        source: BaseSignal | None = None,
        show_progressbar: bool | None = None,
        num_workers: int | None = None,
        **keywords: Any,
    ) -> FoundMotif:
        """Search a motif, and look at the candidates before tiles are cut out.

        Parameters
        ----------
        template, search, source, show_progressbar, num_workers, **keywords
            As those of `hyperspy_smartalign.template_match`.

        Returns
        -------
        FoundMotif
            The candidates, with their scores; ``found.with_threshold(0.6).tiles()`` cuts out those
            that reach a threshold.

        Raises
        ------
        TypeError, ValueError, NotImplementedError
            As `hyperspy_smartalign.template_match`.
        """
        from hyperspy_smartalign.signals.motif import finding

        return finding.find_motif_of(
            self._signal,
            template,
            search=search,
            source=source,
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            **keywords,
        )

    def plot_matches(
        self,
        image: BaseSignal | None = None,
        frame: int | None = None,
        *,
        outlines: bool = False,
        **keywords: Any,
    ) -> Any:
        """Plot where the tiles lie, red, and where the rejected candidates do, blue.

        Parameters
        ----------
        image : Signal2D, optional
            What they are drawn on: the image or series that was searched; or the raw series, to
            which the places are carried back where an aligned series or its average was searched;
            or another image of the same scan. Without it they lie on an empty field.
        frame : int, optional
            Number of the frame; by default the first with a tile. All tiles are shown where the
            average of a series was searched, unless a frame is asked for.
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
            The signal carries no table of matches, the image is not of the shape of the frames,
            or the frame does not exist.
        """
        from hyperspy_smartalign.signals.motif import picturing_tiles

        return picturing_tiles.plot_matches(
            self._signal, image, frame=frame, outlines=outlines, **keywords
        )

    def plot_scores(
        self,
        *,
        bins: int = 64,
        score_range: tuple[float, float] | None = None,
        **keywords: Any,
    ) -> Any:
        """Plot the histogram of the scores: tiles red, candidates that were rejected blue.

        Parameters
        ----------
        bins : int
            Number of bars.
        score_range : (low, high), optional
            Scores that are shown; by default from the lowest to 1.
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_scores`: title, fig, axes.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The signal carries no table of matches, or the range is empty.
        """
        from hyperspy_smartalign.signals.motif import picturing_tiles

        return picturing_tiles.plot_scores(
            self._signal, bins=bins, score_range=score_range, **keywords
        )

    def plot_motif(self, **keywords: Any) -> Any:
        """Plot the motif of each search over the scores that it reached.

        Refining the motif takes noise off it, and so raises the scores.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_motif_stages`: fig, axes.

        Returns
        -------
        (2, stages) array of matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The signal carries no table of matches.
        """
        from hyperspy_smartalign.signals.motif import picturing_tiles

        return picturing_tiles.plot_motif(self._signal, **keywords)
