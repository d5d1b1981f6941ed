"""The steps before alignment, from the options of a command or from an earlier record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.cli.command import Reporter
from hyperspy_smartalign.cli.options import SectionOption, chosen, options
from hyperspy_smartalign.parameters import PrepareParameters, RampParameters

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

RAMP = "ramp_"

# What a second detector does not take over, as its grey levels are its own.
_GREY_LEVELS = ("normalise", "equalise")
# What spectra do not take over either: their grid is their own, and apply goes by the axes.
_GRID = ("resample",)


def preparing_options() -> list[SectionOption]:
    """Options of prepare and remove_ramp."""
    ramp = options(RampParameters, prefix=RAMP)
    for entry in ramp:
        entry.default, entry.show_default = None, False
        entry.help = f"{entry.help} Not given: nothing is taken off."
    return [*options(PrepareParameters), *ramp]


def prepared(signal: BaseSignal, given: Mapping[str, Any], *, report: Reporter) -> BaseSignal:
    """The series after the steps that the options ask for."""
    changed = chosen(PrepareParameters, given).changed()
    if changed:
        report.progress(f"Preparing: {_listed(changed)}")
        with report.working():
            signal = signal.smartalign.prepare(**changed)
    ramp = {
        name: given[RAMP + name]
        for name in RampParameters.names()
        if given[RAMP + name] is not None
    }
    if ramp:
        ramp = RampParameters(**ramp).keywords()
        report.progress(f"Removing ramps: {_listed(ramp)}")
        with report.working():
            signal = signal.smartalign.remove_ramp(**ramp)
    return signal


def check_options(given: Mapping[str, Any]) -> None:
    """Raise ParameterError if the options clash, before any file is read."""
    chosen(PrepareParameters, given)
    ramp = {name: given[RAMP + name] for name in RampParameters.names()}
    RampParameters(**{name: value for name, value in ramp.items() if value is not None})


def prepared_alike(
    signal: BaseSignal, steps: Sequence[Mapping[str, Any]], *, report: Reporter
) -> BaseSignal:
    """A second detector's series with the same frames and axes as the series that was aligned.

    Repeats what the recorded steps did before the first alignment, but for grey levels, and for
    spectra but for their grid.

    Parameters
    ----------
    signal : BaseSignal
        The series; one that was prepared before stays as it is.
    steps : sequence of mapping
        Steps of the alignment, first to last.
    report : Reporter
    """
    from hyperspy_smartalign.signals import recording
    from hyperspy_smartalign.signals.targets import holds_spectra

    if any(step["name"] == "prepare" for step in recording.steps_of(signal)):
        return signal
    others = (*_GREY_LEVELS, *_GRID) if holds_spectra(signal) else _GREY_LEVELS
    for step in steps:
        if str(step["name"]).startswith("align"):
            break
        if step["name"] != "prepare":
            continue
        changed = PrepareParameters.from_dict(_as_dict(step["parameters"])).changed()
        repeated = {key: value for key, value in changed.items() if key not in others}
        if repeated:
            report.progress(f"Preparing as the aligned series was: {_listed(repeated)}")
            with report.working():
                signal = signal.smartalign.prepare(**repeated)
    return signal


def _as_dict(content: Any) -> dict[str, Any]:
    return dict(content.as_dictionary() if hasattr(content, "as_dictionary") else content)


def _listed(keywords: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in keywords.items())
