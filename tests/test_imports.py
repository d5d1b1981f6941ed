"""Imports only go down, and importing the package stays light."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "hyperspy_smartalign"
ROOT = Path(__file__).resolve().parents[1] / PACKAGE

# Floor of each room, bottom up.
FLOORS = {
    "transforms": 0,
    "series": 0,
    "quality": 0,
    "parameters": 0,
    "resampling": 1,
    "rigid": 2,
    "nonrigid": 3,
    "motif": 3,
    "plotting": 4,
    "data": 4,
    "signals": 5,
    "_functions": 6,
    "_registration": 6,
    "_signals": 6,
    "_verbs": 6,
    "__init__": 6,
    "cli": 6,
    "gui": 6,
}
# Upward or sideways steps that are meant, each with its reason.
ALLOWED = {
    # An alignment carries the geometry of the scan that it was found on.
    ("transforms", "series.geometry"),
    # The version number that is stored with an alignment.
    ("transforms", "__init__"),
    # With interactive=True a verb opens its tool.
    ("signals", "gui.opening"),
    ("signals", "gui.tools.tool"),
}
NOT_BELOW_SIGNALS = {"hyperspy", "exspy", "rsciio"}
HEAVY = ("matplotlib.pyplot", "skimage", "numba", "scipy.ndimage", "dask.distributed")


@dataclass(frozen=True)
class Import:
    """One import statement: where it stands and what it imports."""

    room: str
    place: str
    target: str
    in_function: bool
    for_types: bool


def imports_of(path: Path) -> Iterator[Import]:
    relative = path.relative_to(ROOT)
    room = relative.parts[0].removesuffix(".py")
    package = [PACKAGE, *relative.parts[:-1]]

    def visit(node: ast.AST, in_function: bool, for_types: bool) -> Iterator[Import]:
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            targets = [f"{base}.{alias.name}" for alias in node.names]
        for target in targets:
            yield Import(room, f"{relative}:{node.lineno}", target, in_function, for_types)
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        guarded = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, in_function or is_function, for_types or guarded)

    yield from visit(ast.parse(path.read_text()), False, False)


ALL_IMPORTS = [found for path in sorted(ROOT.rglob("*.py")) for found in imports_of(path)]
OWN = [found for found in ALL_IMPORTS if found.target.split(".")[0] == PACKAGE]


def room_of(target: str) -> tuple[str, str]:
    """Room of a target of ours, and what it names inside the package."""
    inside = target.split(".")[1:]
    if inside and (inside[0] in FLOORS or (ROOT / inside[0]).is_dir()):
        return inside[0], ".".join(inside)
    return "__init__", "__init__"


def test_every_room_has_a_floor() -> None:
    rooms = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in ROOT.glob("*.py")}
    assert rooms | modules <= set(FLOORS)
    assert len(OWN) > 50


def test_imports_only_go_down() -> None:
    wrong = []
    for found in OWN:
        room, inside = room_of(found.target)
        if room == found.room or FLOORS[room] < FLOORS[found.room]:
            continue
        allowed = any(
            found.room == source and (inside == what or inside.startswith(f"{what}."))
            for source, what in ALLOWED
        )
        same_top = FLOORS[room] == FLOORS[found.room] == max(FLOORS.values())
        if not (allowed or same_top):
            wrong.append(f"{found.place} imports {found.target}")
    assert wrong == []


def test_hyperspy_stays_in_the_shell() -> None:
    wrong = [
        f"{found.place} imports {found.target}"
        for found in ALL_IMPORTS
        if FLOORS[found.room] < FLOORS["signals"]
        and found.target.split(".")[0] in NOT_BELOW_SIGNALS
        and not (found.room == "data" and (found.in_function or found.for_types))
    ]
    assert wrong == []


def test_dask_stays_in_the_shell() -> None:
    wrong = [
        f"{found.place} imports {found.target}"
        for found in ALL_IMPORTS
        if FLOORS[found.room] < FLOORS["plotting"] and found.target.split(".")[0] == "dask"
    ]
    assert wrong == []


def test_only_plotting_imports_matplotlib() -> None:
    wrong = [
        f"{found.place} imports {found.target}"
        for found in ALL_IMPORTS
        if found.target.split(".")[0] == "matplotlib"
        and found.room not in ("plotting", "gui")
        and not found.for_types
    ]
    assert wrong == []


def test_only_the_registration_sets_attributes_of_classes() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if is_call and node.func.id == "setattr" and path.stem != "_registration":
                wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []


@pytest.fixture(scope="module")
def fresh_import() -> dict:
    """What a process loads, and how long it takes, when it imports us after HyperSpy's api."""
    code = (
        "import json, sys, time\n"
        "import hyperspy.api as hs\n"
        "before = set(sys.modules)\n"
        "start = time.process_time()\n"
        "import hyperspy_smartalign\n"
        "seconds = time.process_time() - start\n"
        "print(json.dumps({'seconds': seconds, 'new': sorted(set(sys.modules) - before)}))\n"
    )
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                timeout=120,
            ).stdout
        )
        for _ in range(2)  # the first one may compile
    ]
    return min(runs, key=lambda run: run["seconds"])


@pytest.mark.parametrize("heavy", HEAVY)
def test_the_import_loads_nothing_heavy(fresh_import: dict, heavy: str) -> None:
    loaded = [m for m in fresh_import["new"] if m == heavy or m.startswith(f"{heavy}.")]
    assert loaded == []


def test_the_import_loads_only_our_own_light_modules(fresh_import: dict) -> None:
    ours = {m for m in fresh_import["new"] if m.startswith(f"{PACKAGE}.")}
    rooms = {m.split(".")[1] for m in ours}
    assert rooms == {"_functions", "_registration", "_verbs", "parameters", "signals"}
    of_signals = {".".join(m.split(".")[2:]) for m in ours if m.startswith(f"{PACKAGE}.signals.")}
    assert {name for name in of_signals if not name.startswith("members")} == {"accessor"}


def test_the_import_is_quick(fresh_import: dict) -> None:
    # The target is 0.2 s on an idle machine; three times that is allowed for a slow one.
    # It is processor time, so that other processes do not count.
    assert fresh_import["seconds"] <= 0.6
