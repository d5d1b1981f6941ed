"""What the quality of an aligned series is measured on: its stages, streamed from the frames.

A stage is the series as it was recorded ("raw"), with every frame only shifted ("rigid"), or with
all that the alignment knows ("nonrigid"). All stages show the same part of the specimen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.quality.rings import Rings, spectrum
from hyperspy_smartalign.quality.transfer import FrameSpectra, frame_spectra
from hyperspy_smartalign.resampling import Interpolation, Resampled, resample_frame
from hyperspy_smartalign.rigid import PairTable
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals.progressing import Progress, interruptible
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.transforms import Alignment, Canvas, Transform

DoubleArray = npt.NDArray[np.float64]

# Frames of pure noise that are resampled to see what interpolation does to noise.
_NOISE_FRAMES = 8
# Below this frequency it does nothing, periods per pixel.
_UNCHANGED_BELOW = 0.12


@dataclass(frozen=True, eq=False)
class Stage:
    """A series at one stage of its alignment.

    Attributes
    ----------
    name : {"raw", "rigid", "nonrigid"}
    transforms : tuple of Transform
        Of all frames of the series, as of `Alignment`.
    halves : (2, H, W) float64
        Averages of the frames of the first and of the second half; gaps hold the average.
    average : (H, W) float64
        Of the frames that take part, at each pixel of those that saw it.
    variance : (H, W) float64
        Scatter of one frame about the average, n - 1 in the denominator; 0 where fewer than two
        frames saw the pixel.
    seen : (H, W) bool
        Pixels that every frame saw.
    blind : (H, W) bool
        Pixels that no frame of one of the halves saw.
    """

    name: str
    transforms: tuple[Transform, ...]
    halves: DoubleArray
    average: DoubleArray
    variance: DoubleArray
    seen: npt.NDArray[np.bool_]
    blind: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Drawing:
    """How the frames of a stage are drawn on the canvas.

    Attributes
    ----------
    stream : FrameStream
        The frames as they are read.
    transforms : tuple of Transform
        From the canvas to these frames.
    interpolation : str
        Kernel.
    """

    stream: FrameStream
    transforms: tuple[Transform, ...]
    interpolation: Interpolation

    def draw(self, index: int, canvas: Canvas) -> Resampled:
        """One frame on the canvas; zero where it did not see anything."""
        return resample_frame(
            self.stream[index],
            self.transforms[index],
            canvas,
            interpolation=self.interpolation,
            fill="zero",
        )


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the quality of a series is judged by.

    Attributes
    ----------
    signal : BaseSignal
        What is judged.
    frames : FrameStream or None
        The frames as they were recorded; None where they are not at hand, and there is but the
        stage that the pixels of the signal are in.
    alignment : Alignment or None
        From the frames as they were recorded; None for a series that was not aligned.
    members : (m,) int
        Frames that take part: neither excluded, nor without overlap with the others.
    second_half : (m,) bool
        Which of these belong to the second half.
    canvas : Canvas
        Part of the common frame that all of these saw.
    window : (H, W) float64
        Soft window of all spectra.
    rings : Rings
        For images on the canvas.
    stages : mapping of str to Stage
        In the order raw, rigid, nonrigid.
    final : str
        Name of the last stage.
    pairs, noise, nonrigid, scan
        What the signal carries, None where it does not.
    scale : (y, x)
        Size of a pixel in `units`, positive.
    units : str
        "px" where there is none, or not one for both axes.
    messages : tuple of str
        What the user should know.
    """

    signal: BaseSignal
    frames: FrameStream | None
    alignment: Alignment | None
    members: npt.NDArray[np.intp]
    second_half: npt.NDArray[np.bool_]
    canvas: Canvas
    window: DoubleArray
    rings: Rings
    stages: Mapping[str, Stage]
    drawings: Mapping[str, Drawing]
    final: str
    pairs: PairTable | None
    noise: NoiseModel | None
    nonrigid: NonrigidRecord | None
    scan: ScanGeometry | None
    scale: tuple[float, float]
    units: str
    messages: tuple[str, ...]
    spots: npt.NDArray[np.intp] | None = None
    _spectra: dict[str, FrameSpectra] = field(default_factory=dict, repr=False)

    def aligned(self, stage: str) -> Iterator[tuple[int, DoubleArray]]:
        """The frames of a stage, read once more.

        Parameters
        ----------
        stage : str
            One of `stages`.

        Yields
        ------
        index : int
            Number of the frame in the series.
        pixels : (H, W) float64
            On the canvas; the average of the stage where the frame did not see anything.
        """
        drawing, average = self.drawings[stage], self.stages[stage].average
        for index in interruptible(self.members.tolist()):
            drawn = drawing.draw(index, self.canvas)
            yield index, np.where(drawn.covered, drawn.pixels, average)

    def spectra(self, stage: str) -> FrameSpectra:
        """Power and common part of the frames of a stage; made once."""
        if stage not in self._spectra:
            self._spectra[stage] = frame_spectra(
                (pixels for _, pixels in self.aligned(stage)),
                self.stages[stage].average,
                rings=self.rings,
                window=self.window,
                noise_shape=noise_shape(self, stage),
                at=self.spots,
            )
        return self._spectra[stage]


def measured_stage(
    name: str,
    drawing: Drawing,
    transforms: tuple[Transform, ...],
    *,
    members: npt.NDArray[np.intp],
    second_half: npt.NDArray[np.bool_],
    canvas: Canvas,
    progress: Progress | None = None,
) -> Stage:
    """Averages and scatter of a stage, of frames that are read one by one.

    Parameters
    ----------
    name : str
        Name of the stage.
    drawing : Drawing
        Where the pixels come from.
    transforms : tuple of Transform
        Of the stage.
    members, second_half, canvas
        As of `Evidence`.
    progress : callable or None
        Told about every frame.
    """
    sums = _Sums(canvas.shape), _Sums(canvas.shape)
    for done, (index, second) in enumerate(
        interruptible(list(zip(members.tolist(), second_half.tolist(), strict=True)))
    ):
        sums[int(second)].add(drawing.draw(index, canvas))
        if progress is not None:
            progress(f"averaging halves, {name}", done + 1, len(members))
    both = sums[0].with_other(sums[1])
    average = _filled(both.mean, both.count, float(both.mean[both.count > 0].mean()))
    halves = [np.where(half.count > 0, half.mean, average) for half in sums]
    variance = np.zeros(canvas.shape)
    np.divide(both.square, both.count - 1, out=variance, where=both.count > 1)
    return Stage(
        name=name,
        transforms=transforms,
        halves=np.array(halves),
        average=average,
        variance=variance,
        seen=both.count == len(members),
        blind=(sums[0].count == 0) | (sums[1].count == 0),
    )


class _Sums:
    """Running mean and squares about it (Welford), at each pixel of the frames that saw it."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.count = np.zeros(shape, np.int64)
        self.mean = np.zeros(shape)
        self.square = np.zeros(shape)

    def add(self, frame: Resampled) -> None:
        """Take in one frame."""
        seen = frame.covered
        self.count += seen
        away = np.where(seen, frame.pixels - self.mean, 0.0)
        self.mean += away / np.maximum(self.count, 1)
        self.square += away * np.where(seen, frame.pixels - self.mean, 0.0)

    def with_other(self, other: _Sums) -> _Sums:
        """Mean and squares of both together."""
        both = _Sums((self.mean.shape[0], self.mean.shape[1]))
        both.count = self.count + other.count
        total = np.maximum(both.count, 1)
        away = other.mean - self.mean
        both.mean = self.mean + away * other.count / total
        both.square = self.square + other.square + away**2 * self.count * other.count / total
        return both


def _filled(values: DoubleArray, count: npt.NDArray[np.int64], fill: float) -> DoubleArray:
    return np.where(count > 0, values, fill)


def noise_shape(evidence: Evidence, stage: str) -> DoubleArray:
    """Power (k,) of white noise of variance 1 after the interpolation of a stage.

    Measured on frames of noise that are drawn as the frames are. Where the pixels were interpolated
    before, the noise is drawn from frames as the alignment knows them.
    """
    rings, transforms = evidence.rings, evidence.stages[stage].transforms
    drawing = evidence.drawings[stage]
    if stage == "raw" or drawing.interpolation == "nearest":
        return np.ones(len(rings))
    shape = evidence.alignment.frame_shape if evidence.alignment else drawing.stream.shape[1:]
    places = np.linspace(0, len(evidence.members) - 1, _NOISE_FRAMES).round().astype(int)
    random = np.random.default_rng(0)
    powers = []
    for index in evidence.members[places].tolist():
        drawn = resample_frame(
            random.normal(size=shape).astype(np.float32),
            transforms[index],
            evidence.canvas,
            interpolation=drawing.interpolation,
            fill="zero",
        )
        powers.append(rings.mean(np.abs(spectrum(drawn.pixels, evidence.window)) ** 2))
    unchanged = (rings.frequency < _UNCHANGED_BELOW) & (drawing.interpolation != "linear")
    return np.where(unchanged, 1.0, np.mean(powers, axis=0))
