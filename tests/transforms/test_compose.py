"""Composition against its definition, and inverses against the identity."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.transforms import Affine, Field, ScanLine, Transform, Translation

POINTS = np.mgrid[-30:31:5.5, -33:30:4.5]
TIGHT = 1e-9  # px: rounding of coordinates of some tens of px, through a few operations


def by_definition(first: Transform, second: Transform, points: np.ndarray) -> np.ndarray:
    later = second.at(points)
    return later + first.at(points + later)


def on_lines(transform: ScanLine, extra: int = 25) -> np.ndarray:
    """Points on the whole lines of a transform, and beyond its ends."""
    lines = transform.first_row + np.arange(-extra, transform.rows + extra)
    along = np.linspace(-30, 30, 9)
    points = np.array(np.meshgrid(lines, along, indexing="ij"))
    return points if transform.axis == 0 else points[::-1]


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_translation_with_anything_is_exact(strategies: SimpleNamespace, data) -> None:
    shift = data.draw(strategies.translations())
    other = data.draw(strategies.any_transforms())
    for first, second in ((shift, other), (other, shift)):
        total = first.compose(second)
        assert type(total) is type(other)
        np.testing.assert_allclose(
            total.at(POINTS), by_definition(first, second, POINTS), atol=TIGHT
        )


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_affines_are_exact(strategies: SimpleNamespace, data) -> None:
    first, second = data.draw(strategies.affines()), data.draw(strategies.affines())
    total = first.compose(second)
    assert isinstance(total, Affine)
    np.testing.assert_allclose(total.at(POINTS), by_definition(first, second, POINTS), atol=TIGHT)
    back = first.compose(first.inverse())
    np.testing.assert_allclose(back.displacement((5, 6)), 0, atol=TIGHT)


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_lines_after_lines_are_exact_on_lines(strategies: SimpleNamespace, data) -> None:
    axis = data.draw(st.sampled_from((0, 1)))
    first = data.draw(strategies.scan_lines(axis=axis))
    second = data.draw(strategies.scan_lines(axis=axis, rotation=False))
    total = first.compose(second)
    assert isinstance(total, ScanLine)
    points = on_lines(second)
    np.testing.assert_allclose(total.at(points), by_definition(first, second, points), atol=1e-8)


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_lines_after_an_affine_are_exact_on_lines(strategies: SimpleNamespace, data) -> None:
    first = data.draw(strategies.affines())
    second = data.draw(strategies.scan_lines())
    total = first.compose(second)
    assert isinstance(total, ScanLine)
    points = on_lines(second, extra=0)
    np.testing.assert_allclose(total.at(points), by_definition(first, second, points), atol=1e-8)


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_affine_after_lines_is_exact_on_lines_without_turning(
    strategies: SimpleNamespace, data
) -> None:
    first = data.draw(strategies.scan_lines())
    drawn = data.draw(strategies.affines())
    matrix = drawn.matrix.copy()
    matrix[first.axis, 1 - first.axis] = 0
    second = Affine(matrix, drawn.shift, drawn.centre)
    total = first.compose(second)
    assert isinstance(total, ScanLine)
    points = on_lines(total, extra=0)
    np.testing.assert_allclose(total.at(points), by_definition(first, second, points), atol=1e-8)
    # The new lines cover the old ones.
    reached = total.first_row + np.array([0, total.rows - 1])
    ends = np.zeros((2, 2))
    ends[first.axis] = reached
    arrived = np.sort((ends + second.at(ends))[first.axis])
    assert arrived[0] <= first.first_row + 1e-9
    assert arrived[1] >= first.first_row + first.rows - 1 - 1e-9


def test_turning_after_lines_stays_within_the_documented_error() -> None:
    rng = np.random.default_rng(0)
    offsets = np.cumsum(rng.uniform(-0.15, 0.15, (256, 2)), axis=0)
    first = ScanLine(offsets, line_centre=128)
    slope, half = 0.001, 128.0
    points = np.array(np.mgrid[0:256, 0:257], dtype=float)
    for second in (
        Affine([[1, slope], [-slope, 1]], centre=(128, 128)),
        ScanLine(np.zeros((256, 2)), rotation=slope, line_centre=128),
    ):
        total = first.compose(second)
        error = np.abs(total.at(points) - by_definition(first, second, points)).max()
        assert 0 < error <= slope * half * np.abs(np.diff(offsets, axis=0)).max() + TIGHT


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_field_after_anything_is_exact_at_its_nodes(strategies: SimpleNamespace, data) -> None:
    first = data.draw(st.one_of(strategies.affines(), strategies.scan_lines()))
    second = data.draw(strategies.fields())
    total = first.compose(second)
    assert isinstance(total, Field)
    nodes = total.nodes
    np.testing.assert_allclose(total.at(nodes), by_definition(first, second, nodes), atol=1e-8)
    # The nodes of the later stage are among the new ones.
    np.testing.assert_allclose(
        total.at(second.nodes), by_definition(first, second, second.nodes), atol=1e-8
    )


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_anything_after_a_field_is_exact_at_the_nodes(strategies: SimpleNamespace, data) -> None:
    first = data.draw(strategies.fields())
    second = data.draw(
        st.one_of(strategies.affines(), strategies.scan_lines(), strategies.fields())
    )
    total = first.compose(second)
    assert isinstance(total, Field)
    nodes = total.nodes
    np.testing.assert_allclose(total.at(nodes), by_definition(first, second, nodes), atol=1e-8)


@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_crossed_scan_directions_give_a_field(strategies: SimpleNamespace, data) -> None:
    first = data.draw(strategies.scan_lines(axis=0, rotation=False, whole=True))
    second = data.draw(strategies.scan_lines(axis=1, rotation=False, whole=True))
    total = first.compose(second)
    assert isinstance(total, Field)
    np.testing.assert_array_equal(total.spacing, 1)
    nodes = total.nodes
    np.testing.assert_allclose(total.at(nodes), by_definition(first, second, nodes), atol=1e-8)


def test_smooth_fields_compose_within_the_spline_error() -> None:
    def wave(field: Field, phase: float) -> Field:
        y, x = 2 * np.pi * field.nodes / 120
        return Field(
            [np.sin(y + phase) * np.cos(x), np.cos(x + phase)], field.origin, field.spacing
        )

    # Ten cells of margin: edge effects fall by a factor of four in each.
    base = Field(np.zeros((2, 37, 37)), origin=(-60, -60), spacing=6.0)
    first, second = wave(base, 0.2), wave(base, 1.0)
    total = first.compose(second)
    points = np.array(np.mgrid[0.5:100, 0.5:100])
    # 6**4 / 300 * (2 pi / 120)**4 is 3e-5; twice for two axes, and both stages contribute.
    np.testing.assert_allclose(total.at(points), by_definition(first, second, points), atol=1.5e-4)


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_inverse_of_lines_leads_back_on_lines(strategies: SimpleNamespace, data) -> None:
    transform = data.draw(strategies.scan_lines(rotation=False))
    back = transform.inverse()
    assert isinstance(back, ScanLine)
    q = on_lines(back)
    p = q + back.at(q)
    np.testing.assert_allclose(p + transform.at(p), q, atol=1e-8)


def test_inverse_of_turned_lines_is_exact_along_the_line() -> None:
    rng = np.random.default_rng(5)
    stretch = np.zeros((40, 2))
    stretch[:, 1] = rng.uniform(-0.05, 0.05, 40)
    transform = ScanLine(rng.uniform(-0.4, 0.4, (40, 2)), rotation=stretch, line_centre=20)
    back = transform.inverse()
    q = on_lines(back)
    p = q + back.at(q)
    np.testing.assert_allclose((p + transform.at(p) - q)[0], 0, atol=1e-9)


def test_inverse_of_turned_lines_stays_within_the_documented_error() -> None:
    rng = np.random.default_rng(6)
    offsets = np.cumsum(rng.uniform(-0.1, 0.1, (256, 2)), axis=0)
    transform = ScanLine(offsets, rotation=0.001, line_centre=128)
    back = transform.inverse()
    p = np.array(np.mgrid[20:236, 0:257], dtype=float)
    q = p + transform.at(p)
    error = np.abs(q + back.at(q) - p).max()
    # Twice the bound: the lines read are those at both ends of the way back. Linear
    # interpolation between the new lines adds at most a quarter of the difference of slopes.
    assert error < 2 * 0.001 * 128 * 0.1 + 0.05


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_inverse_of_a_field_leads_back_at_its_nodes(strategies: SimpleNamespace, data) -> None:
    transform = data.draw(strategies.fields())
    back = transform.inverse()
    q = back.nodes
    p = q + back.values
    np.testing.assert_allclose(p + transform.at(p), q, atol=1e-8)


def test_three_stages_do_not_depend_on_the_brackets() -> None:
    stages = (
        Translation((3.25, -1.5)),
        Affine([[1.0, 0.01], [0.02, 0.98]], (0.5, 0.2), (30, 30)),
        ScanLine(np.random.default_rng(0).normal(0, 0.3, (60, 2))),
    )
    left = stages[0].compose(stages[1]).compose(stages[2])
    right = stages[0].compose(stages[1].compose(stages[2]))
    np.testing.assert_allclose(
        left.displacement((60, 60)), right.displacement((60, 60)), atol=TIGHT
    )


@pytest.mark.parametrize("second", [Translation((0, 0)), Affine(np.eye(2))])
def test_identity_changes_nothing(second: Transform) -> None:
    first = ScanLine(np.random.default_rng(0).normal(size=(9, 2)))
    np.testing.assert_allclose(
        first.compose(second).displacement((9, 5)), first.displacement((9, 5)), atol=TIGHT
    )
