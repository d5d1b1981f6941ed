"""Whether a signal, an alignment and another series belong together."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.checks import listed
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.calibrating import conversion
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.signals.validating import Layout
from hyperspy_smartalign.transforms import Alignment, AlignmentMismatchError, same_values

# Parameters of prepare that put pixels elsewhere, and what they are when they do nothing.
_MOVING: dict[str, Any] = {
    "first": None,
    "last": None,
    "skip": [],
    "reverse": False,
    "transpose": False,
    "resample": 1.0,
}


def alignment_carried(signal: BaseSignal, layout: Layout, *, stacklevel: int) -> Alignment | None:
    """The alignment that made the pixels of a signal, or None.

    Parameters
    ----------
    signal : BaseSignal
        The signal.
    layout : Layout
        Its layout.
    stacklevel : int
        As in `warnings.warn`, counted from the caller of this function.

    Warns
    -----
    SeriesWarning
        The signal carries an alignment for other frames. It was sliced, cropped or rebinned.
    """
    if not recording.has_alignment(signal):
        return None
    carried = recording.alignment_of(signal)
    found = (layout.series_shape, layout.frame_shape)
    if (carried.navigation_shape, carried.canvas.shape) == found:
        return carried
    tell(
        f"The alignment that the signal carries made {carried.n_frames} frames of "
        f"{carried.canvas.shape} px (y, x), and the signal now has {layout.n_frames} of "
        f"{layout.frame_shape} px. It is left out: the new alignment refers to these pixels, "
        "which were interpolated before.",
        stacklevel=stacklevel + 1,
    )
    return None


def check_fits(alignment: Alignment, layout: Layout) -> None:
    """Refuse a series that the alignment was not made for.

    Scales are compared where both have units; those of other units are converted.

    Raises
    ------
    AlignmentMismatchError
        Number or shape of the frames, or the scale, differ.
    """
    scale = [
        _converted(value, units, wanted) if "px" not in (units, wanted) else known
        for value, units, wanted, known in zip(
            layout.scale, layout.units, alignment.frame_units, alignment.frame_scale, strict=True
        )
    ]
    alignment.check_applies_to(layout.series_shape, layout.frame_shape, scale)


def _converted(value: float, units: str, wanted: str) -> float:
    factor = conversion(units, wanted)
    if factor is None:
        raise AlignmentMismatchError(
            f"the alignment is for pixels in {wanted}, and those of the series are in {units}, "
            "which is not the same kind of unit. Correct the units of the signal axes"
        )
    return value * factor


def check_order(
    alignment_steps: Sequence[Mapping[str, Any]], series_steps: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse a series of the same files in another order.

    Files of a second detector mostly have other names, which tell nothing.

    Parameters
    ----------
    alignment_steps, series_steps : sequence of steps
        Those of the alignment, and those of the series it is to be applied to.

    Raises
    ------
    AlignmentMismatchError
        With both orders.
    """
    ours, theirs = _files(alignment_steps), _files(series_steps)
    if ours != theirs and sorted(ours) == sorted(theirs):
        raise AlignmentMismatchError(
            f"the alignment was found on the files {listed(ours)}, and this series has the same "
            f"files in another order: {listed(theirs)}. Load both in one order: a list of files "
            "is taken as it is, patterns and folders are sorted, and so are files on the command "
            "line unless --no-sort is given"
        )


def warn_of_other_preparation(
    alignment_steps: Sequence[Mapping[str, Any]],
    series_steps: Sequence[Mapping[str, Any]],
    *,
    regridded: bool = False,
    stacklevel: int,
) -> None:
    """Warn when frames were chosen, turned or resampled in one of two series only.

    Parameters
    ----------
    alignment_steps, series_steps : sequence of steps
        Those of the alignment, and those of the series it is to be applied to.
    regridded : bool
        Whether the alignment was carried over to pixels of another size, so that these do not
        matter.
    stacklevel : int
        As in `warnings.warn`, counted from the caller of this function.
    """
    ignored = ("resample",) if regridded else ()
    ours, theirs = _moves(alignment_steps, ignored), _moves(series_steps, ignored)
    if ours == theirs:
        return
    tell(
        f"The alignment was found on a series prepared with {_told(ours)}, and this series was "
        f"prepared with {_told(theirs)}. Prepare both alike with signal.smartalign.prepare(...), "
        "unless their frames and pixels are in the same order already.",
        stacklevel=stacklevel + 1,
    )


def _files(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the files that a series was first loaded from."""
    for step in steps:
        if step["name"] == "load_series":
            return [str(name) for name in _as_list(step.get("parameters", {}).get("files", ()))]
    return []


def _moves(steps: Sequence[Mapping[str, Any]], ignored: Collection[str]) -> list[dict[str, Any]]:
    """What the steps named prepare did to places, those that did nothing left out."""
    found = []
    for step in steps:
        if step["name"] != "prepare":
            continue
        given = {name: step.get("parameters", {}).get(name, idle) for name, idle in _MOVING.items()}
        given["skip"] = _as_list(given["skip"])
        moves = {
            name: value
            for name, value in given.items()
            if name not in ignored and not same_values(value, _MOVING[name])
        }
        if moves:
            found.append(moves)
    return found


def _as_list(value: Any) -> list[Any]:
    """What was recorded as a list, also if HyperSpy, or somebody else, made a number of it."""
    return np.atleast_1d(np.asarray(value)).tolist() if value is not None else []


def _told(moves: Sequence[Mapping[str, Any]]) -> str:
    if not moves:
        return "no change of place"
    return ", then ".join(
        ", ".join(f"{name}={value!r}" for name, value in move.items()) for move in moves
    )
