"""What pyproject.toml, the oldest-dependency constraints and the package say agree."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import hyperspy_smartalign

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def project() -> dict:
    path = ROOT / "pyproject.toml"
    if not path.exists():
        pytest.skip("the tests run outside a checkout")
    return tomllib.loads(path.read_text())["project"]


def lower_bounds(requirements: list[str]) -> dict[str, Version]:
    bounds = {}
    for requirement in map(Requirement, requirements):
        for specifier in requirement.specifier:
            if specifier.operator == "!=":
                continue  # a release that does not work
            assert specifier.operator == ">="
            bounds[canonicalize_name(requirement.name)] = Version(specifier.version)
    return bounds


def test_oldest_constraints_are_the_lower_bounds(project: dict) -> None:
    bounds = lower_bounds([*project["dependencies"], *project["optional-dependencies"]["tests"]])
    lines = (ROOT / ".ci" / "oldest.txt").read_text().splitlines()
    constraints = {}
    for requirement in (Requirement(line) for line in lines if line and line[0] != "#"):
        (specifier,) = requirement.specifier
        name = canonicalize_name(requirement.name)
        if specifier.operator == "<":
            # What the old releases bring with them, and do not stand in today's release.
            assert name not in bounds
            continue
        assert specifier.operator == "=="
        constraints[name] = Version(specifier.version)
    assert constraints == bounds


def test_every_dependency_has_a_lower_bound(project: dict) -> None:
    for requirement in map(Requirement, project["dependencies"]):
        assert requirement.specifier, requirement


def test_extras_agree_on_their_bounds(project: dict) -> None:
    extras = {
        name: lower_bounds(requirements)
        for name, requirements in project["optional-dependencies"].items()
    }
    for name, bounds in extras.items():
        for other in extras.values():
            for package in bounds.keys() & other.keys():
                assert bounds[package] == other[package], (name, package)


def test_the_extension_is_announced(project: dict) -> None:
    # HyperSpy takes the NAME of the entry point as the package to look in.
    assert project["entry-points"]["hyperspy.extensions"] == {
        "hyperspy_smartalign": "hyperspy_smartalign"
    }
    assert Path(hyperspy_smartalign.__file__).with_name("hyperspy_extension.yaml").exists()


def test_the_version_is_one(project: dict) -> None:
    assert "version" in project["dynamic"]
    version = Version(hyperspy_smartalign.__version__)
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {version}\n" in citation
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()
