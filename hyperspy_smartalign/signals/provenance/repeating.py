"""A history, repeated call by call."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.provenance.calls import CALLS, Working
from hyperspy_smartalign.signals.provenance.coding import HistoryError, decoded
from hyperspy_smartalign.signals.provenance.conforming import (
    OtherStateError,
    conformed,
    conformed_made,
)
from hyperspy_smartalign.signals.provenance.history import ROOTS, History
from hyperspy_smartalign.signals.provenance.opening import Sources


class RepeatError(ValueError):
    """A step cannot be repeated."""


def check_calls(history: History) -> None:
    """Raise unless this version knows every call of a history.

    Raises
    ------
    RepeatError
        With the name of the step.
    """
    for node in history.nodes:
        if node["call"] not in CALLS and node["call"] not in ROOTS:
            raise RepeatError(
                f"The step {node['call']!r} is not known to this version of hyperspy_smartalign, "
                f"and was recorded by {_writer(history, node)}; upgrade with "
                "pip install --upgrade hyperspy_smartalign."
            )


def check_sources(history: History, sources: Sources) -> list[str]:
    """Find the files that a history begins with, and check that they are unchanged.

    Parameters
    ----------
    history : History
    sources : Sources

    Returns
    -------
    list of str
        The files.

    Raises
    ------
    SourceError
        A file is missing or changed, or pixels in memory are not given.
    """
    found: list[str] = []
    for number, node in enumerate(history.nodes):
        if node["call"] not in ROOTS:
            continue
        for later in history.nodes[number + 1 :]:
            for edge in later["inputs"].values():
                if edge["node"] == number:
                    sources.opened(node, edge["state"])
        if node["files"] and not sources.signals:
            found += [str(path) for path in sources.files_of(node)]
    return list(dict.fromkeys(found))


def repeated(history: History, sources: Sources, working: Working) -> BaseSignal:
    """The signal that the last call of a history makes.

    Parameters
    ----------
    history : History
        How the signal was made.
    sources : Sources
        Where the raw data are.
    working : Working
        Threads and progress.

    Raises
    ------
    RepeatError
        A step is not known, does not take what was recorded, or what it was given was changed
        by something that is not recorded.
    SourceError
        The raw data are missing or changed.
    HistoryError
        The record is corrupt.
    """
    check_calls(history)
    if history.nodes[-1]["call"] in ROOTS:
        raise RepeatError(
            "Nothing was done to the signal since it was loaded, so that there is nothing to "
            "repeat."
        )
    given = _given_inputs(history, sources)
    made: dict[int, BaseSignal] = {}
    for number in _needed(history, given):
        node = history.nodes[number]
        try:
            inputs = {
                name: given[number, name]
                if (number, name) in given
                else _input(history, edge, made, sources, step=str(node["call"]))
                for name, edge in node["inputs"].items()
            }
            parameters = decoded(node["parameters"])
        except (KeyError, TypeError, AttributeError) as error:
            raise HistoryError(
                f"the record of the step {node['call']!r} is corrupt: {error!r}"
            ) from error
        made[number] = _called(history, node, inputs, parameters, working)
    return made[len(history.nodes) - 1]


def _given_inputs(history: History, sources: Sources) -> dict[tuple[int, str], BaseSignal]:
    """Inputs of calls, by number and name, that the user gave in place of earlier results."""
    found: dict[tuple[int, str], BaseSignal] = {}
    for number, node in enumerate(history.nodes):
        for name, edge in node["inputs"].items():
            made = history.nodes[edge["node"]]["call"] not in ROOTS
            if not (made and "pixels" in edge["state"]):
                continue
            for signal in sources.signals:
                with contextlib.suppress(OtherStateError):
                    found[number, name] = conformed(signal, edge["state"])
    return found


def _needed(history: History, given: Mapping[tuple[int, str], BaseSignal]) -> list[int]:
    """Numbers of the calls that are to be repeated, first to last."""
    needed = {len(history.nodes) - 1}
    for number in range(len(history.nodes) - 1, -1, -1):
        if number in needed:
            needed |= {
                edge["node"]
                for name, edge in history.nodes[number]["inputs"].items()
                if (number, name) not in given
            }
    return sorted(number for number in needed if history.nodes[number]["call"] not in ROOTS)


def _called(
    history: History,
    node: Mapping[str, Any],
    inputs: Mapping[str, BaseSignal],
    parameters: dict[str, Any],
    working: Working,
) -> BaseSignal:
    try:
        return CALLS[node["call"]](inputs, parameters, working)
    except KeyError as error:
        raise HistoryError(f"the step {node['call']!r} was recorded without {error}") from error
    except (TypeError, ValueError, NotImplementedError) as error:
        raise RepeatError(
            f"The step {node['call']!r}, recorded by {_writer(history, node)}, cannot be repeated: "
            f"{error}"
        ) from error


def _input(
    history: History,
    edge: Mapping[str, Any],
    made: Mapping[int, BaseSignal],
    sources: Sources,
    *,
    step: str,
) -> BaseSignal:
    """An input of a call, in the state that it was in."""
    before, state = history.nodes[edge["node"]], edge["state"]
    if before["call"] in ROOTS:
        return sources.opened(before, state)
    try:
        return conformed_made(made[edge["node"]], state)
    except OtherStateError as error:
        raise RepeatError(
            f"Between {before['call']!r} and {step!r} something was done to the signal that is not "
            f"recorded and cannot be repeated: {error}. If you have the signal as it was given to "
            f"{step!r}, go on from there with source=signal."
        ) from error


def _writer(history: History, node: Mapping[str, Any]) -> str:
    """Which version wrote a node."""
    number = node.get("environment")
    known = isinstance(number, int) and 0 <= number < len(history.environments)
    versions = history.environments[number] if known else {}  # type: ignore[index]
    return f"version {versions.get('hyperspy_smartalign', '(unknown)')}"
