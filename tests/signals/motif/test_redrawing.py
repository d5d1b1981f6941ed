"""Tiles that are aligned take their pixels from the series, as long as it is in memory."""

from __future__ import annotations

import gc
import warnings

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import origins
from hyperspy_smartalign.signals.motif.redrawing import CUT_TWICE


@pytest.fixture(scope="module")
def simulated():
    return simulate_series(shape=(96, 111), frames=3, dose=3000, scale=0.024, seed=3)


@pytest.fixture
def tiles(simulated):
    return simulated.series.template_match((40, 64, 36, 60), show_progressbar=False)


def align(tiles, **keywords):
    """The aligned tiles, and what was said about their pixels."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = tiles.align_nonrigid(show_progressbar=False, **keywords)
    said = [entry for entry in caught if str(entry.message) == CUT_TWICE]
    assert all(entry.category is SeriesWarning and entry.filename == __file__ for entry in said)
    return result, len(said)


@pytest.mark.parametrize("output", ["series", "average"])
def test_pixels_are_those_of_the_series(simulated, tiles, output) -> None:
    result, said = align(tiles, output=output)
    assert not said
    again = simulated.series.apply_alignment(result if output == "series" else align(tiles)[0])
    wanted = again.data if output == "series" else np.nanmean(again.data, axis=0)
    np.testing.assert_allclose(result.data, wanted, rtol=1e-5)


@pytest.mark.slow
def test_aligned_tiles_stay_as_large_as_the_motif(simulated, tiles) -> None:
    result, _ = align(tiles)
    assert result.data.shape == tiles.data.shape
    assert simulated.series.apply_alignment(result).data.shape == tiles.data.shape
    # Beyond a tile the frame goes on, so that nothing is missing.
    table = tiles.smartalign.matches
    inside = (np.abs(table.y - 55) < 35) & (np.abs(table.x - 47.5) < 28)
    assert inside.any()
    assert np.isfinite(result.data[inside]).all()
    assert align(tiles, crop=True)[0].data.shape[1] == 24
    assert align(tiles, crop=(4, 20, 4, 20))[0].data.shape[1:] == (16, 16)


@pytest.mark.slow
def test_otherwise_it_says_that_they_are_interpolated_twice(simulated, tiles) -> None:
    wanted = align(tiles)[0]
    copied = tiles.deepcopy()
    found, said = align(copied)
    assert said == 1
    # The same alignment, other pixels.
    np.testing.assert_allclose(
        found.smartalign.alignment.shifts, wanted.smartalign.alignment.shifts, atol=1e-9
    )
    assert not np.array_equal(found.data, wanted.data)


def test_tiles_that_were_changed_keep_their_pixels(tiles) -> None:
    tiles.data *= 2
    assert align(tiles)[1] == 1


@pytest.mark.slow
def test_nothing_is_kept_alive(simulated) -> None:
    series = simulated.series.deepcopy()
    tiles = series.template_match((40, 64, 36, 60), show_progressbar=False)
    origins.remember_parent(tiles, series)
    assert origins.living_parent(tiles) is series
    del series
    gc.collect()
    assert origins.living_parent(tiles) is None
    assert align(tiles)[1] == 1


@pytest.mark.slow
def test_kernels_that_need_whole_frames_or_the_tiles_fall_back(tiles) -> None:
    assert align(tiles, fill="mean")[1] == 1
    assert align(tiles, interpolation="nearest")[1] == 1
