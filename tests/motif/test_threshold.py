from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.motif import automatic_threshold, noise_floor, score_histogram


def mixed(seed: int, *parts: tuple[float, float, int]) -> np.ndarray:
    """Scores of normal populations (mean, standard deviation, number)."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(mean, sigma, n) for mean, sigma, n in parts])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("parts", "low", "high"),
    [
        ([(0.4, 0.04, 250), (0.75, 0.03, 240)], 0.5, 0.67),
        ([(0.2, 0.03, 900), (0.45, 0.04, 250), (0.75, 0.03, 240)], 0.56, 0.67),
        ([(0.2, 0.05, 3000), (0.75, 0.03, 80)], 0.42, 0.68),
        ([(0.55, 0.04, 300), (0.75, 0.04, 280)], 0.6, 0.7),
        ([(0.3, 0.05, 12000), (0.8, 0.03, 4000)], 0.5, 0.71),
        # Half of them above, or more: one population loses nothing that matters.
        ([(0.75, 0.03, 250)], 0.5, 0.7),
    ],
)
def test_the_main_peak_is_divided_from_its_tail(seed, parts, low, high):
    scores = mixed(seed, *parts)
    assert low < automatic_threshold(scores, pixels=400) < high


def test_the_match_with_itself_is_no_population():
    scores = np.append(mixed(0, (0.5, 0.03, 200)), 1.0)
    assert automatic_threshold(scores, pixels=400) < 0.45
    assert automatic_threshold([1.0], pixels=400) == 1.0
    assert automatic_threshold([], pixels=400) == 1.0


def test_noise_stays_below_the_floor():
    rng = np.random.default_rng(0)
    frame, motif = rng.normal(size=(200, 200)), rng.normal(size=(20, 20))
    from hyperspy_smartalign.motif import score_map

    floor = noise_floor(400, frame.size)
    highest = score_map(frame, motif).values.max()
    assert 0.6 * floor < highest < floor


def test_histograms_have_bins_and_a_range():
    histogram = score_histogram([0.1, 0.5, 0.52, 0.9, np.nan], bins=4, score_range=(0.4, 0.8))
    assert histogram.counts.tolist() == [0, 2, 0, 0]
    np.testing.assert_allclose(histogram.centres, [0.45, 0.55, 0.65, 0.75])
    assert score_histogram([0.25, 1.0]).edges[[0, -1]].tolist() == [0.25, 1.0]
    assert score_histogram([]).counts.sum() == 0
    with pytest.raises(ValueError, match="make no histogram"):
        score_histogram([0.5], score_range=(1, 0))
    for bins in ("auto", 2.5, [0, 1]):
        with pytest.raises(TypeError, match=r"^bins=.* is not a whole number; give"):
            score_histogram([0.5], bins=bins)
    for score_range in ("all", 0.5, (0, 0.5, 1)):
        with pytest.raises(TypeError, match=r"^score_range=.* are not two numbers; give"):
            score_histogram([0.5], score_range=score_range)
