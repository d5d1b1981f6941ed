from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.data import (
    Crystal,
    image_gradient,
    lattice,
    probe_path,
    render_frame,
    render_gradient,
    render_image,
)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 37), st.integers(1, 37)),
    rotation=st.sampled_from([0, 90, 180, 270]),
    jitter=st.floats(0, 3),
    drift=st.floats(-6, 6),
    seed=st.integers(0, 99),
)
def test_a_frame_is_the_analytic_intensity_where_the_probe_is(shape, rotation, jitter, drift, seed):
    path = probe_path(
        2,
        shape,
        drift=(drift, -drift),
        row_jitter=jitter,
        row_correlation=1.5,
        in_frame_drift=True,
        scan_rotation=rotation,
        seed=seed,
    )
    crystal = lattice("perovskite", spacing=9.7, field=shape, margin=25).with_blobs(2, seed=seed)
    expected = crystal.intensity(path.probe_positions(1))
    # Every Gaussian is cut at 1e-6 of its peak; a few overlap.
    np.testing.assert_allclose(render_frame(crystal, path, 1), expected, atol=1e-5)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("shape", [(41, 53), (64, 47)])
def test_a_column_is_found_at_p_plus_shift(rotation, shape):
    at = np.array([19.3, 22.8])
    column = Crystal(positions=[at], heights=[1.0], widths=[1.7], species=[0], field=shape)
    shifts = np.array([(3.21, -4.4), (-2.75, 5.05)])
    path = probe_path(2, shape, drift=shifts, scan_rotation=rotation)
    for frame, shift in enumerate(shifts):
        image = render_frame(column, path, frame)
        grid = np.indices(shape)
        centre = (grid * image).sum(axis=(1, 2)) / image.sum()
        # A sampled Gaussian of sigma 1.7 px has its centre of mass right to 1e-9 px; the cut of
        # its tail at 1e-6 leaves a few 1e-6 px.
        np.testing.assert_allclose(centre, at + shift, atol=2e-5)


def test_an_image_may_start_anywhere():
    crystal = lattice("hexagonal", field=(33, 29)).with_blobs(1)
    image = render_image(crystal, (20, 24), origin=(-3.5, 7.25))
    points = np.indices((20, 24)) + np.reshape((-3.5, 7.25), (2, 1, 1))
    np.testing.assert_allclose(image, crystal.intensity(points), atol=1e-5)
    assert render_image(crystal).shape == (33, 29)


@pytest.mark.parametrize("rotation", [0, 90, 270])
def test_gradients_are_the_slope_of_the_analytic_intensity(rotation):
    shape = (31, 26)
    crystal = lattice("dumbbell", spacing=18.0, field=shape).with_blobs(2, height=0.5)
    path = probe_path(
        1, shape, drift=(2.0, 1.0), row_jitter=0.6, in_frame_drift=True, scan_rotation=rotation
    )
    p = path.probe_positions(0)
    found = render_gradient(crystal, path, 0)
    for axis in (0, 1):
        step = np.zeros((2, 1, 1))
        step[axis] = 1e-4
        slope = (crystal.intensity(p + step) - crystal.intensity(p - step)) / 2e-4
        # Tails cut at 1e-6 of the peak have slopes of up to 5e-6 / sigma.
        np.testing.assert_allclose(found[axis], slope, atol=2e-5)
    still = image_gradient(crystal, shape)
    rows = np.indices(shape).astype(float)
    step = np.reshape((1e-4, 0), (2, 1, 1))
    slope = (crystal.intensity(rows + step) - crystal.intensity(rows - step)) / 2e-4
    np.testing.assert_allclose(still[0], slope, atol=2e-5)


def test_broad_patches_stay_exact_along_long_lines():
    slow = Crystal(
        positions=np.empty((0, 2)),
        heights=[],
        widths=[],
        species=[],
        patches=[(10.0, 900.0, 0.7, 300.0)],
    )
    image = render_image(slow, (3, 2003))
    np.testing.assert_allclose(image, slow.intensity(np.indices((3, 2003))), atol=2e-6)


def test_nothing_to_draw_leaves_the_background():
    flat = lattice(field=(7, 5)).featureless()
    path = probe_path(1, (7, 5), row_jitter=0.5)
    np.testing.assert_array_equal(render_frame(flat, path, 0), np.full((7, 5), 0.25))
