from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image
from hyperspy_smartalign.motif import MotifFit, Orientation, oriented
from hyperspy_smartalign.resampling import spline_coefficients


def test_positions_reach_the_bound_and_errors_tell_it(repeats):
    made = repeats(10, frames=4)
    motif = made.clean[made.window]
    half = (np.array(made.shape) - 1) / 2
    size = made.frames.shape[1:]
    inside = ((made.centres > half + 2) & (made.centres < size - half - 3)).all(axis=1)
    truth = made.centres[inside]
    start = truth + np.random.default_rng(0).uniform(-0.7, 0.7, truth.shape)
    fit = MotifFit(motif, noise=motif)
    found = [fit.locate(spline_coefficients(frame), start) for frame in made.frames]
    errors = np.concatenate([f.centres - truth for f in found])
    assert np.isfinite(found[0].errors).all()
    assert not found[0].outside.any()
    rms = np.sqrt(np.mean(errors**2, axis=0))
    # Neighbouring tiles share pixels: about 600 independent ones tell an rms to 3 %.
    np.testing.assert_allclose(rms / made.bound, 1.0, atol=0.1)
    reported = np.sqrt(np.mean(np.concatenate([f.errors for f in found]) ** 2, axis=0))
    np.testing.assert_allclose(reported / rms, 1.0, atol=0.1)


def test_noise_free_positions_are_exact_whatever_offset_and_gain():
    image = render_image(lattice("hexagonal", spacing=21.4, angle=5.0, field=(120, 130)))
    motif = image[40:63, 50:80]
    centre = np.array([51.0, 64.5])
    fit = MotifFit(motif)
    found = fit.locate(spline_coefficients(5 + 7 * image), [np.add(centre, (0.6, -0.8))])
    # The spline and the slopes at the rim are not exact.
    np.testing.assert_allclose(found.centres, [centre], atol=2e-3)


def test_turned_motifs_are_fitted_too():
    crystal = lattice("square", spacing=17.0, angle=0.0, field=(128, 128), width=3.0)
    turned = lattice("square", spacing=17.0, angle=30.0, field=(128, 128), width=3.0)
    image, other = render_image(crystal), render_image(turned)
    motif = image[50:78, 50:78].astype(np.float32)
    centre = np.array([63.5, 63.5])
    orientation = Orientation(30.0)
    found = MotifFit(motif).locate(
        spline_coefficients(other), [np.add(centre, (0.5, 0.4))], orientation=orientation
    )
    np.testing.assert_allclose(found.centres, [centre], atol=5e-3)
    assert np.nanmin(oriented(motif, orientation)) > 0


def test_gaps_are_left_out_and_tiles_beyond_the_frame_are_told():
    image = render_image(lattice("square", spacing=16.3, field=(100, 100)))
    motif = image[30:60, 30:60]
    broken = image.copy()
    broken[40:44, 33:38] = np.nan
    fit = MotifFit(motif)
    found = fit.locate(spline_coefficients(broken), [[44.8, 44.0]])
    np.testing.assert_allclose(found.centres, [[44.5, 44.5]], atol=5e-3)
    shifted = fit.locate(spline_coefficients(image[31:]), [[14.5, 44.5]])
    assert shifted.outside.tolist() == [True]
    assert np.isnan(shifted.errors).all()
    nothing = fit.locate(spline_coefficients(np.full((60, 60), np.nan)), [[30.0, 30.0]])
    assert np.isnan(nothing.errors).all()
    assert nothing.centres.tolist() == [[30.0, 30.0]]


def test_motifs_without_a_place_are_refused():
    stripes = np.tile(np.sin(np.arange(20.0)), (15, 1))
    with pytest.raises(ValueError, match="looks the same when it moves"):
        MotifFit(stripes)
    with pytest.raises(ValueError, match="one variance above 0"):
        MotifFit(np.random.default_rng(0).normal(size=(9, 9)), noise=np.zeros((9, 9)))
