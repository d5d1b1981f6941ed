from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image
from hyperspy_smartalign.motif import (
    Matches,
    Orientation,
    as_source,
    average_tiles,
    cut_matches,
    frame_matches,
    frame_tiles,
    oriented,
)
from hyperspy_smartalign.transforms import Affine, ScanLine, Translation

CRYSTAL = lattice("perovskite", spacing=16.3, angle=10.0, field=(96, 110), margin=64)
IMAGE = render_image(CRYSTAL)


def truth(centre: np.ndarray, shape: tuple[int, int], step: float = 1.0) -> np.ndarray:
    """The specimen at the pixels of a tile."""
    grid = np.indices(shape) * step
    first = centre - (np.array(shape) - 1) / 2 * step
    return CRYSTAL.intensity(grid + first[:, None, None])


def test_whole_pixels_are_those_of_the_frame():
    tile = frame_tiles(IMAGE, Matches.at([(20.5, 31.0)], tile_shape=(8, 9)))
    # Spline coefficients and back again, in single precision.
    np.testing.assert_allclose(tile[0], IMAGE[17:25, 27:36], atol=1e-6)


@pytest.mark.parametrize(("upsample", "size"), [(1, (20, 21)), (2, (40, 42)), (1.5, (30, 32))])
def test_tiles_lie_between_the_pixels(upsample, size):
    centres = np.array([(40.3, 51.8), (60.75, 30.2)])
    tiles = frame_tiles(IMAGE, Matches.at(centres, tile_shape=(20, 21)), upsample=upsample)
    assert tiles.shape == (2, *size)
    for tile, centre in zip(tiles, centres, strict=True):
        # Columns of sigma 2.6 px: a cubic spline is good to 1e-3 of their height.
        np.testing.assert_allclose(tile, truth(centre, size, 1 / upsample), atol=2e-3)


def test_what_the_frame_did_not_see_is_nan():
    frame = IMAGE.copy()
    frame[45, 50] = np.nan
    matches = Matches.at([(3.2, 20.0), (44.4, 50.4)], tile_shape=(11, 11))
    tiles = frame_tiles(frame, matches)
    assert np.isnan(tiles[0, :2]).all()
    assert np.isfinite(tiles[0, 2:]).all()
    # Only samples whose 4 x 4 taps hold the gap.
    assert 1 <= np.isnan(tiles[1]).sum() <= 16


def test_turned_tiles_come_out_upright():
    motif = IMAGE[30:49, 40:60].astype(np.float32)
    for orientation in (Orientation(90), Orientation(180, True), Orientation(25.0)):
        turned = oriented(motif, orientation)
        h, w = turned.shape
        frame = np.zeros((h + 8, w + 6), np.float32)
        frame[4 : 4 + h, 3 : 3 + w] = np.nan_to_num(turned)
        matches = Matches(
            frame=[0],
            y=[4 + (h - 1) / 2],
            x=[3 + (w - 1) / 2],
            score=[1.0],
            orientation=[0],
            errors=[[0, 0]],
            tile_shape=(19, 20),
            orientations=(orientation,),
        )
        tile = frame_tiles(frame, matches)[0]
        if orientation.angle % 90 == 0:
            np.testing.assert_allclose(tile, motif, atol=1e-5)
        else:
            # Interpolated twice, and cut off at the rim.
            np.testing.assert_allclose(tile[5:-5, 5:-5], motif[5:-5, 5:-5], atol=0.02)


@pytest.mark.parametrize("kind", ["translation", "scan lines", "affine"])
def test_tiles_follow_the_alignment(kind):
    """Matches of the common frame, cut out of frames that are displaced."""
    moved = {
        "translation": Translation((2.3, -1.6)),
        "scan lines": ScanLine(np.stack([0.3 * np.sin(np.arange(96)), np.cos(np.arange(96))], 1)),
        "affine": Affine([[1.01, 0.02], [0.0, 0.99]], (1.0, -2.0)),
    }[kind]
    # The frame at q shows the specimen at p with p + d(p) = q.
    back = moved.inverse()
    q = np.indices(IMAGE.shape).astype(float)
    frame = CRYSTAL.intensity(q + back.displacement(IMAGE.shape))
    centres = np.array([(38.3, 49.8), (60.75, 30.2)])
    origin = (2.0, -3.0)
    matches = Matches.at(centres - origin, tile_shape=(15, 14))
    tiles = cut_matches(
        as_source(np.stack([IMAGE, frame])),
        {0: matches, 1: matches},
        transforms=[Translation((0.0, 0.0)), moved],
        origin=origin,
    )
    for k in range(4):
        expected = truth(centres[k % 2], (15, 14))
        # Where lines are displaced against each other, splines across them are less exact.
        atol = 0.05 if kind == "scan lines" else 4e-3
        np.testing.assert_allclose(tiles[k], expected, atol=atol)
    expected = centres.T + moved.at(centres.T)
    found = frame_matches(matches, frame=1, transform=moved, origin=origin)
    np.testing.assert_allclose(found.centres, expected.T)
    assert found.frame.tolist() == [1, 1]


def test_the_running_average_is_that_of_the_stack():
    rng = np.random.default_rng(0)
    frames = rng.normal(1000, 1, (3, 60, 50))
    frames[1, 20, 20] = np.nan
    centres = rng.uniform(12, 38, (40, 2))
    matches = Matches.at(centres, tile_shape=(9, 8), frame=rng.integers(0, 3, 40))
    parts = {i: matches.in_frame(i) for i in range(3)}
    tiles = cut_matches(as_source(frames), parts, upsample=1.5)
    average = average_tiles(frames, matches, upsample=1.5)
    np.testing.assert_allclose(average.mean, np.nanmean(tiles.astype(float), axis=0), atol=2e-4)
    np.testing.assert_allclose(
        average.variance, np.nanvar(tiles.astype(float), axis=0, ddof=1), rtol=1e-4
    )
    np.testing.assert_array_equal(average.count, np.isfinite(tiles).sum(axis=0))
    np.testing.assert_allclose(average.error, np.sqrt(average.variance / average.count))
    again = average_tiles(frames, matches, upsample=1.5, num_workers=1)
    np.testing.assert_array_equal(average.mean, again.mean)


@pytest.mark.parametrize("interpolation", ["nearest", "linear"])
def test_other_kernels_and_integer_frames(interpolation):
    frame = np.arange(400, dtype=">u2").reshape(20, 20)
    matches = Matches.at([(9.2, 10.4), (1.0, 1.0)], tile_shape=(5, 5))
    tiles = frame_tiles(frame, matches, interpolation=interpolation)
    exact = frame[7:12, 8:13] + (0.2 * 20 + 0.4 if interpolation == "linear" else 0)
    np.testing.assert_allclose(tiles[0], exact, atol=1e-3)
    assert np.isnan(tiles[1, 0]).all()


def test_errors_say_what_is_wrong():
    matches = Matches.at([(9.2, 10.4)], tile_shape=(5, 5), frame=3)
    with pytest.raises(ValueError, match="only 2 frames"):
        average_tiles(np.ones((2, 20, 20)), matches)
    with pytest.raises(ValueError, match="2 frames but 1 transforms"):
        average_tiles(np.ones((2, 20, 20)), matches, transforms=[Translation((0, 0))])
    with pytest.raises(ValueError, match="finite factor above 0"):
        average_tiles(np.ones((20, 20)), matches.chosen([]), upsample=0)
    with pytest.raises(ValueError, match="not an array of shape"):
        average_tiles(np.ones((2, 2, 20, 20)), matches)
    with pytest.raises(ValueError, match="one row for each"):
        Matches(
            frame=[0, 0], y=[1.0], x=[1.0], score=[1.0], orientation=[0],
            errors=[[0, 0]], tile_shape=(3, 3),
        )  # fmt: skip
    none = cut_matches(as_source(np.ones((2, 20, 20))), {0: matches.chosen([])})
    assert none.shape == (0, 5, 5)
