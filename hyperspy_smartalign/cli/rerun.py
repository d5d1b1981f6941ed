"""``smartalign rerun``: repeat the work that made a file, from that file alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.options import SectionOption
from hyperspy_smartalign.cli.results import RESULTS, save, working_options
from hyperspy_smartalign.cli.writing import SERIES_SUFFIXES, OutputPath, written_aside

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.provenance.history import History


@click.pass_context
def _rerun(ctx: click.Context, /, file: Path, **given: Any) -> None:
    from hyperspy_smartalign.signals.provenance import rerunning
    from hyperspy_smartalign.signals.provenance.calls import Working

    report: Reporter = ctx.obj
    source, out = list(given["source"]) or None, given["out"]
    if given["check"]:
        if out is not None:
            raise click.UsageError("--check makes nothing that --out could write; leave one out.")
        with report.working():
            history, files = rerunning.checked(file, source)
        for line in _check_lines(history, files):
            report.result(line)
        return
    outputs = [] if out is None else [out]
    with report.working():
        history = rerunning.read_history(file)
    inputs = [file, *(Path(name) for name in history.paths), *given["source"]]
    with written_aside(outputs, overwrite=given["overwrite"], inputs=inputs) as aside:
        report.progress(f"Repeating: {', '.join(history.calls)}")
        with report.working():
            working = Working(report.show_progressbar, given["workers"])
            again = rerunning.made_again(file, source, working)
            if out is not None:
                save(again.signal, aside(out), show_progressbar=report.show_progressbar)
    if out is not None:
        report.progress(f"Wrote {out}")
    report.result(again.comparison.words)
    if not again.comparison.equal:
        for line in history.version_changes():
            report.result(line)
    if not again.comparison.same:
        ctx.exit(1)


def _check_lines(history: History, files: list[str]) -> Iterator[str]:
    """What a check found."""
    for file in files:
        yield f"source     {file}: unchanged"
    yield f"steps      {', '.join(history.calls)}"
    for line in history.version_changes():
        yield f"versions   {line}"
    yield "can be repeated"


rerun = Command(
    "rerun",
    callback=_rerun,
    params=[
        click.Argument(["file"], type=click.Path(exists=True, path_type=Path), metavar="FILE"),
        SectionOption(
            ["--source"],
            type=click.Path(exists=True, path_type=Path),
            multiple=True,
            metavar="PATH",
            section="Files",
            help="Raw file, or a folder that holds it, where it is neither at the recorded place "
            "nor near FILE. Can be repeated.",
        ),
        SectionOption(
            ["--check"],
            is_flag=True,
            section="Files",
            help="Only find the raw files, and see whether they are unchanged and all steps can "
            "be repeated.",
        ),
        SectionOption(
            ["-o", "--out"],
            type=OutputPath(SERIES_SUFFIXES),
            metavar="FILE",
            section=RESULTS,
            help=f"What the work gave, to be kept ({', '.join(SERIES_SUFFIXES)}).",
        ),
        *working_options(),
    ],
    short_help="Repeat the work that made a file.",
    help="""Repeat the work that made FILE on the raw series, and compare the pixels.

    FILE is what the package made: an aligned series, an average, tiles or a sum of spectra, saved
    as .hspy or .zspy. It records the files that it was made of and every step. The exit code is 0
    where the pixels are the same, but for rounding, and 1 where they are not, or where the work
    cannot be repeated.
    """,
)
