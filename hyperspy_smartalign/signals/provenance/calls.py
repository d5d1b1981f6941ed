"""The calls that can be repeated, by the names under which they are recorded.

Each takes the inputs and the parameters that `noting.note` was given. Parameters come from a file,
so that names are checked here, and values by the parameter classes and the functions themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    Parameters,
    PrepareParameters,
    RampParameters,
    RigidParameters,
    TemplateParameters,
)
from hyperspy_smartalign.signals import (
    applying,
    averaging,
    nonrigid,
    origins,
    preparing,
    rigid,
    straightening,
    targets,
    undistorting,
)
from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.motif import finding, selecting, straining
from hyperspy_smartalign.signals.spectra import integrating

Inputs = Mapping[str, BaseSignal]
Call = Callable[[Inputs, dict[str, Any], "Working"], BaseSignal]


@dataclass(frozen=True)
class Working:
    """How work is done that changes no pixel.

    Attributes
    ----------
    show_progressbar : bool or None
    num_workers : int or None
        As in the verbs.
    """

    show_progressbar: bool | None = None
    num_workers: int | None = None

    def keywords(self) -> dict[str, Any]:
        """Both, for a verb."""
        return {"show_progressbar": self.show_progressbar, "num_workers": self.num_workers}


def _chosen(
    parameters: dict[str, Any], tool: type[Parameters] | None, others: Collection[str] = ()
) -> dict[str, Any]:
    """Keywords for a verb, each of a known name and a value that is allowed.

    Raises
    ------
    TypeError
        A name is not known.
    ParameterError
        A value is not allowed.
    """
    beside = {name: value for name, value in parameters.items() if name in others}
    rest = {name: value for name, value in parameters.items() if name not in others}
    if tool is not None:
        return {**tool(**rest).keywords(), **beside}
    if rest:
        raise TypeError(f"{', '.join(rest)} is no parameter of this step")
    return beside


def _as_they_were(inputs: Inputs) -> dict[str, BaseSignal]:
    """Inputs of a verb that know no more of their origin than they did at that time."""
    known = dict(inputs)
    for name in ("signal", "source", "raw"):
        if name in known and origins.has_origin(known[name]):
            known[name] = with_data(known[name], known[name].data, variance=True)
    cut = next(known[name] for name in ("source", "raw", "signal") if name in known)
    if "parent" in known:
        origins.remember_as_parent(cut, known["parent"])
    if "raw" in known:
        origins.remember(known["signal"], known["raw"])
    return known


def _align_rigid(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    keywords = _chosen(parameters, RigidParameters, ("lazy_output",))
    return rigid.align_rigid(
        inputs["signal"], source=inputs.get("source"), **working.keywords(), **keywords
    )


def _align_nonrigid(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    keywords = _chosen(parameters, NonrigidParameters, ("lazy_output",))
    known = _as_they_were(inputs)
    return nonrigid.align_nonrigid(
        known["signal"], source=known.get("source"), **working.keywords(), **keywords
    )


def _apply_alignment(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    alignment = parameters.pop("alignment", None)
    keywords = _chosen(parameters, ApplyParameters, ("lazy_output", "by_frames"))
    return applying.apply_alignment(
        inputs["signal"],
        inputs["alignment"] if alignment is None else alignment,
        **working.keywords(),
        **keywords,
    )


def _template_match(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    picked, lazy = parameters.pop("picked", None), bool(parameters.pop("lazy", False))
    keywords = _chosen(parameters, TemplateParameters, ("template", "search", "frames"))
    known = _as_they_were(inputs)
    found = finding.find(
        known["signal"],
        keywords.pop("template"),
        source=known.get("source"),
        num_workers=working.num_workers,
        stacklevel=1,
        **keywords,
    )
    found = found if picked is None else found.with_threshold(picked)
    return found.tiles(lazy_output=lazy, **working.keywords())


def _prepare(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    return preparing.prepare(inputs["signal"], **_chosen(parameters, PrepareParameters))


def _remove_ramp(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    return preparing.remove_ramp(inputs["signal"], **_chosen(parameters, RampParameters))


def _straighten_rows(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    known = ("neighbours", "max_shift", "smoothing", "interpolation", "fill")
    return straightening.straighten_rows(inputs["signal"], **_chosen(parameters, None, known))


def _average(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    keywords = _chosen(parameters, None, ("output", "variance", "weights"))
    return averaging.average(inputs["signal"], **keywords)


def _average_of_sum(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    _chosen(parameters, None)
    return averaging.average_of_sum(inputs["signal"])


def _integrate(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    keywords = _chosen(parameters, None, ("signal_range", "series_dimension"))
    return integrating.integrate(inputs["signal"], num_workers=working.num_workers, **keywords)


def _compensate_drift(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    known = (
        *("angle", "ratio", "cell", "drift", "lattice", "slow_axis"),
        *("calibrate", "crop", "fill", "interpolation", "lazy_output"),
    )
    keywords = _chosen(parameters, None, known)
    return undistorting.compensate_drift(
        inputs["signal"], source=inputs.get("source"), **working.keywords(), **keywords
    )


def _select_tiles(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    return selecting.select_tiles(inputs["signal"], **_chosen(parameters, None, ("which",)))


def _unit_cell(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    return straining.unit_cell(inputs["signal"], **_chosen(parameters, None, ("vectors",)))


def _stack(inputs: Inputs, parameters: dict[str, Any], working: Working) -> BaseSignal:
    _chosen(parameters, None)
    return targets.stacked([inputs[f"signal {number}"] for number in range(len(inputs))])


CALLS: dict[str, Call] = {
    "align_rigid": _align_rigid,
    "align_nonrigid": _align_nonrigid,
    "apply_alignment": _apply_alignment,
    "template_match": _template_match,
    "prepare": _prepare,
    "remove_ramp": _remove_ramp,
    "straighten_rows": _straighten_rows,
    "average": _average,
    "average_of_sum": _average_of_sum,
    "integrate": _integrate,
    "compensate_drift": _compensate_drift,
    "select_tiles": _select_tiles,
    "unit_cell": _unit_cell,
    "stack": _stack,
}
