from __future__ import annotations

import pytest

from hyperspy_smartalign.parameters import ParameterError, TemplateParameters


def test_defaults_survive_a_dictionary():
    parameters = TemplateParameters()
    assert parameters.changed() == {}
    assert TemplateParameters.from_dict(parameters.to_dict()) == parameters
    changed = TemplateParameters(threshold=0.6, angles=(0, 30), mirror=True, min_distance=5)
    assert TemplateParameters.from_dict(changed.to_dict()) == changed
    assert changed.angles == (0.0, 30.0)
    framewise = TemplateParameters(threshold=[0.5, 1])
    assert framewise.threshold == (0.5, 1.0)
    assert TemplateParameters.from_dict(framewise.to_dict()) == framewise


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 1.5},
        {"threshold": "manual"},
        {"threshold": (0.5, 1.5)},
        {"threshold": ()},
        {"threshold": (0.5, "auto")},
        {"refine": -1},
        {"overlap": 2},
        {"upsample": 0},
        {"min_distance": 0},
        {"subpixel": "gaussian"},
        {"interpolation": "fourier"},
        {"threshold": 0.5, "fixed_threshold": False},
        {"threshold": (0.5, 0.6), "fixed_threshold": False},
    ],
)
def test_wrong_values_are_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(reversed(wrong)))):
        TemplateParameters(**wrong)
