"""Fields: grids, edges, accuracy between nodes, inverse."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.transforms import Field, ScanLine, Translation


def wave(points: np.ndarray, *, period: float = 100.0) -> np.ndarray:
    y, x = 2 * np.pi * np.asarray(points) / period
    return np.array([np.sin(y + 0.3) * np.cos(x), np.cos(y) * np.sin(x - 0.5)])


def grid(values, *, spacing: float, origin: tuple[float, float], shape: tuple[int, int]) -> Field:
    nodes = Field(np.zeros((2, *shape)), origin=origin, spacing=spacing).nodes
    return Field(values(nodes), origin=origin, spacing=spacing)


def test_dense_field_comes_back_bit_for_bit() -> None:
    values = np.random.default_rng(0).normal(size=(2, 13, 17))
    field = Field(values, origin=(-2, 3))
    np.testing.assert_array_equal(field.displacement((13, 17), origin=(-2, 3)), values)
    np.testing.assert_array_equal(field.displacement((3, 4), origin=(0, 5)), values[:, 2:5, 2:6])


def test_edge_value_goes_on() -> None:
    values = np.random.default_rng(0).normal(size=(2, 3, 4))
    field = Field(values, spacing=5.0)
    np.testing.assert_allclose(field.at((-100.0, 300.0)), values[:, 0, 3], atol=1e-12)
    dense = Field(values).displacement((7, 8), origin=(-2, -2))
    np.testing.assert_array_equal(dense, np.pad(values, ((0, 0), (2, 2), (2, 2)), mode="edge"))


def test_spline_passes_through_the_nodes() -> None:
    values = np.random.default_rng(1).normal(size=(2, 5, 7))
    field = Field(values, origin=(1.5, -2.5), spacing=(8.0, 6.5))
    np.testing.assert_allclose(field.at(field.nodes), values, atol=1e-12)


def test_linear_field_is_exact_between_nodes_up_to_the_edge() -> None:
    field = grid(lambda p: 0.01 * p[::-1] + 0.3, spacing=8.0, origin=(0, 0), shape=(5, 9))
    d = field.displacement((33, 65))
    rows, columns = np.mgrid[:33, :65]
    # 1e-7: what is left of the edge after 16 nodes of padding.
    np.testing.assert_allclose(d, 0.01 * np.array([columns, rows]) + 0.3, atol=1e-7)


def test_error_between_nodes_is_the_documented_one() -> None:
    field = grid(wave, spacing=8.0, origin=(-64, -64), shape=(30, 30))
    rows, columns = np.mgrid[0:100:0.7, 0:100:0.7]
    points = np.array([rows, columns])
    error = np.abs(field.at(points) - wave(points)).max()
    # The fourth derivatives along both axes add up.
    assert error < 2 * 8**4 / 300 * (2 * np.pi / 100) ** 4
    # In the outermost cell the second derivative counts.
    points = np.array(np.mgrid[-64:-56:0.5, 0:100:0.7])
    error = np.abs(field.at(points) - wave(points)).max()
    assert error < 8**2 / 20 * (2 * np.pi / 100) ** 2 * 1.1


def test_grid_of_one_node_is_a_shift() -> None:
    field = Field([[[1.0]], [[2.0]]], spacing=10.0)
    np.testing.assert_allclose(field.displacement((3, 3))[0], 1, atol=1e-12)
    np.testing.assert_allclose(field.inverse().at((50.0, -3.0)), [-1, -2], atol=1e-9)


def test_inverse_leads_back() -> None:
    field = grid(lambda p: 3 * wave(p) + 5, spacing=1.0, origin=(0, 0), shape=(60, 70))
    back = field.inverse()
    rows, columns = np.mgrid[10.0:50, 10.0:60]
    p = np.array([rows, columns])
    q = p + field.at(p)
    # Cubic interpolation of the inverse between its nodes 1 px apart.
    np.testing.assert_allclose(q + back.at(q), p, atol=2e-6)


def test_inverse_of_a_fold_is_refused() -> None:
    values = np.zeros((2, 20, 20))
    values[1] = -3 * np.sin(np.arange(20.0))
    with pytest.raises(ValueError, match=r"no inverse.*folds"):
        Field(values).inverse()


def test_row_jitter_survives_a_coarse_field() -> None:
    jitter = np.random.default_rng(2).normal(0, 0.5, (64, 2))
    field = grid(wave, spacing=8.0, origin=(0, 0), shape=(9, 9))
    total = ScanLine(jitter).compose(field)
    assert isinstance(total, Field)
    np.testing.assert_array_equal(total.spacing, (1, 8))
    later = field.displacement((64, 65))
    p = np.array(np.mgrid[:64, :65], dtype=float)
    expected = later + ScanLine(jitter).at(p + later)
    nodes = np.s_[:, :, ::8]
    np.testing.assert_allclose(total.displacement((64, 65))[nodes], expected[nodes], atol=1e-3)


def test_translation_keeps_a_dense_field_on_its_pixels() -> None:
    field = Field(np.random.default_rng(3).normal(size=(2, 9, 9)))
    total = Translation((2.5, -1.25)).compose(field)
    expected = field.displacement((9, 9)) + np.array([2.5, -1.25])[:, None, None]
    np.testing.assert_array_equal(total.displacement((9, 9)), expected)
