"""Parameters: checked, recorded, documented from one place."""

from __future__ import annotations

import inspect
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
import traits.api as t
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
    documented,
)

TOOLS = [ApplyParameters, NonrigidParameters, PrepareParameters, RampParameters, RigidParameters]


@pytest.mark.parametrize("tool", TOOLS)
def test_every_parameter_is_described(tool: type[Parameters]) -> None:
    specifications = tool.specifications()
    assert [spec.name for spec in specifications] == list(tool.names())
    for spec in specifications:
        assert spec.label
        assert spec.group
        assert spec.desc.endswith(".")
        assert spec.desc[0] in "'(" or spec.desc[0].isupper()
        if isinstance(spec.default, str):
            assert spec.default in spec.choices


@pytest.mark.parametrize("tool", TOOLS)
def test_defaults_pass_and_are_not_changes(tool: type[Parameters]) -> None:
    parameters = tool()
    assert parameters.changed() == {}
    assert parameters == tool.from_dict(parameters.to_dict())
    assert repr(parameters) == f"{tool.__name__}()"


def test_the_contracts_names_and_defaults() -> None:
    assert RigidParameters().keywords() == {
        "roi": None,
        "area": "image",
        "prefilter": "none",
        "window": "auto",
        "exponent": None,
        "weighting": "auto",
        "band": None,
        "butterworth": None,
        "butterworth_order": 2,
        "mode": "high_snr",
        "group": 1,
        "neighbours": "auto",
        "max_shift": None,
        "exclude": (),
        "exclude_pairs": (),
        "reject": True,
        "peak": "candidates",
        "candidates": 8,
        "outliers": "consensus",
        "outlier_threshold": None,
        "refinements": 2,
        "crop": True,
        "fill": "nan",
        "interpolation": "spline",
        "output": "auto",
    }
    assert ApplyParameters().keywords() == {
        "area": "image",
        "crop": None,
        "fill": "nan",
        "interpolation": "spline",
        "counts": "interpolate",
        "output": "auto",
        "variance": "none",
        "signal_range": None,
        "binning": 1,
    }


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"'neighbors'\. Did you mean 'neighbours'"):
        RigidParameters(neighbors=4)
    with pytest.raises(TypeError, match="Known: order"):
        RampParameters(zzz=1)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("neighbours", 0, "'auto', 'all' or a whole number of at least 1"),
        ("neighbours", 2.5, "whole number"),
        ("neighbours", True, "whole number"),
        ("neighbours", "many", "'auto', 'all'"),
        ("exponent", 1.5, "from 0 to 1"),
        ("exponent", np.nan, "from 0 to 1"),
        ("exponent", "0.5", "a number from 0 to 1 or None"),
        ("mode", "low", "'high_snr', 'low_snr'"),
        ("mode", None, "'high_snr', 'low_snr'"),
        ("window", 3, "'hann'"),
        ("reject", 1, "True or False"),
        ("max_shift", (-3, 4), "pair of numbers of at least 0"),
        ("max_shift", (1, 2, 3), "pair"),
        ("max_shift", 0, "above 0"),
        ("max_shift", (0, 0), "above 0"),
        ("exclude", (1.5,), "counted from 0"),
        ("exclude", (-1,), "counted from 0"),
        ("exclude_pairs", ((1, 1),), "two different frames"),
        ("exclude_pairs", ((1, 2, 3),), "two different frames"),
        ("exclude_pairs", (3,), "two different frames"),
        ("roi", (1, 2, 3), "left, right, top, bottom"),
        ("roi", (0.0, np.inf, 0, 4), "left, right, top, bottom"),
        ("roi", "all", "left, right, top, bottom"),
        ("roi", hs.roi.RectangularROI(), "left, right, top, bottom"),
        ("weighting", np.zeros((3, 3)), "2-D array"),
        ("weighting", np.ones(3), "2-D array"),
        ("weighting", np.full((3, 3), np.nan), "2-D array"),
        ("weighting", -np.ones((3, 3)), "2-D array"),
        ("weighting", None, "'band_pass'"),
        ("fill", np.inf, "'nan', 'zero', 'mean' or a number"),
        ("outlier_threshold", 0, "above 0"),
        ("refinements", -1, "from 0 to 100"),
        ("refinements", 10**400, "from 0 to 100"),
    ],
)
def test_bad_value_names_parameter_value_and_what_is_allowed(
    name: str, value: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=f"^{name}=") as raised:
        RigidParameters(**{name: value})
    assert said in str(raised.value)
    assert isinstance(raised.value, ParameterError)


def test_bad_value_is_refused_after_construction_too() -> None:
    parameters = RigidParameters(neighbours=4)
    with pytest.raises(ParameterError, match="neighbours=0"):
        parameters.neighbours = 0
    with pytest.raises(t.TraitError, match="neigbours"):
        parameters.neigbours = 3
    assert parameters.neighbours == 4


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"area": "roi"}, "needs a region"),
        ({"butterworth_order": 3}, "butterworth_order=3 would not be used"),
        ({"peak": "pixel", "candidates": 4}, "candidates=4 would not be used"),
        ({"outliers": "none", "outlier_threshold": 2.0}, "outlier_threshold=2.0 would not be"),
        ({"band": 0.2}, "band=0.2 would not be used: weighting auto"),
        ({"band": 0.2, "weighting": "none"}, "band=0.2 would not be used"),
        ({"band": 0.2, "weighting": np.ones((4, 4))}, "weighting an array has no band"),
        ({"weighting": "low_pass"}, "needs band=, the cut-off"),
        ({"weighting": "band_pass"}, "low below high"),
        ({"weighting": "band_pass", "band": 0.2}, "low below high"),
        ({"weighting": "band_pass", "band": (0.3, 0.1)}, "low below high"),
        ({"weighting": "gaussian", "band": (0.1, 0.2)}, "standard deviation"),
        ({"weighting": "elliptical_gaussian", "band": (0.0, 0.2)}, "both above 0"),
    ],
)
def test_clashing_values_are_refused(keywords: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError) as raised:
        RigidParameters(**keywords)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "keywords",
    [
        {"exponent": 0.75, "weighting": "hann"},
        {"weighting": "hamming", "band": 0.3},
        {"weighting": "band_pass", "band": (0.0, 0.25)},
        {"weighting": "elliptical_gaussian", "band": (0.1, 0.2)},
        {"weighting": np.ones((4, 4)), "exponent": 0.5},
        {"area": "roi", "roi": (0, 16, 0, 16)},
        {"butterworth": 0.2, "butterworth_order": 4},
        {"max_shift": (0, 7)},
    ],
)
def test_sensible_combinations_pass(keywords: dict[str, Any]) -> None:
    assert set(RigidParameters(**keywords).changed()) == set(keywords)


def test_prepare_refuses_an_empty_range() -> None:
    with pytest.raises(ParameterError, match="first=5 and last=4 keep no frame"):
        PrepareParameters(first=5, last=4)
    assert PrepareParameters(first=5, last=5).changed() == {"first": 5, "last": 5}


def test_values_are_normalised() -> None:
    parameters = RigidParameters(
        exclude=[np.int64(7), 3, 3],
        exclude_pairs=np.array([[5, 1], [1, 5]]),
        fill=np.nan,
        neighbours=np.int32(4),
        reject=np.False_,
        max_shift=3,
        roi=hs.roi.RectangularROI(left=1.0, right=9.0, top=2.0, bottom=8.0),
    )
    assert parameters.exclude == (3, 7)
    assert parameters.exclude_pairs == ((1, 5),)
    assert parameters.fill == "nan"
    assert type(parameters.neighbours) is int
    assert parameters.reject is False
    assert parameters.max_shift == 3.0
    assert parameters.roi == (1.0, 9.0, 2.0, 8.0)
    assert RigidParameters(exclude=3).exclude == (3,)
    assert PrepareParameters(scan_rotation=range(0, 360, 90)).scan_rotation == (0, 90, 180, 270)


def test_a_mask_is_copied_and_locked() -> None:
    mask = np.ones((4, 6))
    parameters = RigidParameters(weighting=mask)
    mask[0, 0] = 5
    assert parameters.weighting[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        parameters.weighting[0, 0] = 5
    assert parameters == RigidParameters(weighting=np.ones((4, 6)))
    assert parameters != RigidParameters(weighting=mask)
    assert parameters != RigidParameters()
    assert parameters != ApplyParameters()


def test_an_index_and_a_value_differ() -> None:
    assert RigidParameters(roi=(1, 9, 2, 8)) == RigidParameters(roi=[1, 9, 2, 8])
    by_index, by_value = RigidParameters(roi=(1, 9, 2, 8)), RigidParameters(roi=(1.0, 9, 2, 8))
    assert [type(side) for side in by_value.roi] == [float, int, int, int]
    assert by_index != by_value


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
def test_survives_hyperspys_files(tmp_path, suffix: str, lazy: bool) -> None:
    parameters = RigidParameters(
        roi=(10, 60.5, 2, 40),
        exclude=(1, 4),
        exclude_pairs=((0, 3),),
        weighting=np.arange(12.0).reshape(3, 4),
        max_shift=(3, 4.5),
        fill=0.5,
        exponent=0.0,
        crop=False,
    )
    signal = hs.signals.Signal2D(np.zeros((2, 4, 4)))
    signal.metadata.add_dictionary({"Smart_align": {"parameters": parameters.to_dict()}})
    signal.save(tmp_path / f"signal{suffix}")
    loaded = hs.load(tmp_path / f"signal{suffix}", lazy=lazy)
    content = loaded.metadata.Smart_align.parameters.as_dictionary()
    again = RigidParameters.from_dict(content)
    assert again == parameters
    # An int is an index and a float a value, so the type of each side must survive too.
    assert [type(side) for side in again.roi] == [int, float, int, int]


def _storable(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _storable(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_storable(item) for item in value)
    return type(value) in (int, float, bool, str, np.ndarray)


@settings(max_examples=50, deadline=None)
@given(
    neighbours=st.sampled_from(["auto", "all"]) | st.integers(1, 50),
    exponent=st.none() | st.floats(0, 1),
    exclude=st.lists(st.integers(0, 40), max_size=4),
    roi=st.none() | st.tuples(*[st.integers(-5, 99) | st.floats(-9, 9)] * 4),
    fill=st.sampled_from(["nan", "mean"]) | st.floats(allow_infinity=False),
    max_shift=st.none() | st.floats(0.1, 99) | st.tuples(*[st.floats(0.1, 99)] * 2),
)
def test_round_trip_through_a_dictionary(**keywords: Any) -> None:
    parameters = RigidParameters(**keywords)
    content = parameters.to_dict()
    assert _storable(content)
    assert None not in content.values()
    assert RigidParameters.from_dict(content) == parameters
    rebuilt = RigidParameters(**parameters.changed())
    assert rebuilt == parameters


def test_documented_gives_signature_and_words() -> None:
    @documented(RigidParameters)
    def verb(signal, *, show_progressbar=None, **keywords):
        """Do it.

        Parameters
        ----------
        {parameters}
        show_progressbar : bool or None
            Show it.
        """

    arguments = inspect.signature(verb).parameters
    assert list(arguments) == ["signal", *RigidParameters.names(), "show_progressbar"]
    assert arguments["neighbours"].default == "auto"
    assert arguments["neighbours"].annotation == "int | str"
    assert arguments["neighbours"].kind is inspect.Parameter.KEYWORD_ONLY
    assert "{parameters}" not in verb.__doc__
    lines = inspect.getdoc(verb).splitlines()
    assert 'neighbours : int or {"auto", "all"}, default "auto"' in lines
    for spec in RigidParameters.specifications():
        place = next(i for i, line in enumerate(lines) if line.startswith(f"{spec.name} : "))
        assert lines[place + 1].startswith("    ")


def test_documented_wants_one_place_for_the_words() -> None:
    def verb(signal, **keywords):
        """Do it."""

    with pytest.raises(ValueError, match=r"one line '\{parameters\}', not 0"):
        documented(RigidParameters)(verb)


def test_documented_works_without_docstrings() -> None:
    def verb(signal, **keywords):
        pass

    assert documented(RampParameters)(verb) is verb
    assert list(inspect.signature(verb).parameters) == ["signal", "order"]


def test_changes_can_be_observed() -> None:
    seen = []
    parameters = RigidParameters()
    parameters.observe(lambda event: seen.append(event.new), "neighbours")
    parameters.neighbours = 3
    assert seen == [3]
