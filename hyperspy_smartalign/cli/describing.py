"""Signals and alignments in words, for info and for what commands print at the end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_smartalign.series.checks import listed
from hyperspy_smartalign.series.geometry_words import geometry_text

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.transforms.alignment import Alignment

_BYTE_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_PER_LINE = 10


def signal_lines(signal: BaseSignal, *, steps: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What a signal is: class, shape, pixels, axes, scan, alignment, and the steps it has seen."""
    from hyperspy_smartalign.signals import recording

    data = signal.data
    of_tiles = recording.has_matches(signal)
    size = float(data.size) * data.dtype.itemsize / 1e6
    yield f"class      {type(signal).__name__.removeprefix('Lazy')}"
    yield f"shape      {_shape(signal, 'tile' if of_tiles else 'frame')}"
    yield f"pixels     {data.dtype.name}, {_byte_order(data.dtype)}{size:.4g} MB"
    for axis in signal.axes_manager._axes:
        yield f"axis       {_axis(axis, of_tiles=of_tiles)}"
    geometry = recording.scan_geometry_of(signal)
    yield f"scan       {'not known' if geometry is None else geometry_text(geometry)}"
    if of_tiles:
        yield from tiles_lines(signal)
    if recording.has_alignment(signal):
        yield from alignment_lines(recording.alignment_of(signal), of_tiles=of_tiles)
    else:
        yield "alignment  none"
    yield from _steps_lines(steps)


def alignment_lines(alignment: Alignment, *, of_tiles: bool = False) -> Iterator[str]:
    """What an alignment is, and how far to trust it.

    Parameters
    ----------
    alignment : Alignment
        Of the frames of a series, or of tiles, which do not drift.
    of_tiles : bool
        Which of both.
    """
    frame = "tile" if of_tiles else "frame"
    kinds = sorted({transform.kind for transform in alignment.transforms})
    height, width = alignment.frame_shape
    rows, columns = alignment.canvas.shape
    yield (
        f"alignment  {alignment.n_frames} {frame}s of {height} x {width} px, "
        f"{' and '.join(kinds)}, onto {rows} x {columns} px at row {alignment.canvas.top}, "
        f"column {alignment.canvas.left}"
    )
    used = ~alignment.excluded
    shifts = alignment.shifts[used]
    if len(shifts):
        low, high = shifts.min(axis=0), shifts.max(axis=0)
        yield (
            f"shifts     y {low[0]:.2f} to {high[0]:.2f}, x {low[1]:.2f} to {high[1]:.2f} px "
            "(measured displacement of the content)"
        )
    rate = "" if of_tiles else drift_text(alignment)
    if rate:
        yield f"drift      {rate}"
    yield f"precision  {_precision(alignment)}"
    yield from _excluded_lines(alignment, frame)
    if not of_tiles:
        yield f"doubtful   {_doubtful(alignment)}"


def tiles_lines(signal: BaseSignal) -> Iterator[str]:
    """How many tiles a signal is made of, from which frames, and how like the motif they are."""
    table = signal.smartalign.matches
    rows, columns = table.tile_shape
    counts = np.bincount(table.frame, minlength=table.parent.n_frames)
    searched = _searched_frames(signal, table.parent)
    enlarged = f", {table.upsample:g} pixels of a tile a px" if table.upsample != 1 else ""
    yield (
        f"tiles      {len(table)} of {rows} x {columns} px from {len(searched)} "
        f"frame{'' if len(searched) == 1 else 's'}{enlarged}"
    )
    if len(counts) > 1:
        for start in range(0, len(searched), _PER_LINE):
            part = [f"{frame}: {counts[frame]}" for frame in searched[start : start + _PER_LINE]]
            yield f"in frame   {', '.join(part)}"
    low, high = table.threshold.min(), table.threshold.max()
    yield f"threshold  {low:.3g}{'' if low == high else f' to {high:.3g}'}"
    if len(table):
        given, *refined = (f"{peak:.3g}" for peak in table.peak_scores)
        medians = f"median {given}" + (f", refined {', '.join(refined)}" if refined else "")
        yield f"scores     {table.score.min():.3g} to {table.score.max():.3g}; {medians}"


def _searched_frames(signal: BaseSignal, parent: Alignment) -> list[int]:
    """Numbers of the frames that tiles were cut out of."""
    from hyperspy_smartalign.signals import recording

    kept = np.flatnonzero(~parent.excluded).tolist()
    for step in recording.steps_of(signal):
        if step["name"] == "template_match":
            frames = dict(step["parameters"]).get("frames")
            return kept if frames is None else sorted({int(frame) for frame in frames} & {*kept})
    return kept


def in_bytes(size: float) -> str:
    """A number of bytes in the unit that fits."""
    for factor, unit in _BYTE_UNITS:
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size:.0f} B"


def frames_in(signal: BaseSignal) -> int:
    """Number of frames of a series of images or of spectrum images."""
    manager = signal.axes_manager
    images = len(manager.signal_axes) == 2
    return math.prod(axis.size for axis in manager.navigation_axes[0 if images else 2 :])


def drift_text(alignment: Alignment) -> str:
    """Drift rates with their standard errors; empty for fewer than two frames that were used."""
    from hyperspy_smartalign.plotting.drift import DriftPath, rate_words

    path = DriftPath.of(alignment)
    rates = [(name, rate_words(path, axis)) for axis, name in enumerate("yx")]
    return ", ".join(f"{name} {words}" for name, words in rates if words)


def _shape(signal: BaseSignal, frame: str) -> str:
    manager = signal.axes_manager
    axes = manager.signal_axes
    content = (
        f"{axes[1].size} x {axes[0].size} px"
        if manager.signal_dimension == 2
        else " x ".join(f"{axis.size} channels" for axis in axes) or "one value"
    )
    navigation = [axis.size for axis in manager.navigation_axes]
    if not navigation:
        return content
    if manager.signal_dimension == 2:
        count = int(np.prod(navigation))
        return f"{count} {frame}{'' if count == 1 else 's'} of {content}"
    return f"{' x '.join(map(str, navigation))} spectra of {content}"


def _byte_order(dtype: np.dtype[Any]) -> str:
    return "" if dtype.isnative else "of foreign byte order, "


def _axis(axis: Any, *, of_tiles: bool) -> str:
    name, units = (value if isinstance(value, str) else "" for value in (axis.name, axis.units))
    if of_tiles and name == "frame":  # as every series axis is named when it is loaded
        name = "tile"
    name = name or "(no name)"
    if not axis.is_uniform:
        return f"{name}: {axis.size}, not uniform, {units or 'no units'}"
    step = f"{axis.scale:.6g} {units}".strip()
    # An offset of -0.0 is written as 0.
    return f"{name}: {axis.size}, {step} a step, from {axis.offset + 0.0:.6g}"


def _precision(alignment: Alignment) -> str:
    if alignment.precision is None or not np.isfinite(alignment.precision).any():
        return "not known"
    middle = np.nanmedian(alignment.precision, axis=0)
    return f"y {middle[0]:.2g}, x {middle[1]:.2g} px (median standard error of a shift)"


def _excluded_lines(alignment: Alignment, frame: str) -> Iterator[str]:
    frames = np.flatnonzero(alignment.excluded)
    if not len(frames):
        yield f"excluded   no {frame}"
    by_reason: dict[str, list[int]] = {}
    for number in frames:
        reason = alignment.exclusion_reasons[number] or "no reason recorded"
        by_reason.setdefault(reason, []).append(int(number))
    for reason, numbers in by_reason.items():
        yield f"excluded   {_frames(numbers, frame)}: {reason}"


def _doubtful(alignment: Alignment) -> str:
    from hyperspy_smartalign.plotting.drift import DOUBTFUL

    if alignment.hop_margin is None or not np.isfinite(alignment.hop_margin).any():
        return "not known"
    margins = np.where(np.isnan(alignment.hop_margin), np.inf, alignment.hop_margin)
    frames = np.flatnonzero(margins < DOUBTFUL)
    if not len(frames):
        return f"no frame (lowest hop margin {margins.min():.1f})"
    return (
        f"{_frames(frames.tolist())}: may be off by a lattice vector (hop margin below "
        f"{DOUBTFUL:g}, lowest {margins.min():.1f})"
    )


def _frames(numbers: Sequence[int], frame: str = "frame") -> str:
    return f"{frame}{'' if len(numbers) == 1 else 's'} {listed(numbers)}"


def _steps_lines(steps: Sequence[dict[str, Any]]) -> Iterator[str]:
    for number, step in enumerate(steps, start=1):
        parameters = step.get("parameters", {})
        if hasattr(parameters, "as_dictionary"):
            parameters = parameters.as_dictionary()
        yield f"step {number:<5} {step['name']}{_changed(str(step['name']), dict(parameters))}"


def _changed(name: str, parameters: dict[str, Any]) -> str:
    """The parameters of a step that differ from their defaults, where those are known."""
    from hyperspy_smartalign.parameters import TOOLS, recorded_text

    if name in TOOLS:
        known = {key: parameters[key] for key in TOOLS[name].names() if key in parameters}
        more = {key: value for key, value in parameters.items() if key not in known}
        parameters = {**TOOLS[name].from_dict(known).changed(), **more}
    if not parameters:
        return ""
    return ": " + ", ".join(f"{key} {recorded_text(value)}" for key, value in parameters.items())
