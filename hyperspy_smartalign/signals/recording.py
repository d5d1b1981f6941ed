"""The record that a signal carries: ``metadata.Smart_align``.

It holds the processing steps, the scan geometry, the alignment and, on a series that was aligned,
the pairs of frames that were measured, the noise model and how a non-rigid alignment went.
Functions that write change the metadata of the signal they are given, so give them results, never
inputs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import Parameters
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms.alignment import Alignment, as_dictionary

if TYPE_CHECKING:
    from hyperspy_smartalign.nonrigid.record import NonrigidRecord
    from hyperspy_smartalign.quality.noise import NoiseModel
    from hyperspy_smartalign.rigid import PairTable

NODE = "Smart_align"
_STEPS = "steps"
_LOAD_AGAIN = "Take the signal from its file again"
_SCAN_GEOMETRY = "scan_geometry"
_PAIRS = "pairs"
_PAIR_COLUMNS = {
    "indices": np.intp,
    "shifts": np.float64,
    "similarity": np.float64,
    "accepted": bool,
}
_NOISE = "noise"
_NOISE_FIELDS = ("offset", "gain", "floor")
_NONRIGID = "nonrigid"
MATCHES = "matches"


def record_of(signal: BaseSignal) -> dict[str, Any]:
    """A copy of the record as a dictionary; empty where there is none."""
    node = signal.metadata.get_item(NODE, None)
    return {} if node is None else dict(node.as_dictionary())


def write_record(signal: BaseSignal, record: Mapping[str, Any]) -> None:
    """Replace the record of a signal.

    Parameters
    ----------
    signal : BaseSignal
        The signal to write to.
    record : mapping
        New record, of types that survive HyperSpy's files.
    """
    if NODE in signal.metadata:
        # Setting a dictionary merges it into the old one, so the old one goes first.
        delattr(signal.metadata, NODE)
    signal.metadata.add_dictionary({NODE: dict(record)})


def step(
    name: str,
    parameters: Parameters | Mapping[str, Any],
    results: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One processing step as it is recorded.

    Parameters
    ----------
    name : str
        Name of the verb, such as "align_rigid".
    parameters : Parameters or mapping
        Everything the step was called with.
    results : mapping, optional
        What the step found that later steps need.

    Returns
    -------
    dict
        Keys "name" and "parameters", and "results" where there are some.
    """
    content = parameters.to_dict() if isinstance(parameters, Parameters) else dict(parameters)
    entry = {"name": name, "parameters": content}
    return {**entry, "results": dict(results)} if results else entry


def steps_of(signal: BaseSignal) -> tuple[dict[str, Any], ...]:
    """The steps that made the signal, first to last.

    Each has a name and a dictionary of parameters; those of an alignment may have results too.

    Raises
    ------
    ValueError
        They are corrupt.
    """
    content = record_of(signal).get(_STEPS, ())
    if isinstance(content, str | Mapping) or not isinstance(content, Iterable):
        raise _corrupt(_STEPS, f"it is a {type(content).__name__}, and no list", _LOAD_AGAIN)
    return tuple(_step_of(i, as_dictionary(entry)) for i, entry in enumerate(content))


def _step_of(i: int, entry: Any) -> dict[str, Any]:
    """An entry of the steps that has a name and, as dictionaries, parameters and any results."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise _corrupt(_STEPS, f"steps[{i}] must be a mapping with a name", _LOAD_AGAIN)
    own = {"parameters": {}, **entry}
    for part in ("parameters", "results"):
        own[part] = as_dictionary(own.get(part, {}))
        if not isinstance(own[part], Mapping):
            raise _corrupt(_STEPS, f"steps[{i}].{part} must be a mapping", _LOAD_AGAIN)
    if "results" not in entry:
        del own["results"]
    return own


def append_step(signal: BaseSignal, name: str, parameters: Parameters | Mapping[str, Any]) -> None:
    """Add a step to the record of a signal; arguments as `step`."""
    record = record_of(signal)
    record[_STEPS] = [*steps_of(signal), step(name, parameters)]
    write_record(signal, record)


def scan_geometry_of(signal: BaseSignal) -> ScanGeometry | None:
    """The scan geometry that the record holds, or None.

    Raises
    ------
    ValueError
        It is corrupt.
    """
    content = record_of(signal).get(_SCAN_GEOMETRY)
    if content is None:
        return None
    return ScanGeometry.from_dict(_as_dict(content, _SCAN_GEOMETRY))


def write_scan_geometry(signal: BaseSignal, geometry: ScanGeometry | None) -> None:
    """Put the scan geometry into the record of a signal; None takes it out."""
    record = record_of(signal)
    record.pop(_SCAN_GEOMETRY, None)
    if geometry is not None:
        record[_SCAN_GEOMETRY] = geometry.to_dict()
    write_record(signal, record)


def has_alignment(signal: BaseSignal) -> bool:
    """True if the record holds an alignment."""
    return "schema_version" in record_of(signal)


def alignment_of(signal: BaseSignal) -> Alignment:
    """The alignment that the record holds.

    Raises
    ------
    ValueError
        There is none, or it is corrupt or of a newer version.
    """
    return Alignment.from_signal(signal)


def write_alignment(signal: BaseSignal, alignment: Alignment, *, keep_fields: bool = False) -> None:
    """Put an alignment into the record of a signal.

    The steps become those of the alignment, which holds the earlier ones too. The scan geometry
    stays where the alignment has none.

    Parameters
    ----------
    signal : BaseSignal
        The aligned signal.
    alignment : Alignment
        What aligned it.
    keep_fields : bool, default False
        Keep dense displacement fields above 1 MB.

    Raises
    ------
    ValueError
        Dense fields are above 1 MB and `keep_fields` is False.
    """
    geometry, earlier = scan_geometry_of(signal), record_of(signal)
    record = dict(alignment.to_dict(keep_fields=keep_fields))
    if MATCHES in earlier:
        # Where tiles come from stays true of them when they are aligned.
        record[MATCHES] = earlier[MATCHES]
    if _SCAN_GEOMETRY not in record and geometry is not None:
        record[_SCAN_GEOMETRY] = geometry.to_dict()
    write_record(signal, record)


def write_measurements(signal: BaseSignal, pairs: PairTable | None, noise: NoiseModel) -> None:
    """Put the measured pairs of frames, if any, and the noise model into a signal's record."""
    record = record_of(signal)
    if pairs is not None:
        record[_PAIRS] = {
            name: np.array(getattr(pairs, name), dtype) for name, dtype in _PAIR_COLUMNS.items()
        }
    record[_NOISE] = {name: float(getattr(noise, name)) for name in _NOISE_FIELDS}
    write_record(signal, record)


def copy_measurements(source: BaseSignal, target: BaseSignal) -> None:
    """Put what was measured when one signal was aligned into the record of another."""
    measured = record_of(source)
    record = record_of(target)
    for part in (_PAIRS, _NOISE, _NONRIGID):
        if part in measured:
            record[part] = measured[part]
    write_record(target, record)


def has_matches(signal: BaseSignal) -> bool:
    """True if the signal is a stack of tiles, whose record tells where they come from."""
    return MATCHES in record_of(signal)


def has_pairs(signal: BaseSignal) -> bool:
    """True if the record holds pairs of frames that were measured."""
    return _PAIRS in record_of(signal)


def pairs_of(signal: BaseSignal) -> PairTable:
    """The pairs of frames that were measured, from the record of an aligned series.

    Raises
    ------
    ValueError
        The record holds none, or they are corrupt.
    """
    from hyperspy_smartalign.rigid import PairTable

    content = _part_of(signal, _PAIRS, _PAIR_COLUMNS)
    try:
        columns = {name: np.array(content[name], dtype) for name, dtype in _PAIR_COLUMNS.items()}
    except (TypeError, ValueError, OverflowError) as error:
        raise _corrupt(_PAIRS, error) from error
    count = columns["similarity"].size
    tails: dict[str, tuple[int, ...]] = {"similarity": (), "accepted": ()}
    for name, column in columns.items():
        if column.shape != (count, *tails.get(name, (2,))):
            raise _corrupt(_PAIRS, f"{name} has shape {column.shape} for {count} pairs")
    frames = alignment_of(signal).n_frames if has_alignment(signal) else None
    indices = columns["indices"]
    if count and (indices.min() < 0 or (frames is not None and indices.max() >= frames)):
        raise _corrupt(
            _PAIRS,
            f"indices holds numbers from {indices.min()} to {indices.max()} for "
            f"{'a series' if frames is None else f'{frames} frames'}",
        )
    return PairTable(**columns)


def noise_of(signal: BaseSignal) -> NoiseModel:
    """The noise model that was measured, from the record of an aligned series.

    Raises
    ------
    ValueError
        The record holds none, or it is corrupt.
    """
    from hyperspy_smartalign.quality.noise import NoiseModel

    content = _part_of(signal, _NOISE, _NOISE_FIELDS)
    try:
        if any(np.ndim(content[name]) for name in _NOISE_FIELDS):
            # Older NumPy makes a number of an array of one.
            raise TypeError("it holds arrays instead of numbers")
        values = {name: float(content[name]) for name in _NOISE_FIELDS}
    except (TypeError, ValueError) as error:
        raise _corrupt(_NOISE, error) from error
    if not all(map(math.isfinite, values.values())):
        raise _corrupt(_NOISE, f"it holds {values}, which are not all finite")
    return NoiseModel(**values)


def write_nonrigid(signal: BaseSignal, nonrigid: NonrigidRecord) -> None:
    """Put how a non-rigid alignment went into the record of a signal."""
    record = record_of(signal)
    record[_NONRIGID] = nonrigid.to_dict()
    write_record(signal, record)


def nonrigid_of(signal: BaseSignal) -> NonrigidRecord:
    """How the non-rigid alignment went, from the record of an aligned series.

    Raises
    ------
    ValueError
        The record holds nothing about it, or it is corrupt.
    """
    from hyperspy_smartalign.nonrigid.record import NonrigidRecord

    content = record_of(signal).get(_NONRIGID)
    if content is None:
        advice = (
            "It is with the series that align_nonrigid returned, not with signals that its "
            "alignment was applied to."
            if has_alignment(signal)
            else "Align the series first, with signal.align_nonrigid()."
        )
        raise ValueError(
            "The signal carries no record of a non-rigid alignment "
            f"(metadata.{NODE}.{_NONRIGID}). {advice}"
        )
    try:
        return NonrigidRecord.from_dict(as_dictionary(content))
    except ValueError as error:
        raise _corrupt(_NONRIGID, error) from error


def _part_of(signal: BaseSignal, part: str, names: Iterable[str]) -> dict[str, Any]:
    """A dictionary in the record that has all the names."""
    content = record_of(signal).get(part)
    if content is None:
        advice = (
            "They are with the series that align_rigid returned, not with signals that its "
            "alignment was applied to."
            if has_alignment(signal)
            else "Align the series first, with signal.align_rigid()."
        )
        raise ValueError(f"The signal carries no {part} (metadata.{NODE}.{part}). {advice}")
    content = _as_dict(content, part)
    missing = [name for name in names if name not in content]
    if missing:
        raise _corrupt(part, f"it has no {', '.join(missing)}")
    return content


def _as_dict(content: Any, part: str) -> dict[str, Any]:
    """A dictionary, whether it comes as one or as HyperSpy's tree."""
    content = as_dictionary(content)
    if not isinstance(content, Mapping):
        raise _corrupt(part, f"it is a {type(content).__name__}, and no dictionary")
    return dict(content)


def _corrupt(part: str, why: object, advice: str = "Align the series again") -> ValueError:
    return ValueError(f"metadata.{NODE}.{part} is corrupt: {why}. {advice}.")
