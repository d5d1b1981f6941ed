"""The instability spectrum of an aligned series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal, Signal1D

from hyperspy_smartalign.quality.instability import InstabilitySpectrum, instability_spectrum
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.transforms import Alignment, ScanLine

DoubleArray = npt.NDArray[np.float64]

_NO_UNITS = {"", "px", "pixel", "pixels", "<undefined>"}


@dataclass(frozen=True, eq=False)
class Instability:
    """The instability spectrum of a series, with a plot and a signal.

    Attributes
    ----------
    spectrum : InstabilitySpectrum
        Frequencies, densities, confidence, noise floor, tones; its `rms` sums a band.
    title : str
        Title of the series.
    """

    spectrum: InstabilitySpectrum
    title: str = ""

    def to_signal(self) -> Signal1D:
        """The power spectral density, noise floor subtracted, as a signal.

        Returns
        -------
        Signal1D
            Two spectra along the navigation axis "component", frequency in Hz along the signal
            axis. ``metadata.Instability`` holds the noise floor, the confidence interval, the tones
            and what the spectrum was made with.
        """
        spectrum = self.spectrum
        signal = Signal1D(spectrum.density.copy())
        component, frequency = signal.axes_manager._axes
        component.name = "component"
        frequency.name, frequency.units = "frequency", "Hz"
        frequency.scale = float(spectrum.frequencies[1])
        signal.metadata.General.title = f"{self.title} (instability)".strip()
        signal.metadata.set_item(
            "Signal.quantity", f"Power spectral density ({spectrum.units}^2/Hz)"
        )
        signal.metadata.add_dictionary({"Instability": _facts(spectrum)})
        return signal

    def plot(self, **keywords: Any) -> Any:
        """Plot the spectrum; see `hyperspy_smartalign.plotting.plot_instability`."""
        from hyperspy_smartalign.plotting.instability import plot_instability

        return plot_instability(self.spectrum, **keywords)

    def __repr__(self) -> str:
        return repr(self.spectrum)


def instability(
    signal: BaseSignal,
    *,
    line_time: float | None = None,
    along: str = "image",
    noise: str = "plateau",
    window: str = "hann",
    confidence: float = 0.95,
    mains: Sequence[float] = (50.0, 60.0),
    harmonics: int = 10,
) -> Instability:
    """The instability spectrum of a series that was aligned line by line.

    The parameters are those of ``signal.smartalign.instability``.
    """
    alignment = recording.alignment_of(signal)
    geometry = alignment.scan or recording.scan_geometry_of(signal) or ScanGeometry()
    seconds = geometry.line_time if line_time is None else float(line_time)
    if seconds is None:
        raise ValueError(
            "The time of a scan line is not known, so there is no frequency axis. Give it in "
            "seconds, flyback included: signal.smartalign.instability(line_time=...), or before "
            "the alignment with series.smartalign.prepare(line_time=...)."
        )
    offsets, slow = line_offsets(alignment, geometry)
    scale, units = _calibration(alignment)
    errors = None
    if noise == "errors":
        if alignment.precision is None:
            raise ValueError(
                "noise='errors' needs standard errors, and the alignment has none; use "
                "noise='plateau'."
            )
        errors = np.broadcast_to(alignment.precision[:, None] * scale, offsets.shape)
    spectrum = instability_spectrum(
        offsets * scale,
        line_time=seconds,
        errors=errors,
        noise=noise,  # type: ignore[arg-type]
        along=along,  # type: ignore[arg-type]
        slow_axis=slow,
        window=window,  # type: ignore[arg-type]
        confidence=confidence,
        mains=mains,
        harmonics=harmonics,
        units=units,
    )
    return Instability(spectrum, str(signal.metadata.General.get_item("title", "")))


def line_offsets(
    alignment: Alignment, geometry: ScanGeometry
) -> tuple[DoubleArray, tuple[int, ...]]:
    """Offset of every recorded scan line of every frame, in the order of time.

    An alignment knows offsets at the lines p of the common frame; the line that is recorded there
    is p + d_slow(p), and this is solved for p.

    Parameters
    ----------
    alignment : Alignment
        With a `ScanLine` for at least one frame that is not excluded.
    geometry : ScanGeometry
        For the sense of the scan.

    Returns
    -------
    offsets : (n, lines, 2) float64
        Displacement (y, x) in pixels at the middle of each line; NaN for lines that are not
        covered, and for frames that are excluded or have no line offsets.
    slow : tuple of int
        Axis along which lines follow each other, one a frame.

    Raises
    ------
    ValueError
        If no frame has line offsets.
    """
    if not any(
        isinstance(transform, ScanLine) and not out
        for transform, out in zip(alignment.transforms, alignment.excluded, strict=True)
    ):
        found = ", ".join(sorted({transform.kind for transform in alignment.transforms}))
        raise ValueError(
            f"The alignment has no offsets of scan lines (it holds: {found}), so there is no "
            "instability spectrum. Align the series line by line first, with "
            "series.align_nonrigid(model='scan_locked')."
        )
    offsets = np.full((alignment.n_frames, max(alignment.frame_shape), 2), np.nan)
    slow = []
    for frame, transform in enumerate(alignment.transforms):
        axis = transform.axis if isinstance(transform, ScanLine) else 0
        slow.append(axis)
        if alignment.excluded[frame] or not isinstance(transform, ScanLine):
            continue
        count = alignment.frame_shape[axis]
        found_at = _at_recorded_lines(transform, alignment.frame_shape)
        offsets[frame, :count] = found_at[:: _sense(geometry, frame, axis)]
    lines = max(alignment.frame_shape[axis] for axis in slow)
    return offsets[:, :lines], tuple(slow)


def _at_recorded_lines(transform: ScanLine, frame_shape: tuple[int, int]) -> DoubleArray:
    """Offsets (lines, 2) at the lines of the frame, in image order; NaN beyond the known ones."""
    axis = transform.axis
    common = transform.first_row + np.arange(transform.rows)
    points = np.zeros((2, transform.rows))
    points[axis] = common
    points[1 - axis] = (frame_shape[1 - axis] - 1) / 2
    moved = transform.at(points)
    arrive = common + moved[axis]
    rank = np.argsort(arrive, kind="stable")
    lines = np.arange(frame_shape[axis])
    return np.stack(
        [
            np.interp(lines, arrive[rank], component[rank], left=np.nan, right=np.nan)
            for component in moved
        ],
        axis=1,
    )


def _sense(geometry: ScanGeometry, frame: int, axis: int) -> int:
    """-1 where the lines of a frame were recorded against the image axis, else 1."""
    try:
        known = geometry.slow_axis(frame) == axis
    except ValueError:
        return 1
    return geometry.scan_direction(frame)[0] if known else 1


def _calibration(alignment: Alignment) -> tuple[DoubleArray, str]:
    """Size (y, x) of a pixel and its unit; 1 and "px" without a common physical one."""
    units = [unit.strip() for unit in alignment.frame_units]
    if units[0] != units[1] or units[0].lower() in _NO_UNITS:
        return np.ones(2), "px"
    return np.abs(np.asarray(alignment.frame_scale, np.float64)), units[0]


def _facts(spectrum: InstabilitySpectrum) -> dict[str, Any]:
    """What belongs to a spectrum, of types that survive HyperSpy's files."""
    return {
        "components": list(spectrum.components),
        "units": f"{spectrum.units}^2/Hz",
        "line_time": spectrum.line_time,
        "line_time_units": "s",
        "frames": spectrum.frames,
        "resolution": spectrum.resolution,
        "confidence": spectrum.confidence,
        "noise_floor": spectrum.noise.copy(),
        "lower": spectrum.lower.copy(),
        "upper": spectrum.upper.copy(),
        "tones": [
            {
                "component": tone.component,
                "frequency": tone.frequency,
                "rms": tone.rms,
                "chance": tone.chance,
                "mains": "" if tone.mains is None else tone.mains.name,
            }
            for tone in spectrum.tones
        ],
        "messages": list(spectrum.messages),
    }
