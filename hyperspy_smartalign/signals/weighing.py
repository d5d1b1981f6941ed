"""Weights of the frames in an average, as users give them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.quality.damage import CriticalDose
from hyperspy_smartalign.quality.dose import FadingSum
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.signals.validating import Layout

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.quality.dose import DoseSeries

FloatArray = npt.NDArray[np.float64]
WORDS = ("quality", "damage")


@dataclass(frozen=True, eq=False)
class FrameWeights:
    """One weight a frame.

    Attributes
    ----------
    values : (n,) float64
        Not negative; 0 for frames that take no part.
    record : dict
        What the step says about them.
    """

    values: FloatArray
    record: dict[str, Any]

    @property
    def kept(self) -> npt.NDArray[np.intp]:
        """Frames that take part."""
        return np.flatnonzero(self.values > 0)


@dataclass(frozen=True, eq=False)
class DetailWeights:
    """Weights that depend on the spatial frequency.

    Attributes
    ----------
    fading : FadingSum
        Weights of the frames that take part, in their order.
    record : dict
        What the step says about them.
    """

    fading: FadingSum
    record: dict[str, Any]


def weights_of(
    signal: BaseSignal, weights: Any, *, layout: Layout, kept: npt.NDArray[np.intp]
) -> FrameWeights | DetailWeights:
    """Understand what was given as `weights`.

    Parameters
    ----------
    signal : BaseSignal
        The series.
    weights : array, "quality", "damage", DoseSeries, CriticalDose or mapping
        See `average`. A mapping is a critical dose as it is recorded: frequency and frames.
    layout : Layout
        Of the series.
    kept : (m,) array of int
        Frames that take part.

    Raises
    ------
    ValueError
        Numbers are not one a frame, finite and 0 or more; or weights against fading are asked for
        where there are no images in time.
    TypeError
        It is something else.
    """
    if isinstance(weights, str):
        if weights not in WORDS:
            raise ValueError(
                f"weights={weights!r} is not known; give 'quality', 'damage', a number for each "
                "frame, a dose series or a critical dose."
            )
        if weights == "quality":
            return _of_quality(signal, layout, kept)
        return _of_damage(signal, layout, kept)
    if isinstance(weights, Mapping):
        return _of_record(signal, weights, layout, kept)
    if isinstance(weights, CriticalDose):
        exposure = exposures_of(signal, layout.n_frames)[kept]
        return _against_fading(signal, weights, exposure, layout, {"weights": _recorded(weights)})
    if hasattr(weights, "fading") and hasattr(weights, "law"):
        return _of_dose_series(signal, weights, layout, kept)
    return _of_numbers(weights, layout, kept)


def exposures_of(signal: BaseSignal, frames: int) -> FloatArray:
    """Frames that were recorded until the middle of each frame (n,).

    Frames come in the order of recording, unless a recorded step has reversed them.
    """
    turned = [
        bool(step.get("parameters", {}).get("reverse"))
        for step in recording.steps_of(signal)
        if step["name"] == "prepare"
    ]
    exposure = np.arange(frames, dtype=np.float64) + 0.5
    return exposure[::-1].copy() if sum(turned) % 2 else exposure


def _of_numbers(weights: Any, layout: Layout, kept: npt.NDArray[np.intp]) -> FrameWeights:
    wrong = (
        f"weights must be {layout.n_frames} finite numbers of 0 or more, one a frame in the order "
        "of the series, and not all 0"
    )
    try:
        values = np.array(weights, np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{wrong}; they are {weights!r}.") from error
    if values.shape != (layout.n_frames,):
        raise ValueError(f"{wrong}; there are {values.size}.")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        raise ValueError(f"{wrong}; look at frames {bad.tolist()[:10]}.")
    taking_part = np.zeros(layout.n_frames)
    taking_part[kept] = values[kept]
    if not taking_part.any():
        raise ValueError(f"{wrong}; no frame that takes part has one above 0.")
    return FrameWeights(taking_part, {"weights": values})


def _of_quality(signal: BaseSignal, layout: Layout, kept: npt.NDArray[np.intp]) -> FrameWeights:
    if layout.channel_shape:
        raise ValueError(
            "weights='quality' are those of images. Take them from the series of images that was "
            "aligned: weights=aligned.smartalign.quality().frames.weight."
        )
    from hyperspy_smartalign.signals.quality.frames import frame_weights

    found = np.nan_to_num(frame_weights(signal))
    numbers = _of_numbers(found, layout, kept)
    return FrameWeights(numbers.values, {"weights": "quality", "values": numbers.values})


def _of_damage(signal: BaseSignal, layout: Layout, kept: npt.NDArray[np.intp]) -> DetailWeights:
    _check_images_in_time(signal, layout)
    from hyperspy_smartalign.signals.quality.dose import dose_series

    found = _of_dose_series(signal, dose_series(signal, show_progressbar=False), layout, kept)
    return DetailWeights(
        found.fading, {"weights": "damage", "critical_dose": found.record["weights"]}
    )


def _of_dose_series(
    signal: BaseSignal, series: DoseSeries, layout: Layout, kept: npt.NDArray[np.intp]
) -> DetailWeights:
    if sorted(series.frames.tolist()) != kept.tolist():
        raise ValueError(
            f"the dose series is one of {len(series.frames)} frames, and {len(kept)} frames take "
            "part here. Measure it on this series, or give its law alone: "
            "weights=dose_series.law()."
        )
    if not series.fades:
        tell(
            "No fading was found, so all frames count alike. The dose series says what was looked "
            "for: signal.smartalign.dose_series().",
            UserWarning,
            stacklevel=5,
        )
    exposure = np.empty(layout.n_frames)
    exposure[series.frames] = series.fading.exposure
    law = series.law()
    record = _recorded(law)
    if not np.array_equal(exposure[kept], exposures_of(signal, layout.n_frames)[kept]):
        # Frames of different doses.
        record["exposure"] = exposure[kept]
    return _against_fading(signal, law, exposure[kept], layout, {"weights": record})


def _of_record(
    signal: BaseSignal, record: Mapping[str, Any], layout: Layout, kept: npt.NDArray[np.intp]
) -> DetailWeights:
    """A critical dose as a step has recorded it."""
    if not {"frequency", "frames"} <= set(record) <= {"frequency", "frames", "exposure"}:
        raise ValueError(
            f"weights with {sorted(record)} are not known; a critical dose has 'frequency' and "
            "'frames'."
        )
    law = CriticalDose(record["frequency"], record["frames"])
    exposure = exposures_of(signal, layout.n_frames)[kept]
    told = _recorded(law)
    if "exposure" in record:
        given = np.array(record["exposure"], np.float64)
        if given.shape != exposure.shape or not np.isfinite(given).all():
            raise ValueError(
                f"exposure must be {len(kept)} finite numbers, one for each frame that takes part."
            )
        exposure, told["exposure"] = given, given.copy()
    return _against_fading(signal, law, exposure, layout, {"weights": told})


def _against_fading(
    signal: BaseSignal,
    law: CriticalDose,
    exposure: FloatArray,
    layout: Layout,
    record: dict[str, Any],
) -> DetailWeights:
    _check_images_in_time(signal, layout)
    return DetailWeights(FadingSum(layout.frame_shape, law, exposure, layout.scale), record)


def _check_images_in_time(signal: BaseSignal, layout: Layout) -> None:
    if layout.channel_shape:
        raise ValueError(
            "weights against fading are those of images. For spectrum images give one number a "
            "frame."
        )
    if recording.has_matches(signal):
        raise ValueError(
            "tiles have no order in time, so weights against fading make no sense. Weight the "
            "frames that the motif is searched in."
        )


def _recorded(law: CriticalDose) -> dict[str, FloatArray]:
    return {"frequency": law.frequency.copy(), "frames": law.frames.copy()}
