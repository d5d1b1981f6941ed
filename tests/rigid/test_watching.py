"""What the rigid registration tells before its end."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid import PairsMeasured, align_frames, pairs


@pytest.fixture
def watched(source):
    """``watched(stack, **parameters)``: the result, and what was told."""

    def run(stack, **parameters):
        told = []
        result = align_frames(source(stack), RigidParameters(**parameters), watch=told.append)
        assert all(isinstance(each, PairsMeasured) for each in told)
        return result, told

    return run


def matrices(told, n):
    shifts, similarity = np.full((n, n, 2), np.nan), np.full((n, n), np.nan)
    for each in told:
        i, j = each.indices.T
        shifts[i, j], similarity[i, j] = each.shifts, each.similarity
    return shifts, similarity


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"exclude": (0, 4)},
        {"exclude_pairs": ((1, 2),)},
        {"group": 2},
        {"mode": "low_snr"},
        {"outliers": "transitivity", "peak": "gaussian"},
    ],
)
def test_all_pairs_are_told_and_nothing_changes(watched, align, crystal_series, keywords):
    stack = crystal_series.stack
    result, told = watched(stack, **keywords)
    shifts, similarity = matrices(told, len(stack))
    i, j = result.pairs.indices.T
    np.testing.assert_array_equal(shifts[i, j], result.pairs.shifts)
    np.testing.assert_array_equal(similarity[i, j], result.pairs.similarity)
    assert np.isfinite(similarity).sum() == len(i)
    assert {(each.count, each.total) for each in told} == {(len(stack), len(i))}
    alone = align(stack, **keywords)
    np.testing.assert_array_equal(result.shifts, alone.shifts)
    np.testing.assert_array_equal(result.precision, alone.precision)


def test_groups_are_told_by_their_first_frames(watched, crystal_series):
    _, told = watched(crystal_series.stack, group=3)
    assert {int(k) for each in told for k in each.indices.ravel()} == {0, 3, 6, 9}


def test_pairs_are_told_a_few_at_a_time(watched, crystal_series, monkeypatch):
    monkeypatch.setattr(pairs, "BATCH_BYTES", 1)
    _, told = watched(crystal_series.stack)
    assert [len(each.indices) for each in told[:45]] == [1] * 45


def test_long_series_are_told_in_many_parts(watched):
    rng = np.random.default_rng(0)
    image = np.cumsum(np.cumsum(rng.normal(size=(128, 128)), 0), 1)
    stack = (image + rng.normal(size=(40, 128, 128))).astype(np.float32)
    _, told = watched(stack, refinements=0)
    assert len(told) >= 20


def test_what_the_watcher_raises_ends_the_work(source, crystal_series):
    class Enough(KeyboardInterrupt):
        pass

    def watch(event):
        raise Enough

    with pytest.raises(Enough):
        align_frames(source(crystal_series.stack), RigidParameters(), watch=watch)
