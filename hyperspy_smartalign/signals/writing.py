"""Files with results: checked before the work starts, written aside, renamed when complete."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SIGNAL_SUFFIXES = (".hspy", ".zspy")
"""Files that keep everything a signal knows."""


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
    FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, ValueError
        As in `check_outputs`, before the work starts.
    """
    check_outputs(outputs, overwrite=overwrite, inputs=inputs)
    token = secrets.token_hex(4)
    aside = {path: path.with_name(f".{path.stem}.{token}{path.suffix}") for path in outputs}
    # All are removed, also when Ctrl-C comes while the first one is.
    with contextlib.ExitStack() as leaving:
        for hidden in aside.values():
            leaving.callback(remove, hidden)
        yield aside.__getitem__
        for path, hidden in aside.items():
            put_in_place(hidden, path, overwrite=overwrite)


def check_outputs(outputs: Sequence[Path], *, overwrite: bool, inputs: Sequence[Path] = ()) -> None:
    """Raise if files cannot be written, before the work that makes them.

    Parameters
    ----------
    outputs : sequence of Path
        Files, or folders such as .zspy stores, to be written.
    overwrite : bool
        Replace what exists.
    inputs : sequence of Path
        Files that are read; none of them may be replaced.

    Raises
    ------
    FileNotFoundError, PermissionError
        A folder does not exist, or nothing may be written into it.
    FileExistsError
        An output exists and `overwrite` is False.
    IsADirectoryError
        An output is a folder.
    ValueError
        Two outputs, or an output and an input, are one file.
    """
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


def check_folder(folder: Path) -> None:
    """Raise if nothing can be written into a folder.

    Raises
    ------
    FileNotFoundError
        The folder does not exist.
    PermissionError
        It may not be written into.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"the folder {str(folder)!r} does not exist; make it first: mkdir -p {folder}"
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f"nothing can be written into the folder {str(folder)!r}; choose another one, or ask "
            "its owner for permission."
        )


def signal_path(file: str | os.PathLike[str]) -> Path:
    """The path of a file that a signal is saved to.

    Raises
    ------
    ValueError
        The suffix is not that of a format that keeps everything a signal knows.
    """
    path = Path(file).expanduser()
    if path.suffix.lower() not in SIGNAL_SUFFIXES:
        raise ValueError(
            f"{str(path)!r} must end in {' or '.join(SIGNAL_SUFFIXES)}; these formats keep the "
            "alignment with the signal."
        )
    return path


def put_in_place(hidden: Path, path: Path, *, overwrite: bool) -> None:
    """Give a complete file, or a folder such as a .zspy store, its final name.

    Raises
    ------
    FileExistsError
        Something has the final name and `overwrite` is False.
    """
    if not overwrite:
        _refuse_existing(path)
    if not (hidden.is_dir() or path.is_dir()):
        os.replace(hidden, path)
        return
    # A folder cannot be renamed onto another one: move the old one out of the way first.
    old = hidden.with_name(f"{hidden.name}.old")
    try:
        if path.exists():
            os.replace(path, old)
        os.replace(hidden, path)
    finally:
        # Whatever came between the two, an error or Ctrl-C: one of them has the name.
        if old.exists() and not path.exists():
            os.replace(old, path)
        remove(old)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there; what was begun is ended before Ctrl-C counts."""
    try:
        _remove(path)
    except KeyboardInterrupt:
        _remove(path)
        raise


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise FileExistsError(
            f"{str(path)!r} exists; replace it with overwrite=True (--overwrite on the command "
            "line), or give another name."
        )
