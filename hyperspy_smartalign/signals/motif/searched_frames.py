"""Which frames are searched, so that results of others are not taken for theirs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hyperspy_smartalign.rigid.store import FrameSource
from hyperspy_smartalign.signals.spectra.fingerprints import fingerprint_of


@dataclass(frozen=True)
class FrameFiles:
    """Files that the frames of a series are read from as they are.

    Attributes
    ----------
    paths : tuple of Path
        The files, in order.
    n_frames : int
        Number of frames that they hold together.
    reading : mapping
        How they are read.
    """

    paths: tuple[Path, ...]
    n_frames: int
    reading: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told_by_files(self) -> bool:
        """Whether size and time of the files tell if they were changed.

        They do not of a .zspy store, which is a folder.
        """
        return all(path.is_file() for path in self.paths)

    def of_frame(self, number: int) -> dict[str, Any]:
        """What the pixels of a frame depend on."""
        one_each = len(self.paths) == self.n_frames
        return {
            "files": [self.paths[number]] if one_each else list(self.paths),
            "number": 0 if one_each else number,
            "reading": {name: repr(value) for name, value in self.reading.items()},
        }


class SearchedFrames:
    """The frames that are searched, and what tells each from any other.

    Parameters
    ----------
    source : FrameSource
        The frames.
    numbers : sequence of int or None
        Their numbers in the whole series; None where it is the average of a series.
    files : FrameFiles, optional
        Where they are read from; a frame then need not be read to be told. Without, and of the
        average, the pixels tell.
    """

    def __init__(
        self,
        source: FrameSource,
        numbers: Sequence[int] | None,
        files: FrameFiles | None = None,
    ) -> None:
        self._source = source
        self._numbers = numbers
        self._files = files if files is not None and files.told_by_files else None
        self._told: dict[int, dict[str, Any]] = {}

    def number(self, place: int) -> int | None:
        """Number in the whole series of a frame that is searched; None of an average."""
        return None if self._numbers is None else int(self._numbers[place])

    def identity(self, place: int) -> dict[str, Any]:
        """What tells a frame that is searched from others, as types that JSON keeps."""
        if place not in self._told:
            number = self.number(place)
            if self._files is None or number is None:
                parts: dict[str, Any] = {"pixels": self._source.frame(place)}
            else:
                parts = self._files.of_frame(number)
            self._told[place] = fingerprint_of(parts)
        return self._told[place]

    def identity_of_all(self) -> str:
        """What tells all frames, in their order, from others."""
        every = [self.identity(place) for place in range(len(self._source))]
        return hashlib.sha256(json.dumps(every).encode()).hexdigest()
