"""The dose series of an aligned series: what each further frame gains, and what fades."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.quality import dose as core
from hyperspy_smartalign.quality.change_point import FEWEST, find_change
from hyperspy_smartalign.quality.damage import FEWEST_FRAMES, Fading, measure_fading
from hyperspy_smartalign.quality.dose_series import DoseCurves
from hyperspy_smartalign.quality.ring_correlation import RingCorrelation, ring_correlation
from hyperspy_smartalign.quality.rings import Rings, soft_window, spectrum
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.averaging import kept_frames
from hyperspy_smartalign.signals.covering import largest_rectangle
from hyperspy_smartalign.signals.matching import check_fits
from hyperspy_smartalign.signals.picturing import images_of, is_one_frame, is_one_spectrum_image
from hyperspy_smartalign.signals.progressing import Progress, interruptible, progress_bar
from hyperspy_smartalign.signals.rendering import Rendering, render
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Frames
from hyperspy_smartalign.signals.weighing import exposures_of
from hyperspy_smartalign.transforms import Alignment, Canvas

FloatArray = npt.NDArray[np.float64]

# Smaller areas hold too few frequencies to tell bands apart.
_SMALLEST_AREA = 32
_NO_UNITS = {"", "px", "pixel", "pixels", "<undefined>"}
# Change of the mean intensity, against the fading, above which the beam current is suspected.
_DIMMER = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class DoseSeries(DoseCurves):
    """The dose series of a signal, with a plot; see `DoseCurves`."""

    def plot(self, **keywords: Any) -> Any:
        """Plot it; see `hyperspy_smartalign.plotting.plot_dose_series`."""
        from hyperspy_smartalign.plotting.dose import plot_dose_series

        return plot_dose_series(self, **keywords)


def dose_series(
    signal: BaseSignal,
    *,
    source: BaseSignal | None = None,
    dose: float | npt.ArrayLike | None = None,
    bands: int = 10,
    false_alarm: float = 0.01,
    show_progressbar: bool | None = None,
) -> DoseSeries:
    """The dose series of an aligned series; parameters as ``signal.smartalign.dose_series``."""
    alignment = recording.alignment_of(signal) if recording.has_alignment(signal) else None
    if recording.has_matches(signal):
        raise ValueError(
            f"{signal!r} is a stack of tiles, which have no order in time. Take the dose series of "
            "the series that they were cut out of."
        )
    frames = _aligned_frames(signal, source, alignment)
    if frames.dtype.kind not in "biuf":
        raise TypeError(
            f"The pixels are {frames.dtype}, and a dose series is one of real numbers. Take one "
            "channel, or signal.real or signal.amplitude of complex images."
        )
    kept = kept_frames(alignment, frames.layout)
    if len(kept) < FEWEST_FRAMES:
        raise ValueError(
            f"{len(kept)} frames take part, and a dose series needs {FEWEST_FRAMES} or more."
        )
    exposure = exposures_of(signal, frames.layout.n_frames)
    order = kept[np.argsort(exposure[kept], kind="stable")]
    doses = _doses(dose, frames.layout.n_frames)
    at = exposure
    if doses is not None:
        # Every frame counts as its share of the dose.
        in_time = np.argsort(exposure, kind="stable")
        passed = np.empty(len(doses))
        passed[in_time] = np.cumsum(doses[in_time]) - doses[in_time] / 2
        at = passed / doses.mean()
    messages = []
    if alignment is None:
        messages.append("The signal carries no alignment: its frames were taken as aligned.")
    if len(kept) < FEWEST:
        messages.append(f"A change is looked for in {FEWEST} frames or more.")
    with progress_bar(show_progressbar) as progress:
        measured = _measure(
            FrameStream(frames), order, _directions(signal, alignment), _pixel(frames), progress
        )
    fading = measure_fading(
        measured.cross,
        measured.power,
        frequency=measured.rings.frequency,
        independent=measured.rings.independent,
        exposure=at[order],
        bands=bands,
    )
    change = find_change(fading.overlap[:, fading.shown], false_alarm=false_alarm)
    steps = measured.rings.frequency, measured.rings.width
    amplitude = np.ones_like(measured.cross)
    if change.first is not None and change.falls:
        amplitude = fading.law().amplitude(steps[0][None], at[order][:, None])
    signal_power, noise = core.undamaged(measured.cross, measured.power, amplitude)
    # Beyond what the frames have in common there is noise only, which must not pass for content.
    content = (steps[0] <= fading.edges[-1]) & fading.shown.any()
    signal_power = np.where(content, np.maximum(signal_power, 0), 0.0)
    # Where there is no signal, there may be no noise either.
    noise = np.where(signal_power > 0, noise, np.maximum(noise, 1e-300))
    information = np.array(
        [
            core.information(np.where(signal_power > 0, count * common / noise, 0.0), *steps)
            for count, common in zip(measured.counts, measured.common, strict=True)
        ]
    )
    expected = core.expected_information(signal_power, noise, amplitude, *steps)
    scale, units = _calibration(frames)
    if change.first is not None and change.falls:
        messages += _dimming(measured.brightness, fading)
    return DoseSeries(
        counts=measured.counts,
        rings=measured.correlations,
        information=information,
        expected=expected,
        frames=order,
        fading=fading,
        change=change,
        similarity=measured.similarity,
        brightness=measured.brightness,
        dose=None if doses is None else doses[order],
        scale=scale,
        units=units,
        messages=tuple(messages),
    )


@dataclass(frozen=True, eq=False)
class _Measured:
    """What two passes over the frames give.

    Attributes
    ----------
    rings : Rings
    cross, power : (m, k) float64
        See `measure_fading`.
    similarity, brightness : (m,) float64
    counts : (c,) int
    common : (c, k) float64
        Power that the halves of the first frames have in common.
    correlations : tuple of RingCorrelation
    """

    rings: Rings
    cross: FloatArray
    power: FloatArray
    similarity: FloatArray
    brightness: FloatArray
    counts: npt.NDArray[np.intp]
    common: FloatArray
    correlations: tuple[RingCorrelation, ...]


def _measure(
    stream: FrameStream,
    order: npt.NDArray[np.intp],
    directions: ScanGeometry | None,
    pixel: tuple[float, float],
    progress: Progress | None,
) -> _Measured:
    """Read the frames twice: once for their sum, once to compare each with it."""
    told: Callable[[str, int, int], None] = (lambda *_: None) if progress is None else progress
    count = len(order)
    seen = np.ones(stream.shape[1:], bool)
    total = np.zeros(stream.shape[1:])
    for done, index in enumerate(interruptible(order)):
        frame = stream[int(index)]
        seen &= np.isfinite(frame)
        total += np.where(seen, frame, 0.0)
        told("adding up", done + 1, count)
    area = _area(seen)
    rings, window = Rings.of(area.shape, pixel), soft_window(area.shape)
    whole = spectrum(total[area.slices], window)
    second, alike = _second_half(order, directions)
    counts = core.frame_counts(count, step=alike)
    halves = [np.zeros(area.shape), np.zeros(area.shape)]
    cross, power, common, similarity, brightness, correlations = [], [], [], [], [], []
    for done, index in enumerate(interruptible(order)):
        pixels = np.asarray(stream[int(index)][area.slices], np.float64)
        own = spectrum(pixels, window)
        others = whole - own
        cross.append(rings.mean((own * others.conj()).real) / (count - 1))
        power.append(rings.mean(np.abs(own) ** 2))
        of_others = rings.mean(np.abs(others) ** 2) / (count - 1) ** 2
        similarity.append(_correlation(cross[-1], power[-1], of_others, rings))
        brightness.append(pixels.mean())
        halves[int(second[done])] += pixels
        if done + 1 in counts:
            later = int(second[: done + 1].sum())
            averages = halves[0] / (done + 1 - later), halves[1] / later
            correlations.append(ring_correlation(*averages, pixel=pixel))
            of_both = spectrum(averages[0], window) * spectrum(averages[1], window).conj()
            common.append(rings.mean(of_both.real))
        told("comparing", done + 1, count)
    level = float(np.mean(brightness))
    return _Measured(
        rings=rings,
        cross=np.array(cross),
        power=np.array(power),
        similarity=np.array(similarity),
        brightness=np.array(brightness) / (level if level else 1.0),
        counts=counts,
        common=np.array(common),
        correlations=tuple(correlations),
    )


def _directions(signal: BaseSignal, alignment: Alignment | None) -> ScanGeometry | None:
    known = None if alignment is None else alignment.scan
    return recording.scan_geometry_of(signal) if known is None else known


def _second_half(
    order: npt.NDArray[np.intp], scan: ScanGeometry | None
) -> tuple[npt.NDArray[np.bool_], int]:
    """Which frames make the second half, and after how many frames both halves are alike.

    Every second frame of each scan direction, since frames of one direction have distortions in
    common.
    """
    rotations = () if scan is None else scan.rotation
    if len(rotations) <= order.max():
        return np.arange(len(order)) % 2 == 1, 2
    directions = np.unique(
        np.mod(np.asarray(rotations, np.float64)[order], 360), return_inverse=True
    )
    second = np.zeros(len(order), np.bool_)
    for group in range(len(directions[0])):
        places = np.flatnonzero(directions[1] == group)
        second[places] = (np.arange(len(places)) + group) % 2 == 1
    return second, 2 * len(directions[0])


def _correlation(cross: FloatArray, own: FloatArray, others: FloatArray, rings: Rings) -> float:
    """Normalised correlation over all rings."""
    size = rings.independent
    norm = math.sqrt(float((size * own).sum()) * float((size * others).sum()))
    return float((size * cross).sum()) / norm if norm > 0 else math.nan


def _area(seen: npt.NDArray[np.bool_]) -> Canvas:
    """The largest rectangle that all frames saw."""
    if not seen.any():
        raise ValueError(
            "no pixel was seen by all frames; exclude those that drifted away, and align again."
        )
    area = Canvas.of_frame(seen.shape) if seen.all() else largest_rectangle(seen)
    if min(area.shape) < _SMALLEST_AREA:
        raise ValueError(
            f"the area that all frames saw has {area.shape[0]} x {area.shape[1]} px, and a dose "
            f"series needs {_SMALLEST_AREA} x {_SMALLEST_AREA}. Exclude frames that drifted away."
        )
    return area


def _aligned_frames(
    signal: BaseSignal, source: BaseSignal | None, alignment: Alignment | None
) -> Frames:
    """The frames of the signal, or those of the source, aligned when they are asked for."""
    if source is None:
        if is_one_frame(signal) or is_one_spectrum_image(signal):
            raise ValueError(
                f"{signal!r} is one frame. Give the series that it was made of: "
                "dose_series(source=series)."
            )
        return images_of(signal)
    if alignment is None:
        raise ValueError(
            "source= is the series that an alignment was made for, and the signal carries none. "
            "Leave it out."
        )
    if recording.has_alignment(source):
        raise ValueError(
            "source is an aligned series, so its pixels are interpolated already. Give the series "
            "as it was before the first alignment."
        )
    raw = images_of(source)
    check_fits(alignment, raw.layout)
    rendering = Rendering("spline", "nan", "series")
    data = render(raw, alignment, rendering, lazy=True)
    return Frames(replace(raw.layout, frame_shape=alignment.canvas.shape), data)


def _doses(dose: float | npt.ArrayLike | None, frames: int) -> FloatArray | None:
    """(n,) dose of each frame."""
    if dose is None:
        return None
    values = np.asarray(dose, np.float64)
    if values.shape not in ((), (frames,)) or not (
        np.isfinite(values).all() and (values > 0).all()
    ):
        raise ValueError(
            f"dose must be one number above 0, or {frames}, one a frame, in electrons per square "
            f"ångström; it is {dose!r}."
        )
    return np.broadcast_to(values, (frames,)).copy()


def _pixel(frames: Frames) -> tuple[float, float]:
    """Relative size (y, x) of the pixels."""
    y, x = (abs(size) for size in frames.layout.scale)
    return (y, x) if _calibrated(frames) else (1.0, 1.0)


def _calibrated(frames: Frames) -> bool:
    units = [unit.strip() for unit in frames.layout.units]
    return units[0] == units[1] and units[0].lower() not in _NO_UNITS


def _calibration(frames: Frames) -> tuple[float, str]:
    """Size of a pixel, of the same area where it is not square, and its unit."""
    if not _calibrated(frames):
        return 1.0, "px"
    return math.sqrt(abs(math.prod(frames.layout.scale))), frames.layout.units[0].strip()


def _dimming(brightness: FloatArray, fading: Fading) -> Sequence[str]:
    """What to say where the frames grow darker as fast as they fade."""
    shown = fading.shown
    slope = -np.polyfit(fading.exposure, brightness, 1)[0]
    rate = np.average(fading.rate[shown], weights=1 / fading.rate_error[shown] ** 2)
    if slope < _DIMMER * rate or slope <= 0:
        return ()
    lost = slope * (fading.exposure[-1] - fading.exposure[0])
    return (
        f"The mean intensity fell by {100 * lost:.2g} % too. If that was the beam current, "
        "normalise the frames first: series.smartalign.prepare(normalise=True).",
    )
