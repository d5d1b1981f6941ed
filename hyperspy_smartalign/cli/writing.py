"""Output files: checked before the work starts, written aside, renamed when all are complete."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

SERIES_SUFFIXES = (".hspy", ".zspy")
AVERAGE_SUFFIXES = (".hspy", ".zspy", ".tif", ".tiff")
FIGURE_SUFFIXES = (".png", ".pdf", ".svg")
ALIGNMENT_SUFFIXES = (".npz",)


class OutputPath(click.Path):
    """Path of a file to write, of one of a few suffixes."""

    def __init__(self, suffixes: Sequence[str]) -> None:
        super().__init__(path_type=Path)
        self.suffixes = tuple(suffixes)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """The path, if its suffix is one of those allowed."""
        path = Path(value)
        if path.suffix.lower() not in self.suffixes:
            self.fail(f"{str(path)!r} must end in {' or '.join(self.suffixes)}.", param, ctx)
        return path


@contextlib.contextmanager
def written_aside(
    outputs: Sequence[Path], *, overwrite: bool, inputs: Sequence[Path] = ()
) -> Iterator[Callable[[Path], Path]]:
    """Give each output a hidden name to be written under, and rename all at the end.

    If the work inside fails, what it wrote is removed and older files stay as they were.

    Parameters
    ----------
    outputs : sequence of Path
        Files, or folders such as .zspy stores, that the work inside writes.
    overwrite : bool
        Replace what exists.
    inputs : sequence of Path
        Files that are read; none of them is replaced.

    Yields
    ------
    callable
        From the path of an output to the hidden path beside it, of the same suffix.

    Raises
    ------
    FileNotFoundError, FileExistsError, ValueError
        Before the work starts: a folder does not exist, an output exists and `overwrite` is
        False, or two outputs, or an output and an input, are one file.
    """
    _check(outputs, overwrite, inputs)
    token = secrets.token_hex(4)
    aside = {path: path.with_name(f".{path.stem}.{token}{path.suffix}") for path in outputs}
    try:
        yield aside.__getitem__
        for path, hidden in aside.items():
            if not overwrite:
                _refuse_existing(path)
            _replace(hidden, path)
    finally:
        for hidden in aside.values():
            _remove(hidden)


def check_folder(folder: Path) -> None:
    """Raise FileNotFoundError if a folder to write into does not exist."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the folder {str(folder)!r} does not exist; make it first: mkdir -p {folder}"
        )


def _check(outputs: Sequence[Path], overwrite: bool, inputs: Sequence[Path]) -> None:
    read = {path.resolve() for path in inputs}
    written: set[Path] = set()
    for path in outputs:
        check_folder(path.parent)
        if path.resolve() in read:
            raise ValueError(
                f"{str(path)!r} is an input too, and inputs are never replaced; give the output "
                "another name."
            )
        if path.resolve() in written:
            raise ValueError(f"{str(path)!r} is given for two outputs; give each its own name.")
        written.add(path.resolve())
        if path.is_dir() and path.suffix.lower() != ".zspy":
            raise IsADirectoryError(f"{str(path)!r} is a folder; give the name of a file.")
        if not overwrite:
            _refuse_existing(path)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise FileExistsError(
            f"{str(path)!r} exists; add --overwrite to replace it, or give another name."
        )


def _replace(hidden: Path, path: Path) -> None:
    if not (hidden.is_dir() or path.is_dir()):
        os.replace(hidden, path)
        return
    # A folder cannot be renamed onto another one: move the old one out of the way first.
    old = hidden.with_name(f"{hidden.name}.old")
    if path.exists():
        os.replace(path, old)
    try:
        os.replace(hidden, path)
    except OSError:
        if old.exists():
            os.replace(old, path)
        raise
    _remove(old)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
