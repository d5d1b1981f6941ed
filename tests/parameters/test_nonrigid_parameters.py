"""Parameters of align_nonrigid: defaults, clashes, the numbers behind words."""

from __future__ import annotations

from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.parameters import NonrigidParameters, ParameterError


def test_the_contracts_names_and_defaults() -> None:
    assert NonrigidParameters().keywords() == {
        "model": "scan_locked",
        "affine_cycles": 2,
        "nonlinear_cycles": 4,
        "rigid": "auto",
        "guard": True,
        "keep_on_cancel": False,
        "reference": "average",
        "reference_width": 1,
        "local_cycles": None,
        "weights": "equal",
        "smooth_reference": None,
        "solver": "map",
        "smoothing": None,
        "convergence": "auto",
        "acceleration": None,
        "max_iterations": None,
        "line_noise": True,
        "continuous": None,
        "noise_constant": 1.0,
        "constrain_edges": False,
        "smooth_frames": 0.0,
        "roi": None,
        "exclude": (),
        "crop": True,
        "fill": "nan",
        "interpolation": "spline",
        "output": "auto",
        "keep_transforms": True,
        "keep_fields": False,
    }


@pytest.mark.parametrize(
    ("model", "cycles", "models"),
    [
        ("free", 3, ("free",) * 3),
        (("row_fitting",), 2, ("row_fitting",) * 2),
        (("scan_locked", "free"), 4, ("scan_locked", "free", "free", "free")),
        (["scan_locked", "row_fitting"], 2, ("scan_locked", "row_fitting")),
    ],
)
def test_a_model_for_each_cycle(model: Any, cycles: int, models: tuple[str, ...]) -> None:
    assert NonrigidParameters(model=model, nonlinear_cycles=cycles).models == models


def test_no_model_without_nonlinear_cycles() -> None:
    assert NonrigidParameters(nonlinear_cycles=0).models == ()


@pytest.mark.parametrize(
    ("keywords", "name", "number"),
    [
        ({}, "convergence_limit", None),
        ({"solver": "gradient"}, "convergence_limit", 1e-4),
        ({"convergence": "weak"}, "convergence_limit", 1e-4),
        ({"convergence": "strong"}, "convergence_limit", 1e-6),
        ({"convergence": 0.002}, "convergence_limit", 0.002),
        ({"solver": "gradient"}, "acceleration_factor", 2.0),
        ({"solver": "gradient", "acceleration": "weak"}, "acceleration_factor", 2.0),
        ({"solver": "gradient", "acceleration": "strong"}, "acceleration_factor", 20.0),
        ({"solver": "gradient", "acceleration": 5}, "acceleration_factor", 5.0),
        ({}, "iteration_limit", 10),
        ({"solver": "gradient"}, "iteration_limit", 200),
        ({"max_iterations": 3}, "iteration_limit", 3),
        ({"nonlinear_cycles": 1}, "total_cycles", 3),
        ({}, "local_cycle_count", 0),
        ({"reference": "local"}, "local_cycle_count", 6),
        ({"reference": "local", "local_cycles": 2}, "local_cycle_count", 2),
    ],
)
def test_the_number_behind_a_word(
    keywords: dict[str, Any], name: str, number: float | None
) -> None:
    assert getattr(NonrigidParameters(**keywords), name) == number


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("model", "rows", "'scan_locked', 'row_fitting', 'free' or a sequence of these"),
        ("model", ("free", "rows"), "a sequence of these"),
        ("model", (), "a sequence of these"),
        ("model", 3, "a sequence of these"),
        ("affine_cycles", -1, "from 0 to 100"),
        ("rigid", "no", "'auto' or False"),
        ("rigid", None, "'auto' or False"),
        ("reference", "first", "'average', 'local' or a whole number of at least 0"),
        ("reference", -1, "of at least 0"),
        ("reference_width", 0, "of at least 1"),
        ("weights", 3, "one number a frame, each of at least 0"),
        ("weights", (1, -1), "each of at least 0"),
        ("weights", (1, np.nan), "each of at least 0"),
        ("weights", (), "one number a frame"),
        ("smoothing", 0, "above 0"),
        ("convergence", 0, "'auto', 'weak', 'strong' or a number above 0"),
        ("convergence", "medium", "'weak', 'strong'"),
        ("noise_constant", 0, "above 0"),
        ("max_iterations", 0, "of at least 1"),
        ("smooth_frames", -1, "of at least 0"),
        ("crop", "roi", "'common', 'none' or True, False"),
        ("crop", None, "left, right, top, bottom"),
        ("crop", (1, 2, 3), "left, right, top, bottom"),
        ("interpolation", "fourier", "'spline', 'linear', 'nearest'"),
    ],
)
def test_a_bad_value_is_told(name: str, value: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=f"^{name}=") as raised:
        NonrigidParameters(**{name: value})
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"affine_cycles": 0, "nonlinear_cycles": 0}, "leave nothing to do: use align_rigid"),
        ({"model": ("free",) * 5}, "model names 5 models, and nonlinear_cycles=4"),
        ({"model": ("free", "scan_locked")}, "put 'free' last"),
        ({"nonlinear_cycles": 0, "model": "free"}, "model='free' would not be used"),
        ({"nonlinear_cycles": 0, "smoothing": 4}, "smoothing=4.0 would not be used"),
        ({"nonlinear_cycles": 0, "solver": "gradient"}, "solver='gradient' would not be used"),
        ({"acceleration": "strong"}, "it is for solver='gradient'"),
        ({"reference_width": 3}, "it is for reference='local'"),
        ({"local_cycles": 3}, "it is for reference='local'"),
        ({"reference": "local", "local_cycles": 7}, "local_cycles=7, and there are 6 cycles"),
        ({"reference": 2, "weights": "dose"}, "reference=2 is a single frame"),
        ({"weights": (0, 0.0)}, "weights are all 0"),
        ({"model": "free", "continuous": True}, "model='free' knows no scan lines"),
        ({"keep_transforms": False, "keep_fields": True}, "keep_fields=True would not be used"),
    ],
)
def test_clashing_values_are_refused(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError) as raised:
        NonrigidParameters(**keywords)
    assert said in str(raised.value)


def test_words_and_flags_for_one_thing_are_one_value() -> None:
    assert NonrigidParameters(crop="common") == NonrigidParameters(crop=True)
    assert NonrigidParameters(crop="none") == NonrigidParameters(crop=np.False_)
    assert NonrigidParameters(crop="none").crop is False
    assert NonrigidParameters(rigid=True) == NonrigidParameters()
    assert NonrigidParameters(rigid=False).rigid is False
    assert NonrigidParameters(model=("free",)) == NonrigidParameters(model="free")
    roi = hs.roi.RectangularROI(left=1.0, right=9.0, top=2.0, bottom=8.0)
    assert NonrigidParameters(crop=roi).crop == (1.0, 9.0, 2.0, 8.0)


@settings(max_examples=50, deadline=None)
@given(
    model=st.sampled_from(["free", "row_fitting"])
    | st.sampled_from([("scan_locked", "free"), ("row_fitting", "scan_locked", "free")]),
    crop=st.booleans() | st.tuples(*[st.integers(-5, 99) | st.floats(-9, 9)] * 4),
    weights=st.sampled_from(["equal", "dose"]) | st.lists(st.floats(0.1, 9), min_size=1),
    rigid=st.sampled_from(["auto", False]),
    smoothing=st.none() | st.floats(0.1, 99),
    convergence=st.sampled_from(["weak", "strong"]) | st.floats(1e-9, 1),
    reference=st.sampled_from(["average", "local"]),
)
def test_round_trip_through_a_dictionary(**keywords: Any) -> None:
    parameters = NonrigidParameters(**keywords)
    assert NonrigidParameters.from_dict(parameters.to_dict()) == parameters
    assert NonrigidParameters(**parameters.changed()) == parameters


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
def test_survives_hyperspys_files(tmp_path, suffix: str) -> None:
    parameters = NonrigidParameters(
        model=("scan_locked", "free"), crop=(1, 9.5, 2, 8), rigid=False, weights=(1, 2.5)
    )
    signal = hs.signals.Signal2D(np.zeros((2, 4, 4)))
    signal.metadata.add_dictionary({"Smart_align": {"parameters": parameters.to_dict()}})
    signal.save(tmp_path / f"signal{suffix}")
    content = hs.load(tmp_path / f"signal{suffix}").metadata.Smart_align.parameters
    again = NonrigidParameters.from_dict(content.as_dictionary())
    assert again == parameters
    assert [type(side) for side in again.crop] == [int, float, int, int]
