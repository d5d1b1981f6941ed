"""What all transforms promise."""

from __future__ import annotations

import copy
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.transforms import (
    Affine,
    AlignmentFormatError,
    Field,
    ScanLine,
    Transform,
    Translation,
)

SHAPE = (7, 11)
EXAMPLES = [
    Translation((1.5, -2.0)),
    Affine([[1.01, 0.02], [-0.03, 0.97]], shift=(1, 2), centre=(3, 5)),
    ScanLine(np.arange(14.0).reshape(7, 2) / 50),
    ScanLine(np.arange(22.0).reshape(11, 2) / 50, rotation=0.01, axis=1, first_row=0.5),
    Field(np.arange(154.0).reshape(2, 7, 11) / 500),
    Field(np.arange(12.0).reshape(2, 2, 3) / 10, origin=(-1, -2), spacing=(8, 7)),
]
every_kind = pytest.mark.parametrize("transform", EXAMPLES, ids=lambda t: t.kind)


@every_kind
def test_displacement_is_the_displacement_at_the_pixels(transform: Transform) -> None:
    d = transform.displacement(SHAPE, origin=(-3, 4))
    assert d.shape == (2, *SHAPE)
    assert d.dtype == np.float64
    rows, columns = np.mgrid[-3:4, 4:15]
    np.testing.assert_allclose(d, transform.at(np.array([rows, columns])), atol=1e-12)
    assert transform.at((2.5, 3.5)).shape == (2,)


@every_kind
def test_mean_is_the_mean_of_the_displacement(transform: Transform) -> None:
    expected = transform.displacement(SHAPE, origin=(2, -1)).mean(axis=(1, 2))
    np.testing.assert_allclose(transform.mean(SHAPE, origin=(2, -1)), expected, atol=1e-12)


@every_kind
def test_frozen_and_equal_by_value(transform: Transform) -> None:
    twin = copy.deepcopy(transform)
    assert twin == transform
    assert transform.plus((0, 1e-9)) != transform
    assert transform != "something else"
    for field in dataclasses.fields(transform):
        value = getattr(transform, field.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable
            assert value.dtype == np.float64
    with pytest.raises(dataclasses.FrozenInstanceError):
        transform.kind = "other"  # type: ignore[misc]


@every_kind
def test_results_are_free_to_be_written_to(transform: Transform) -> None:
    before = transform.displacement(SHAPE)
    transform.displacement(SHAPE)[:] = 99
    transform.mean(SHAPE)[:] = 99
    for value in transform.to_dict().values():
        if isinstance(value, np.ndarray):
            value[...] = 99
    np.testing.assert_array_equal(transform.displacement(SHAPE), before)


def test_arguments_are_copied() -> None:
    offsets = np.zeros((5, 2))
    transform = ScanLine(offsets)
    offsets[:] = 1
    np.testing.assert_array_equal(transform.offsets, 0)
    assert offsets.flags.writeable


@pytest.mark.parametrize("dtype", ["<f4", ">f8", ">i2", "<u1"])
def test_any_real_dtype_and_read_only_input(dtype: str) -> None:
    values = np.ones((2, 3, 5), dtype)
    values.flags.writeable = False
    np.testing.assert_array_equal(Field(values).displacement((3, 5)), 1)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Translation((1, np.nan)), ValueError, "shift must be finite.*index \\(1,\\)"),
        (lambda: Translation((1, 2, 3)), ValueError, "shape \\(2\\), not \\(3,\\)"),
        (lambda: Translation((1j, 2)), TypeError, "real numbers.*complex"),
        (lambda: Translation("ab"), TypeError, "real numbers"),
        (lambda: Affine(np.zeros((2, 2))), ValueError, "singular"),
        (lambda: Affine(np.eye(3)), ValueError, "matrix must have shape \\(2, 2\\)"),
        (lambda: ScanLine(np.zeros((0, 2))), ValueError, "offsets must have shape"),
        (lambda: ScanLine(np.zeros((4, 3))), ValueError, "offsets must have shape"),
        (lambda: ScanLine(np.zeros((4, 2)), axis=2), ValueError, "axis must be 0"),
        (lambda: ScanLine(np.zeros((4, 2)), axis=0.5), ValueError, "whole number"),
        (lambda: ScanLine(np.zeros((4, 2)), rotation=np.zeros(3)), ValueError, "rotation"),
        (lambda: ScanLine(np.zeros((4, 2)), first_row=np.inf), ValueError, "first_row"),
        (lambda: Field(np.zeros((3, 4, 4))), ValueError, "values must have shape"),
        (lambda: Field(np.zeros((2, 4, 4)), spacing=(1, 0)), ValueError, "spacing must be pos"),
        (lambda: EXAMPLES[1].displacement((0, 4)), ValueError, "at least 1, not \\(0, 4\\)"),
        (lambda: EXAMPLES[1].at(np.zeros((3, 4))), ValueError, "points must have shape"),
        (lambda: Translation((0, 0)).compose("no"), TypeError, "second must be a transform"),
    ],
)
def test_impossible_values_are_refused(make, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_moved_is_the_displacement_further_on(strategies: SimpleNamespace, data) -> None:
    transform = data.draw(strategies.any_transforms())
    offset = data.draw(strategies.pairs)
    points = np.mgrid[-30:30:7.0, -31:29:6.0]
    expected = transform.at(points + np.reshape(offset, (2, 1, 1)))
    # Rounding only: coordinates of some tens of px.
    np.testing.assert_allclose(transform.moved(offset).at(points), expected, atol=1e-9)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_plus_adds_a_shift(strategies: SimpleNamespace, data) -> None:
    transform = data.draw(strategies.any_transforms())
    shift = data.draw(strategies.pairs)
    expected = transform.displacement(SHAPE) + np.reshape(shift, (2, 1, 1))
    np.testing.assert_allclose(transform.plus(shift).displacement(SHAPE), expected, atol=1e-9)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_dictionary_round_trip(strategies: SimpleNamespace, data) -> None:
    transform = data.draw(strategies.any_transforms())
    assert Transform.from_dict(transform.to_dict()) == transform
    assert type(transform).from_dict(transform.to_dict()) == transform


def test_reading_another_kind_is_refused() -> None:
    with pytest.raises(AlignmentFormatError, match="a Translation was stored, not a Field"):
        Field.from_dict(Translation((0, 1)).to_dict())
