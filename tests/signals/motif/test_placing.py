"""Where the pixels of tiles lie in raw frames, against the formula pixel by pixel."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from hyperspy_smartalign.motif.orientations import Orientation
from hyperspy_smartalign.signals.motif.match_table import matches_of
from hyperspy_smartalign.signals.motif.placing import Placing
from hyperspy_smartalign.transforms import Affine, Alignment, Canvas, Field, ScanLine, Translation

SHAPE = (40, 44)
RNG = np.random.default_rng(0)
CENTRES = RNG.uniform(12, 28, (5, 2))


def parent_of(transforms, canvas=None):
    return Alignment(
        transforms=tuple(transforms),
        navigation_shape=(len(transforms),),
        frame_shape=SHAPE,
        canvas=Canvas.of_frame(SHAPE) if canvas is None else canvas,
        frame_scale=(0.2, 0.2),
        frame_offset=(-3.0, 5.0),
        frame_units=("nm", "nm"),
    )


def wave(shape, amplitude, origin=(0, 0)):
    y, x = np.indices(shape)
    return Field(amplitude * np.stack([np.sin(x / 9.0), np.cos(y / 7.0)]), origin=origin)


def lines(amplitude, rows=60):
    rng = np.random.default_rng(5)
    return ScanLine(amplitude * rng.standard_normal((rows, 2)), first_row=-10)


@pytest.mark.parametrize("parent", [Translation((1.3, -2.4)), lines(0.5), wave(SHAPE, 0.8)])
@pytest.mark.parametrize("own", ["none", "shift", "lines", "field"])
@pytest.mark.parametrize(
    ("angle", "mirror", "upsample"), [(0, False, 1.0), (30, True, 1.0), (-50, False, 2.0)]
)
def test_every_pixel_lies_where_the_formula_says(
    make_images, make_tiles, parent, own, angle, mirror, upsample
) -> None:
    """r = c + A(k + t(k) - m) / u, and then r + d(r); to the rounding of float64."""
    canvas = Canvas(3, -2, 34, 41)
    alignment = parent_of([Translation((0, 0)), parent], canvas)
    tiles = make_tiles(
        make_images(np.zeros((2, *SHAPE), np.float32)),
        CENTRES,
        frame=1,
        parent=alignment,
        angle=angle,
        mirror=mirror,
        upsample=upsample,
    )
    table = matches_of(tiles)
    size = tiles.data.shape[1:]
    transforms = {
        "none": (),
        "shift": tuple(Translation(s) for s in RNG.normal(0, 0.4, (5, 2))),
        "lines": tuple(ScanLine(RNG.normal(0, 0.4, (size[0], 2))) for _ in range(5)),
        "field": tuple(wave(size, 0.1 * k) for k in range(5)),
    }[own]
    placing = Placing.of(table, alignment, origin=canvas.origin, own=transforms)
    window = Canvas(1, 2, size[0] - 3, size[1] - 4)
    np.testing.assert_array_equal(placing.frame, 1)
    found = placing.of_frame(1, np.arange(5), window)
    assert len(found) == 5
    matrix = Orientation(angle, mirror).matrix / upsample
    middle = (np.array(size) - 1) / 2
    k = np.indices(window.shape, float) + np.reshape(window.origin, (2, 1, 1))
    batched = np.concatenate([places for _, places in found.batches()], axis=1)
    for i, transform in enumerate(found):
        moved = k + transforms[i].at(k) if transforms else k
        r = np.tensordot(matrix, moved - middle[:, None, None], axes=1)
        r += (CENTRES[i] + canvas.origin)[:, None, None]
        expected = r + parent.at(r)
        places = k + transform.displacement(window.shape, origin=window.origin)
        np.testing.assert_allclose(places, expected, atol=1e-9)
        np.testing.assert_allclose(batched[:, i], expected, atol=1e-9)


def test_tiles_that_are_only_shifted_stay_translations(make_images, make_tiles) -> None:
    alignment = parent_of([Translation((2.0, -1.5))])
    tiles = make_tiles(make_images(np.zeros(SHAPE, np.float32)), CENTRES, parent=alignment)
    own = tuple(Translation(s) for s in RNG.normal(0, 0.4, (5, 2)))
    placing = Placing.of(matches_of(tiles), alignment, origin=(0, 0), own=own)
    found = placing.of_frame(0, np.arange(5), Canvas(0, 0, 8, 7))
    for i, transform in enumerate(found):
        assert isinstance(transform, Translation)
        shift = CENTRES[i] - (3.5, 3.0) + (2.0, -1.5) + own[i].shift
        np.testing.assert_allclose(transform.shift, shift, atol=1e-12)


def test_turned_tiles_that_are_only_shifted_are_affine(make_images, make_tiles) -> None:
    """So that they can be inverted exactly, at any angle."""
    alignment = parent_of([Translation((2.0, -1.5))])
    tiles = make_tiles(
        make_images(np.zeros(SHAPE, np.float32)), CENTRES, parent=alignment, angle=160, mirror=True
    )
    own = tuple(Translation(s) for s in RNG.normal(0, 0.4, (5, 2)))
    placing = Placing.of(matches_of(tiles), alignment, origin=(0, 0), own=own)
    assert placing.sends_counts
    found = placing.of_frame(0, np.arange(5), Canvas(1, 0, 7, 7))
    ((_, places),) = found.batches()
    k = np.indices((7, 7), float) + np.reshape((1, 0), (2, 1, 1))
    for i, transform in enumerate(found):
        assert isinstance(transform, Affine)
        np.testing.assert_allclose(k + transform.at(k), places[:, i], atol=1e-9)


def test_other_pixels_of_the_same_scan(make_images, make_tiles) -> None:
    """On a grid whose pixels are twice as large a tile covers the same area."""
    alignment = parent_of([Translation((2.0, -1.0))])
    tiles = make_tiles(make_images(np.zeros(SHAPE, np.float32)), CENTRES, parent=alignment)
    table = matches_of(tiles)
    canvas = Canvas(0, 0, 8, 7)
    here = Placing.of(table, alignment, origin=(0, 0))
    carried = alignment.regridded(
        (2, 2),
        (0.5, 0.5),
        frame_shape=(20, 22),
        frame_scale=(0.4, 0.4),
        frame_offset=(-2.9, 5.1),
        frame_units=("nm", "nm"),
    )
    there = Placing.of(table, carried, origin=(0, 0), step=(2, 2), start=(0.5, 0.5))
    assert here.same_scale
    assert not there.same_scale
    for (_, fine), (_, coarse) in zip(
        here.of_frame(0, np.arange(5), canvas).batches(),
        there.of_frame(0, np.arange(5), canvas).batches(),
        strict=True,
    ):
        np.testing.assert_allclose(2 * coarse + 0.5, fine, atol=1e-9)


@pytest.mark.parametrize(
    ("angle", "mirror", "along"), [(0, False, True), (90, True, True), (45, False, False)]
)
def test_which_tiles_lie_along_the_axes(make_images, make_tiles, angle, mirror, along) -> None:
    tiles = make_tiles(
        make_images(np.zeros(SHAPE, np.float32)), CENTRES, angle=angle, mirror=mirror
    )
    table = matches_of(tiles)
    placing = Placing.of(table, table.parent, origin=(0, 0))
    assert placing.same_scale
    assert placing.along_axes == along


def test_a_margin_changes_nothing_inside(make_images, make_tiles) -> None:
    alignment = parent_of([wave(SHAPE, 0.8)])
    tiles = make_tiles(
        make_images(np.zeros(SHAPE, np.float32)), CENTRES, parent=alignment, angle=20
    )
    placing = Placing.of(matches_of(tiles), alignment, origin=(0, 0))
    canvas = Canvas(0, 0, 8, 7)
    plain = placing.of_frame(0, np.arange(5), canvas)
    for one, other in zip(plain, plain.around(2), strict=True):
        np.testing.assert_allclose(one.displacement((8, 7)), other.displacement((8, 7)), atol=1e-9)


def test_they_travel_between_processes(make_images, make_tiles) -> None:
    alignment = parent_of([lines(0.4)])
    tiles = make_tiles(make_images(np.zeros(SHAPE, np.float32)), CENTRES, parent=alignment)
    placing = Placing.of(matches_of(tiles), alignment, origin=(0, 0))
    found = placing.of_frame(0, np.arange(5), Canvas(0, 0, 8, 7))
    for one, other in zip(found, pickle.loads(pickle.dumps(found)), strict=True):
        assert one == other
