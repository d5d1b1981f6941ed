from __future__ import annotations

import pytest

from hyperspy_smartalign.parameters import ParameterError, PrepareParameters, TemplateParameters


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


@pytest.mark.parametrize("angles", ["all", [], None])
def test_angles_are_not_one_a_frame(angles):
    with pytest.raises(ParameterError, match=r"^angles=.*: give an angle in degrees") as raised:
        TemplateParameters(angles=angles)
    assert "frame" not in str(raised.value)


def test_thresholds_and_scan_rotations_are_one_a_frame():
    with pytest.raises(ParameterError, match="'auto' or a number, or one number a frame from -1"):
        TemplateParameters(threshold=())
    with pytest.raises(ParameterError, match="or a number, or one number a frame or None"):
        PrepareParameters(scan_rotation=())


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
