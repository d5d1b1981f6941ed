"""``smartalign nonrigid``: take out of a series what the scan did inside its frames."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperspy_smartalign.cli.aligning import align_files, log_told, result_options
from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.describing import frames_in
from hyperspy_smartalign.cli.options import SectionOption, chosen, options
from hyperspy_smartalign.cli.preparing import (
    check_options,
    prepared,
    prepared_alike,
    preparing_options,
)
from hyperspy_smartalign.cli.reading import files_argument, load, loading_options, paths_of
from hyperspy_smartalign.parameters import NonrigidParameters

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal


@click.pass_obj
def _nonrigid(report: Reporter, /, files: tuple[str, ...], **given: Any) -> None:
    parameters = chosen(NonrigidParameters, given)
    check_options(given)
    sources = () if given["source"] is None else tuple(paths_of([given["source"]]))

    def align(paths: list[Path]) -> tuple[BaseSignal, BaseSignal]:
        from hyperspy_smartalign.signals import recording

        series = prepared(load(paths, given, report=report), given, report=report)
        source = None
        if sources:
            source = load(list(sources), given, report=report)
            source = prepared_alike(source, recording.steps_of(series), report=report)
        elif given["figure"] is not None and recording.has_alignment(series):
            raise click.UsageError(
                "--figure of a series that was aligned before needs the raw series: add --source "
                "FILE, or leave --figure out."
            )
        report.progress(f"Aligning {frames_in(series)} frames")
        with report.working(), log_told(report):
            aligned = series.align_nonrigid(
                **parameters.keywords(),
                source=source,
                show_progressbar=report.show_progressbar,
                num_workers=given["workers"],
            )
        return (series if source is None else source), aligned

    align_files(files, given, align, report=report, others=sources)


nonrigid = Command(
    "nonrigid",
    callback=_nonrigid,
    params=[
        files_argument(),
        *result_options(),
        *loading_options(),
        SectionOption(
            ["--source"],
            metavar="FILE",
            section="Frames",
            help="The raw series, where FILE was aligned before: pixels are then interpolated "
            "once. Its frames are chosen, turned and resampled as those of FILE were.",
        ),
        *preparing_options(),
        *options(NonrigidParameters),
    ],
    short_help="Take scan distortions out of a series.",
    help="""Find what the scan did inside each frame of a series, and write the series without it.

    FILE is a raw series, or one that smartalign rigid wrote: a stack, or single frames, a pattern
    or a folder, of any format HyperSpy reads. A raw series is aligned by shifts first. Frames are
    counted from 0. Where a description says None, leave the option out.
    """,
)
