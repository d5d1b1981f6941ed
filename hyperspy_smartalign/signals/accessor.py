"""The accessor ``signal.smartalign``: everything beside the verbs, under one name.

This module is light, as it is imported with the package. Each member imports what it needs when
it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from hyperspy_smartalign.parameters import PrepareParameters, RampParameters, documented

if TYPE_CHECKING:
    import numpy.typing as npt
    from hyperspy.signals import BaseSignal, Signal1D

    from hyperspy_smartalign.nonrigid.record import NonrigidRecord
    from hyperspy_smartalign.quality.lattice import Lattice
    from hyperspy_smartalign.quality.lattice_drift import LatticeDrift
    from hyperspy_smartalign.quality.noise import NoiseModel
    from hyperspy_smartalign.resampling import Interpolation
    from hyperspy_smartalign.rigid import PairTable
    from hyperspy_smartalign.series.geometry import ScanGeometry
    from hyperspy_smartalign.signals.instability import Instability
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
        """Variance of a pixel against its intensity, as the alignment measured it.

        Raises
        ------
        ValueError
            The signal carries none.
        """
        from hyperspy_smartalign.signals import recording

        return recording.noise_of(self._signal)

    @property
    def nonrigid(self) -> NonrigidRecord:
        """How `align_nonrigid` went: cycles, similarity of the frames, errors of scan lines.

        Raises
        ------
        ValueError
            The signal carries nothing about it.
        """
        from hyperspy_smartalign.signals import recording

        return recording.nonrigid_of(self._signal)

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

    def instability(
        self,
        *,
        line_time: float | None = None,
        along: str = "image",
        noise: str = "plateau",
        window: str = "hann",
        confidence: float = 0.95,
        mains: Sequence[float] = (50.0, 60.0),
        harmonics: int = 10,
    ) -> Instability:
        """Power spectrum of the offsets of the scan lines, against frequency in Hz.

        For a series that was aligned line by line. Mean and slope of each frame, which are shift
        and drift, are taken off; the spectra of the frames are averaged.

        Parameters
        ----------
        line_time : float, optional
            Seconds from one scan line to the next, flyback included. Unless given, that of the
            scan geometry.
        along : {"image", "scan"}, default "image"
            Components along y and x, or along the slow and the fast scan direction.
        noise : {"plateau", "errors", "none"}, default "plateau"
            What is subtracted: the level at the highest frequencies, the white floor of the
            alignment's standard errors, or nothing.
        window : {"hann", "multitaper"}, default "hann"
            "multitaper" scatters less and resolves less.
        confidence : float, default 0.95
            Of the confidence interval.
        mains : sequence of float, default (50.0, 60.0)
            Mains frequencies in Hz whose harmonics are marked.
        harmonics : int, default 10
            How many harmonics of each.

        Returns
        -------
        Instability
            With `spectrum` (frequencies, density, noise floor, tones, ``rms(low, high)``),
            ``plot()`` and ``to_signal()``. In squared units of the axes per Hz where they are
            calibrated, else in px^2/Hz.

        Raises
        ------
        ValueError
            The signal carries no alignment or one without line offsets, the line time is not
            known, or an argument has a value that it cannot have.
        """
        from hyperspy_smartalign.signals import instability

        return instability.instability(
            self._signal,
            line_time=line_time,
            along=along,
            noise=noise,
            window=window,
            confidence=confidence,
            mains=mains,
            harmonics=harmonics,
        )

    def lattice(self, vectors: npt.ArrayLike | None = None) -> Lattice:
        """Find the base vectors of the crystal, between the pixels, with standard errors.

        From all spots of the power spectrum together. Of a series, in the average of its frames:
        align it first.

        Parameters
        ----------
        vectors : (2, 2) array-like, optional
            Approximate base vectors, rows (y, x) in pixels, right to a tenth or so, to be refined.
            Unless given the two shortest of the lattice are found: of a centred cell, such as
            silicon along [110], the primitive ones.

        Returns
        -------
        Lattice
            `vectors` (px), `errors`, `reciprocal`, `lengths` in the units of the axes, `angle`,
            `ratio` and their standard errors.

        Raises
        ------
        NoLatticeError
            No lattice stands above the noise, or none near `vectors`.
        """
        from hyperspy_smartalign.signals import lattice

        return lattice.lattice(self._signal, vectors=vectors)

    def plot_lattice(self, lattice: Lattice | None = None, **keywords: Any) -> Any:
        """Plot the base vectors on the image, and mark the spots of the lattice on its FFT.

        Parameters
        ----------
        lattice : Lattice, optional
            What `lattice` returned; measured now unless given.
        **keywords
            Passed to `hyperspy_smartalign.plotting.lattice.plot_lattice`: max_frequency, title,
            fig, axes.

        Returns
        -------
        (2,) array of matplotlib.axes.Axes

        Raises
        ------
        NoLatticeError
            No lattice stands above the noise.
        """
        from hyperspy_smartalign.signals import lattice as lattices

        return lattices.plot_lattice(self._signal, lattice=lattice, **keywords)

    def line_profile(
        self,
        along: str | npt.ArrayLike = "a",
        *,
        start: npt.ArrayLike | None = None,
        cells: float = 1.0,
        width: int = 1,
        lines: int = 1,
        lattice: Lattice | None = None,
    ) -> Signal1D:
        """Intensity along a base vector of the lattice, or along any line.

        Of a series, in the average of its frames.

        Parameters
        ----------
        along : {"a", "b"} or (y, x), default "a"
            Base vector, or any vector in pixels.
        start : (y, x), optional
            Where the line starts, in pixels; so that it lies about the middle of the image unless
            given.
        cells : float, default 1.0
            Length of the line in units of the vector.
        width : int, default 1
            Pixels across the line that are averaged.
        lines : int, default 1
            How many equivalent parallel lines are averaged, each the other base vector further.
        lattice : Lattice, optional
            What `lattice` returned; measured now where it is needed and not given.

        Returns
        -------
        Signal1D
            With the distance from the start in the units of the image.

        Raises
        ------
        NoLatticeError
            A base vector is asked for, and no lattice stands above the noise.
        ValueError
            The line lies outside the image, or an argument has a value that it cannot have.
        """
        from hyperspy_smartalign.signals import lattice as lattices

        return lattices.line_profile(
            self._signal,
            along,
            start=start,
            cells=cells,
            width=width,
            lines=lines,
            lattice=lattice,
        )

    def drift_from_lattice(
        self,
        *,
        angle: float | None = None,
        ratio: float | None = None,
        cell: Sequence[float] | None = None,
        lattice: Lattice | None = None,
        slow_axis: Literal["y", "x"] | None = None,
    ) -> LatticeDrift:
        """Measure the drift within the frames from the known shape of the unit cell.

        Drift that is the same in all frames shears and stretches them alike, so that no alignment
        of the frames with each other sees it. A known lattice shows it.

        Parameters
        ----------
        angle : float
            Known angle between the two vectors of a cell, in degrees.
        ratio : float
            Known length of the second of them over that of the first.
        cell : (a, b, angle), optional
            Instead of both: known lengths in the units of the axes, and angle in degrees. The size
            of the pixels is then checked too.
        lattice : Lattice, optional
            What `lattice` returned; measured now unless given. Vectors that were given there are
            taken to be those of the cell. Else the choice among all cells of the lattice is made
            that takes the least distortion.
        slow_axis : {"y", "x"}, optional
            Axis along which scan lines follow each other; that of the scan geometry unless given,
            "y" where that is not known.

        Returns
        -------
        LatticeDrift
            `per_line` in px a scan line, `rate` in units per second where the line time is known,
            standard errors, the `matrix` of the distortion, and `magnification` with `cell`.

        Raises
        ------
        NoLatticeError
            No lattice stands above the noise.
        NoDriftError
            The lattice does not fit the cell with a distortion below 20 %.
        ValueError
            Frames were scanned along different directions, or an argument does not fit.
        """
        from hyperspy_smartalign.signals import lattice as lattices

        return lattices.drift_from_lattice(
            self._signal,
            angle=angle,
            ratio=ratio,
            cell=cell,
            lattice=lattice,
            slow_axis=slow_axis,
        )

    def compensate_drift(
        self,
        *,
        angle: float | None = None,
        ratio: float | None = None,
        cell: Sequence[float] | None = None,
        drift: LatticeDrift | None = None,
        lattice: Lattice | None = None,
        slow_axis: Literal["y", "x"] | None = None,
        source: BaseSignal | None = None,
        calibrate: bool = False,
        crop: bool = True,
        fill: str | float = "nan",
        interpolation: Interpolation = "spline",
        show_progressbar: bool | None = None,
        num_workers: int | None = None,
        lazy_output: bool | None = None,
    ) -> BaseSignal:
        """Take the drift within the frames out of an image, an average or an aligned series.

        Parameters
        ----------
        angle, ratio, cell, lattice, slow_axis
            As for `drift_from_lattice`.
        drift : LatticeDrift, optional
            What `drift_from_lattice` returned, also for another signal of the same scan, instead of
            the five above.
        source : BaseSignal, optional
            The series as it was recorded. The result is then interpolated once, from its frames.
        calibrate : bool, default False
            With `cell`: correct the size of the pixels, so that the lengths are the known ones.
        crop : bool, default True
            Leave out edges that come from outside the frame.
        fill : {"nan", "zero", "mean"} or float, default "nan"
            Value of pixels from outside the frame.
        interpolation : {"spline", "linear", "nearest", "fourier"}, default "spline"
            Kernel.
        show_progressbar, num_workers, lazy_output
            As for `align_rigid`.

        Returns
        -------
        Signal2D
            A new signal. Its alignment, if there is one, contains the drift, so that
            ``other.apply_alignment(result)`` takes it out of a second detector too. The step is
            recorded in ``metadata.Smart_align.steps``.

        Raises
        ------
        NoLatticeError, NoDriftError, ValueError
            As `drift_from_lattice`; or `source` is not the series that was aligned.

        Warns
        -----
        SeriesWarning
            The pixels were interpolated before, and no source is given.
        """
        from hyperspy_smartalign.signals import undistorting

        return undistorting.compensate_drift(
            self._signal,
            angle=angle,
            ratio=ratio,
            cell=cell,
            drift=drift,
            lattice=lattice,
            slow_axis=slow_axis,
            source=source,
            calibrate=calibrate,
            crop=crop,
            fill=fill,
            interpolation=interpolation,
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            lazy_output=lazy_output,
        )


class AccessorSlot:
    """Class attribute that gives each signal its accessor, and the class the accessor's class."""

    @overload
    def __get__(self, signal: None, owner: type) -> type[SmartAlign]: ...

    @overload
    def __get__(self, signal: BaseSignal, owner: type) -> SmartAlign: ...

    def __get__(self, signal: BaseSignal | None, owner: type) -> type[SmartAlign] | SmartAlign:
        return SmartAlign if signal is None else SmartAlign(signal)
