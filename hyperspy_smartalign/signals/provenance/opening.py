"""The signals that a history begins with: found again, read, and checked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hyperspy.api as hs
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.checks import listed
from hyperspy_smartalign.signals.loading import load_series
from hyperspy_smartalign.signals.loading_some import load_some
from hyperspy_smartalign.signals.provenance.coding import HistoryError, decoded
from hyperspy_smartalign.signals.provenance.conforming import OtherStateError, conformed
from hyperspy_smartalign.signals.provenance.files import change_of, found_again
from hyperspy_smartalign.signals.provenance.history import ARRAY, LOADED
from hyperspy_smartalign.signals.telling import tell

_LOADING = ("signal", "lazy", "stack", "calibration_tolerance")
_GIVE = (
    "Say where it is with source=... (--source on the command line): the file, its folder, or the "
    "signal itself."
)


class SourceError(ValueError):
    """What a signal was made of is missing, or has changed."""


class Sources:
    """Where signals are taken from: recorded places, and what the user gave.

    Parameters
    ----------
    given : path, signal, or sequence of these, or None
        What the user gave.
    near : Path or None
        File that was made of the sources.
    """

    def __init__(self, given: Any = None, *, near: Path | None = None) -> None:
        entries = _listed(given)
        self.signals = [entry for entry in entries if isinstance(entry, BaseSignal)]
        self.paths = [
            Path(entry).expanduser() for entry in entries if not isinstance(entry, BaseSignal)
        ]
        for path in self.paths:
            if not path.exists():
                raise SourceError(f"source {str(path)!r} does not exist.")
        self.near = near
        self._opened: dict[tuple[str, ...], list[BaseSignal]] = {}

    def files_of(self, node: Mapping[str, Any]) -> list[Path]:
        """The files that a node names, where they are now.

        Raises
        ------
        SourceError
            Some are not there.
        """
        recorded = [str(file["path"]) for file in node["files"]]
        found = [found_again(path, near=self.near, given=self.paths) for path in recorded]
        if len(found) == 1 and found[0] is None and len(self.paths) == 1:
            # Given under another name.
            found = [path if path.is_file() else None for path in self.paths]
        missing = [path for path, place in zip(recorded, found, strict=True) if place is None]
        if missing:
            raise SourceError(f"The raw data are missing: {listed(missing)}. {_GIVE}")
        return [path for path in found if path is not None]

    def opened(self, node: Mapping[str, Any], state: Mapping[str, Any]) -> BaseSignal:
        """The signal that a node stands for, in the state in which it was used.

        Parameters
        ----------
        node : mapping
            A node that reads files.
        state : mapping
            See `states.state_of`.

        Raises
        ------
        SourceError
            It is missing, or has changed.
        """
        for signal in self.signals:
            with contextlib.suppress(OtherStateError):
                return conformed(signal, state)
        if node["call"] == ARRAY and not self.paths:
            raise SourceError(
                f"The work began with pixels in memory ({_told(node, state)}), not with a file, so "
                "that nothing says where they are. Give them with source=... (--source on the "
                "command line): the signal, or a file of it."
                + (" None of the signals given is that." if self.signals else "")
            )
        paths = self.paths if node["call"] == ARRAY else self.files_of(node)
        changes = self.changes(node, paths)
        reasons = []
        for signal in self._read(node, paths, lazy=bool(state.get("lazy", False))):
            try:
                result = conformed(signal, state)
            except OtherStateError as error:
                reasons.append(str(error))
                continue
            self._judge(changes, state, paths)
            return result
        if changes:
            raise SourceError(f"The raw file changed since: {'; '.join(changes)}.")
        raise SourceError(
            f"{listed([str(path) for path in paths])} holds no signal like the one that was used "
            f"({_told(node, state)}): {'; '.join(dict.fromkeys(reasons))}. If it was changed "
            "before the first step, or read with other options, give the signal as it was then: "
            "source=signal."
        )

    def changes(self, node: Mapping[str, Any], paths: Sequence[Path]) -> list[str]:
        """How files differ from what was recorded of them, in words."""
        if node["call"] == ARRAY:
            return []
        told = [
            change_of(file, path)
            for file, path in zip(node["files"], paths, strict=True)
            if "digest" in file
        ]
        return [words for words in told if words]

    def _judge(
        self, changes: Sequence[str], state: Mapping[str, Any], paths: Sequence[Path]
    ) -> None:
        """What to do about a file that changed and gives the same pixels."""
        if not changes:
            return
        pixels = state.get("pixels")
        if pixels is None or "frames" in pixels:
            raise SourceError(
                f"The raw file changed since: {'; '.join(changes)}. Not all of its pixels were "
                "recorded, so that it cannot be told whether they are the same."
            )
        tell(
            f"The raw file changed since, but its pixels are the same: {'; '.join(changes)}.",
            stacklevel=1,
        )

    def _read(
        self, node: Mapping[str, Any], paths: Sequence[Path], *, lazy: bool
    ) -> Iterator[BaseSignal]:
        """The signals in the files of a node, those that are likely first."""
        key = (str(node["call"]), str(lazy), str(node["parameters"]), *map(str, paths))
        if node["call"] == LOADED:
            key = (*key, str(node.get("detector")))
        if key not in self._opened:
            self._opened[key] = (
                _loaded(node, paths) if node["call"] == LOADED else _of_hyperspy(node, paths, lazy)
            )
        yield from self._opened[key]


def _loaded(node: Mapping[str, Any], paths: Sequence[Path]) -> list[BaseSignal]:
    """What `load_series` gave."""
    parameters = decoded(node["parameters"])
    options = parameters.pop("options", {})
    unknown = [name for name in parameters if name not in _LOADING]
    if unknown or not isinstance(options, dict):
        raise HistoryError(f"load_series was recorded with unknown options: {unknown or options}")
    opened = node.get("opened")
    given: list[str | os.PathLike[str]] = [*paths]
    if opened is None:
        loaded: Any = load_series(given, **parameters, **options)
    else:
        loaded = load_some(list(paths), [int(number) for number in opened], **parameters, **options)
    if isinstance(loaded, list):
        # With stack=False each file is a series of its own, and this is one of them.
        loaded = loaded[0]
    if not isinstance(loaded, dict):
        return [loaded]
    signals = dict(loaded)
    first = signals.pop(str(node.get("detector")), None)
    return [*([] if first is None else [first]), *signals.values()]


def _of_hyperspy(node: Mapping[str, Any], paths: Sequence[Path], lazy: bool) -> list[BaseSignal]:
    """What HyperSpy loaded, those of the recorded title first."""
    parameters = node["parameters"]
    names = [str(path) for path in paths]
    together = bool(parameters.get("stack", False))
    signals: list[BaseSignal] = []
    if not together:
        content: Any = hs.load(names if len(names) > 1 else names[0], lazy=lazy)
        signals += list(content) if isinstance(content, (list, tuple)) else [content]
    if len(names) > 1:
        # Arrays in memory may have been a stack of all files that were given.
        with contextlib.nullcontext() if together else contextlib.suppress(Exception):
            content = hs.load(names, lazy=lazy, stack=True, show_progressbar=False)
            signals += list(content) if isinstance(content, (list, tuple)) else [content]
    title = parameters.get("title", "")
    return sorted(
        signals, key=lambda signal: str(signal.metadata.get_item("General.title", "")) != title
    )


def _told(node: Mapping[str, Any], state: Mapping[str, Any]) -> str:
    title = node["parameters"].get("title") or node.get("detector") or ""
    shape = " x ".join(str(length) for length in state.get("shape", ()))
    return f"{f'{title!r}, ' if title else ''}{shape}, {state.get('dtype', '')}"


def _listed(given: Any) -> list[Any]:
    if given is None:
        return []
    if isinstance(given, (str, os.PathLike, BaseSignal)):
        return [given]
    entries = list(given) if isinstance(given, Iterable) else [given]
    for entry in entries:
        if not isinstance(entry, (str, os.PathLike, BaseSignal)):
            raise TypeError(
                f"source holds a {type(entry).__name__}: give files, folders or signals."
            )
    return entries
