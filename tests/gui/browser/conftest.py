"""One JupyterLab and one Chromium for all tests; a notebook and a kernel for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_PROGRAMS = ("jupyterlab", "ipympl", "ipywidgets", "selenium", "ipykernel")


def _need(sentence: str) -> None:
    """Skip, but fail where all tests must run."""
    if os.environ.get("HYPERSPY_SMARTALIGN_CI"):
        pytest.fail(sentence, pytrace=False)
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def _programs() -> None:
    from importlib.util import find_spec

    missing = [name for name in _PROGRAMS if find_spec(name) is None]
    if missing:
        _need(f"{', '.join(missing)} not installed: pip install 'hyperspy_smartalign[browser]'")
    from lab_driver.chromium import missing as missing_programs

    if missing_programs():
        _need(missing_programs())


@pytest.fixture(scope="session")
def lab(_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The server."""
    from lab_driver.server import LabServer

    server = LabServer(tmp_path_factory.mktemp("lab"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def chrome(_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The browser."""
    from lab_driver.chromium import chromium

    driver = chromium(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the screenshots go."""
    folder = os.environ.get("HYPERSPY_SMARTALIGN_SCREENSHOTS")
    return Path(folder) if folder else tmp_path_factory.mktemp("screenshots")


@pytest.fixture
def notebook(
    lab: Any, chrome: Any, screenshots: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Any]]:
    """``notebook(*cells)`` opens a notebook with these cells, none of which has run."""
    from lab_driver.page import LabPage

    pages: list[LabPage] = []
    lab.forget_settings()

    def open_notebook(*cells: str) -> LabPage:
        name = f"{request.node.name}{len(pages) or ''}"
        pages.append(LabPage(chrome, lab.write(name, list(cells)), screenshots))
        return pages[-1]

    yield open_notebook
    for page in pages[-1:]:
        page.picture(f"{request.node.name}_end")
    for page in pages:
        faults = page.faults()
        assert not faults, faults
    lab.stop_kernels()


@pytest.fixture
def dialogue() -> Callable[..., Any]:
    """``dialogue(page, cell)``: the dialogue that a cell has shown."""

    def find(page: Any, cell: int) -> Any:
        from lab_driver.form import ToolForm

        return ToolForm(page, cell)

    return find
