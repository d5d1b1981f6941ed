"""``smartalign clean-up``: remove what a search kept in its working folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.describing import in_bytes

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.motif.working_folder import Intermediate


@click.pass_obj
def _clean_up(report: Reporter, /, folder: Path, only_list: bool) -> None:
    import hyperspy_smartalign

    if only_list:
        found = hyperspy_smartalign.intermediates(folder)
        for entry in found:
            report.result(_described(entry))
        size = in_bytes(sum(entry.bytes for entry in found))
        report.result(f"{_files(len(found))} of {size} in {folder}")
        return
    removed = hyperspy_smartalign.clean_up(folder)
    if folder.exists():
        report.result(f"removed {_files(len(removed))} from {folder}, which holds others")
    else:
        report.result(f"removed {folder} with {_files(len(removed) - 1)}")


def _described(entry: Intermediate) -> str:
    """One intermediate result in a line: what it is, what was found, and its size."""
    what = f"search {entry.stage}, " + ("motif" if entry.frame is None else f"frame {entry.frame}")
    if entry.candidates is not None:
        what += f", {entry.candidates} candidates"
    if entry.matches is not None:
        what += f", average of {entry.matches} tiles"
    state = "" if entry.intact else ", damaged: it will be computed again"
    return f"{entry.file.name}: {what}, {in_bytes(entry.bytes)}{state}"


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"


clean_up = Command(
    "clean-up",
    callback=_clean_up,
    params=[
        click.Argument(
            ["folder"],
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            metavar="FOLDER",
        ),
        click.Option(
            ["--list", "only_list"], is_flag=True, help="Say what is there; remove nothing."
        ),
    ],
    short_help="Remove the working folder of a search.",
    help="""Remove what smartalign motif kept in the folder given as --working-folder.

    Only files that a search wrote are removed, and the folder, if it is empty then.
    """,
)
