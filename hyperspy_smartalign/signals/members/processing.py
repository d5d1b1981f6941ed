"""Members that make another signal: frames chosen, flattened, straightened, added up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.parameters import PrepareParameters, RampParameters, documented

if TYPE_CHECKING:
    import numpy.typing as npt
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.gui.tools.tool import Tool
    from hyperspy_smartalign.quality.damage import CriticalDose
    from hyperspy_smartalign.signals.quality.dose import DoseSeries


class Processing:
    """Members that make another signal: frames chosen, flattened, straightened, added up."""

    __slots__ = ()
    _signal: BaseSignal

    @documented(PrepareParameters)
    def prepare(
        self,
        *,
        interactive: bool = False,
        display: bool = True,
        toolkit: Any = None,
        **keywords: Any,
    ) -> BaseSignal | Tool:
        """Choose, order, transpose, normalise, resample and equalise the frames of a series.

        Parameters
        ----------
        {parameters}
        {interactive}

        Returns
        -------
        Signal2D
            A new signal of the same class; a lazy one stays lazy. The step is recorded in
            ``metadata.Smart_align.steps``. With ``interactive=True`` the tool, whose
            ``tool.result`` this is as soon as it is there.

        Raises
        ------
        TypeError
            Unknown parameter; or `display` or `toolkit` without ``interactive=True``.
        ValueError
            A parameter has a value that it cannot have, or the signal is not a series.
        ImportError
            ``interactive=True``, and no toolkit is installed; the message names what to install.
        """
        from hyperspy_smartalign.signals import interacting, preparing

        tool = interacting.tool_of(
            "smartalign.prepare",
            self._signal,
            interactive=interactive,
            display=display,
            toolkit=toolkit,
            keywords=keywords,
        )
        if tool is not None:
            return tool
        return preparing.prepare(self._signal, **PrepareParameters(**keywords).keywords())

    @documented(RampParameters)
    def remove_ramp(self, **keywords: Any) -> BaseSignal:
        """Take a plane or polynomial off every frame, as tilted STM and AFM frames need.

        Parameters
        ----------
        {parameters}

        Returns
        -------
        Signal2D
            A new signal of the same class; a lazy one stays lazy. The step is recorded in
            ``metadata.Smart_align.steps``.

        Raises
        ------
        TypeError
            Unknown parameter.
        ValueError
            A parameter has a value that it cannot have, or the signal is not a series.
        """
        from hyperspy_smartalign.signals import preparing

        return preparing.remove_ramp(self._signal, **RampParameters(**keywords).keywords())

    def straighten_rows(
        self,
        *,
        neighbours: int = 4,
        max_shift: float | None = None,
        smoothing: float | None = None,
        interpolation: Any = "spline",
        fill: Any = "nan",
    ) -> BaseSignal:
        """Take visible jumps out of the scan lines of a single image, a strip, or each frame.

        For images that have no series to compare with. Scan lines follow the scan geometry of the
        signal: rows, unless it says otherwise. They are moved along themselves only; what jumped
        along the slow scan direction, one image cannot tell.

        Parameters
        ----------
        neighbours : int, default 4
            Lines that a line is predicted from, 1 to 16; more where counts are few.
        max_shift : float, optional
            Largest jump that is looked for, in pixels. Unless given, an eighth of a line, and in a
            lattice half its period along the lines.
        smoothing : float, optional
            A path that is smooth over this many lines is kept as the specimen's own; 48 unless
            given.
        interpolation : {"spline", "linear", "nearest"}, default "spline"
            Kernel of the one interpolation.
        fill : "nan", "zero", "mean" or float, default "nan"
            Value of pixels that were not recorded.

        Returns
        -------
        Signal2D
            A new signal of the same class; a lazy one stays lazy. The offsets of the lines and
            their standard errors are in the last of ``metadata.Smart_align.steps``, except for a
            lazy signal.

        Raises
        ------
        TypeError
            The pixels are complex or RGB.
        ValueError
            The signal does not hold images, an image is too small, or an argument has a value that
            it cannot have.
        """
        from hyperspy_smartalign.signals import straightening

        return straightening.straighten_rows(
            self._signal,
            neighbours=neighbours,
            max_shift=max_shift,
            smoothing=smoothing,
            interpolation=interpolation,
            fill=fill,
        )

    def average(
        self,
        *,
        output: str = "average",
        variance: bool = False,
        weights: npt.ArrayLike | str | DoseSeries | CriticalDose | None = None,
    ) -> BaseSignal:
        """Average or sum the frames, counting at each pixel only the frames that saw it.

        Parameters
        ----------
        output : {"average", "sum"}, default "average"
            "sum" scales what only some of the frames saw to the number of all, so that the
            result has no steps; sums of integers stay integers, unless they are weighted.
        variance : bool, default False
            Also give the variance of each pixel of the result, from how the frames scatter:
            ``result.get_noise_variance()``, NaN where fewer than two frames saw it.
        weights : array, "quality", "damage", DoseSeries or CriticalDose, optional
            One number of 0 or more for each frame; only their ratios matter. "quality" takes those
            that ``smartalign.quality()`` suggests. "damage" measures how fast detail fades, as
            ``smartalign.dose_series()`` does, and gives each frame at each spatial frequency the
            weight that makes the best of it; a dose series or a critical dose that is known
            already can be given as well. Without fading all frames count alike.

        Returns
        -------
        BaseSignal
            One frame, or one spectrum image. NaN where no frame saw the pixel. A lazy signal
            stays lazy; what "quality" and "damage" measure is computed at once.

        Raises
        ------
        ValueError
            The signal is not a series, `output` is another word, the weights are not one number a
            frame, or a variance is asked for with weights against fading, which belong to
            frequencies and not to pixels.

        Notes
        -----
        With weights against fading the mean intensity stays that of the plain average, and so does
        what only few of the frames saw, at the edges.
        """
        from hyperspy_smartalign.signals import averaging
        from hyperspy_smartalign.signals.provenance.noting import note_average

        result = averaging.average(self._signal, output=output, variance=variance, weights=weights)
        note_average(result, self._signal, output=output, variance=variance)
        return result

    def integrate(self, signal_range: Any = None, *, num_workers: int | None = None) -> BaseSignal:
        """Add the channels of a series of spectrum images: a series of images, to align on.

        Parameters
        ----------
        signal_range : (start, stop), hs.roi.SpanROI or None, default None
            Channels to add, as of an edge or a line; int for channels, float for energies. None
            adds all. On 4D data with series, y and x as navigation axes, a region
            (left, right, top, bottom) of the pattern, which makes a virtual detector.
        num_workers : int or None, default None
            Threads. None uses all cores.

        Returns
        -------
        Signal2D
            Images (frames | x, y), lazy where the series is. Sums of integers stay integers; a
            pixel with NaN in a channel is NaN.

        Raises
        ------
        ValueError
            The signal is not a series of spectrum images, or the range holds no channel.
        TypeError
            The range is not made of numbers.
        """
        from hyperspy_smartalign.signals.spectra import integrating

        return integrating.integrate(self._signal, signal_range, num_workers=num_workers)
