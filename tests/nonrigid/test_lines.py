"""Displacements on the frame and transforms on the common frame say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.nonrigid.lines import LinePath, lines_of
from hyperspy_smartalign.transforms import Affine, ScanLine, Translation

AXES = [0, 1]


def wobbling(axis: int, *, slopes: float = 0.0, rms: float = 0.3, seed: int = 0) -> LinePath:
    """30 lines of 41 pixels, offset smoothly so that none overtakes another."""
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(size=(30, 2)), axis=0)
    offsets = rms * (walk - walk.mean(0)) / walk.std(0)
    # Slope of the steps below 1, or lines would cross.
    offsets /= max(1.0, 1.2 * np.abs(np.diff(offsets, axis=0)).max())
    change = slopes * rng.normal(size=2)
    return LinePath(offsets + np.array([3.2, -1.7]), np.tile(change, (30, 1)), 41, axis)


def content_of(path: LinePath, pixels: np.ndarray) -> np.ndarray:
    """Points p = q - e(q) of the common frame that frame pixels q (slow, fast) show."""
    line = pixels[0].astype(int)
    e = path.offsets[line] + path.slopes[line] * (pixels[1] - (path.length - 1) / 2)[:, None]
    return pixels - e.T


@pytest.mark.parametrize("axis", AXES)
def test_shift(axis):
    shift = np.array([2.5, -7.25])
    path = lines_of(Translation(shift), (30, 41), axis)
    assert (path.lines, path.length, path.axis) == ((30, 41)[axis], (41, 30)[axis], axis)
    np.testing.assert_array_equal(path.offsets, np.tile(shift[[axis, 1 - axis]], (path.lines, 1)))
    assert not path.slopes.any()
    back = path.transform()
    assert isinstance(back, Translation)
    np.testing.assert_array_equal(back.shift, shift)


matrices = st.tuples(*[st.floats(-0.03, 0.03)] * 4).map(
    lambda v: np.eye(2) + np.array(v).reshape(2, 2)
)
pairs = st.tuples(st.floats(-20, 20), st.floats(-20, 20))


@given(matrix=matrices, shift=pairs, centre=pairs, axis=st.sampled_from(AXES),
       shape=st.tuples(st.integers(5, 40), st.integers(5, 40)))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_affine_round_trip(matrix, shift, centre, axis, shape):
    affine = Affine(matrix, shift, centre)
    path = lines_of(affine, shape, axis)
    # At frame pixel q the content is that of p with p + d(p) = q.
    pixels = np.indices((path.lines, path.length)).reshape(2, -1).astype(float)
    common = content_of(path, pixels)[[axis, 1 - axis]]
    arrive = common + affine.at(common)
    np.testing.assert_allclose(arrive, pixels[[axis, 1 - axis]], atol=1e-6)
    back = path.transform()
    assert isinstance(back, Affine | Translation)
    np.testing.assert_allclose(back.displacement(shape), affine.displacement(shape), atol=1e-6)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("seed", range(3))
def test_scan_line_undoes_the_offsets(axis, seed):
    path = wobbling(axis, seed=seed)
    transform = path.transform()
    assert isinstance(transform, ScanLine)
    assert transform.axis == axis
    # d at the place where a line's content belongs. The transform is kept at whole rows of the
    # common frame, so that between them the offsets are those of straight lines.
    pixels = np.stack([np.arange(30.0), np.full(30, 20.0)])
    common = content_of(path, pixels)[[axis, 1 - axis]]
    found = transform.at(common)[[axis, 1 - axis]].T
    bend = np.abs(np.diff(path.offsets, axis=0)).max()
    assert np.abs(found - path.offsets).max() < 0.5 * bend
    assert np.abs(found - path.offsets).mean() < 0.12 * bend


@given(seed=st.integers(0, 1000), axis=st.sampled_from(AXES), rms=st.floats(0, 0.5))
@settings(max_examples=40, deadline=None)
def test_scan_line_round_trip(seed, axis, rms):
    """Once on whole rows of the common frame, going there and back changes little."""
    shape = (30, 41) if axis == 0 else (41, 30)
    first = wobbling(axis, seed=seed, rms=rms).transform()
    path = lines_of(first, shape, axis)
    again = lines_of(path.transform(), shape, axis)
    step = np.abs(np.diff(path.offsets, axis=0)).max()
    changes = np.abs(again.offsets - path.offsets)
    # Of all 1,001 seeds at most 1.04 steps, where lines nearly meet, and 0.08 on the average.
    assert changes.max() <= 1.25 * step + 1e-9
    assert changes.mean() <= 0.12 * step + 1e-9
    assert not again.slopes.any()


@pytest.mark.parametrize("axis", AXES)
def test_slopes_along_the_lines_come_back(axis):
    path = wobbling(axis, slopes=0.004)
    shape = (30, 41) if axis == 0 else (41, 30)
    again = lines_of(path.transform(), shape, axis)
    # An offset changes by at most |slope| x 20 px x the difference of neighbouring lines there.
    inside = slice(3, -3)
    np.testing.assert_allclose(again.slopes[inside], path.slopes[inside], atol=2e-3)
    step = np.abs(np.diff(path.offsets, axis=0)).max()
    assert np.abs(again.offsets - path.offsets).max() <= 0.6 * step


@pytest.mark.parametrize("axis", AXES)
def test_offsets_of_an_affine_are_exact_with_slopes(axis):
    turned = Affine([[1.0, 0.02], [-0.02, 1.0]], (1.5, -2.0), (14.5, 20.0))
    path = lines_of(turned, (30, 41), axis)
    assert path.slopes.any()
    np.testing.assert_allclose(path.slopes, np.tile(path.slopes[0], (path.lines, 1)), atol=1e-9)
    np.testing.assert_allclose(
        path.transform().displacement((30, 41)), turned.displacement((30, 41)), atol=1e-6
    )


@given(
    offsets=st.lists(
        st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=2, max_size=25
    ).map(np.array),
    slope=st.tuples(st.floats(-0.05, 0.05), st.floats(-0.05, 0.05)),
    axis=st.sampled_from(AXES),
)
@settings(max_examples=100, deadline=None)
def test_lines_that_overtake_each_other_do_no_harm(offsets, slope, axis):
    path = LinePath(offsets, np.tile(slope, (len(offsets), 1)), 11, axis)
    shape = (len(offsets), 11) if axis == 0 else (11, len(offsets))
    field = path.transform().displacement(shape)
    assert np.isfinite(field).all()


def test_lines_that_overtake_share_the_place_between_them():
    offsets = np.zeros((9, 2))
    offsets[4, 0], offsets[5, 0] = -1.0, 1.0
    path = LinePath(offsets, np.zeros((9, 2)), 11, 0)
    field = path.transform().displacement((9, 11))
    # Lines 4 and 5 arrive at 5 and 4; in order they stay within that.
    assert np.abs(field[0]).max() <= 1.0 + 1e-9
    np.testing.assert_allclose(field[:, [0, 1, 2, 7, 8]], 0, atol=1e-9)
    assert not field[1].any()


def test_the_path_is_not_changed_by_asking():
    offsets = np.array([[0.0, 0.0], [2.0, 1.0], [-2.0, 0.5], [0.0, 0.0]])
    offsets.setflags(write=False)
    LinePath(offsets, np.zeros((4, 2)), 5, 0).transform()


def test_mean_reach_and_place():
    path = LinePath(np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.1], [0.0, -0.2]]), 10, 1)
    np.testing.assert_array_equal(path.mean, [2.0, 2.0])
    np.testing.assert_array_equal(path.image_order(path.mean - [0, 1]), [1.0, 2.0])
    assert path.reach == pytest.approx(2.0 + 0.2 * 5)
    np.testing.assert_array_equal(path.place(), [-1, 1])
    assert replace(path, axis=0).image_order(path.offsets) is path.offsets


def test_one_line():
    path = LinePath(np.array([[1.5, -2.0]]), np.zeros((1, 2)), 10, 0)
    np.testing.assert_array_equal(path.transform().displacement((1, 10))[:, 0, 0], [1.5, -2.0])
