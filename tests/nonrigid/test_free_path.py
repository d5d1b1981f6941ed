"""Displacement of every pixel, and the transform that undoes it."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.nonrigid.free_path import FreePath, grid_shape
from hyperspy_smartalign.transforms import Affine, Field, ScanLine, Translation

SHAPE = (97, 128)


def waves(shape=SHAPE, spacing=8.0, amplitude=1.0, period=150.0):
    """A path that moves by its mean and by smooth waves."""
    empty = FreePath(np.zeros((2, *grid_shape(shape, spacing))), spacing, shape)
    y, x = 2 * np.pi * empty.nodes / period
    field = amplitude * np.stack([np.sin(y + 0.5 * x), np.cos(x - 0.3 * y)])
    return empty.moved_by(field + np.array([12.3, -4.6])[:, None, None])


@pytest.mark.parametrize("spacing", [4.0, 6.5, 8.0])
def test_grid_covers_the_frame_and_is_centred(spacing):
    path = FreePath(np.zeros((2, *grid_shape(SHAPE, spacing))), spacing, SHAPE)
    first, last = path.nodes[:, 0, 0], path.nodes[:, -1, -1]
    assert (first <= 0).all()
    assert (last >= np.array(SHAPE) - 1).all()
    np.testing.assert_allclose(first + last, np.array(SHAPE) - 1)
    assert (np.abs(first) < spacing).all()


def test_constant_path_is_a_translation():
    path = FreePath.of(Translation((3.25, -7.5)), SHAPE, 8.0)
    transform = path.transform()
    assert isinstance(transform, Translation)
    np.testing.assert_array_equal(transform.shift, (3.25, -7.5))
    np.testing.assert_array_equal(path.displacement()[:, 5, 7], (3.25, -7.5))
    assert path.reach == 0
    np.testing.assert_array_equal(path.mean, (3.25, -7.5))


def test_transform_is_the_inverse_up_to_the_border():
    # d(q - e(q)) = e(q); amplitude 1 px and period 150 px on nodes 8 px apart, as documented.
    path = waves()
    displacement = path.displacement()
    pixels = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    error = path.transform().at(pixels - displacement) - displacement
    assert np.abs(error).max() < 0.005
    assert np.sqrt(np.mean(error**2)) < 0.001
    assert path.transform().values.size < 6000


def test_path_of_its_own_transform():
    path = waves()
    again = FreePath.of(path.transform(), SHAPE, 8.0)
    np.testing.assert_allclose(again.values, path.values, atol=0.005)
    assert again.shape == path.shape


def test_path_of_an_affine_is_exact():
    turn = Affine(np.array([[1.002, 0.01], [-0.008, 0.997]]), (2.0, -3.0))
    path = FreePath.of(turn, SHAPE, 16.0)
    pixels = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    displacement = path.displacement()
    np.testing.assert_allclose(turn.at(pixels - displacement), displacement, atol=1e-8)


def test_path_of_scan_lines_and_of_a_denser_field():
    rows = np.arange(SHAPE[0])
    lines = ScanLine(np.stack([np.sin(rows / 20), 0.02 * rows], axis=1))
    field = Field(0.5 * np.sin(np.mgrid[:49, :65] / 6.0), spacing=2.0)
    for transform in (lines, field):
        path = FreePath.of(transform, SHAPE, 8.0)
        nodes = path.nodes
        np.testing.assert_allclose(transform.at(nodes - path.values), path.values, atol=1e-6)


def test_a_field_that_folds_still_has_a_transform():
    path = waves(amplitude=1.0, period=32.0, spacing=4.0).moved_by(
        30.0 * np.sin(np.arange(33) / 2.0) * np.ones((2, 1, 1))
    )
    assert path.steepness > 1
    transform = path.transform()
    steps = np.diff(np.arange(SHAPE[1]) + transform.displacement(SHAPE)[1], axis=1)
    assert np.isfinite(transform.displacement(SHAPE)).all()
    assert steps[:, 20:-20].min() > 0


def test_nothing_is_modified():
    path = waves()
    values = path.values.copy()
    path.values.setflags(write=False)
    path.transform()
    path.displacement()
    path.moved_by(1.0)
    np.testing.assert_array_equal(path.values, values)
