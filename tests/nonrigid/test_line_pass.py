"""One pass of the scan-line models, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_smartalign.data import scan_recipe
from hyperspy_smartalign.nonrigid.comparing import evaluate
from hyperspy_smartalign.nonrigid.frame_fit import Brightness
from hyperspy_smartalign.nonrigid.line_pass import gain_of_lines, improve_lines, settle_lines
from hyperspy_smartalign.nonrigid.lines import lines_of
from hyperspy_smartalign.nonrigid.settings import Settings
from hyperspy_smartalign.nonrigid.state import State
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid.store import FrameStore
from hyperspy_smartalign.transforms import Translation

N = 5


@pytest.fixture(scope="module")
def series():
    return scan_recipe(30, frames=N, shape=(72, 80), seed=5)


@pytest.fixture(scope="module")
def store(series, frames_of):
    return FrameStore(frames_of(series.stack))


@pytest.fixture(scope="module")
def settings(series):
    return Settings(
        used=np.ones(N, bool),
        axes=np.zeros(N, np.intp),
        weights=np.ones(N),
        level=float(series.stack.mean()),
    )


@pytest.fixture(scope="module")
def state(series):
    mean = float(series.stack.mean())
    return State(
        paths=tuple(lines_of(Translation(s), (72, 80), 0) for s in series.truth.shifts),
        brightness=(Brightness(),) * N,
        noise=NoiseModel(mean, 0.0, 0.1 * mean),
    )


@pytest.fixture(scope="module")
def evaluated(store, state, settings):
    return evaluate(store, state, settings)


def error(state, series):
    """Rms over frames and lines of what is not common to all frames."""
    difference = np.array(
        [
            path.offsets - series.truth.shifts[i] - series.truth.row_offsets[i]
            for i, path in enumerate(state.paths)
        ]
    )[:, 8:-8]
    return float(np.sqrt(np.mean((difference - difference.mean(0)) ** 2)))


def test_comparing_tells_how_well_frames_fit(evaluated):
    assert len(evaluated.lines) == N
    assert not evaluated.nodes
    assert (evaluated.similarity > 0.7).all()
    for brightness in evaluated.brightness:
        assert brightness.contrast == pytest.approx(1.0, abs=0.1)
    # Counts: the variance is the intensity, 10 to 40 here, and a little more while misplaced.
    assert evaluated.noise.variance(20.0) == pytest.approx(20.0, rel=0.25)


@pytest.mark.parametrize("model", ["scan_locked", "row_fitting"])
def test_one_step_goes_most_of_the_way(store, state, evaluated, settings, series, model):
    before = error(state, series)
    first = improve_lines(state, evaluated, settings, model=model)
    assert error(first, series) < 0.5 * before
    second = improve_lines(first, evaluate(store, first, settings), settings, model=model)
    assert second.change < 0.5 * first.change
    assert first.prior is not None
    # The errors that are reported, mean and drift included, are of the size of those that occur.
    assert 0.5 < first.error / error(second, series) < 2.0
    assert any(path.slopes.any() for path in first.paths) == (model == "row_fitting")


def test_affine_step_fits_straight_lines(state, evaluated, settings):
    found = improve_lines(state, evaluated, settings, model="affine")
    assert found.prior is None
    for path in found.paths:
        # The common part is taken off where half of the frames or more saw it.
        np.testing.assert_allclose(np.diff(path.offsets, 2, axis=0)[8:-8], 0, atol=1e-6)
        np.testing.assert_allclose(np.diff(path.slopes, axis=0), 0, atol=1e-12)


def test_frames_that_take_no_part_stay(store, state, settings):
    without = replace(settings, used=np.array([True, True, False, True, True]),
                      weights=np.array([1.0, 1, 0, 1, 1]))  # fmt: skip
    evaluated = evaluate(store, state, without)
    assert sorted(evaluated.lines) == [0, 1, 3, 4]
    assert np.isnan(evaluated.similarity[2])
    found = improve_lines(state, evaluated, without, model="scan_locked")
    assert np.isnan(found.errors[2]).all()
    assert np.isfinite(found.errors[1]).all()


def test_fixed_reference_stays_and_is_not_compared(store, state, settings):
    fixed = replace(settings, fixed=1)
    evaluated = evaluate(store, state, fixed)
    assert sorted(evaluated.lines) == [0, 2, 3, 4]
    found = improve_lines(state, evaluated, fixed, model="scan_locked")
    np.testing.assert_array_equal(found.paths[1].offsets, state.paths[1].offsets)
    assert found.change > 0.05


def test_edges_are_held(state, evaluated, settings):
    """The change fades out to the first and last line; the gauge is taken off afterwards."""
    held = replace(settings, constrain_edges=True)
    free, found = (
        improve_lines(state, evaluated, chosen, model="scan_locked") for chosen in (settings, held)
    )

    def at_edges(result):
        moved = [
            new.offsets - old.offsets for new, old in zip(result.paths, state.paths, strict=True)
        ]
        return np.mean([np.abs(each[[0, -1]]) for each in moved])

    assert at_edges(found) < 0.5 * at_edges(free)
    middle = slice(20, 50)
    for a, b in zip(free.paths, found.paths, strict=True):
        np.testing.assert_allclose(a.offsets[middle], b.offsets[middle], atol=0.1)


def test_no_line_moves_further_than_the_fit_is_straight(state, evaluated, settings):
    wild = [
        replace(each, vector=50 * each.vector) if each is not None else None
        for each in evaluated.equations
    ]
    found = improve_lines(state, replace(evaluated, equations=tuple(wild)), settings,
                          model="scan_locked")  # fmt: skip
    for new, old in zip(found.paths, state.paths, strict=True):
        # 2 px, and what the common part takes.
        assert np.abs(new.offsets - old.offsets).max() < 4.0 + 1e-6


def test_swinging_passes_are_shortened(state, settings):
    moved = [replace(p, offsets=p.offsets + 0.1 * (-1) ** i) for i, p in enumerate(state.paths)]
    calm = settle_lines(state, moved, settings, model="scan_locked")
    assert calm.damping == 1.0
    swinging = settle_lines(
        replace(state, change=calm.change), moved, settings, model="scan_locked"
    )
    assert swinging.damping < 1.0
    assert swinging.change == pytest.approx(calm.change)
    step = [
        np.abs(p.offsets - q.offsets).mean()
        for p, q in zip(swinging.paths, state.paths, strict=True)
    ]
    full = [
        np.abs(p.offsets - q.offsets).mean() for p, q in zip(calm.paths, state.paths, strict=True)
    ]
    np.testing.assert_allclose(step, swinging.damping * np.array(full))


@pytest.mark.parametrize("model", ["affine", "scan_locked"])
def test_gain_is_that_of_held_out_pixels(store, state, evaluated, settings, model):
    found = improve_lines(state, evaluated, settings, model=model)
    after = evaluate(store, found, settings)
    gain = gain_of_lines(found, after, settings, model=model, against_drift=False)
    # Lines are off by 0.4 px; what is common to all frames, the drift among it, does not count.
    assert gain > (30 if model == "scan_locked" else 3)
    # Nothing is gained by what the lines do not do.
    shaken = replace(found, paths=tuple(
        replace(path, offsets=path.offsets[::-1].copy()) for path in found.paths
    ))  # fmt: skip
    spoilt = evaluate(store, shaken, settings)
    assert spoilt.similarity.mean() < after.similarity.mean()


def test_no_frame_no_gain(state, evaluated, settings):
    empty = replace(evaluated, equations=(None,) * N)
    assert gain_of_lines(state, empty, settings, model="affine", against_drift=False) == 0.0
