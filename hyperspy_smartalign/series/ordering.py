"""Which files make up a series, and in which order."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from natsort import natsorted, ns

SUFFIXES: tuple[str, ...] = (
    *(".dm3", ".dm4", ".emi", ".ser", ".emd", ".prz", ".mrc", ".mrcz", ".bcf", ".pts", ".img"),
    *(".map", ".hspy", ".zspy", ".nxs", ".tif", ".tiff", ".sxm", ".spm", ".blo", ".rpl", ".ali"),
    *(".h5", ".hdf5", ".png", ".jpg", ".jpeg", ".bmp"),
)
"""Files looked for in a folder; a pattern or a list of files may name any other."""

_SERIES_OF_EMI = re.compile(r"_\d+$")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def expand_files(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    suffixes: Iterable[str] = SUFFIXES,
) -> list[Path]:
    """List the files of a series, in natural order.

    Parameters
    ----------
    files : path, pattern, folder, or sequence of these
        A pattern holds ``*``, ``?`` or ``[...]``; a file that exists is never taken for a
        pattern. Of a folder all image files are taken, which must be of one kind. The order of
        a sequence is kept; what a pattern or a folder gives is sorted.
    suffixes : iterable of str
        Kinds of file that a folder is searched for.

    Returns
    -------
    list of pathlib.Path
        A file named twice is listed once. A ``.ser`` file whose ``.emi`` file is in the list
        too is left out, because the ``.emi`` file loads it.

    Raises
    ------
    FileNotFoundError
        If a file or folder does not exist or a pattern matches nothing; the message names it.
    ValueError
        If no file is left, or a folder holds files of several kinds.
    """
    if isinstance(files, (str, os.PathLike)):
        files = [files]
    elif not isinstance(files, Iterable):
        raise TypeError(
            f"files must be a path, a pattern, a folder or a list of them, not "
            f"{type(files).__name__}."
        )
    found: list[Path] = []
    for entry in files:
        if not isinstance(entry, (str, os.PathLike)):
            raise TypeError(f"{entry!r} is not a path; files are given as str or pathlib.Path.")
        found.extend(_expand_one(os.path.expanduser(os.fspath(entry)), tuple(suffixes)))
    if not found:
        raise ValueError("no files were given; name a file, a folder or a pattern.")
    return _without_pairs(list(dict.fromkeys(found)))


def natural_order(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Sort paths so that numbers within their names count as numbers.

    ``Image_2.dm4`` comes before ``Image_010.dm4``. A hyphen before a number is not a minus sign
    (``scan-2`` follows ``scan-1``), unless the whole of every name is a number, as in a tilt
    series ``-5.bcf, 0.bcf, 5.bcf``.
    """
    listed = [Path(path) for path in paths]
    if listed and all(_NUMBER.fullmatch(path.stem) for path in listed):
        return sorted(listed, key=lambda path: (str(path.parent), float(path.stem)))
    return natsorted(listed, key=str, alg=ns.PATH | ns.IGNORECASE)


def _expand_one(entry: str, suffixes: tuple[str, ...]) -> list[Path]:
    path = Path(entry)
    # A .zspy store is a folder, but one file to its reader.
    if path.is_file() or (path.is_dir() and path.suffix.lower() == ".zspy"):
        return [path]
    if path.is_dir():
        return _of_folder(path, suffixes)
    if glob.has_magic(entry):
        matches = [Path(match) for match in glob.glob(entry)]
        matches = [match for match in matches if match.is_file() or match.suffix == ".zspy"]
        if not matches:
            raise FileNotFoundError(
                f"no file matches {entry!r} (looked in {Path(entry).parent.absolute()}); check "
                "the folder, the pattern and the case of the suffix."
            )
        return natural_order(matches)
    raise FileNotFoundError(
        f"there is no file or folder {entry!r} (current folder: {Path.cwd()}); use a pattern "
        "such as 'folder/Name_*.dm4' for a series of files."
    )


def _of_folder(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    candidates = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes
        and not path.name.startswith(".")
        and (path.is_file() or path.suffix.lower() == ".zspy")
    ]
    if not candidates:
        raise ValueError(
            f"folder {str(folder)!r} holds no image files ({', '.join(suffixes)}); use a pattern "
            f"such as '{folder}/*' for files with another suffix."
        )
    kinds = Counter(_kind(path) for path in candidates)
    if len(kinds) > 1:
        counts = ", ".join(f"{number} x {kind}" for kind, number in kinds.most_common())
        first = kinds.most_common(1)[0][0]
        raise ValueError(
            f"folder {str(folder)!r} holds files of several kinds ({counts}), so the series is "
            f"not clear; choose them with a pattern, for instance '{folder}/*{first}'."
        )
    return natural_order(candidates)


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    # An .emi file and its .ser files are one recording; .tif and .tiff one format.
    return {".ser": ".emi", ".tiff": ".tif"}.get(suffix, suffix)


def _without_pairs(paths: list[Path]) -> list[Path]:
    recordings = {path.with_suffix("") for path in paths if path.suffix.lower() == ".emi"}

    def is_loaded_by_emi(path: Path) -> bool:
        if path.suffix.lower() != ".ser":
            return False
        return path.with_name(_SERIES_OF_EMI.sub("", path.stem)) in recordings

    return [path for path in paths if not is_loaded_by_emi(path)]
