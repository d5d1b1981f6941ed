"""What is kept of frames between stages changes no result."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.motif import SearchedFrame, average_tiles, find_motif, prepared
from hyperspy_smartalign.motif.prepared import PreparedFrames
from hyperspy_smartalign.motif.searched_motif import SearchedMotif
from hyperspy_smartalign.motif.sources import StackSource
from hyperspy_smartalign.resampling import spline_coefficients


class Counted(StackSource):
    """Frames that note which of them were read."""

    def __init__(self, stack):
        super().__init__(stack)
        object.__setattr__(self, "reads", [])

    def frame(self, index):
        self.reads.append(index)
        return super().frame(index)


# All that is kept of one frame is 12 bytes a pixel, about 900 kB.
@pytest.mark.parametrize("most_bytes", [0, 1_000_000, None])
@pytest.mark.parametrize("workers", [1, 2])
def test_memory_and_threads_do_not_matter(repeats, monkeypatch, most_bytes, workers):
    made = repeats(5, frames=3)
    expected = find_motif(made.frames, made.motif, num_workers=1)
    if most_bytes is not None:
        monkeypatch.setattr(prepared, "MOST_BYTES", most_bytes)
    found = find_motif(made.frames, made.motif, num_workers=workers)
    np.testing.assert_array_equal(found.motif, expected.motif)
    for name, column in expected.last.candidates.columns().items():
        np.testing.assert_array_equal(found.last.candidates.columns()[name], column)


def test_frames_are_read_less_where_there_is_room(repeats, monkeypatch):
    made = repeats(20, frames=3)
    kept, again = Counted(made.frames), Counted(made.frames)
    find_motif(kept, made.motif, num_workers=1)
    # For the size, the search and the coefficients, and one more for the level of each average.
    assert sorted(kept.reads) == [0, 0, 0, 0, 1, 1, 2, 2]
    monkeypatch.setattr(prepared, "MOST_BYTES", 0)
    find_motif(again, made.motif, num_workers=1)
    # For three searches and two averages.
    assert sorted(again.reads) == [0] * 8 + [1] * 5 + [2] * 5


def test_no_more_is_kept_than_there_is_room_for(repeats):
    made = repeats(20, frames=3)
    pixels = made.frames[0].size
    frames = PreparedFrames(StackSource(made.frames), most_bytes=4 * pixels)
    for number in range(3):
        np.testing.assert_array_equal(
            frames.coefficients(number), spline_coefficients(made.frames[number])
        )
    assert frames.coefficients(0) is frames.coefficients(0)
    assert frames.coefficients(1) is not frames.coefficients(1)


@pytest.mark.parametrize("gaps", [False, True])
def test_scores_are_those_of_the_frame(repeats, gaps):
    made = repeats(20, frames=1)
    stack = made.frames.copy()
    if gaps:
        stack[0, 5, 7] = np.nan
    frames = PreparedFrames(StackSource(stack))
    expected = SearchedFrame(stack[0]).scores(made.motif)
    for _ in range(2):
        scores = frames.frame(0).scores(SearchedMotif(made.motif), coverage=0.9)
        np.testing.assert_array_equal(scores.values, expected.values)
        assert scores.tile_shape == expected.tile_shape


def test_averages_take_coefficients_that_are_at_hand(repeats):
    made = repeats(20, frames=2)
    matches = find_motif(made.frames, made.motif).matches
    coefficients = spline_coefficients(made.frames)
    plain = average_tiles(made.frames, matches)
    given = average_tiles(made.frames, matches, coefficients=lambda i: coefficients[i])
    np.testing.assert_array_equal(given.mean, plain.mean)
    np.testing.assert_array_equal(given.variance, plain.variance)
