from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.motif import TileAverage
from hyperspy_smartalign.motif.smoothing import smooth_motif


def averaged(clean, *, noise, tiles, seed=0):
    """Mean of tiles with white noise of a standard deviation each."""
    rng = np.random.default_rng(seed)
    mean = clean + noise / np.sqrt(tiles) * rng.normal(size=clean.shape)
    return TileAverage(
        mean.astype(np.float32),
        np.full(clean.shape, noise**2, np.float32),
        np.full(clean.shape, tiles, np.int64),
    )


@pytest.fixture
def blob():
    y, x = np.indices((40, 47)) - np.array([20.3, 22.1])[:, None, None]
    return 5 + 3 * np.exp(-(y**2 + x**2) / 2 / 4.0**2)


def test_noise_is_taken_off_and_the_motif_stays(blob):
    noisy = averaged(blob, noise=6.0, tiles=40)
    smooth = smooth_motif(noisy)
    before, after = (float(np.std(m - blob)) for m in (noisy.mean, smooth))
    # A blob of 4 px has a twentieth of all frequencies or less.
    assert after < before / 3
    assert smooth.dtype == np.float32
    assert smooth.mean() == pytest.approx(float(noisy.mean.mean()), rel=1e-5)
    slopes = [float(np.square(np.gradient(m - blob)).sum()) for m in (noisy.mean, smooth)]
    assert slopes[1] < slopes[0] / 30


def test_a_clear_motif_is_left_as_it_is(blob):
    clear = averaged(blob, noise=1e-3, tiles=1000)
    # What is left out is as weak as the noise.
    np.testing.assert_allclose(smooth_motif(clear), clear.mean, atol=3e-4)


def test_gaps_stay_gaps_and_do_not_spread(blob):
    noisy = averaged(blob, noise=3.0, tiles=40)
    mean, count = noisy.mean.copy(), noisy.count.copy()
    mean[:3], count[:3] = np.nan, 0
    smooth = smooth_motif(TileAverage(mean, noisy.variance, count))
    np.testing.assert_array_equal(np.isnan(smooth), np.isnan(mean))
    assert np.std((smooth - blob)[3:]) < 0.5 * np.std((mean - blob)[3:])


def test_means_that_tell_no_noise_or_hold_nothing_else_are_kept(blob):
    one = averaged(blob, noise=1.0, tiles=1)
    assert smooth_motif(one) is one.mean
    drowned = averaged(np.zeros((30, 30)), noise=1.0, tiles=10)
    smooth = smooth_motif(TileAverage(drowned.mean, 4 * drowned.variance, drowned.count))
    assert smooth is drowned.mean
