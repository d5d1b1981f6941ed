"""Parameters that nothing uses: told at any time, and refused where they are changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    ParameterError,
    Parameters,
    PrepareParameters,
    RampParameters,
    RigidParameters,
    TemplateParameters,
)

CLASSES = [
    ApplyParameters,
    NonrigidParameters,
    PrepareParameters,
    RampParameters,
    RigidParameters,
    TemplateParameters,
]


def unchecked(tool: type[Parameters], values: dict[str, Any]) -> Parameters:
    """Parameters as they are while somebody edits them: each value allowed, not all together."""
    parameters = tool()
    for name, value in values.items():
        setattr(parameters, name, value)
    return parameters


@pytest.mark.parametrize(
    ("parameters", "idle"),
    [
        (PrepareParameters(), set()),
        (RampParameters(), set()),
        (ApplyParameters(), set()),
        (ApplyParameters(counts="share"), {"interpolation"}),
        (ApplyParameters(output="series"), {"variance"}),
        (TemplateParameters(), set()),
        (TemplateParameters(threshold=0.4), {"fixed_threshold"}),
        (TemplateParameters(threshold=(0.4, 0.5)), {"fixed_threshold"}),
        (RigidParameters(), {"band", "butterworth_order"}),
        (RigidParameters(weighting="hann", butterworth=0.3), set()),
        (RigidParameters(weighting=np.ones((4, 4))), {"band", "butterworth_order"}),
        (
            RigidParameters(peak="pixel", outliers="none"),
            {"band", "butterworth_order", "candidates", "outlier_threshold"},
        ),
        (NonrigidParameters(), {"acceleration", "local_cycles", "reference_width"}),
        (NonrigidParameters(reference="local", solver="gradient"), set()),
        (
            NonrigidParameters(reference=0),
            {"acceleration", "local_cycles", "reference_width", "weights"},
        ),
        (
            NonrigidParameters(nonlinear_cycles=0, reference="local"),
            {"acceleration", "continuous", "model", "smoothing", "solver"},
        ),
        (
            NonrigidParameters(model="free", reference="local", keep_transforms=False),
            {"acceleration", "continuous", "keep_fields"},
        ),
        (NonrigidParameters(model=("scan_locked", "free"), solver="gradient"), None),
    ],
)
def test_what_is_idle(parameters: Parameters, idle: set[str] | None) -> None:
    expected = {"local_cycles", "reference_width"} if idle is None else idle
    assert set(parameters.idle()) == expected


@pytest.mark.slow
@pytest.mark.parametrize("tool", CLASSES)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_left_without_the_idle_ones_is_used(tool, values_of, data) -> None:
    values = data.draw(st.fixed_dictionaries({s.name: values_of(s) for s in tool.specifications()}))
    parameters = unchecked(tool, values)
    idle = parameters.idle()
    assert set(idle) <= set(tool.names())
    assert all(reason and not reason.endswith(".") for reason in idle.values())
    used = unchecked(tool, {n: v for n, v in parameters.changed().items() if n not in idle})
    # Whoever puts the idle ones back to their defaults is not told of another one then.
    assert not set(used.idle()) & set(used.changed())
    try:
        used.check_clashes()
    except ParameterError:
        return
    used.check()
    changed_idle = set(idle) & set(parameters.changed())
    if changed_idle:
        with pytest.raises(ParameterError, match="would not be used"):
            parameters.check()
    else:
        parameters.check()


@pytest.mark.slow
@pytest.mark.parametrize("tool", CLASSES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_idleness_does_not_ask_what_is_changed(tool, values_of, data) -> None:
    values = data.draw(st.fixed_dictionaries({s.name: values_of(s) for s in tool.specifications()}))
    parameters = unchecked(tool, values)
    idle = parameters.idle()
    for name in idle:
        parameters.trait_set(**{name: tool().trait_get(name)[name]})
    assert set(parameters.idle()) >= set(idle)


def test_a_form_shows_few_parameters_before_it_unfolds() -> None:
    for tool in CLASSES:
        shown = [spec.name for spec in tool.specifications() if not spec.rare]
        assert 1 <= len(shown) <= 14
    rigid = {spec.name: spec.rare for spec in RigidParameters.specifications()}
    assert rigid["weighting"]
    assert rigid["peak"]
    assert not rigid["exponent"]
    assert not rigid["roi"]


def test_a_specification_checks_values() -> None:
    specs = {spec.name: spec for spec in RigidParameters.specifications()}
    assert specs["exclude"].checked([3, 1]) == (1, 3)
    assert specs["exponent"].checked(None) is None
    with pytest.raises(ParameterError, match="exponent=2"):
        specs["exponent"].checked(2)
    with pytest.raises(ParameterError, match="roi="):
        specs["roi"].checked({"left": 1})
