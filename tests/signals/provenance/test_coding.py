"""Values as text, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hyperspy_smartalign.quality.lattice_drift import Cell
from hyperspy_smartalign.signals.provenance import coding
from hyperspy_smartalign.signals.provenance.coding import (
    HistoryError,
    UnrecordableError,
    decoded,
    encoded,
    from_text,
    to_text,
)
from hyperspy_smartalign.transforms import Alignment


def back(value: object) -> object:
    return decoded(from_text(to_text({"value": encoded(value)}))["value"])


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 1.0, "auto", (1, 2.0, 3, 4.0), [1, [2.5, None]], {"a": (1, {"b": "ü"})}, ()],
)
def test_values_come_back_with_their_types(value: object) -> None:
    found = back(value)
    assert repr(found) == repr(value)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "i2", ">u2", "?", "c8"])
def test_arrays_come_back(dtype: str) -> None:
    array = np.arange(12).reshape(3, 4).astype(dtype)[::-1]
    found = back(array)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


def test_nan_and_infinity_come_back() -> None:
    found = back({"a": float("nan"), "b": np.array([np.inf, np.nan])})
    assert np.isnan(found["a"])
    np.testing.assert_array_equal(found["b"], [np.inf, np.nan])


def test_alignments_and_cells_come_back() -> None:
    alignment = Alignment.from_shifts(np.array([[0, 1.5], [2, 3]]), frame_shape=(20, 30))
    assert back(alignment) == alignment
    assert back(Cell(90, 1.0, 0.39)) == Cell(90, 1.0, 0.39)


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(UnrecordableError, match="drift is a object"):
        encoded(object(), "drift")
    with pytest.raises(UnrecordableError, match="array of object"):
        encoded(np.array([object()]))


def test_large_arrays_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coding, "LARGEST_VALUE", 50)
    with pytest.raises(UnrecordableError, match="too large"):
        encoded(np.random.default_rng(0).random(100), "template")


@pytest.mark.parametrize(
    "content",
    [
        {"$array": "!!", "dtype": "<f8", "shape": [2]},
        {"$array": "", "dtype": "|O", "shape": [1]},
        {"$array": "", "dtype": "<f8", "shape": [2**40]},
        {"$array": "", "dtype": "<f8", "shape": [-1]},
        {"$object": "Popen", "fields": {}},
        {"$object": "Cell", "fields": {"angle": 500, "ratio": 1}},
        {"$alignment": {"schema_version": 99}},
    ],
)
def test_forged_values_are_refused(content: dict) -> None:
    with pytest.raises(HistoryError):
        decoded(content)


def test_no_more_is_unpacked_than_was_said() -> None:
    content = encoded(np.zeros(10**6))
    content["shape"] = [4]
    with pytest.raises(HistoryError):
        decoded(content)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_text_that_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(HistoryError):
        from_text(text)


def test_text_is_json() -> None:
    assert json.loads(to_text({"value": encoded((1, 2))})) == {"value": {"$tuple": [1, 2]}}
