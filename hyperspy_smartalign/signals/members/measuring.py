"""Members that measure on images: instability of the instrument, lattice, line profiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy.typing as npt
    from hyperspy.signals import BaseSignal, Signal1D

    from hyperspy_smartalign.quality.lattice import Lattice
    from hyperspy_smartalign.quality.lattice_drift import LatticeDrift
    from hyperspy_smartalign.resampling import Interpolation
    from hyperspy_smartalign.signals.instability import Instability


class Measuring:
    """Members that measure on images: instability of the instrument, lattice, line profiles."""

    __slots__ = ()
    _signal: BaseSignal

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
