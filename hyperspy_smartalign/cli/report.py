"""``smartalign report``: all that is known about a result, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.judging import file_argument, inputs_of, loaded, source_options
from hyperspy_smartalign.cli.options import SectionOption
from hyperspy_smartalign.cli.results import RESULTS
from hyperspy_smartalign.cli.writing import OutputPath, check_outputs

_SUFFIXES = (".html", ".pdf")


@click.pass_obj
def _report(report: Reporter, /, file: str, out: Path, **given: Any) -> None:
    inputs = inputs_of(file, given)
    check_outputs([out], overwrite=given["overwrite"], inputs=inputs.paths)
    result, source = loaded(inputs, given, report=report)
    report.progress("Measuring and drawing")
    with report.working():
        result.smartalign.report(
            out,
            source=source,
            show_progressbar=report.show_progressbar,
            **{name: given[name] for name in ("title", "notes", "paper", "overwrite")},
        )
    report.progress(f"Wrote {out}")


report = Command(
    "report",
    callback=_report,
    params=[
        file_argument(),
        click.Argument(["out"], type=OutputPath(_SUFFIXES), metavar="OUT"),
        SectionOption(["--title"], metavar="TEXT", section=RESULTS, help="Title of the report."),
        SectionOption(
            ["--notes"],
            default="",
            metavar="TEXT",
            section=RESULTS,
            help="Words of your own, shown with the series.",
        ),
        SectionOption(
            ["--paper"],
            type=click.Choice(["a4", "letter"]),
            default="a4",
            show_default=True,
            section=RESULTS,
            help="What it is printed on.",
        ),
        SectionOption(
            ["--overwrite"], is_flag=True, section=RESULTS, help="Replace OUT if it exists."
        ),
        *source_options(),
    ],
    short_help="Write a report on a result.",
    help="""Write all that is known about an aligned series into one file, as a page or a PDF.

    FILE is what smartalign rigid, nonrigid or motif wrote. OUT ends in .html, a page that needs
    neither other files nor a network, or in .pdf. Verdicts, averages before and after, resolution,
    errors, shifts, drift, distortions, every step with its parameters, warnings, and what to cite.
    """,
)
