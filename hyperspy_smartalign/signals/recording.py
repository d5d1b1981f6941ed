"""The record that a signal carries: ``metadata.Smart_align``.

It holds the processing steps, the scan geometry and the alignment. Functions that write change
the metadata of the signal they are given, so give them results, never inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import Parameters
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms.alignment import Alignment

NODE = "Smart_align"
_STEPS = "steps"
_SCAN_GEOMETRY = "scan_geometry"


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


def step(name: str, parameters: Parameters | Mapping[str, Any]) -> dict[str, Any]:
    """One processing step as it is recorded.

    Parameters
    ----------
    name : str
        Name of the verb, such as "align_rigid".
    parameters : Parameters or mapping
        Everything the step was called with.

    Returns
    -------
    dict
        Keys "name" and "parameters".
    """
    content = parameters.to_dict() if isinstance(parameters, Parameters) else dict(parameters)
    return {"name": name, "parameters": content}


def steps_of(signal: BaseSignal) -> tuple[dict[str, Any], ...]:
    """The steps that made the signal, first to last."""
    return tuple(_as_dict(entry) for entry in record_of(signal).get(_STEPS, ()))


def append_step(signal: BaseSignal, name: str, parameters: Parameters | Mapping[str, Any]) -> None:
    """Add a step to the record of a signal; arguments as `step`."""
    record = record_of(signal)
    record[_STEPS] = [*steps_of(signal), step(name, parameters)]
    write_record(signal, record)


def scan_geometry_of(signal: BaseSignal) -> ScanGeometry | None:
    """The scan geometry that the record holds, or None."""
    content = record_of(signal).get(_SCAN_GEOMETRY)
    return None if content is None else ScanGeometry.from_dict(_as_dict(content))


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
    geometry = scan_geometry_of(signal)
    record = dict(alignment.to_dict(keep_fields=keep_fields))
    if _SCAN_GEOMETRY not in record and geometry is not None:
        record[_SCAN_GEOMETRY] = geometry.to_dict()
    write_record(signal, record)


def _as_dict(content: Any) -> dict[str, Any]:
    """A dictionary, whether it comes as one or as HyperSpy's tree."""
    return dict(content.as_dictionary() if hasattr(content, "as_dictionary") else content)
