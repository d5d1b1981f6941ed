"""Parameters as rows of a dialogue: text to value and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.gui import words
from hyperspy_smartalign.gui.fields import Field, field_of
from hyperspy_smartalign.gui.tools.applying import ApplyOptions
from hyperspy_smartalign.gui.tools.options import ChannelOptions
from hyperspy_smartalign.gui.tools.template_options import TemplateOptions
from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    ParameterError,
    Parameters,
    ParameterSpec,
    PrepareParameters,
    RampParameters,
    RigidParameters,
    TemplateParameters,
)
from hyperspy_smartalign.parameters._kinds import FilePath

CLASSES = (
    ApplyParameters,
    NonrigidParameters,
    PrepareParameters,
    RampParameters,
    RigidParameters,
    TemplateParameters,
    ApplyOptions,
    ChannelOptions,
    TemplateOptions,
)
EVERY = [
    pytest.param(spec, id=f"{tool.__name__}-{spec.name}")
    for tool in CLASSES
    for spec in tool.specifications()
]


class FileOptions(Parameters):
    file = FilePath(None, label="File", desc="Where the result goes.", group="file")


def field(tool: type[Parameters], name: str) -> Field:
    return next(field_of(spec) for spec in tool.specifications() if spec.name == name)


def same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray):
        return isinstance(second, np.ndarray) and np.array_equal(first, second)
    if isinstance(first, tuple):
        return (
            isinstance(second, tuple)
            and [*map(type, first)] == [*map(type, second)]
            and (first == second)
        )
    return type(first) is type(second) and first == second


@pytest.mark.parametrize("spec", EVERY)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_text_and_value_are_the_same_thing(spec: ParameterSpec, values_of, data) -> None:
    made = field_of(spec)
    value = data.draw(values_of(spec))
    text = made.text_of(value)
    assert same(made.value_of(text), value)
    assert made.text_of(made.value_of(text)) == text
    assert "\n" not in text


@pytest.mark.parametrize("spec", EVERY)
@settings(max_examples=30, deadline=None)
@given(text=st.text() | st.text("0123456789.,-()[]eE'_ \n#a"))
def test_any_text_is_a_value_or_an_error_in_words(spec: ParameterSpec, text: str) -> None:
    made = field_of(spec)
    try:
        value = made.value_of(text)
    except ParameterError:
        return
    assert same(spec.checked(value), value)


@pytest.mark.parametrize("spec", EVERY)
def test_every_row_is_described(spec: ParameterSpec) -> None:
    made = field_of(spec)
    assert made.label.startswith(spec.label)
    assert spec.unit in made.label
    assert made.tooltip.startswith(spec.desc)
    assert made.name == spec.name
    shown = [text for text, _ in made.options]
    assert len(set(shown)) == len(shown)
    if made.style in ("choice", "combo"):
        assert made.options
    else:
        assert not made.options
    # All words of the parameter are offered.
    if spec.kind not in ("switch", "crop area"):
        assert {value for _, value in made.options if isinstance(value, str)} == {*spec.choices}
    for text, value in made.options:
        assert same(made.value_of(text), value)
    if spec.default is None:
        assert made.placeholder
        assert made.value_of("  ") is None
    if made.style in ("integer", "real"):
        assert isinstance(spec.default, (int, float))
        with pytest.raises(ParameterError):
            made.value_of("")
    if made.style == "checkbox":
        assert same(made.value_of("False"), False)
        assert made.value_of("yes") in (True, "auto")


def test_none_has_words_of_its_own_for_every_parameter() -> None:
    for tool in CLASSES:
        for spec in tool.specifications():
            assert spec.default is not None or spec.name in words.NONE, spec.name
    assert words.none_of("unheard_of", "Unheard of") == "automatic"
    assert field(TemplateOptions, "lazy_output").text_of(None) == "in memory"
    assert field(ChannelOptions, "lazy_output").text_of(None) == "as the input"


@pytest.mark.parametrize(
    ("tool", "name", "style", "label"),
    [
        (RigidParameters, "band", "text", "Band (cycles per pixel)"),
        (RigidParameters, "reject", "checkbox", "Reject bad frames"),
        (RigidParameters, "neighbours", "combo", "Neighbours (frames)"),
        (RigidParameters, "mode", "choice", "Mode"),
        (RigidParameters, "refinements", "integer", "Refinements"),
        (NonrigidParameters, "smooth_frames", "real", "Smooth frames (px)"),
        (NonrigidParameters, "rigid", "checkbox", "Rigid stage first"),
        (NonrigidParameters, "continuous", "choice", "Continuous drift"),
        (NonrigidParameters, "crop", "combo", "Crop output"),
        (ApplyParameters, "crop", "choice", "Crop output to common area"),
        (FileOptions, "file", "text", "File"),
    ],
)
def test_styles_and_labels(tool, name: str, style: str, label: str) -> None:
    made = field(tool, name)
    assert (made.style, made.label) == (style, label)


@pytest.mark.parametrize(
    ("tool", "name", "text", "value"),
    [
        (RigidParameters, "exclude", "(3, 7)", (3, 7)),
        (RigidParameters, "exclude", "7, 3", (3, 7)),
        (RigidParameters, "exclude", "3", (3,)),
        (RigidParameters, "exclude", "3, 7-9, 12", (3, 7, 8, 9, 12)),
        (RigidParameters, "exclude", "", ()),
        (RigidParameters, "exclude_pairs", "(0, 5)", ((0, 5),)),
        (RigidParameters, "exclude_pairs", "(0, 5), (9, 2)", ((0, 5), (2, 9))),
        (RigidParameters, "exclude_pairs", "", ()),
        (RigidParameters, "band", "0.2, 0.4", (0.2, 0.4)),
        (RigidParameters, "band", "(0.2, 0.4)", (0.2, 0.4)),
        (RigidParameters, "band", " 0.2 ", 0.2),
        (RigidParameters, "band", "None", None),
        (RigidParameters, "exponent", "", None),
        (RigidParameters, "exponent", "1", 1.0),
        (RigidParameters, "neighbours", "auto", "auto"),
        (RigidParameters, "neighbours", "4", 4),
        (RigidParameters, "roi", "1, 2.5, 3, 4.0", (1, 2.5, 3, 4.0)),
        (RigidParameters, "fill", "nan", "nan"),
        (RigidParameters, "fill", "NaN", "nan"),
        (RigidParameters, "fill", "nan (no value)", "nan"),
        (RigidParameters, "fill", "-3e2", -300.0),
        (RigidParameters, "weighting", "band_pass", "band_pass"),
        (RigidParameters, "weighting", "band pass", "band_pass"),
        (NonrigidParameters, "model", "scan_locked", "scan_locked"),
        (NonrigidParameters, "model", "scan locked, free", ("scan_locked", "free")),
        (NonrigidParameters, "model", "('scan_locked', 'free')", ("scan_locked", "free")),
        (NonrigidParameters, "rigid", "True", "auto"),
        (NonrigidParameters, "crop", "common", True),
        (NonrigidParameters, "crop", "False", False),
        (NonrigidParameters, "crop", "0.0, 1.0, 0.0, 2.0", (0.0, 1.0, 0.0, 2.0)),
        (NonrigidParameters, "weights", "1, 2", (1.0, 2.0)),
        (NonrigidParameters, "weights", "1", (1.0,)),
        (NonrigidParameters, "weights", "dose", "dose"),
        (PrepareParameters, "scan_rotation", "0, 90", (0.0, 90.0)),
        (PrepareParameters, "scan_rotation", "90", 90.0),
        (TemplateParameters, "threshold", "0.5,", (0.5,)),
        (FileOptions, "file", "1.hspy", "1.hspy"),
        (FileOptions, "file", "", None),
    ],
)
def test_what_a_text_means(tool, name: str, text: str, value: Any) -> None:
    assert same(field(tool, name).value_of(text), value)


@pytest.mark.parametrize(
    ("tool", "name", "text", "said"),
    [
        (RigidParameters, "exponent", "2", "exponent=2 is not allowed: give a number from 0 to 1"),
        (RigidParameters, "exponent", "half", "exponent='half' is not allowed: give a number"),
        (RigidParameters, "refinements", "", "refinements='' is not allowed: give a whole number"),
        (RigidParameters, "mode", "fast", "give one of 'high_snr', 'low_snr'"),
        (RigidParameters, "exclude", "9-7", "frame indices counted from 0"),
        (RigidParameters, "exclude", "0-99999999999", "frame indices counted from 0"),
        (RigidParameters, "exclude", "a, b", "frame indices counted from 0"),
        (RigidParameters, "weighting", "no_such_file.npy", "cannot be read as an array"),
        (NonrigidParameters, "model", "scan locked, fast", "a sequence of these"),
        (NonrigidParameters, "weights", "best", "one number a frame"),
    ],
)
def test_what_a_text_cannot_mean(tool, name: str, text: str, said: str) -> None:
    with pytest.raises(ParameterError) as raised:
        field(tool, name).value_of(text)
    assert said in str(raised.value)


def test_weights_from_a_file(tmp_path) -> None:
    mask = np.random.default_rng(0).random((8, 8))
    path = tmp_path / "mask.npy"
    np.save(path, mask)
    weighting = field(RigidParameters, "weighting")
    value = weighting.value_of(str(path))
    assert np.array_equal(value, mask)
    text = weighting.text_of(value)
    assert text.startswith("array of 8 x 8")
    assert np.array_equal(weighting.value_of(text), mask)
    np.save(path, np.zeros((8, 8)))
    with pytest.raises(ParameterError, match="2-D array of finite weights"):
        weighting.value_of(str(path))
    other = weighting.text_of(mask + 1)
    assert other != text


def test_arrays_that_were_shown_long_ago_are_forgotten() -> None:
    weighting = field(RigidParameters, "weighting")
    texts = [weighting.text_of(np.full((8, 8), 1.0 + n)) for n in range(20)]
    assert weighting.value_of(texts[-1])[0, 0] == 20
    with pytest.raises(ParameterError, match="2-D array"):
        weighting.value_of(texts[0])


def test_tooltips_say_the_range() -> None:
    assert field(RigidParameters, "exponent").tooltip.endswith(" From 0 to 1.")
    assert field(RigidParameters, "neighbours").tooltip.endswith(" At least 1.")
    assert field(TemplateParameters, "upsample").tooltip.endswith(" At most 16.")
    assert "Range" not in field(RigidParameters, "roi").tooltip
