"""Where a non-rigid alignment begins: which frames it looks at, and where they are so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import NonrigidParameters, ParameterError, RigidParameters
from hyperspy_smartalign.rigid import NotAlignableError, align_frames
from hyperspy_smartalign.signals import origins, recording
from hyperspy_smartalign.signals.cropping import Region, choose_canvas
from hyperspy_smartalign.signals.matching import alignment_carried
from hyperspy_smartalign.signals.progressing import Progress, watch
from hyperspy_smartalign.signals.staging import (
    check_source,
    excluded_frames,
    moved_region,
    region_of,
    unmoved,
)
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import Frames, frames_of, region_in_pixels
from hyperspy_smartalign.transforms import Alignment, Canvas, Transform, Translation

if TYPE_CHECKING:
    from hyperspy_smartalign.nonrigid import NonrigidResult
    from hyperspy_smartalign.rigid import PairTable
    from hyperspy_smartalign.series.geometry import ScanGeometry


@dataclass(frozen=True)
class Beginning:
    """The frames of a non-rigid alignment, and what is known of them before it.

    Attributes
    ----------
    parameters : NonrigidParameters
        What the user asked for.
    measured, drawn : Frames
        Frames that are looked at, and frames that the pixels of the result are taken from.
    base, raw : BaseSignal
        Signal that the result looks like, and the one that its alignment leads to (or None).
    known : Alignment
        Where the frames are so far; its frames are those that are measured.
    composed : Alignment or None
        What made the frames that are measured, where they were interpolated before.
    region, window : (left, right, top, bottom) of int, or None
        Part of the common frame that is looked at, and that is returned; in pixels.
    pairs : PairTable or None
        Pairs of frames that a rigid alignment measured.
    needs_rigid : bool
        Whether a rigid alignment comes first.
    messages : tuple of str
        What the user should know.
    """

    parameters: NonrigidParameters
    measured: Frames
    drawn: Frames
    base: BaseSignal
    raw: BaseSignal | None
    known: Alignment
    composed: Alignment | None
    region: Region | None
    window: Region | None
    pairs: PairTable | None
    needs_rigid: bool
    messages: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        signal: BaseSignal,
        source: BaseSignal | None,
        parameters: NonrigidParameters,
        *,
        stacklevel: int,
    ) -> Self:
        """Find out what there is.

        Parameters
        ----------
        signal : Signal2D
            Series that the verb was called with, aligned or not.
        source : Signal2D or None
            The raw series, where the user gave it.
        parameters : NonrigidParameters
            What the user asked for.
        stacklevel : int
            As in `warnings.warn`, counted from this function.

        Raises
        ------
        ValueError
            The signal is no series of images, the source does not fit, or a parameter does not
            fit the series.
        """
        frames = frames_of(signal)
        n = len(frames)
        region = region_of(signal, parameters.roi, frames.layout)
        window = _window(signal, parameters.crop)
        if recording.has_matches(signal) and "crop" not in parameters.changed():
            # A tile stays as large as the motif; beyond it the frame goes on.
            height, width = frames.layout.frame_shape
            window = 0, width, 0, height
        earlier = alignment_carried(signal, frames.layout, stacklevel=stacklevel)
        if source is not None:
            check_source(source, signal, earlier, stacklevel=stacklevel)
        raw = origins.raw_of(signal, source, earlier)
        excluded = np.isin(np.arange(n), excluded_frames(parameters.exclude, n, earlier))
        if earlier is None or raw is None:
            measured, known = frames, unmoved(frames.layout)
        else:
            measured, known = frames_of(raw), earlier
            region, window = (
                None if part is None else moved_region(part, earlier) for part in (region, window)
            )
            region = _inside(region, measured.layout.frame_shape)
        steps = recording.steps_of(signal)
        scan = recording.scan_geometry_of(signal)
        composed = earlier if raw is None else None
        if earlier is not None:
            scan = earlier.scan if scan is None else scan
        if composed is not None:
            steps = steps[len(composed.steps) :]
            scan = _as_scanned(scan, composed.frame_shape)
        _check_frames(parameters, excluded)
        _check_times(parameters, scan)
        return cls(
            parameters=parameters,
            measured=measured,
            drawn=measured if source is None else frames_of(source),
            base=signal if raw is None else raw,
            raw=raw,
            known=replace(
                known,
                excluded=excluded,
                exclusion_reasons=_reasons(
                    excluded, known.exclusion_reasons, "excluded by the user"
                ),
                scan=scan,
                steps=steps,
                package_version="",
            ),
            composed=composed,
            region=region,
            window=window,
            pairs=recording.pairs_of(signal) if recording.has_pairs(signal) else None,
            # Tiles of a motif lie on each other as they were cut out.
            needs_rigid=earlier is None
            and parameters.rigid == "auto"
            and not recording.has_matches(signal),
        )

    def measured_is(self, signal: BaseSignal) -> bool:
        """Whether the frames of a signal are those that are measured."""
        return self.measured.data is signal.data

    @property
    def start(self) -> tuple[Transform, ...]:
        """Where each frame is so far."""
        return self.known.transforms

    @property
    def excluded(self) -> npt.NDArray[np.bool_]:
        """Frames that take no part, (n,)."""
        return self.known.excluded

    @property
    def scan(self) -> ScanGeometry | None:
        """How the frames were scanned, None where that is not known."""
        return self.known.scan

    def alignment(self, result: NonrigidResult) -> Alignment:
        """The alignment of the frames that were measured, with the canvas that was asked for."""
        excluded = self.excluded | result.excluded
        results: dict[str, Any] = {}
        if result.undetermined:
            results["undetermined"] = result.undetermined
        if self.region is not None:
            results["region"] = list(self.region)
        if self.window is not None:
            results["canvas_region"] = list(self.window)
            canvas = Canvas.from_roi(*self.window)
        else:
            canvas = choose_canvas(
                result.transforms, excluded, self.known.frame_shape, crop=self.parameters.crop
            )
        if result.prior is not None:
            results["prior_rms"] = np.array(result.prior.rms, np.float64)
            results["prior_length"] = np.array(result.prior.length, np.float64)
        return replace(
            self.known,
            transforms=result.transforms,
            canvas=canvas,
            precision=result.precision,
            excluded=excluded,
            exclusion_reasons=_reasons(
                excluded, self.known.exclusion_reasons, "left out by align_nonrigid"
            ),
            steps=(
                *self.known.steps,
                recording.step("align_nonrigid", self.parameters, results),
            ),
        )


def rigid_start(
    beginning: Beginning,
    stream: FrameStream,
    *,
    num_workers: int | None,
    progress: Progress | None,
) -> Beginning:
    """The beginning after a rigid alignment of the frames.

    Raises
    ------
    NotAlignableError
        The frames do not fit on each other.
    """
    known, region = beginning.known, beginning.region
    parameters = RigidParameters(
        roi=beginning.parameters.roi, exclude=np.flatnonzero(beginning.excluded).tolist()
    )
    try:
        result = align_frames(
            stream,
            parameters,
            region=region,
            num_workers=num_workers,
            progress=progress,
            watch=watch(),
        )
    except NotAlignableError as error:
        raise NotAlignableError(
            f"The rigid alignment that comes first failed: {error}. If the frames lie on each "
            "other already, start from there with rigid=False."
        ) from error
    _check_frames(beginning.parameters, result.excluded)
    results = {} if region is None else {"region": list(region)}
    return replace(
        beginning,
        known=replace(
            known,
            transforms=tuple(Translation(shift) for shift in result.shifts),
            precision=result.precision,
            hop_margin=result.hop_margin,
            excluded=result.excluded,
            exclusion_reasons=result.reasons,
            steps=(*known.steps, recording.step("align_rigid", parameters, results)),
        ),
        pairs=result.pairs,
        messages=result.messages,
    )


def _window(signal: BaseSignal, crop: bool | tuple[int | float, ...]) -> Region | None:
    """The region that the output is to cover, in pixels of the signal; None where it is none."""
    if isinstance(crop, bool):
        return None
    left, right, top, bottom = region_in_pixels(signal, crop, name="crop", smallest=1)
    return left, right, top, bottom


def _inside(region: Region | None, frame_shape: tuple[int, int]) -> Region | None:
    """The part of a region that lies inside the frames."""
    if region is None:
        return None
    part = Canvas.from_roi(*region).intersect(Canvas.of_frame(frame_shape))
    return part.left, part.right, part.top, part.bottom


def _as_scanned(scan: ScanGeometry | None, frame_shape: tuple[int, int]) -> ScanGeometry | None:
    """The geometry with the times of the frames as they were scanned, before they were cropped."""
    try:
        return None if scan is None else scan.completed(frame_shape)
    except ValueError:  # scan lines along no axis have no number
        return scan


def _check_frames(parameters: NonrigidParameters, excluded: npt.NDArray[np.bool_]) -> None:
    """Refuse a reference or weights that do not fit the series."""
    n = len(excluded)
    reference, weights = parameters.reference, parameters.weights
    if isinstance(reference, int):
        if reference >= n:
            raise ParameterError(
                f"reference={reference}, and the series has {n} frames: they count from 0, so "
                f"that the last is {n - 1}."
            )
        if excluded[reference]:
            raise ParameterError(
                f"reference={reference} is a frame that is excluded. Take another one."
            )
    if isinstance(weights, str):
        return
    if len(weights) != n:
        raise ParameterError(
            f"weights has {len(weights)} numbers, and the series has {n} frames: give one a frame."
        )
    if not np.any(np.array(weights)[~excluded]):
        raise ParameterError(
            "weights are 0 for all frames that are not excluded, so that there is no reference: "
            "raise some."
        )


def _check_times(parameters: NonrigidParameters, scan: ScanGeometry | None) -> None:
    if parameters.continuous and (scan is None or scan.line_time is None):
        raise ParameterError(
            "continuous=True needs the time of a scan line, which is not known. Give it in seconds "
            "with signal.smartalign.prepare(line_time=...), or leave continuous out."
        )


def _reasons(
    excluded: npt.NDArray[np.bool_], known: Iterable[str], otherwise: str
) -> tuple[str, ...]:
    """Why frames are excluded: what is known, or else `otherwise`."""
    return tuple(
        reason or (otherwise if out else "") for out, reason in zip(excluded, known, strict=True)
    )
