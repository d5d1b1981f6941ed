"""``smartalign apply``: give a second detector the alignment of the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.options import SectionOption, chosen, options
from hyperspy_smartalign.cli.preparing import prepared_alike
from hyperspy_smartalign.cli.reading import (
    files_argument,
    load,
    load_alignment,
    loading_options,
    paths_of,
)
from hyperspy_smartalign.cli.results import output_options, outputs_of, write_results
from hyperspy_smartalign.cli.writing import written_aside
from hyperspy_smartalign.parameters import ApplyParameters


@click.pass_obj
def _apply(report: Reporter, /, aligned: str, files: tuple[str, ...], **given: Any) -> None:
    parameters = chosen(ApplyParameters, given)
    paths = paths_of(files, sort=given["sort"])
    (source,) = paths_of([aligned])
    outputs = outputs_of(given)
    with written_aside(outputs, overwrite=given["overwrite"], inputs=[source, *paths]) as aside:
        report.progress(f"Reading the alignment in {source}")
        with report.working():
            alignment = load_alignment(Path(source))
        series = load(paths, given, report=report)
        if given["as_aligned"]:
            series = prepared_alike(series, alignment.steps, report=report)
        report.progress("Applying the alignment")
        with report.working():
            result = series.apply_alignment(
                alignment,
                **parameters.keywords(),
                show_progressbar=report.show_progressbar,
                num_workers=given["workers"],
            )
        write_results(result, given, aside, report=report)
    for path in outputs:
        report.progress(f"Wrote {path}")


apply = Command(
    "apply",
    callback=_apply,
    params=[
        click.Argument(["aligned"], metavar="ALIGNED"),
        files_argument(),
        *output_options(),
        *loading_options(),
        SectionOption(
            ["--as-aligned/--as-stored"],
            default=True,
            show_default=True,
            section="Frames",
            help="Choose, turn and resample the frames as was done before ALIGNED was aligned, "
            "or take them as they are stored. Files that record such a step are left alone.",
        ),
        *options(ApplyParameters),
    ],
    short_help="Align another detector likewise.",
    help="""Apply an alignment to the series of another detector of the same scan.

    ALIGNED is what smartalign rigid wrote: the aligned series or the alignment (.npz). FILE is
    the series of the other detector, as for smartalign rigid.
    """,
)
