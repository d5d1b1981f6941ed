from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.resampling.placing import places_of
from hyperspy_smartalign.transforms import Affine, Field, ScanLine, Translation

SHAPE = (23, 31)


def miss(transform, places):
    """How far p + d(p) is from the pixel that was sent to p."""
    return np.abs(places + transform.at(places) - np.indices(SHAPE)).max()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("first", [0, -3, 4.5])
def test_ordered_lines_return_exactly(rng, axis, first):
    offsets = rng.uniform(-0.4, 0.4, (SHAPE[axis], 2)) + np.array([3.3, -2.1])
    transform = ScanLine(offsets, axis=axis, first_row=first)
    assert miss(transform, places_of(transform, SHAPE)) < 1e-9


@pytest.mark.parametrize(
    "transform",
    [
        Translation((1.5, -7.25)),
        Affine(np.array([[1.1, 0.05], [-0.2, 0.9]]), shift=(3, 1), centre=(11, 15)),
    ],
)
def test_exact_inverses(transform):
    assert miss(transform, places_of(transform, SHAPE)) < 1e-9


def test_smooth_fields_and_turned_lines(rng):
    field = Field(rng.normal(0, 1, (2, 5, 5)), origin=(0, 0), spacing=(8, 8))
    # Between pixels the displacement is taken linear: off by an eighth of its second differences,
    # which for nodes of 1 px rms 8 px apart reach 10 / 64 px an axis.
    assert miss(field, places_of(field, SHAPE)) < 0.05
    turned = ScanLine(rng.uniform(-0.3, 0.3, (23, 2)), rotation=0.02, line_centre=15)
    assert miss(turned, places_of(turned, SHAPE)) < 1e-6


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 9999), st.floats(0, 30), st.sampled_from(["rows", "columns", "turned", "field"])
)
def test_every_pixel_gets_a_place(seed, size, kind):
    """Also where lines jump over each other, or the field folds."""
    rng = np.random.default_rng(seed)
    match kind:
        case "rows":
            transform = ScanLine(rng.normal(0, size, (23, 2)))
        case "columns":
            transform = ScanLine(rng.normal(0, size, (31, 2)), axis=1)
        case "turned":
            transform = ScanLine(rng.normal(0, size, (23, 2)), rotation=rng.normal(0, 0.5))
        case _:
            transform = Field(rng.normal(0, size, (2, 6, 7)), spacing=4)
    places = places_of(transform, SHAPE)
    assert np.isfinite(places).all()
    reach = np.abs(transform.displacement((200, 200), origin=(-90, -90))).max()
    # Two lines that change places may each be off by what lies between their offsets.
    assert np.abs(places - np.indices(SHAPE)).max() <= 3 * reach + 1


def test_lines_out_of_order_stay_near(rng):
    # Jitter of 1.5 px: neighbouring lines change places again and again.
    offsets = np.stack([rng.normal(0, 1.5, 23), np.zeros(23)], axis=1)
    places = places_of(ScanLine(offsets), SHAPE)[0, :, 0]
    assert (np.diff(places) >= 0).all()
    assert np.abs(places - np.arange(23)).max() < 2 * np.abs(offsets).max()


def test_tiny_frames():
    for shape in [(1, 1), (1, 5), (4, 1)]:
        for transform in (
            ScanLine([[0.5, -0.25]]),
            Field(np.full((2, 1, 1), 0.5)),
            ScanLine([[0.5, 0.5]], rotation=0.1),
        ):
            assert places_of(transform, shape).shape == (2, *shape)
