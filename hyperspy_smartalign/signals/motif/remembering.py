"""The memory of a search: a folder, from which one that was broken off goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from hyperspy_smartalign.motif import Matches, TileAverage
from hyperspy_smartalign.signals.motif import intermediate_files
from hyperspy_smartalign.signals.motif.intermediate_files import Arrays, DamagedFileError
from hyperspy_smartalign.signals.motif.searched_frames import SearchedFrames
from hyperspy_smartalign.signals.motif.working_folder import (
    PACKAGE,
    candidates_file,
    check_usable,
    mark,
    motif_file,
    refusal_explained,
)
from hyperspy_smartalign.signals.spectra.fingerprints import fingerprint_of
from hyperspy_smartalign.signals.spectra.locking import FolderLock

SCHEMA = 1
"""Version of what is kept."""

_COLUMNS = ("y", "x", "score", "orientation", "errors")


class WorkingFolder:
    """The memory of a search, in a folder that no one else works in meanwhile.

    Parameters
    ----------
    folder : path
        One that does not exist, is empty, or is a working folder.
    frames : SearchedFrames
        The frames that are searched.

    Attributes
    ----------
    damaged : list of Path
        Files that were damaged, and computed again.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError
        The folder cannot be made, is a file, or may not be written into.
    WorkingFolderError
        It holds other files. Raised on entering, as are these:
    FolderInUseError
        Another process, or another search of this one, works in it.
    """

    def __init__(self, folder: str | os.PathLike[str], frames: SearchedFrames) -> None:
        self._folder = Path(folder).expanduser()
        self._frames = frames
        self._lock = FolderLock(self._folder)
        self.damaged: list[Path] = []

    def __enter__(self) -> Self:
        check_usable(self._folder)
        with refusal_explained(self._folder):
            self._lock.take()
            try:
                mark(self._folder)
            except BaseException:
                self._lock.release()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    @property
    def messages(self) -> list[str]:
        """What the user should know."""
        if not self.damaged:
            return []
        names = ", ".join(sorted(path.name for path in self.damaged))
        return [
            f"In the working folder {str(self._folder)!r} was damaged, and was computed again: "
            f"{names}."
        ]

    def candidates(
        self, stage: int, frame: int, work: Mapping[str, Any], search: Callable[[], Matches]
    ) -> Matches:
        """As `hyperspy_smartalign.motif.SearchMemory`."""
        path = candidates_file(self._folder, stage, self._frames.number(frame))
        fingerprint = _fingerprint(work, self._frames.identity(frame))
        kept = self._kept(path, fingerprint)
        if kept is not None:
            return _matches(kept, frame, work)
        found = search()
        arrays = {name: getattr(found, name) for name in _COLUMNS}
        self._keep(path, arrays, {"fingerprint": fingerprint, "candidates": len(found)})
        return found

    def average(
        self, stage: int, work: Mapping[str, Any], add_up: Callable[[], TileAverage]
    ) -> TileAverage:
        """As `hyperspy_smartalign.motif.SearchMemory`."""
        path = motif_file(self._folder, stage)
        fingerprint = _fingerprint(work, self._frames.identity_of_all())
        kept = self._kept(path, fingerprint)
        if kept is not None:
            return TileAverage(**kept)
        average = add_up()
        arrays = {name: getattr(average, name) for name in ("mean", "variance", "count")}
        record = {"fingerprint": fingerprint, "matches": len(work["matches"])}
        self._keep(path, arrays, record)
        return average

    def _kept(self, path: Path, fingerprint: Mapping[str, Any]) -> Arrays | None:
        """What a file holds, if it is there, whole, and of the same work on the same frames."""
        try:
            content = intermediate_files.read(path)
        except FileNotFoundError:
            return None
        except DamagedFileError:
            self.damaged.append(path)
            return None
        # As text, in which 1 and 1.0 differ.
        same = json.dumps(content.record.get("fingerprint")) == json.dumps(fingerprint)
        return content.arrays if same else None

    def _keep(self, path: Path, arrays: Arrays, record: Mapping[str, Any]) -> None:
        try:
            intermediate_files.write(path, arrays, record)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OSError(
                error.errno,
                f"intermediate results cannot be kept in {str(self._folder)!r}: {reason}. What was "
                "kept before is still there: when this is mended, the same call goes on from it.",
            ) from error


def _matches(arrays: Arrays, frame: int, work: Mapping[str, Any]) -> Matches:
    height, width = work["motif"].shape
    return Matches(
        frame=np.full(len(arrays["y"]), frame),
        **{name: arrays[name] for name in _COLUMNS},
        tile_shape=(height, width),
        orientations=work["orientations"],
    )


def _fingerprint(work: Mapping[str, Any], frames: Any) -> dict[str, Any]:
    """All that a result depends on, what computes it too: another version may do so otherwise."""
    return {
        "schema": SCHEMA,
        "version": version(PACKAGE),
        "frames": frames,
        "work": fingerprint_of(work),
    }
