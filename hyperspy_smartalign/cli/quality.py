"""``smartalign quality``: how far a result can be believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.figures import save_quality
from hyperspy_smartalign.cli.judging import file_argument, inputs_of, loaded, source_options
from hyperspy_smartalign.cli.options import SectionOption
from hyperspy_smartalign.cli.results import RESULTS
from hyperspy_smartalign.cli.writing import (
    FIGURE_SUFFIXES,
    OutputPath,
    written_aside,
)


@click.pass_obj
def _quality(report: Reporter, /, file: str, **given: Any) -> None:
    inputs = inputs_of(file, given)
    plot: Path | None = given["plot"]
    outputs = [] if plot is None else [plot]
    with written_aside(outputs, overwrite=given["overwrite"], inputs=inputs.paths) as aside:
        result, source = loaded(inputs, given, report=report)
        report.progress("Measuring")
        with report.working():
            found = result.smartalign.quality(
                source=source, show_progressbar=report.show_progressbar
            )
        if plot is not None:
            report.progress("Drawing")
            with report.working():
                save_quality(found, aside(plot))
    if given["json"]:
        # Whoever asks for figures wants them with --quiet too.
        click.echo(json.dumps(found.to_dict(), indent=2))
    else:
        report.result(found.summary())
    for path in outputs:
        report.progress(f"Wrote {path}")


quality = Command(
    "quality",
    callback=_quality,
    params=[
        file_argument(),
        SectionOption(
            ["--json"],
            is_flag=True,
            section=RESULTS,
            help="Print all figures as JSON, for programs.",
        ),
        SectionOption(
            ["--plot"],
            type=OutputPath(FIGURE_SUFFIXES),
            metavar="FILE",
            section=RESULTS,
            help=f"Figure with all that was measured ({', '.join(FIGURE_SUFFIXES)}).",
        ),
        SectionOption(
            ["--overwrite"],
            is_flag=True,
            section=RESULTS,
            help="Replace the figure if it exists.",
        ),
        *source_options(),
    ],
    short_help="Say how far a result can be believed.",
    help="""Measure how good an aligned series is, and say so in words.

    FILE is what smartalign rigid or nonrigid wrote. Resolution by Fourier ring correlation,
    information transfer, errors against their bounds, the closure of the pairs, the chance of
    frames on a wrong unit cell, and whether non-rigid correction helped.
    """,
)
