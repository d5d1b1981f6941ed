"""What the non-rigid registration tells before its end."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import scan_recipe, simulate_stack
from hyperspy_smartalign.nonrigid import CycleDone, align_frames_nonrigid
from hyperspy_smartalign.parameters import NonrigidParameters
from hyperspy_smartalign.resampling import accumulate
from hyperspy_smartalign.transforms import Canvas, Translation

N, SHAPE = 6, (72, 80)
QUICK = {"affine_cycles": 1, "nonlinear_cycles": 2}


@pytest.fixture(scope="module")
def series():
    simulated = scan_recipe(30, frames=N, shape=SHAPE, seed=5)
    simulated.stack.setflags(write=False)
    return simulated


@pytest.fixture(scope="module")
def watched(frames_of):
    """``watched(stack, shifts, watch=None, **parameters)``: the result, and what was told."""

    def run(stack, shifts, *, watch=None, excluded=(), region=None, progress=None, **parameters):
        told = []
        left_out = np.zeros(len(stack), bool)
        left_out[list(excluded)] = True
        result = align_frames_nonrigid(
            frames_of(stack),
            [Translation(shift) for shift in shifts],
            NonrigidParameters(**{**QUICK, **parameters}),
            excluded=left_out,
            region=region,
            num_workers=2,
            progress=progress,
            watch=watch or told.append,
        )
        assert all(isinstance(each, CycleDone) for each in told)
        return result, told

    return run


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"excluded": (1,)},
        {"region": (4, 76, 3, 70)},
        {"model": "free", "affine_cycles": 0, "nonlinear_cycles": 1, "max_iterations": 1},
        {"solver": "gradient", "guard": False},
        {"weights": "quality"},
    ],
)
def test_cycles_are_told_and_nothing_changes(watched, align, series, keywords):
    shifts = series.truth.shifts
    result, told = watched(series.stack, shifts, **keywords)
    assert told[0].number == 0
    assert told[0].cycle is None
    numbers = [each.number for each in told]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] <= {each.total for each in told}.pop()
    assert [each.cycle for each in told[1:]] == list(result.cycles)
    alone = align(series.stack, shifts, num_workers=2, **{**QUICK, **keywords})
    for mine, other in zip(result.transforms, alone.transforms, strict=True):
        # Linear algebra rounds as its threads divide the work.
        np.testing.assert_allclose(
            mine.displacement(SHAPE), other.displacement(SHAPE), rtol=0, atol=1e-5
        )
    np.testing.assert_allclose(result.similarity, alone.similarity, atol=1e-5)


def test_the_average_is_that_of_the_frames_as_they_are_placed(watched, series):
    shifts = series.truth.shifts - np.median(series.truth.shifts, axis=0)
    result, told = watched(series.stack, shifts, excluded=(2,), guard=False, model="scan_locked")
    canvas, weights = Canvas(0, 0, *SHAPE), np.arange(N) != 2
    for each, transforms in (
        (told[0], [Translation(shift) for shift in shifts]),
        (told[-1], result.transforms),
    ):
        assert each.average.shape == SHAPE
        assert each.average.dtype == np.float32
        expected = accumulate(series.stack, transforms, canvas, weights=weights).mean()
        both = np.isfinite(expected) & np.isfinite(each.average)
        assert both.mean() > 0.95
        # The place is rounded from all frames that take part, here to no more than a pixel.
        difference = (each.average - expected)[both]
        assert np.abs(difference).max() < 1e-3 * np.nanmax(expected)


def test_the_average_gets_sharper(watched, series):
    _, told = watched(series.stack, series.truth.shifts)
    contrast = [np.nanstd(each.average[8:-8, 8:-8]) for each in told]
    assert contrast[-1] > contrast[0]


def test_a_dropped_cycle_is_told_with_the_average_before(watched):
    still = simulate_stack(shape=SHAPE, frames=N, dose=8, seed=5)
    _, told = watched(still.stack, still.truth.shifts)
    dropped = [k for k, each in enumerate(told) if each.cycle is not None and not each.cycle.kept]
    assert dropped
    for k in dropped:
        np.testing.assert_array_equal(told[k].average, told[k - 1].average)


class Enough(KeyboardInterrupt):
    """Raised by a watcher."""


@pytest.mark.parametrize("last", [0, 1])
def test_what_the_watcher_raises_ends_the_work(watched, series, last):
    def watch(event):
        if event.number >= last:
            raise Enough

    with pytest.raises(Enough):
        watched(series.stack, series.truth.shifts, watch=watch)


def test_the_best_is_kept_where_that_was_asked_for(watched, series):
    told = []

    def watch(event):
        told.append(event)
        if event.number == 2:
            raise Enough

    result, _ = watched(series.stack, series.truth.shifts, watch=watch, keep_on_cancel=True)
    assert result.cancelled
    assert len(result.cycles) == len(told) - 1


def test_the_gradient_solver_tells_of_each_frame(watched, series):
    reports = []
    watched(
        series.stack,
        series.truth.shifts,
        solver="gradient",
        progress=lambda stage, done, total: reports.append((stage, done, total)),
    )
    fitted = {done for stage, done, _ in reports if stage.startswith("cycle 1 ")}
    assert fitted == set(range(1, N + 1))
    # Twice: matching, and comparing what came of it.
    assert sum(stage.startswith("cycle 1 ") for stage, _, _ in reports) >= 2 * N
