"""Tiles of a frame added on one another, against frames that are added one by one."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from hyperspy_smartalign.resampling import SpectrumSum, pixel_map, tile_sum
from hyperspy_smartalign.transforms import Canvas, Field

SHAPE = (37, 41)
TILE = (9, 6)
# Other order of the taps, and a spline that begins elsewhere: a few steps of float32.
STEPS = {"rtol": 3e-6, "atol": 3e-4}


def data(channels=5, dtype=np.float32, shape=SHAPE, seed=0):
    return np.random.default_rng(seed).poisson(30, (*shape, channels)).astype(dtype)


def places_of(corners, bent=0.0, tile=TILE):
    """(2, n, H, W) places of tiles from their corners (n, 2), bent by so many pixels."""
    grid = np.indices(tile, float)
    places = np.reshape(corners, (-1, 2)).T[:, :, None, None] + grid[:, None]
    return places + bent * np.stack([np.sin(grid[1] / 2), np.cos(grid[0] / 3)])[:, None]


def one_by_one(frame, places, *, interpolation="spline", variance="none"):
    """The same, each tile as a frame of its own with its displacement field."""
    tile = places.shape[2:]
    total = SpectrumSum((*tile, frame.shape[2]), dtype=frame.dtype, variance=variance)
    canvas = Canvas.of_frame(tile)
    for place in places.swapaxes(0, 1):
        field = Field(place - np.indices(tile))
        total.add(frame, pixel_map(field, frame.shape[:2], canvas, interpolation=interpolation))
    return total


def added(frame, places, *, interpolation="spline", variance="none", **keywords):
    total = SpectrumSum((*places.shape[2:], frame.shape[2]), dtype=frame.dtype, variance=variance)
    total.add_tiles(frame, places, interpolation=interpolation, **keywords)
    return total


CORNERS = np.array([(3.2, 5.7), (20.0, 11.0), (-2.6, 30.1), (30.5, 37.4), (12.3, 0.0)])


@pytest.mark.parametrize("bent", [0.0, 0.7])
@pytest.mark.parametrize("interpolation", ["spline", "linear", "nearest"])
@pytest.mark.parametrize("variance", ["none", "poisson", "spread"])
@pytest.mark.parametrize("dtype", [np.uint16, ">f4", np.float32])
def test_as_frames_that_are_added_one_by_one(bent, interpolation, variance, dtype) -> None:
    frame, places = data(dtype=dtype), places_of(CORNERS, bent)
    how = {"interpolation": interpolation, "variance": variance}
    found, wanted = added(frame, places, **how), one_by_one(frame, places, **how)
    np.testing.assert_array_equal(found.coverage, wanted.coverage)
    assert found.weight == wanted.weight == 5
    np.testing.assert_allclose(found.sum(), wanted.sum(), **STEPS)
    if variance != "none":
        np.testing.assert_allclose(
            found.variance_of_mean(), wanted.variance_of_mean(), rtol=2e-5, atol=1e-3
        )


def test_whole_pixels_are_copied() -> None:
    frame = data(dtype=np.uint8)
    corners = np.array([(3, 5), (20, 11), (28, 35)])
    wanted = sum(frame[y : y + 9, x : x + 6].astype(int) for y, x in corners)
    for interpolation in ("spline", "linear", "nearest"):
        found = added(frame, places_of(corners), interpolation=interpolation)
        np.testing.assert_array_equal(found.sum(), wanted)


@pytest.mark.parametrize("interpolation", ["spline", "linear", "nearest"])
def test_gaps_are_as_in_frames(interpolation) -> None:
    frame, places = data(), places_of(CORNERS, 0.3)
    frame[14, 4, 2] = np.nan
    frame[5:7, 8] = np.inf
    found = added(frame, places, interpolation=interpolation, variance="poisson")
    wanted = one_by_one(frame, places, interpolation=interpolation, variance="poisson")
    np.testing.assert_array_equal(found.coverage, wanted.coverage)
    assert found.coverage.sum() < added(data(), places).coverage.sum()
    np.testing.assert_allclose(found.mean(), wanted.mean(), **STEPS)


def test_bands_change_nothing(monkeypatch) -> None:
    """A band as small as a tile, and blocks of few channels, give the same to rounding."""
    frame, places = (
        data(40, shape=(90, 30)),
        places_of(np.random.default_rng(1).uniform(0, (80, 22), (40, 2)), 0.4),
    )
    whole = added(frame, places)
    monkeypatch.setattr(tile_sum, "BAND_VALUES", 30 * tile_sum.BLOCK * 45)
    found = added(frame, places)
    np.testing.assert_allclose(found.sum(), whole.sum(), **STEPS)
    bands = tile_sum.TilePlaces.of(
        places, tile_sum.SpectralFrame.checked(frame), (90, 30), "spline"
    )._bands((90, 30))
    assert len(bands) > 1
    assert sorted(np.concatenate([numbers for numbers, _, _ in bands])) == list(range(40))
    assert max(rows.stop - rows.start for _, rows, _ in bands) <= 50


def test_wide_frames_are_read_in_smaller_blocks() -> None:
    frame = data(40, shape=(20, 600))
    places = places_of(np.random.default_rng(1).uniform(0, (10, 590), (6, 2)))
    found, wanted = added(frame, places), one_by_one(frame, places)
    np.testing.assert_allclose(found.mean(), wanted.mean(), **STEPS)


def test_threads_change_nothing() -> None:
    frame, places = data(100), places_of(CORNERS, 0.4)
    one = added(frame, places, variance="spread", num_workers=1)
    three = added(frame, places, variance="spread", num_workers=3)
    np.testing.assert_array_equal(one.sum(), three.sum())
    np.testing.assert_array_equal(one.variance_of_sum(), three.variance_of_sum())


def test_sums_of_two_frames_merge() -> None:
    first, second, places = data(seed=1), data(seed=2), places_of(CORNERS)
    together = added(first, places, variance="spread")
    together.add_tiles(second, places)
    apart = added(first, places, variance="spread")
    apart.merge(added(second, places, variance="spread"))
    np.testing.assert_allclose(apart.mean(), together.mean(), rtol=1e-5)
    np.testing.assert_allclose(
        apart.variance_of_mean(), together.variance_of_mean(), rtol=1e-3, atol=1e-3
    )


def test_tiles_that_lie_outside_add_nothing() -> None:
    frame = data()
    found = added(frame, places_of([(100.5, 3.0), (-40.2, 2.0)]))
    assert found.weight == 2
    assert not found.coverage.any()
    assert np.isnan(found.mean()).all()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    corner=st.tuples(st.floats(-6, 20), st.floats(-6, 20)),
    tile=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    interpolation=st.sampled_from(["spline", "linear", "nearest"]),
)
def test_any_frame_and_any_tile(height, width, corner, tile, interpolation) -> None:
    frame = data(2, shape=(height, width))
    places = places_of([corner], tile=tile)
    found = added(frame, places, interpolation=interpolation, variance="poisson")
    wanted = one_by_one(frame, places, interpolation=interpolation, variance="poisson")
    np.testing.assert_array_equal(found.coverage, wanted.coverage)
    np.testing.assert_allclose(found.mean(), wanted.mean(), **STEPS)
    np.testing.assert_allclose(
        found.variance_of_mean(), wanted.variance_of_mean(), rtol=1e-4, atol=1e-3
    )


def test_what_does_not_fit() -> None:
    frame, places = data(), places_of(CORNERS)
    total = SpectrumSum((*TILE, 5))
    with pytest.raises(ValueError, match=r"\(2, tiles, height, width\)"):
        total.add_tiles(frame, places[:, :, 1:])
    with pytest.raises(ValueError, match="does not fit"):
        total.add_tiles(frame[..., :4], places)
    with pytest.raises(TypeError, match="real numbers"):
        total.add_tiles(frame + 1j, places)
    with pytest.raises(ValueError, match="Unknown interpolation 'cubic'"):
        total.add_tiles(frame, places, interpolation="cubic")
    with pytest.raises(ValueError, match="counts='interpolate'"):
        SpectrumSum((*TILE, 5), counts="share").add_tiles(frame, places)
    total.sum(in_place=True)
    with pytest.raises(ValueError, match="in place"):
        total.add_tiles(frame, places)
