"""Members that plot an alignment and what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal


class Plots:
    """Members that plot an alignment and what it did."""

    __slots__ = ()
    _signal: BaseSignal

    def plot_shifts(self, **keywords: Any) -> Any:
        """Plot the matrices of shifts, frame against frame, as measured and as solved.

        Raw shifts, similarity and the verdict on pairs are shown where the signal carries the
        measured pairs: what `align_rigid` returned does, also after saving and loading.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_shifts`: raw, corrected, triangle, fig,
            axes.

        Returns
        -------
        (rows, columns) array of matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The signal carries no alignment.
        """
        from hyperspy_smartalign.signals import picturing

        return picturing.plot_shifts(self._signal, **keywords)

    def plot_drift(self, **keywords: Any) -> Any:
        """Plot the path of the drift, its components against time with error bars, and its rate.

        In physical units where the frames are calibrated, against time where the scan geometry
        knows the time of a frame.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_drift`: fig, axes.

        Returns
        -------
        (3,) array of matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The signal carries no alignment.
        """
        from hyperspy_smartalign.signals import picturing

        return picturing.plot_drift(self._signal, **keywords)

    def plot_average(self, source: BaseSignal | None = None, **keywords: Any) -> Any:
        """Plot the averages before and after alignment, over their power spectra.

        Frames are read one by one, those of a lazy signal as they are computed. Excluded frames
        take no part. Spectrum images are summed over their channels.

        Parameters
        ----------
        source : BaseSignal, optional
            The series as it was recorded, whose mean is the average before. Without it, every
            aligned frame is moved back to where it was recorded, and these are averaged: nearly
            the same, but interpolated once more, and empty where the aligned series was cropped.
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_average`: max_frequency, titles, fig, axes.

        Returns
        -------
        (2, 2) array of matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The signal carries no alignment, or one for other frames; or `source` does not fit it.
        """
        from hyperspy_smartalign.signals import picturing

        return picturing.plot_average(self._signal, source=source, **keywords)

    def plot_convergence(self, **keywords: Any) -> Any:
        """Plot how far each iteration of `align_nonrigid` moved the frames, and what it gained.

        Cycles are told apart by colour, named by their model, and drawn open where they were not
        kept. The line is the mean shift at which the last cycle was to end.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_convergence`: target, fig, axes.

        Returns
        -------
        (2,) array of matplotlib.axes.Axes
            Mean shift against iteration; gain on held-out data a cycle.

        Raises
        ------
        ValueError
            The signal carries no record of a non-rigid alignment.
        """
        from hyperspy_smartalign.signals import picturing_nonrigid

        return picturing_nonrigid.plot_convergence(self._signal, **keywords)

    def plot_row_offsets(self, **keywords: Any) -> Any:
        """Plot the offsets of the scan lines against time, with their standard errors.

        Against the time of the scan where the scan geometry knows the time of a line; otherwise
        lines are counted on from frame to frame.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_row_offsets`: frames, mean_shift, overlay,
            fig, axes; line_errors and prior, instead of those that the signal carries.

        Returns
        -------
        (2,) array of matplotlib.axes.Axes
            y and x.

        Raises
        ------
        ValueError
            The signal carries no alignment, or no record of a non-rigid one.
        """
        from hyperspy_smartalign.signals import picturing_nonrigid

        return picturing_nonrigid.plot_row_offsets(self._signal, **keywords)

    def plot_displacement(self, frame: int, **keywords: Any) -> Any:
        """Plot the displacement inside one frame: maps of y and x, and arrows over the average.

        Parameters
        ----------
        frame : int
            Index of the frame in the series, counted from 0.
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_displacement`: mean_shift, limit, arrows,
            fig, axes; image, instead of the average of the aligned frames.

        Returns
        -------
        (3,) array of matplotlib.axes.Axes
            y, x, arrows.

        Raises
        ------
        IndexError
            There is no such frame.
        ValueError
            The signal carries no alignment, or one for other frames.
        """
        from hyperspy_smartalign.signals import picturing_nonrigid

        return picturing_nonrigid.plot_displacement(self._signal, frame, **keywords)

    def plot_comparison(self, before: BaseSignal, **keywords: Any) -> Any:
        """Plot averages before and after side by side, a part enlarged, and power spectra.

        Parameters
        ----------
        before : BaseSignal
            What to compare with: an aligned series or its average, such as what `align_rigid`
            gave. Of the series as it was recorded every frame is moved by its mean shift only, so
            that what the non-rigid stage added is seen.
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_comparison`: zoom, max_frequency, titles,
            fig.

        Returns
        -------
        dict of str to matplotlib.axes.Axes
            Keys "before", "after", "before zoom", "after zoom", "before spectrum", "after
            spectrum".

        Raises
        ------
        ValueError
            The signal carries no alignment, or one for other frames; or `before` does not fit it.
        """
        from hyperspy_smartalign.signals import picturing_nonrigid

        return picturing_nonrigid.plot_comparison(self._signal, before, **keywords)

    def plot_similarity(self, **keywords: Any) -> Any:
        """Plot the correlation of each frame with the mean of the others, before and after.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_similarity`: fig, axes.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The signal carries no record of a non-rigid alignment.
        """
        from hyperspy_smartalign.signals import picturing_nonrigid

        return picturing_nonrigid.plot_similarity(self._signal, **keywords)

    def plot_row_jumps(self, source: BaseSignal, *, frame: int = 0, **keywords: Any) -> Any:
        """Plot an image before and after `straighten_rows`, and the offsets of its lines.

        Parameters
        ----------
        source : BaseSignal
            The signal as it was before.
        frame : int, default 0
            Which frame of a series.
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_row_jumps`: titles, fig, axes.

        Returns
        -------
        (3,) array of matplotlib.axes.Axes

        Raises
        ------
        ValueError
            The signal carries no row jumps, or `source` or `frame` does not fit it.
        """
        from hyperspy_smartalign.signals import straightening

        return straightening.plot_row_jumps(self._signal, source, frame=frame, **keywords)
