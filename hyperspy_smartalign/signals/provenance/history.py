"""How a signal was made, from the files on: ``metadata.Smart_align.provenance``.

The record is a text (JSON) of nodes. A node is a call: its name, its parameters, and its inputs,
each one a node before it and the state of the signal at that time. Calls without inputs are those
that read files. Other than ``steps``, which is for people, it tells apart what was done to which
signal, and it goes through slices of HyperSpy unharmed.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.provenance.coding import (
    HistoryError,
    encoded,
    from_text,
    to_text,
)

PROVENANCE = "provenance"
SCHEMA = 1
LOADED, OPENED, ARRAY = "load_series", "hs.load", "array"
"""Calls that read files: ours, HyperSpy's, and none, for pixels that were in memory."""
ROOTS = (LOADED, OPENED, ARRAY)
_PLACE = f"metadata.{recording.NODE}.{PROVENANCE}"
_PACKAGES = ("hyperspy_smartalign", "hyperspy", "rosettasciio", "numpy", "scipy", "numba", "dask")
_MOST_NODES = 10_000


@dataclass(frozen=True)
class History:
    """How a signal was made.

    Attributes
    ----------
    nodes : tuple of dict
        Calls, each behind those that made its inputs. Keys: "call", "parameters", "inputs"
        (name -> {"node", "state"}), "environment"; of files also "files".
    environments : tuple of dict
        Versions of packages; "environment" of a node counts them.
    """

    nodes: tuple[dict[str, Any], ...] = ()
    environments: tuple[dict[str, str], ...] = ()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """History of a text.

        Raises
        ------
        HistoryError
            It is corrupt, or newer than this version.
        """
        content = from_text(text)
        if content.get("schema") != SCHEMA:
            raise HistoryError(
                f"it has schema {content.get('schema')!r}, and this version reads {SCHEMA}; "
                "upgrade with pip install --upgrade hyperspy_smartalign"
            )
        nodes, environments = content.get("nodes"), content.get("environments")
        if not isinstance(nodes, list) or not 0 < len(nodes) <= _MOST_NODES:
            raise HistoryError("it has no nodes")
        if not isinstance(environments, list):
            raise HistoryError("it has no environments")
        for number, node in enumerate(nodes):
            _check_node(node, number)
        return cls(tuple(nodes), tuple(environments))

    def to_text(self) -> str:
        """The text that `from_text` reads."""
        return to_text({"schema": SCHEMA, "nodes": self.nodes, "environments": self.environments})

    @property
    def sources(self) -> tuple[dict[str, Any], ...]:
        """The nodes that read files."""
        return tuple(node for node in self.nodes if node["call"] in ROOTS)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that were read, where they were at that time."""
        return tuple(str(file["path"]) for node in self.sources for file in node["files"])

    @property
    def calls(self) -> tuple[str, ...]:
        """Names of the calls, first to last; signals that begin with arrays in memory have none."""
        return tuple(node["call"] for node in self.nodes if node["call"] != ARRAY)

    def version_changes(self) -> list[str]:
        """Packages that have other versions now than when the work was done, one line each."""
        now = versions()
        changes: dict[str, None] = {}
        for recorded in self.environments:
            for name, version in recorded.items():
                if now.get(name) != version:
                    changes[f"{name} {version} then, {now.get(name, 'none')} now"] = None
        return list(changes)

    def joined(self, other: History) -> tuple[History, int]:
        """This history with the nodes of another one, and the number of the last of them."""
        result = self
        environments = []
        for versions in other.environments:
            result, number = result._with_environment(versions)
            environments.append(number)
        numbers: list[int] = []
        for node in other.nodes:
            moved = dict(node)
            if "environment" in node and node["environment"] < len(environments):
                moved["environment"] = environments[node["environment"]]
            moved["inputs"] = {
                name: {**edge, "node": numbers[edge["node"]]}
                for name, edge in node["inputs"].items()
            }
            result, number = result.with_node(moved)
            numbers.append(number)
        return result, numbers[-1]

    def with_node(self, node: dict[str, Any]) -> tuple[History, int]:
        """This history with a node, and its number; a node that is there is not added again."""
        if node in self.nodes:
            return self, self.nodes.index(node)
        return replace(self, nodes=(*self.nodes, node)), len(self.nodes)

    def with_call(
        self, call: str, inputs: Mapping[str, Any], parameters: Mapping[str, Any], **more: Any
    ) -> tuple[History, int]:
        """This history with a call of now, and its number."""
        result, environment = self._with_environment(versions())
        return result.with_node(
            {
                "call": call,
                "parameters": encoded(parameters, call),
                "inputs": dict(inputs),
                "environment": environment,
                **more,
            }
        )

    def up_to(self, number: int) -> History:
        """The part that leads to a node, which becomes the last one."""
        needed = {number}
        for place in range(number, -1, -1):
            if place in needed:
                needed |= {edge["node"] for edge in self.nodes[place]["inputs"].values()}
        new = {old: place for place, old in enumerate(sorted(needed))}
        nodes = []
        for old in sorted(needed):
            inputs = {
                name: {**edge, "node": new[edge["node"]]}
                for name, edge in self.nodes[old]["inputs"].items()
            }
            nodes.append({**self.nodes[old], "inputs": inputs})
        return replace(self, nodes=tuple(nodes))

    def _with_environment(self, found: dict[str, str]) -> tuple[History, int]:
        if found in self.environments:
            return self, self.environments.index(found)
        return replace(self, environments=(*self.environments, found)), len(self.environments)


def history_of(signal: BaseSignal) -> History | None:
    """How a signal was made, or None where that is not recorded.

    Raises
    ------
    HistoryError
        The record is corrupt, or newer than this version.
    """
    text = signal.metadata.get_item(f"{recording.NODE}.{PROVENANCE}", None)
    if text is None:
        return None
    if not isinstance(text, str):
        raise HistoryError(f"{_PLACE} is corrupt: it is a {type(text).__name__}")
    try:
        return History.from_text(text)
    except HistoryError as error:
        raise HistoryError(f"{_PLACE} cannot be used: {error}") from error


def write(signal: BaseSignal, history: History) -> None:
    """Put a history into the record of a signal."""
    signal.metadata.set_item(f"{recording.NODE}.{PROVENANCE}", history.to_text())


def forget(signal: BaseSignal) -> None:
    """Take the history out of the record of a signal."""
    node = signal.metadata.get_item(recording.NODE, None)
    if node is not None and PROVENANCE in node:
        delattr(node, PROVENANCE)


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that pixels depend on."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _check_node(node: Any, number: int) -> None:
    """Raise HistoryError unless a node has the form of one."""
    if not isinstance(node, dict) or not isinstance(node.get("call"), str):
        raise HistoryError(f"node {number} is no call")
    if not isinstance(node.get("parameters"), dict) or not isinstance(node.get("inputs"), dict):
        raise HistoryError(f"node {number} ({node['call']}) has no parameters or inputs")
    for name, edge in node["inputs"].items():
        before = isinstance(edge, dict) and isinstance(edge.get("node"), int)
        if not before or not 0 <= edge["node"] < number or not isinstance(edge.get("state"), dict):
            raise HistoryError(f"input {name} of node {number} ({node['call']}) is no node before")
    if node["call"] in ROOTS and not isinstance(node.get("files"), list):
        raise HistoryError(f"node {number} ({node['call']}) lists no files")
