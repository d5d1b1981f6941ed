from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image
from hyperspy_smartalign.motif import ScoreMap, find_peaks, keep_best, smallest_distance


def bumps(places: list[tuple[float, float]], heights: list[float]) -> ScoreMap:
    y, x = np.indices((40, 50))
    values = sum(
        height * np.exp(-((y - a) ** 2 + (x - b) ** 2) / 18)
        for (a, b), height in zip(places, heights, strict=True)
    )
    return ScoreMap(values.astype(np.float32), (8, 9))


def test_peaks_lie_between_the_pixels_best_first():
    peaks = find_peaks(bumps([(10.3, 12.6), (28.8, 35.2)], [0.5, 0.8]), threshold=0.1)
    # A parabola through a Gaussian of sigma 3 is off by less than 0.01 px.
    np.testing.assert_allclose(peaks.centres, [(32.3, 39.2), (13.8, 16.6)], atol=0.01)
    np.testing.assert_allclose(peaks.scores, [0.8, 0.5], atol=0.002)
    whole = find_peaks(bumps([(10.3, 12.6)], [0.5]), threshold=0.1, subpixel=False)
    assert whole.centres.tolist() == [[13.5, 17.0]]


def test_only_what_is_above_the_threshold_counts_also_at_the_rim_and_beside_gaps():
    scores = bumps([(0, 0), (20, 25)], [0.9, 0.4])
    assert len(find_peaks(scores, threshold=0.5)) == 1
    values = scores.values.copy()
    values[20, 26] = np.nan
    assert len(find_peaks(ScoreMap(values, (8, 9)), threshold=0.3)) == 2
    assert len(find_peaks(ScoreMap(np.full((9, 9), np.nan, np.float32), (3, 3)), threshold=0)) == 0


def test_a_plateau_is_one_peak():
    values = np.zeros((9, 9), np.float32)
    values[4, 3:6] = 0.7
    assert len(find_peaks(ScoreMap(values, (3, 3)), threshold=0.5)) == 1


def test_more_peaks_than_there_was_room_for():
    values = np.zeros((99, 99), np.float32)
    values[1::2, 1::2] = 0.5
    assert len(find_peaks(ScoreMap(values, (3, 3)), threshold=0.1)) == 49 * 49


def test_the_best_of_those_too_near_stays_and_chains_do_not_empty():
    centres = np.array([[0.0, 0.0], [0.0, 6.0], [0.0, 12.0], [0.0, 18.0]])
    scores = np.array([0.9, 0.8, 0.7, 0.95])
    kept = keep_best(centres, scores, tile_shape=(9, 9), distance=8.0)
    # The second is too near to the first; the third too near to the fourth.
    assert kept.tolist() == [True, False, False, True]
    kept = keep_best(centres[:3], scores[:3], tile_shape=(9, 9), distance=8.0)
    assert kept.tolist() == [True, False, True]


def test_overlap_limits_the_shared_area():
    centres = np.array([[0.0, 0.0], [0.0, 6.0], [10.0, 6.0]])
    scores = np.array([0.9, 0.8, 0.7])

    def kept(overlap: float) -> list[bool]:
        return keep_best(
            centres, scores, tile_shape=(10, 10), distance=1.0, overlap=overlap
        ).tolist()

    assert kept(1.0) == [True, True, True]
    # The second shares 40 % of its area with the first.
    assert kept(0.41) == [True, True, True]
    assert kept(0.39) == [True, False, True]
    assert kept(0.0) == [True, False, True]


@pytest.mark.parametrize("dose", [np.inf, 20, 5])
def test_the_distance_comes_from_the_repeats_in_the_motif(dose):
    image = render_image(lattice("square", spacing=16.0, angle=0.0, field=(128, 128)))
    if np.isfinite(dose):
        image = np.random.default_rng(0).poisson(dose * image)
    # Repeats are found to a pixel.
    assert smallest_distance(image[30:80, 31:82]) == pytest.approx(0.75 * 16, abs=0.8)
    # A single cell does not repeat within itself.
    assert smallest_distance(image[56:72, 54:74]) == pytest.approx(0.75 * 16, abs=1e-9)
