"""The accessor ``signal.smartalign``: everything beside the verbs, under one name.

This module is light, as it is imported with the package. Each member imports what it needs when
it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from hyperspy_smartalign.parameters import PrepareParameters, RampParameters, documented

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.quality.noise import NoiseModel
    from hyperspy_smartalign.rigid import PairTable
    from hyperspy_smartalign.series.geometry import ScanGeometry
    from hyperspy_smartalign.transforms.alignment import Alignment


class SmartAlign:
    """What hyperspy_smartalign can do with one signal, beside the verbs.

    Reached as ``signal.smartalign``. It holds nothing but the signal.

    Parameters
    ----------
    signal : BaseSignal
        The signal.
    """

    __slots__ = ("_signal",)

    def __init__(self, signal: BaseSignal) -> None:
        self._signal = signal

    def __repr__(self) -> str:
        members = ", ".join(name for name in vars(type(self)) if not name.startswith("_"))
        return f"smartalign of {self._signal!r}: {members}"

    @documented(PrepareParameters)
    def prepare(self, **keywords: Any) -> BaseSignal:
        """Choose, order, transpose, normalise, resample and equalise the frames of a series.

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

    def average(self, *, output: str = "average") -> BaseSignal:
        """Average or sum the frames, counting at each pixel only the frames that saw it.

        Parameters
        ----------
        output : {"average", "sum"}, default "average"
            "sum" scales what only some of the frames saw to the number of all, so that the
            result has no steps; sums of integers stay integers.

        Returns
        -------
        BaseSignal
            One frame, or one spectrum image. NaN where no frame saw the pixel. A lazy signal
            stays lazy.

        Raises
        ------
        ValueError
            The signal is not a series, or `output` is another word.
        """
        from hyperspy_smartalign.signals import averaging

        return averaging.average(self._signal, output=output)

    @property
    def alignment(self) -> Alignment:
        """The alignment that the signal carries.

        Raises
        ------
        ValueError
            The signal carries none, or one that is corrupt or of a newer version.
        """
        from hyperspy_smartalign.signals import recording

        return recording.alignment_of(self._signal)

    @property
    def pairs(self) -> PairTable:
        """The pairs of frames that `align_rigid` measured: indices, shifts, similarity, accepted.

        Raises
        ------
        ValueError
            The signal carries none.
        """
        from hyperspy_smartalign.signals import recording

        return recording.pairs_of(self._signal)

    @property
    def noise(self) -> NoiseModel:
        """Variance of a pixel against its intensity, as `align_rigid` measured it.

        Raises
        ------
        ValueError
            The signal carries none.
        """
        from hyperspy_smartalign.signals import recording

        return recording.noise_of(self._signal)

    @property
    def scan_geometry(self) -> ScanGeometry | None:
        """How the frames were scanned, or None where that is not known."""
        from hyperspy_smartalign.signals import recording

        return recording.scan_geometry_of(self._signal)

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


class AccessorSlot:
    """Class attribute that gives each signal its accessor, and the class the accessor's class."""

    @overload
    def __get__(self, signal: None, owner: type) -> type[SmartAlign]: ...

    @overload
    def __get__(self, signal: BaseSignal, owner: type) -> SmartAlign: ...

    def __get__(self, signal: BaseSignal | None, owner: type) -> type[SmartAlign] | SmartAlign:
        return SmartAlign if signal is None else SmartAlign(signal)
