"""From a signal to the evidence of its quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.plotting.units import is_calibrated
from hyperspy_smartalign.quality.bragg import SpotCandidates, spot_candidates
from hyperspy_smartalign.quality.rings import Rings, soft_window
from hyperspy_smartalign.resampling import Interpolation
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import origins, recording
from hyperspy_smartalign.signals.matching import check_fits
from hyperspy_smartalign.signals.picturing import images_of, is_one_frame, is_one_spectrum_image
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.quality.likeness import doubt_about_source
from hyperspy_smartalign.signals.quality.stages import Drawing, Evidence, measured_stage
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import layout_of
from hyperspy_smartalign.transforms import (
    Alignment,
    AlignmentMismatchError,
    Canvas,
    Transform,
    Translation,
)

# Frames that leave less than this part of the width or height in common with others take no part.
_LEAST_OVERLAP = 0.25
_FEWEST_PIXELS = 16
_HOW = (
    "quality(source=series), or quality(source=signal.smartalign.find_source()), which reads it "
    "again from the files that a saved result records"
)


@dataclass(frozen=True)
class _Scene:
    """Frames that take part, where they are drawn from, and on which canvas."""

    raw: FrameStream | None
    alignment: Alignment | None
    members: npt.NDArray[np.intp]
    canvas: Canvas
    drawings: Mapping[str, Drawing]
    transforms: Mapping[str, tuple[Transform, ...]]
    scale: tuple[float, float]
    units: tuple[str, str]
    messages: tuple[str, ...]


def gather(
    signal: BaseSignal, *, source: BaseSignal | None = None, progress: Progress | None = None
) -> tuple[Evidence, SpotCandidates | None]:
    """Draw the stages of a series and gather what it carries.

    Parameters
    ----------
    signal : BaseSignal
        A series of images or of spectrum images, which are summed over their channels; aligned
        or not. Or the average or sum of an aligned series.
    source : BaseSignal, optional
        The series as it was recorded. Found unless given, as long as it is in memory.
    progress : callable or None
        Told about the frames.

    Returns
    -------
    evidence : Evidence
    candidates : SpotCandidates or None
        Where Bragg spots are looked for.

    Raises
    ------
    ValueError
        The source does not fit, there are no frames at hand, or they do not overlap.
    TypeError
        The pixels are not real numbers.
    """
    scene = _scene(signal, source)
    scan = recording.scan_geometry_of(signal)
    if scene.alignment is not None and scene.alignment.scan is not None:
        scan = scene.alignment.scan
    half = second_half(scene.members, scan)
    stages = {
        name: measured_stage(
            name,
            drawing,
            scene.transforms[name],
            members=scene.members,
            second_half=half,
            canvas=scene.canvas,
            progress=progress,
        )
        for name, drawing in scene.drawings.items()
    }
    final = list(stages)[-1]
    candidates = spot_candidates(stages[final].average)
    record = recording.record_of(signal)
    units = scene.units[0] if scene.units[0] == scene.units[1] else "px"
    calibrated = is_calibrated(units)
    scale = (abs(scene.scale[0]), abs(scene.scale[1])) if calibrated else (1.0, 1.0)
    evidence = Evidence(
        signal=signal,
        frames=scene.raw,
        alignment=scene.alignment,
        members=scene.members,
        second_half=half,
        canvas=scene.canvas,
        window=soft_window(scene.canvas.shape),
        rings=Rings.of(scene.canvas.shape, scale),
        stages=stages,
        drawings=scene.drawings,
        final=final,
        pairs=recording.pairs_of(signal) if recording.has_pairs(signal) else None,
        noise=recording.noise_of(signal) if "noise" in record else None,
        nonrigid=recording.nonrigid_of(signal) if "nonrigid" in record else None,
        scan=scan,
        scale=scale,
        units=units if calibrated else "px",
        messages=scene.messages,
        spots=None if candidates is None else candidates.at,
    )
    doubt = None if source is None else doubt_about_source(signal, evidence)
    if doubt is not None:
        evidence = replace(evidence, messages=(doubt, *evidence.messages))
    return evidence, candidates


def second_half(members: npt.NDArray[np.intp], scan: ScanGeometry | None) -> npt.NDArray[np.bool_]:
    """Which frames belong to the second half: every other one of each scan direction.

    Parameters
    ----------
    members : (m,) int
        Frames that take part.
    scan : ScanGeometry or None
        Knows the scan rotation of each frame.

    Returns
    -------
    (m,) bool
    """
    rotations = () if scan is None else scan.rotation
    if len(rotations) <= members.max():
        groups = np.zeros(len(members))
    else:
        groups = np.mod(np.asarray(rotations, np.float64)[members], 360.0)
    second = np.zeros(len(members), np.bool_)
    taken = 0
    for group in np.unique(groups):
        places = np.flatnonzero(groups == group)
        # Groups of odd size begin in turn with either half, so that halves are of one size.
        second[places] = (np.arange(len(places)) + taken) % 2 == 1
        taken += len(places)
    return second


def _scene(signal: BaseSignal, source: BaseSignal | None) -> _Scene:
    if not recording.has_alignment(signal):
        return _unaligned(signal, source)
    alignment = recording.alignment_of(signal)
    if source is not None:
        if recording.has_alignment(source):
            raise ValueError(
                "source is an aligned series, so its pixels are interpolated already. Give the "
                "series as it was before the first alignment."
            )
        try:
            check_fits(alignment, layout_of(source))
        except AlignmentMismatchError as error:
            raise AlignmentMismatchError(
                f"source does not belong to the signal: {error}"
            ) from error
        raw: BaseSignal | None = source
    else:
        raw = origins.living_source(signal, alignment)
    kept = np.flatnonzero(~alignment.excluded)
    if len(kept) < 2:
        raise ValueError(
            f"All frames but {len(kept)} are excluded, and two or more are needed to tell signal "
            "from noise. Exclude fewer frames."
        )
    messages: list[str] = []
    members, canvas = _common_part(alignment, kept, messages)
    kernel = _kernel_of(signal)
    final = "rigid" if alignment.is_rigid else "nonrigid"
    rigid = tuple(Translation(shift) for shift in alignment.shifts)
    transforms: dict[str, tuple[Transform, ...]] = {"rigid": rigid}
    if final == "nonrigid":
        transforms["nonrigid"] = alignment.transforms
    stream = None
    if raw is not None:
        stream = _stream(raw, messages)
        still = Translation(np.rint(alignment.shifts[members].mean(axis=0)))
        transforms = {"raw": (still,) * alignment.n_frames, **transforms}
        drawings = {
            name: Drawing(stream, moves, "nearest" if name == "raw" else _usable(kernel, moves))
            for name, moves in transforms.items()
        }
    else:
        messages.append(
            "The series as it was recorded is not at hand, so that nothing can be said of the "
            f"stages before this one, and less of the errors. Give it: {_HOW}."
        )
        there = Translation(-np.array(alignment.canvas.origin, np.float64))
        drawings = {
            final: Drawing(
                _aligned_stream(signal, alignment, messages),
                (there,) * alignment.n_frames,
                "nearest",
            )
        }
    return _Scene(
        raw=stream,
        alignment=alignment,
        members=members,
        canvas=canvas,
        drawings=drawings,
        transforms={name: transforms[name] for name in drawings},
        scale=alignment.frame_scale,
        units=alignment.frame_units,
        messages=tuple(messages),
    )


def _unaligned(signal: BaseSignal, source: BaseSignal | None) -> _Scene:
    """A series as it was recorded."""
    if source is not None:
        raise ValueError(
            "source is for aligned series, and this signal carries no alignment. Align it first, "
            "for instance with signal.align_rigid(), or leave source out."
        )
    messages: list[str] = []
    layout = layout_of(signal)
    stream = _stream(signal, messages)
    still = (Translation(np.zeros(2)),) * layout.n_frames
    return _Scene(
        raw=stream,
        alignment=None,
        members=_with_pixels(stream, messages),
        canvas=Canvas.of_frame(layout.frame_shape),
        drawings={"raw": Drawing(stream, still, "nearest")},
        transforms={"raw": still},
        scale=layout.scale,
        units=layout.units,
        messages=(
            *messages,
            "The series is not aligned, so that this is the quality of its frames as they are.",
        ),
    )


def _with_pixels(stream: FrameStream, messages: list[str]) -> npt.NDArray[np.intp]:
    """Frames that hold anything."""
    if stream.dtype.kind != "f":
        return np.arange(len(stream))
    held = np.array([np.isfinite(frame).any() for frame in stream])
    empty = np.flatnonzero(~held)
    if np.count_nonzero(held) < 2:
        raise ValueError(
            f"{len(empty)} of {len(stream)} frames have no finite pixel, and two or more others "
            "are needed to tell signal from noise."
        )
    if empty.size:
        messages.append(f"Frames {empty.tolist()} have no finite pixel, and take no part.")
    return np.flatnonzero(held)


def _stream(series: BaseSignal, messages: list[str]) -> FrameStream:
    """Frames of a series; of spectrum images, their sum over the channels."""
    if layout_of(series).channel_shape:
        messages.append(
            "These are spectrum images: the quality is that of their sum over all channels. Shifts "
            "are found better on the images that were recorded at the same time."
        )
    frames = images_of(series)
    if frames.dtype.kind not in "biuf":
        raise TypeError(
            f"The pixels are {frames.dtype}, and only real numbers can be compared. Take "
            "signal.real, signal.amplitude or signal.phase of complex images."
        )
    return FrameStream(frames)


def _aligned_stream(signal: BaseSignal, alignment: Alignment, messages: list[str]) -> FrameStream:
    if is_one_frame(signal) or is_one_spectrum_image(signal):
        raise ValueError(
            f"{signal!r} is one frame, which does not tell how the frames agree. Give the series "
            f"as it was recorded: {_HOW}."
        )
    stream = _stream(signal, messages)
    expected = (alignment.n_frames, *alignment.canvas.shape)
    if stream.shape != expected:
        raise AlignmentMismatchError(
            f"the alignment that the signal carries made {expected[0]} frames of {expected[1:]} px "
            f"(y, x), and the signal has {stream.shape[0]} of {stream.shape[1:]} px. Measure the "
            "quality before slicing or rebinning, or give the series as it was recorded: "
            f"{_HOW}."
        )
    return stream


def _common_part(
    alignment: Alignment, kept: npt.NDArray[np.intp], messages: list[str]
) -> tuple[npt.NDArray[np.intp], Canvas]:
    """Frames that overlap, and the largest canvas that all of them saw."""
    shape = np.array(alignment.frame_shape)
    least = np.maximum(np.minimum(_FEWEST_PIXELS, shape), _LEAST_OVERLAP * shape)
    members, left_out = kept, []
    while True:
        canvas = _seen_by_all(alignment, members)
        if canvas is not None and (np.array(canvas.shape) >= least).all():
            break
        if len(members) <= 2:
            raise ValueError(
                "No two frames show enough of the same place to compare them: they overlap by less "
                "than a quarter. Check the shifts with signal.smartalign.plot_drift()."
            )
        shifts = alignment.shifts[members]
        away = np.abs((shifts - np.median(shifts, axis=0)) / shape).max(axis=1)
        left_out.append(int(members[away.argmax()]))
        members = np.delete(members, away.argmax())
    if left_out:
        messages.append(
            f"Frames {sorted(left_out)} show too little of what the others show, so that they take "
            "no part here."
        )
    return members, canvas


def _seen_by_all(alignment: Alignment, members: npt.NDArray[np.intp]) -> Canvas | None:
    try:
        common = Canvas.common(alignment.shifts[members], alignment.frame_shape)
    except ValueError:
        return None
    try:
        return common.intersect(alignment.canvas)
    except ValueError:
        return None


def _kernel_of(signal: BaseSignal) -> Interpolation:
    """Kernel by which the pixels of an aligned signal were made."""
    for step in reversed(recording.steps_of(signal)):
        known: Any = step["parameters"].get("interpolation")
        if known in ("spline", "linear", "nearest", "fourier"):
            return known  # type: ignore[no-any-return]
    return "spline"


def _usable(kernel: Interpolation, moves: tuple[Transform, ...]) -> Interpolation:
    """Fourier interpolation moves whole frames only."""
    rigid = all(isinstance(move, Translation) for move in moves)
    return kernel if rigid or kernel != "fourier" else "spline"
