"""What the commands that judge a result share: the result, and the series it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperspy_smartalign.cli.command import Reporter
from hyperspy_smartalign.cli.options import SectionOption
from hyperspy_smartalign.cli.preparing import prepared_alike
from hyperspy_smartalign.cli.reading import load, loading_options, paths_of, single_images_allowed

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

_SECTION = "Series as it was recorded"


@dataclass(frozen=True)
class Inputs:
    """Paths of a result, and of the series it was made from; none where that is not given."""

    result: Path
    source: tuple[Path, ...]

    @property
    def paths(self) -> list[Path]:
        """All of them."""
        return [self.result, *self.source]


def file_argument() -> click.Argument:
    """The file of an aligned series."""
    return click.Argument(["file"], metavar="FILE")


def source_options() -> list[SectionOption]:
    """The raw series, and how its files are read."""
    options = [
        SectionOption(
            ["--source"],
            multiple=True,
            metavar="FILE",
            section=_SECTION,
            help="The raw series, with which more can be measured: a file, a pattern or a folder; "
            "can be repeated. Its frames are chosen, turned and resampled as those of FILE were. "
            "Unless given, that which FILE records, if it is still there.",
        ),
        *loading_options(),
    ]
    for option in options:
        option.section = _SECTION
    return options


def inputs_of(file: str, given: Mapping[str, Any]) -> Inputs:
    """The paths that the arguments stand for.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, or FILE stands for several.
    """
    found = paths_of([file])
    if len(found) != 1:
        raise ValueError(f"{file!r} stands for {len(found)} files; give that of one result.")
    source = paths_of(given["source"], sort=given["sort"]) if given["source"] else []
    return Inputs(found[0], tuple(source))


def loaded(
    inputs: Inputs, given: Mapping[str, Any], *, report: Reporter
) -> tuple[BaseSignal, BaseSignal | None]:
    """The result as it was saved, and the series it was made from.

    That is the one given, else the one in the files that the result records; None where these are
    not there any more.

    Raises
    ------
    ValueError
        A file cannot be read, or holds several signals.
    """
    from hyperspy_smartalign.signals import recording
    from hyperspy_smartalign.signals.loading import load_series

    report.progress(f"Reading {inputs.result}")
    with report.working(), single_images_allowed():
        (result,) = load_series(inputs.result, lazy=given["lazy"], stack=False)
    if isinstance(result, dict):
        raise ValueError(
            f"{str(inputs.result)!r} holds {len(result)} signals; give a file that smartalign "
            "rigid, nonrigid, motif or apply wrote."
        )
    # The last step is that it was loaded just now.
    record = recording.record_of(result)
    record["steps"] = list(recording.steps_of(result)[:-1])
    recording.write_record(result, record)
    if not inputs.source:
        return result, _recorded_source(result, inputs.result, report)
    series = load(list(inputs.source), given, report=report)
    return result, prepared_alike(series, recording.steps_of(result), report=report)


def _recorded_source(result: BaseSignal, path: Path, report: Reporter) -> BaseSignal | None:
    """The raw series in the files that a result records, if they are there and unchanged."""
    from hyperspy_smartalign.signals import recording
    from hyperspy_smartalign.signals.provenance.calls import Working
    from hyperspy_smartalign.signals.provenance.history import history_of
    from hyperspy_smartalign.signals.provenance.recovering import raw_series

    try:
        if not recording.has_alignment(result) or history_of(result) is None:
            return None
        report.progress("Looking for the series as it was recorded")
        with report.working():
            working = Working(show_progressbar=report.show_progressbar)
            return raw_series(result, near=path, working=working)
    except (ValueError, OSError) as error:
        report.progress(f"Without the series as it was recorded less is measured. {error}")
        return None
