"""``smartalign info``: what is in a file."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.reading import files_argument, paths_of, single_images_allowed


@click.pass_obj
def _info(report: Reporter, /, files: tuple[str, ...]) -> None:
    for path in _paths_of(files):
        report.result("\n".join(_described(path, report)))


info = Command(
    "info",
    callback=_info,
    params=[files_argument()],
    short_help="Say what is in files.",
    help="""Say what is in microscope files and in aligned series.

    Signals, shapes, pixels, axes and calibration, the scan as far as the file tells, and an
    alignment: shifts, drift rate, precision, frames left out and why, doubtful frames, and the
    steps that were taken. FILE is also an alignment saved as .npz.
    """,
)


def _paths_of(files: Sequence[str]) -> list[Path]:
    try:
        return paths_of(files, sort=False)
    except ValueError:
        from hyperspy_smartalign.signals.motif.working_folder import is_working_folder

        for file in files:
            if is_working_folder(Path(file).expanduser()):
                raise ValueError(
                    f"{file!r} is a working folder of template matching, and no file of images; "
                    f"say what it keeps: smartalign clean-up {shlex.quote(file)} --list"
                ) from None
        raise


def _described(path: Path, report: Reporter) -> Iterator[str]:
    from hyperspy_smartalign.cli.describing import alignment_lines, signal_lines
    from hyperspy_smartalign.signals import recording
    from hyperspy_smartalign.signals.loading import load_series
    from hyperspy_smartalign.transforms.alignment import Alignment

    if path.suffix.lower() == ".npz":
        yield str(path)
        for line in alignment_lines(Alignment.load(path)):
            yield f"  {line}"
        return
    with report.working(), single_images_allowed():
        (loaded,) = load_series(path, lazy=True, stack=False)
    signals: dict[str, Any] = loaded if isinstance(loaded, dict) else {"": loaded}
    yield str(path)
    for place, (name, signal) in enumerate(signals.items()):
        title = name or signal.metadata.get_item("General.title", "")
        yield f"  signal {place}{f': {title!r}' if title else ''}"
        # The last step is that it was loaded just now.
        for line in signal_lines(signal, steps=recording.steps_of(signal)[:-1]):
            yield f"    {line}"
