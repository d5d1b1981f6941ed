"""Which toolkit shows a tool, and what is said where there is none."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import hyperspy.api as hs
import pytest

from hyperspy_smartalign.gui import toolkits
from hyperspy_smartalign.gui.toolkits import NoToolkitError, chosen_toolkits, in_notebook


@pytest.fixture
def installed(monkeypatch):
    """Have only these toolkits installed."""

    def have(*names: str) -> None:
        monkeypatch.setattr(toolkits, "_installed", lambda name: name in names)

    have("ipywidgets", "traitsui")
    return have


@pytest.fixture
def notebook(monkeypatch):
    """Be in a notebook, or not."""

    def be(kernel: object) -> None:
        shell = SimpleNamespace(kernel=kernel)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    be(None)
    return be


@pytest.fixture
def enabled():
    """Enable toolkits in HyperSpy's preferences, for this test."""
    guis = hs.preferences.GUIs
    before = (guis.enable_ipywidgets_gui, guis.enable_traitsui_gui)

    def enable(ipywidgets: bool, traitsui: bool) -> None:
        guis.enable_ipywidgets_gui, guis.enable_traitsui_gui = ipywidgets, traitsui

    enable(True, True)
    yield enable
    enable(*before)


@pytest.mark.usefixtures("enabled")
@pytest.mark.parametrize(
    ("kernel", "there", "chosen"),
    [
        (None, ("ipywidgets", "traitsui"), "traitsui"),
        (object(), ("ipywidgets", "traitsui"), "ipywidgets"),
        (None, ("ipywidgets",), "ipywidgets"),
        (object(), ("traitsui",), "traitsui"),
    ],
)
def test_the_one_that_fits_the_place(installed, notebook, kernel, there, chosen) -> None:
    installed(*there)
    notebook(kernel)
    assert chosen_toolkits() == (chosen,)


def test_nothing_installed_names_the_extras(installed) -> None:
    installed()
    with pytest.raises(NoToolkitError) as raised:
        chosen_toolkits()
    said = str(raised.value)
    assert "ipywidgets or traitsui, and neither is installed" in said
    assert 'pip install "hyperspy_smartalign[gui-jupyter]"' in said
    assert 'pip install "hyperspy_smartalign[gui-traitsui]"' in said
    assert isinstance(raised.value, ImportError)


@pytest.mark.parametrize(
    ("toolkit", "extra", "other"),
    [
        ("ipywidgets", "gui-jupyter", "gui-traitsui"),
        ("traitsui", "gui-traitsui", "gui-jupyter"),
        (["traitsui"], "gui-traitsui", "gui-jupyter"),
    ],
)
def test_the_one_asked_for_is_not_installed(installed, toolkit, extra: str, other: str) -> None:
    installed()
    with pytest.raises(NoToolkitError, match=r"which is not installed: pip install") as raised:
        chosen_toolkits(toolkit)
    assert f"[{extra}]" in str(raised.value)
    assert other not in str(raised.value)


@pytest.mark.usefixtures("installed")
def test_what_is_asked_for_is_taken(enabled) -> None:
    enabled(False, False)
    assert chosen_toolkits("ipywidgets") == ("ipywidgets",)
    assert chosen_toolkits(["traitsui", "ipywidgets"]) == ("traitsui", "ipywidgets")
    with pytest.raises(ValueError, match="toolkit='qt' is not known; use 'ipywidgets' or"):
        chosen_toolkits("qt")
    with pytest.raises(ValueError, match="names no toolkit"):
        chosen_toolkits([])


@pytest.mark.usefixtures("installed")
def test_preferences_of_hyperspy(enabled, notebook) -> None:
    enabled(True, False)
    assert chosen_toolkits() == ("ipywidgets",)
    enabled(False, True)
    notebook(object())
    assert chosen_toolkits() == ("traitsui",)
    enabled(False, False)
    with pytest.raises(ValueError, match="are disabled in HyperSpy's preferences") as raised:
        chosen_toolkits()
    assert "hs.preferences.GUIs.enable_ipywidgets_gui = True" in str(raised.value)


def test_preferences_do_not_hide_what_is_missing(installed, enabled) -> None:
    installed("ipywidgets")
    enabled(False, True)
    with pytest.raises(ValueError, match=r"^ipywidgets is disabled"):
        chosen_toolkits()


def test_a_notebook_is_told_by_its_kernel(notebook, monkeypatch) -> None:
    assert not in_notebook()
    notebook(object())
    assert in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_what_is_installed_is_looked_up(monkeypatch) -> None:
    there = {"ipywidgets": ("numpy", "gui-jupyter"), "traitsui": ("no_such_module", "x")}
    monkeypatch.setattr(toolkits, "TOOLKITS", there)
    assert chosen_toolkits() == ("ipywidgets",)
    with pytest.raises(NoToolkitError, match=r"hyperspy_smartalign\[x\]"):
        chosen_toolkits("traitsui")
