"""``smartalign rigid``: align a series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.options import SectionOption, chosen, options
from hyperspy_smartalign.cli.preparing import check_options, prepared, preparing_options
from hyperspy_smartalign.cli.reading import files_argument, load, loading_options, paths_of
from hyperspy_smartalign.cli.results import (
    RESULTS,
    average_of,
    output_options,
    outputs_of,
    write_results,
)
from hyperspy_smartalign.cli.writing import (
    ALIGNMENT_SUFFIXES,
    FIGURE_SUFFIXES,
    OutputPath,
    written_aside,
)
from hyperspy_smartalign.parameters import RigidParameters


@click.pass_obj
def _rigid(report: Reporter, /, files: tuple[str, ...], **given: Any) -> None:
    parameters = chosen(RigidParameters, given)
    check_options(given)
    paths = paths_of(files, sort=given["sort"])
    figure: Path | None = given["figure"]
    table: Path | None = given["alignment"]
    outputs = [*outputs_of(given), *(path for path in (figure, table) if path is not None)]
    with written_aside(outputs, overwrite=given["overwrite"], inputs=paths) as aside:
        series = prepared(load(paths, given, report=report), given, report=report)
        report.progress(f"Aligning {series.axes_manager.navigation_size} frames")
        with report.working():
            aligned = series.align_rigid(
                **parameters.keywords(),
                show_progressbar=report.show_progressbar,
                num_workers=given["workers"],
            )
        write_results(aligned, given, aside, report=report)
        if table is not None:
            aligned.smartalign.alignment.save(aside(table))
        if figure is not None:
            from hyperspy_smartalign.cli.figures import save_summary

            report.progress("Drawing")
            with report.working():
                average = average_of(aligned, parameters.output)
                save_summary(series, aligned, average, aside(figure))
    from hyperspy_smartalign.cli.describing import alignment_lines

    report.result("\n".join(alignment_lines(aligned.smartalign.alignment)))
    for path in outputs:
        report.progress(f"Wrote {path}")


rigid = Command(
    "rigid",
    callback=_rigid,
    params=[
        files_argument(),
        *output_options(),
        SectionOption(
            ["--figure"],
            type=OutputPath(FIGURE_SUFFIXES),
            metavar="FILE",
            section=RESULTS,
            help="Figure with averages before and after, shift matrices and drift "
            f"({', '.join(FIGURE_SUFFIXES)}).",
        ),
        SectionOption(
            ["--alignment"],
            type=OutputPath(ALIGNMENT_SUFFIXES),
            metavar="FILE",
            section=RESULTS,
            help="The alignment on its own (.npz), for smartalign apply or Alignment.load.",
        ),
        *loading_options(),
        *preparing_options(),
        *options(RigidParameters),
    ],
    short_help="Align a series of images.",
    help="""Align the frames of a series by shifts, and write the aligned series.

    FILE is a stack, or single frames, a pattern or a folder, of any format HyperSpy reads. Frames
    are counted from 0. Where a description says None, leave the option out.
    """,
)
