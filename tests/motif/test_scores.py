from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.feature import match_template

from hyperspy_smartalign.motif import SearchedFrame, score_map, tile_centre


def direct(frame: np.ndarray, motif: np.ndarray) -> np.ndarray:
    """The definition, tile by tile, over the pixels that both have."""
    h, w = motif.shape
    out = np.empty((frame.shape[0] - h + 1, frame.shape[1] - w + 1))
    for y, x in np.ndindex(out.shape):
        tile = frame[y : y + h, x : x + w]
        both = np.isfinite(tile) & np.isfinite(motif)
        out[y, x] = np.corrcoef(tile[both], motif[both])[0, 1]
    return out


@settings(max_examples=15, deadline=None)
@given(
    shape=st.tuples(st.integers(12, 23), st.integers(12, 23)),
    tile=st.tuples(st.integers(3, 11), st.integers(3, 11)),
    gaps=st.sampled_from(["none", "frame", "motif", "both"]),
    seed=st.integers(0, 99),
)
def test_scores_are_correlation_coefficients(shape, tile, gaps, seed):
    rng = np.random.default_rng(seed)
    frame, motif = rng.normal(100, 5, shape), rng.normal(size=tile)
    if gaps in ("frame", "both"):
        frame[rng.integers(shape[0]), rng.integers(shape[1])] = np.nan
    if gaps in ("motif", "both"):
        motif[0, 0] = np.nan
    scores = score_map(frame, motif, coverage=0.1)
    # Single precision without gaps, double with them.
    np.testing.assert_allclose(scores.values, direct(frame, motif), atol=2e-5)


def test_scores_are_those_of_scikit_image(repeats):
    made = repeats(5)
    expected = match_template(made.frames[0], made.motif)
    np.testing.assert_allclose(score_map(made.frames[0], made.motif).values, expected, atol=1e-5)


def test_a_tile_scores_one_with_itself_and_its_centre_is_known(repeats):
    made = repeats(5)
    scores = score_map(made.frames[0], 3.0 * made.motif - 7.0)
    place = np.unravel_index(np.argmax(scores.values), scores.values.shape)
    assert scores.values.max() == pytest.approx(1.0, abs=1e-5)
    assert place == made.corner
    assert scores.first_centre == (15.5, 16.0) == tile_centre((32, 33))


@pytest.mark.parametrize("dtype", [">u2", "uint8", "bool", "float64"])
def test_types_and_read_only_frames(dtype):
    rng = np.random.default_rng(1)
    frame = rng.integers(0, 2, (31, 37)).astype(dtype)
    frame.flags.writeable = False
    scores = score_map(frame, frame[4:12, 5:16])
    assert scores.values.dtype == np.float32
    assert scores.values[4, 5] == pytest.approx(1, abs=1e-5)


def test_flat_tiles_score_zero():
    rng = np.random.default_rng(2)
    frame = np.full((40, 40), 1000.0)
    frame[20:] += rng.normal(size=(20, 40))
    values = score_map(frame, frame[25:33, 5:13]).values
    assert (values[:12] == 0).all()
    frame[0, 0] = np.nan
    assert (score_map(frame, frame[25:33, 5:13]).values[1:12] == 0).all()


def test_coverage_decides_where_tiles_are_scored():
    rng = np.random.default_rng(3)
    frame = rng.normal(size=(30, 30))
    frame[:, :10] = np.nan
    values = score_map(frame, frame[10:20, 15:25], coverage=0.5).values
    assert np.isnan(values[:, :5]).all()
    assert np.isfinite(values[:, 5:]).all()


def test_one_frame_serves_several_motifs(repeats):
    made = repeats(5)
    searched = SearchedFrame(made.frames[0])
    for motif in (made.motif, made.motif[:20, :11]):
        np.testing.assert_array_equal(
            searched.scores(motif).values, score_map(made.frames[0], motif).values
        )


@pytest.mark.parametrize(
    ("frame", "motif", "error", "message"),
    [
        (np.ones((5, 5)), np.arange(36.0).reshape(6, 6), ValueError, "6 x 6 px but the frame"),
        (np.ones((9, 9)), np.ones((4, 4)), ValueError, "no contrast"),
        (np.ones((9, 9)), np.arange(8.0).reshape(2, 4), ValueError, "at least 3 x 3"),
        (np.full((9, 9), np.nan), np.arange(9.0).reshape(3, 3), ValueError, "no finite pixel"),
        (np.ones((9, 9), complex), np.arange(9.0).reshape(3, 3), TypeError, "complex"),
        (np.ones(9), np.arange(9.0).reshape(3, 3), ValueError, "2-D"),
    ],
)
def test_errors_say_what_is_wrong(frame, motif, error, message):
    with pytest.raises(error, match=message):
        score_map(frame, motif)
