"""A folder with intermediate results of a search: how it is known, listed and cleaned up."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hyperspy_smartalign.signals.motif import intermediate_files
from hyperspy_smartalign.signals.motif.intermediate_files import Content, DamagedFileError
from hyperspy_smartalign.signals.spectra.locking import FolderInUseError, FolderLock
from hyperspy_smartalign.signals.writing import check_folder, written_aside

MARKER = "smartalign_working_folder.json"
"""The file that tells a working folder from others."""

PACKAGE = __name__.partition(".")[0]
_CANDIDATES = re.compile(r"candidates_stage(\d+)_(?:frame(\d+)|average)\.npz")
_MOTIF = re.compile(r"motif_stage(\d+)\.npz")
# What a process that was killed left of a file that it was writing.
_ASIDE = re.compile(
    r"\.(?:(?:candidates|motif)_stage\w+\.[0-9a-f]{8}\.npz"
    r"|smartalign_working_folder\.[0-9a-f]{8}\.json)"
)


class WorkingFolderError(ValueError):
    """A folder holds other files, so that nothing is written into it or removed from it."""


@dataclass(frozen=True)
class Intermediate:
    """An intermediate result in a working folder.

    Attributes
    ----------
    file : Path
        Where it is.
    stage : int
        Number of the search, from 0: that with the motif as it was given.
    frame : int or None
        Number of the frame that was searched; None of the average of a series, and of a motif.
    candidates : int or None
        Number of candidates found in the frame; None of a motif, and where that is not known.
    matches : int or None
        Number of tiles that the refined motif of the stage is the average of.
    bytes : int
        Size of the file.
    intact : bool
        Whether it can be used; one that cannot is computed again.
    """

    file: Path
    stage: int
    frame: int | None
    candidates: int | None
    matches: int | None
    bytes: int
    intact: bool


def is_working_folder(folder: Path) -> bool:
    """Whether a search keeps, or kept, intermediate results in a folder."""
    return (folder / MARKER).is_file()


def check_usable(folder: Path) -> None:
    """Raise unless a folder does not exist, is empty, or is a working folder.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        It cannot be made, is a file, or may not be written into.
    WorkingFolderError
        It holds other files.
    """
    with refusal_explained(folder):
        _check(folder)


@contextlib.contextmanager
def refusal_explained(folder: Path) -> Iterator[None]:
    """Say which parameter is meant where the system, or a check, refuses to write."""
    try:
        yield
    except (FolderInUseError, NotADirectoryError):
        raise
    except OSError as error:
        reason = f"{error.strerror}; give another folder." if error.strerror else str(error)
        raise type(error)(f"working_folder {str(folder)!r} cannot be written: {reason}") from error


def _check(folder: Path) -> None:
    if not folder.exists():
        above = next((path for path in folder.parents if path.exists()), folder.parent)
        if not above.is_dir():
            raise NotADirectoryError(
                f"working_folder {str(folder)!r} cannot be made, as {str(above)!r} is a file; give "
                "the name of another folder."
            )
        check_folder(folder.parent)
        return
    if not folder.is_dir():
        raise NotADirectoryError(
            f"working_folder {str(folder)!r} is a file; give the name of a folder."
        )
    names = sorted(path.name for path in folder.iterdir())
    # A process that takes the folder makes its lock before the marker.
    foreign = [name for name in names if not (_ASIDE.fullmatch(name) or _is_lock(folder / name))]
    if MARKER not in names and foreign:
        more = "" if len(foreign) < 4 else f" and {len(foreign) - 3} more"
        raise WorkingFolderError(
            f"working_folder {str(folder)!r} holds other files ({', '.join(foreign[:3])}{more}), "
            f"which are kept safe; give a new or an empty folder, such as "
            f"{str(folder / 'working')!r}."
        )
    check_folder(folder)


def mark(folder: Path) -> None:
    """Make a folder a working folder, without what a process that was killed left half written."""
    check_folder(folder)
    marker = folder / MARKER
    if not marker.exists():
        with written_aside([marker], overwrite=True) as aside:
            aside(marker).write_text(json.dumps({"package": PACKAGE}))
    for path in _files_in(folder, _ASIDE):
        path.unlink(missing_ok=True)


def candidates_file(folder: Path, stage: int, frame: int | None) -> Path:
    """Where the candidates of a frame, or of an average, are kept."""
    where = "average" if frame is None else f"frame{frame:06d}"
    return folder / f"candidates_stage{stage}_{where}.npz"


def motif_file(folder: Path, stage: int) -> Path:
    """Where the refined motif of a stage is kept."""
    return folder / f"motif_stage{stage}.npz"


def intermediates(folder: str | os.PathLike[str]) -> list[Intermediate]:
    """List the intermediate results in the working folder of `template_match`.

    Parameters
    ----------
    folder : path
        The working folder.

    Returns
    -------
    list of Intermediate
        One entry a file: `file`, `stage`, `frame`, `candidates`, `matches`, `bytes`, `intact`; in
        the order of the work.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    WorkingFolderError
        It is no working folder. It is a ValueError.
    """
    place = _known(folder, "there is nothing to list")
    rows = [_row(path) for path in _files_in(place, _CANDIDATES, _MOTIF)]

    def order(row: Intermediate) -> tuple[int, bool, int]:
        return row.stage, _MOTIF.fullmatch(row.file.name) is None, row.frame or 0

    return sorted(rows, key=order)


def clean_up(folder: str | os.PathLike[str]) -> list[Path]:
    """Remove the intermediate results in the working folder of `template_match`.

    Other files stay, and with them the folder.

    Parameters
    ----------
    folder : path
        The working folder.

    Returns
    -------
    list of Path
        What was removed: files, and last the folder if it was empty then.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    WorkingFolderError
        It is no working folder. It is a ValueError.
    FolderInUseError
        A search works in it.
    """
    place = _known(folder, "nothing was removed")
    lock = FolderLock(place)
    lock.take()
    removed = []
    try:
        # The marker last: a clean-up that is broken off can be done again.
        for path in [*_files_in(place, _CANDIDATES, _MOTIF, _ASIDE), place / MARKER]:
            path.unlink(missing_ok=True)
            removed.append(path)
    finally:
        lock.release()
    return removed if place.exists() else [*removed, place]


def _row(path: Path) -> Intermediate:
    searched, refined = _CANDIDATES.fullmatch(path.name), _MOTIF.fullmatch(path.name)
    content: Content | None
    try:
        content = intermediate_files.read(path)
    except (FileNotFoundError, DamagedFileError):
        content = None
    record = {} if content is None else content.record
    stage = searched or refined
    return Intermediate(
        file=path,
        stage=int(stage[1]) if stage else 0,
        frame=None if searched is None or searched[2] is None else int(searched[2]),
        candidates=record.get("candidates"),
        matches=record.get("matches"),
        bytes=path.stat().st_size if path.exists() else 0,
        intact=content is not None,
    )


def _files_in(folder: Path, *names: re.Pattern[str]) -> list[Path]:
    """The plain files in a folder whose names are one of ours."""
    return [
        path
        for path in sorted(folder.iterdir())
        if any(name.fullmatch(path.name) for name in names)
        and path.is_file()
        and not path.is_symlink()
    ]


def _known(folder: str | os.PathLike[str], otherwise: str) -> Path:
    """The folder, if it is a working folder; `otherwise` says what comes of it if not."""
    place = Path(folder).expanduser()
    if not place.exists():
        raise FileNotFoundError(
            f"there is no folder {str(place)!r} (current folder: {Path.cwd()}); give the "
            "working_folder of template_match."
        )
    if not is_working_folder(place):
        raise WorkingFolderError(
            f"{str(place)!r} is no working folder of template_match, which has a file {MARKER}; "
            f"{otherwise}."
        )
    return place


def _is_lock(path: Path) -> bool:
    """Whether a file is a `FolderLock`, or one that was just begun."""
    if not re.fullmatch(r"lock(\.\w*)?", path.name):
        return False
    try:
        text = path.read_text()
    except FileNotFoundError:  # released meanwhile
        return True
    except (OSError, ValueError):
        return False
    return not text or text.startswith('{"token"')
