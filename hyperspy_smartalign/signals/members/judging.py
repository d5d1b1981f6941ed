"""Members that say how far a result can be believed: quality, dose series, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import numpy.typing as npt
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.signals.quality.dose import DoseSeries
    from hyperspy_smartalign.signals.quality.quality import Quality


class Judging:
    """Members that say how far a result can be believed: quality, dose series, report."""

    __slots__ = ()
    _signal: BaseSignal

    def quality(
        self, source: BaseSignal | None = None, *, show_progressbar: bool | None = None
    ) -> Quality:
        """Measure how good an aligned series is: resolution, signal to noise, errors, verdicts.

        The frames are split into two halves, every other frame of each scan direction. How well the
        averages of the halves agree, frequency by frequency, gives the resolution: as recorded, and
        after rigid and non-rigid alignment, all drawn from the recorded frames by one
        interpolation, on the area that all frames saw. What the frames have in common, against what
        differs between them, gives the signal to noise ratio of one frame and of the average, the
        Bragg spots that stand above the noise, and how much of a frame's detail arrives in the
        average. The errors of the shifts, the closure of the pairs of frames, the quality of every
        frame and the gain by non-rigid correction are judged with them.

        Frames are read one by one, several times; excluded frames take no part. Spectrum images are
        summed over their channels. A series that is not aligned is judged as it is.

        Parameters
        ----------
        source : BaseSignal, optional
            The series as it was recorded. Found unless given, as long as it is in memory; without
            it only the stage that the pixels are in can be judged.
        show_progressbar : bool, optional
            Show a progress bar; by default as HyperSpy's preferences say.

        Returns
        -------
        Quality
            Print it for a summary, ``plot()`` it for a page of figures.

        Raises
        ------
        ValueError
            The signal is not a series, fewer than two frames take part, frames do not overlap, or
            `source` does not fit.
        TypeError
            The pixels are complex.

        Examples
        --------
        >>> from hyperspy_smartalign.data import simulate_series
        >>> series = simulate_series(shape=(64, 64), frames=6).series
        >>> quality = series.smartalign.quality(show_progressbar=False)
        >>> list(quality.rings)
        ['raw']
        """
        from hyperspy_smartalign.signals.quality import measuring

        return measuring.quality(self._signal, source=source, show_progressbar=show_progressbar)

    def dose_series(
        self,
        source: BaseSignal | None = None,
        *,
        dose: float | npt.ArrayLike | None = None,
        bands: int = 10,
        false_alarm: float = 0.01,
        show_progressbar: bool | None = None,
    ) -> DoseSeries:
        """Follow what more frames gain, and what fades with the dose.

        For the averages of the first frames of the series: resolution by ring correlation and the
        information that they hold. For each frame: how much it has in common with the others, in
        bands of spatial frequency, and how fast that falls; whether it falls at all is tested with
        a stated rate of false alarms.

        Frames are taken in the order of recording, read one by one, twice. Excluded frames take no
        part, but count as exposure. Of edges that some frames did not see nothing is used.

        Parameters
        ----------
        source : BaseSignal, optional
            The series as it was recorded, where the signal is the average of an aligned one. Its
            frames are aligned as they are read.
        dose : float or (n,) array, optional
            Electrons per square ångström of each frame, so that critical doses can be told. The
            exposure of a frame counts its own dose to one half.
        bands : int, default 10
            Bands of spatial frequency, up to the highest at which frames have something in common.
        false_alarm : float, default 0.01
            Probability that a change is found in a series that does not change, 0.001 to 0.5.
        show_progressbar : bool, optional
            Show a progress bar; by default as HyperSpy's preferences say.

        Returns
        -------
        DoseSeries
            Print it for a summary, ``plot()`` it. Give it to
            ``signal.smartalign.average(weights=...)`` to make the best of a damaged series.

        Raises
        ------
        ValueError
            The signal is not a series, fewer than 4 frames take part, or the area that all saw is
            smaller than 32 x 32 px; or an argument has a value that it cannot have.
        TypeError
            The pixels are not real numbers.

        Examples
        --------
        >>> import hyperspy_smartalign
        >>> from hyperspy_smartalign.data import Damage, simulate_series
        >>> still = {"drift": (0, 0), "drift_walk": 0}
        >>> made = simulate_series(shape=(64, 64), frames=12, damage=Damage(blur=0.5), **still)
        >>> found = made.series.smartalign.dose_series(show_progressbar=False)
        >>> found.fades
        True
        """
        from hyperspy_smartalign.signals.quality.dose import dose_series

        return dose_series(
            self._signal,
            source=source,
            dose=dose,
            bands=bands,
            false_alarm=false_alarm,
            show_progressbar=show_progressbar,
        )

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        source: BaseSignal | None = None,
        quality: Quality | None = None,
        title: str | None = None,
        notes: str = "",
        overwrite: bool = False,
        paper: Literal["a4", "letter"] = "a4",
        show_progressbar: bool | None = None,
    ) -> Path:
        """Write all that is known about an alignment into one file, as a page or a document.

        Verdicts, averages before and after with their spectra, resolution, errors, shift matrices,
        drift, distortions, every frame, every step with all its parameters, warnings, what cannot
        be known, and what to cite. What is not known is left out with a word.

        Parameters
        ----------
        path : path-like
            File to write: .html for one page that needs neither other files nor a network, or .pdf.
        source : BaseSignal, optional
            The series as it was recorded, where it is not in memory any more. Without it, less can
            be measured.
        quality : Quality, optional
            What ``signal.smartalign.quality()`` returned. Unless given, it is measured now.
        title : str, optional
            Title of the report; that of the signal unless given.
        notes : str
            Your own words, shown with the series.
        overwrite : bool, default False
            Replace a file that exists.
        paper : {"a4", "letter"}, default "a4"
            What it is printed on.
        show_progressbar : bool, optional
            Show how far the measurement is; by default as HyperSpy's preferences say.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        NoAlignmentError, AlignmentMismatchError
            The signal carries no alignment, or `source` is not the series that was aligned.
        ValueError
            The file ends in something else, or `paper` is another word.
        FileExistsError
            The file exists and `overwrite` is False.
        FileNotFoundError, PermissionError
            Its folder does not exist, or may not be written into.
        """
        from hyperspy_smartalign.signals.reporting import making

        return making.report(
            self._signal,
            path,
            source=source,
            quality=quality,
            title=title,
            notes=notes,
            overwrite=overwrite,
            paper=paper,
            show_progressbar=show_progressbar,
        )
