"""Sites that only look like the motif, and the distance of repeats."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image
from hyperspy_smartalign.motif import automatic_threshold, find_motif
from hyperspy_smartalign.motif.nodes import shared_vectors
from hyperspy_smartalign.motif.repeats import repeat_distance
from hyperspy_smartalign.motif.scores import score_map
from hyperspy_smartalign.motif.sites import other_sites
from hyperspy_smartalign.parameters import TemplateParameters

BASIS = np.array([[1.0, 11.5], [11.5, -1.0]])


def nodes(size: int = 24) -> tuple[np.ndarray, np.ndarray]:
    index = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).reshape(-1, 2)
    return index @ BASIS, index


def noisy(score: np.ndarray, spread: float, seed: int = 0) -> np.ndarray:
    return np.tanh(np.arctanh(score) + np.random.default_rng(seed).normal(0, spread, score.shape))


@pytest.mark.parametrize("spread", [0.01, 0.05, 0.1])
def test_sites_are_told_apart_by_their_mean_scores(spread):
    places, index = nodes()
    places = places + np.random.default_rng(1).normal(0, 0.4, places.shape)
    even = index.sum(axis=1) % 2 == 0
    # With the last spread, two of five scores lie on the wrong side of the middle or nearly so.
    score = noisy(np.where(even, 0.40, 0.30), spread)
    found = other_sites(places, score)
    np.testing.assert_array_equal(found.other, ~even)
    # What is left repeats along the diagonal of the fine lattice.
    assert found.repeat == pytest.approx(np.hypot(10.5, 12.5), abs=0.3)


def test_two_of_three_sites_may_be_the_motif():
    places, index = nodes()
    third = (index[:, 0] + index[:, 1]) % 3 == 0
    found = other_sites(places, noisy(np.where(third, 0.5, 0.8), 0.05))
    np.testing.assert_array_equal(found.other, third)


def test_a_quarter_of_the_sites_may_be_the_motif():
    places, index = nodes()
    own = (index % 2 == 0).all(axis=1)
    found = other_sites(places, noisy(np.where(own, 0.8, 0.6), 0.05))
    np.testing.assert_array_equal(found.other, ~own)
    assert found.repeat == pytest.approx(2 * np.linalg.norm(BASIS[0]), rel=0.01)


def test_frames_and_distorted_lattices_have_numberings_of_their_own():
    places, index = nodes()
    even = index.sum(axis=1) % 2 == 0
    # A bend of 8 px, three quarters of a cell, and a frame that begins at the other site.
    bent = places + 8 * np.sin(places[:, :1] / 270 * 2 * np.pi) * (0, 1)
    both = np.concatenate([bent, places + 3.3])
    own = np.concatenate([even, ~even])
    found = other_sites(
        both, noisy(np.where(own, 0.45, 0.3), 0.05), frame=np.repeat([2, 5], len(places))
    )
    np.testing.assert_array_equal(found.other, ~own)


@pytest.mark.parametrize("seed", range(5))
def test_equal_sites_stay(seed):
    rng = np.random.default_rng(seed)
    places, index = nodes()
    # All alike; at random unlike; and alternating by less than the scores tell of likeness.
    for score in (
        np.full(len(places), 0.5),
        np.where(rng.random(len(places)) < 0.4, 0.4, 0.6),
        np.where(index[:, 0] % 2 == 0, 0.97, 0.98),
    ):
        assert not other_sites(places, noisy(score, 0.05, seed)).other.any()
    scattered = rng.uniform(0, 300, (400, 2))
    found = other_sites(scattered, rng.uniform(0.3, 0.9, 400))
    assert not found.other.any()
    assert found.repeat is None
    assert other_sites(np.empty((0, 2)), []).repeat is None


def test_vectors_need_enough_support():
    rng = np.random.default_rng(0)
    places, _ = nodes(10)
    lone = rng.uniform(0, 900, (900, 2))
    member = np.zeros(1000, int)
    everything = np.concatenate([places, lone])
    with pytest.raises(ValueError, match="one line"):
        shared_vectors(everything, member, share=0.25)
    found = shared_vectors(places, member[:100], share=0.25)
    np.testing.assert_allclose(
        np.abs(np.linalg.det(found)), np.abs(np.linalg.det(BASIS)), rtol=0.01
    )


def test_repeats_are_found_with_motifs_of_little_more_than_one():
    crystal = lattice("square", spacing=16.3, angle=10, field=(200, 220), margin=40)
    frame = np.random.default_rng(0).poisson(5 * render_image(crystal)).astype(np.float32)
    motif = frame[88:112, 98:122]
    # Three quarters of a repeat, where the motif's own size would say 18 px.
    found = repeat_distance(score_map(frame, motif), motif, floor=0.25)
    # Noise moves each of them by a pixel or so.
    assert found == pytest.approx(0.75 * 16.3, rel=0.1)
    noise = np.random.default_rng(1).normal(size=(200, 220)).astype(np.float32)
    alone = repeat_distance(score_map(noise, motif), motif, floor=0.25)
    assert alone == pytest.approx(18)


@pytest.mark.parametrize("shape", [(20, 20), (24, 24)])
def test_small_motifs_are_not_taken_for_other_sites(repeats, shape):
    made = repeats(5, frames=2, shape=shape)
    search = find_motif(made.frames, made.motif)
    recall, false, errors = made.judged(search.matches)
    assert recall >= 0.99
    assert false == 0
    rms = np.sqrt(np.mean((errors - np.median(errors, axis=0)) ** 2, axis=0))
    np.testing.assert_array_less(rms / made.bound, 1.2)
    # The other sites are still there to be looked at.
    last = search.last
    assert last.other_site.sum() > 0.9 * len(last.matches)
    assert not last.accepted[last.other_site].any()
    assert len(last.with_threshold(-1).matches) == (~last.other_site).sum()


def test_other_sites_are_taken_where_the_user_asks_for_them(repeats):
    made = repeats(20, frames=1, shape=(20, 20))
    plain = find_motif(made.frames, made.motif, TemplateParameters(threshold=0.3))
    search = find_motif(
        made.frames, made.motif, TemplateParameters(threshold=0.3, other_sites=True)
    )
    assert plain.last.other_site.sum() > 150
    assert len(search.matches) > 1.8 * len(plain.matches)


def test_a_smallest_distance_that_is_given_is_all_that_counts(repeats):
    made = repeats(20, frames=1, shape=(20, 20))
    search = find_motif(made.frames, made.motif, TemplateParameters(min_distance=8, threshold=0.3))
    assert not search.last.other_site.any()
    # Both sites, as the user asks for.
    assert len(search.matches) > 450


@pytest.mark.parametrize("seed", range(3))
def test_one_motif_with_two_peaks_of_scores_stays_whole(seed):
    other = noisy(np.full(300, 0.8), 0.05, seed)
    for low, whole in ((0.96, True), (0.9, False)):
        halves = [noisy(np.full(150, one), 0.02, seed) for one in (low, 0.98)]
        threshold = automatic_threshold(np.concatenate([other, *halves]), pixels=1600)
        assert (threshold < low - 0.005) == whole
        assert threshold > 0.83


def test_strontium_titanate_is_found_whole(shared_data):
    hs = pytest.importorskip("hyperspy.api")
    image = hs.load(shared_data("stem-atomic-single-images/STO_ADF_crop512.hspy")).data
    for window in ((200, 240, 200, 240), (230, 266, 230, 266)):
        top, bottom, left, right = window
        search = find_motif(image, image[top:bottom, left:right])
        # 512^2 px hold 211 cells of 1241 px^2, less those at the rim.
        inside = (512 - (bottom - top)) ** 2 / 1241
        assert len(search.matches) == pytest.approx(inside, rel=0.03)
        assert search.last.other_site.sum() == pytest.approx(inside, rel=0.05)
