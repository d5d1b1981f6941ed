"""interactive=True on the verbs: a tool, or the error that the verb has."""

from __future__ import annotations

import importlib.util
import inspect

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.gui.opening import TOOLS, open_tool
from hyperspy_smartalign.gui.toolkits import NoToolkitError
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import StackError
from hyperspy_smartalign.signals.validating import NotASeriesError

QUIET = {"interactive": True, "display": False, "toolkit": "ipywidgets"}
SHIFTS = np.zeros((6, 2))


def call(signal, method, **keywords):
    """Call a verb of a signal, with what it cannot do without."""
    leading = {"apply_alignment": [SHIFTS], "template_match": [(10, 26, 10, 26)]}.get(method, [])
    verb = signal
    for name in method.split("."):
        verb = getattr(verb, name)
    return verb(*leading, **keywords)


@pytest.mark.parametrize("method", TOOLS)
def test_every_verb_gives_its_tool(series, method):
    tool = call(series, method, **QUIET)
    assert type(tool).__name__ == TOOLS[method][1]
    assert (tool.method, tool.signal) == (method, series)
    assert tool.result is None
    assert tool.views == {}
    tool.close()


@pytest.mark.parametrize("method", TOOLS)
@pytest.mark.parametrize("how", [{"display": False}, {"toolkit": "ipywidgets"}])
def test_how_a_tool_is_shown_needs_a_tool(eager_series, method, how):
    with pytest.raises(TypeError, match=rf"{next(iter(how))}= says how .* interactive=True"):
        call(eager_series, method, **how)


@pytest.mark.parametrize("method", TOOLS)
def test_signatures_and_words(method):
    verb = hs.signals.Signal2D
    for name in method.split("."):
        verb = getattr(verb, name)
    arguments = inspect.signature(verb).parameters
    shown = [(name, arguments[name].default) for name in ("interactive", "display", "toolkit")]
    assert shown == [("interactive", False), ("display", True), ("toolkit", None)]
    for name, _ in shown:
        assert f" {name} : " in verb.__doc__
    assert "tool.result" in " ".join(verb.__doc__.split())


def test_values_and_given_arguments_arrive(eager_series, simulated):
    tool = eager_series.align_rigid(
        exponent=0.5, source=simulated.series, num_workers=2, show_progressbar=False, **QUIET
    )
    assert tool.parameters.exponent == 0.5
    assert tool.options.num_workers == 2
    assert tool.given == {"source": simulated.series}
    assert tool.code.startswith("aligned = s.align_rigid(source=")
    assert tool.code.endswith("exponent=0.5, num_workers=2)")
    tool.close()


@pytest.mark.parametrize("method", TOOLS)
def test_wrong_keywords_are_refused_at_once(eager_series, method):
    with pytest.raises(TypeError, match="has no parameter 'colour'"):
        call(eager_series, method, colour="red", **QUIET)


def test_wrong_values_are_refused_at_once(eager_series):
    with pytest.raises(ParameterError, match="exponent=7"):
        eager_series.align_rigid(exponent=7, **QUIET)
    with pytest.raises(ParameterError, match="num_workers=0"):
        eager_series.align_rigid(num_workers=0, **QUIET)


WRONG = {
    "one image": (hs.signals.Signal2D(np.zeros((16, 16))), NotASeriesError, "has one frame"),
    "spectrum": (hs.signals.Signal1D(np.zeros(16)), NotASeriesError, "not a series"),
    "one spectrum image": (
        hs.signals.Signal1D(np.zeros((16, 16, 4))),
        NotASeriesError,
        "has one frame",
    ),
    "small frames": (hs.signals.Signal2D(np.zeros((3, 4, 4))), StackError, "too few"),
    "complex pixels": (
        hs.signals.Signal2D(np.zeros((3, 16, 16), complex)),
        TypeError,
        "complex128",
    ),
}


@pytest.mark.parametrize("method", ["align_rigid", "align_nonrigid"])
@pytest.mark.parametrize("kind", WRONG)
def test_wrong_signals_are_refused_as_by_the_verb(method, kind):
    signal, error, words = WRONG[kind]
    with pytest.raises(error, match=words) as plain:
        getattr(signal, method)()
    with pytest.raises(error) as interactive:
        getattr(signal, method)(**QUIET)
    assert str(interactive.value) == str(plain.value)


def test_prepare_refuses_what_is_no_series():
    signal = hs.signals.Signal1D(np.zeros(16))
    with pytest.raises(NotASeriesError) as plain:
        signal.smartalign.prepare()
    with pytest.raises(NotASeriesError) as interactive:
        signal.smartalign.prepare(**QUIET)
    assert str(interactive.value) == str(plain.value)


def test_channels_of_images_and_sources_of_spectra_are_refused(eager_series):
    with pytest.raises(NotASeriesError, match="no channels to integrate over"):
        eager_series.align_rigid(signal_range=(2, 5, 2, 5), **QUIET)
    spectra = hs.signals.Signal1D(np.zeros((3, 16, 16, 4)))
    with pytest.raises(ParameterError, match="source= is for images"):
        spectra.align_rigid(source=spectra, **QUIET)
    with pytest.raises(ValueError, match="signal_range"):
        spectra.align_rigid(signal_range=(2, 2), **QUIET)
    with pytest.raises(ValueError, match="source does not belong to the signal"):
        eager_series.align_rigid(source=eager_series.inav[:3], **QUIET)


def test_a_template_may_be_drawn_but_not_left_out(eager_series):
    for match in (eager_series.template_match, hyperspy_smartalign.template_match):
        arguments = [] if match.__name__ != "template_match" or hasattr(match, "__self__") else [
            eager_series
        ]  # fmt: skip
        with pytest.raises(TypeError, match=r"needs a template.*interactive=True"):
            match(*arguments)
        tool = match(*arguments, **QUIET)
        assert "template" not in tool.given
        tool.close()


def test_the_functions_open_tools_of_signals(eager_series):
    tool = hyperspy_smartalign.apply_alignment(SHIFTS, eager_series, show_progressbar=True, **QUIET)
    assert tool.method == "apply_alignment"
    assert tool.signal is eager_series
    np.testing.assert_array_equal(tool.given["alignment"], SHIFTS)
    tool.close()
    tool = hyperspy_smartalign.template_match(eager_series, (10, 26, 10, 26), **QUIET)
    assert (tool.method, tool.signal) == ("template_match", eager_series)
    tool.close()


def test_the_functions_open_no_tool_of_files(eager_series):
    for function, arguments in (
        (hyperspy_smartalign.apply_alignment, (SHIFTS, "*.dm4")),
        (hyperspy_smartalign.template_match, ("*.dm4", (10, 26, 10, 26))),
    ):
        with pytest.raises(TypeError, match=r"needs a signal.*load_series"):
            function(*arguments, **QUIET)
    with pytest.raises(TypeError, match="reader= says how files are read"):
        hyperspy_smartalign.apply_alignment(SHIFTS, eager_series, reader={}, **QUIET)
    with pytest.raises(TypeError, match="toolkit= says how a tool is shown"):
        hyperspy_smartalign.apply_alignment(SHIFTS, eager_series, toolkit="ipywidgets")


def test_without_a_toolkit_the_extra_is_named(eager_series, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name in ("ipywidgets", "traitsui") else find(name, *rest),
    )
    with pytest.raises(NoToolkitError, match=r"hyperspy_smartalign\[gui-jupyter\]"):
        eager_series.align_rigid(interactive=True)


def test_a_tool_that_cannot_be_shown_is_closed(eager_series, monkeypatch):
    def broken(self, **keywords):
        raise RuntimeError("no display")

    monkeypatch.setattr("hyperspy_smartalign.gui.tools.tool.Tool.gui", broken)
    before = len(eager_series.axes_manager.events.indices_changed.connected)
    with pytest.raises(RuntimeError, match="no display"):
        open_tool("align_rigid", eager_series, toolkit="ipywidgets")
    assert len(eager_series.axes_manager.events.indices_changed.connected) == before
