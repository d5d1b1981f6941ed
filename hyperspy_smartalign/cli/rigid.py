"""``smartalign rigid``: align a series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperspy_smartalign.cli.aligning import align_files, result_options
from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.describing import frames_in
from hyperspy_smartalign.cli.options import chosen, options
from hyperspy_smartalign.cli.preparing import check_options, prepared, preparing_options
from hyperspy_smartalign.cli.reading import files_argument, load, loading_options
from hyperspy_smartalign.parameters import RigidParameters

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal


@click.pass_obj
def _rigid(report: Reporter, /, files: tuple[str, ...], **given: Any) -> None:
    parameters = chosen(RigidParameters, given)
    check_options(given)

    def align(paths: list[Path]) -> tuple[BaseSignal, BaseSignal]:
        series = prepared(load(paths, given, report=report), given, report=report)
        report.progress(f"Aligning {frames_in(series)} frames")
        with report.working():
            aligned = series.align_rigid(
                **parameters.keywords(),
                show_progressbar=report.show_progressbar,
                num_workers=given["workers"],
            )
        return series, aligned

    align_files(files, given, align, report=report)


rigid = Command(
    "rigid",
    callback=_rigid,
    params=[
        files_argument(),
        *result_options(),
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
