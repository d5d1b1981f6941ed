"""Some of the tiles: pixels, table, alignment and scan stay together."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.signals import recording

SIDE = 24


@pytest.fixture(scope="module")
def tiles():
    simulated = simulate_series(
        shape=(90, 80), frames=2, dose=200, scan_rotation=(0, 90), row_jitter=0.8, seed=4
    )
    strong = simulated.crystal.positions[simulated.crystal.species == 0]
    found = strong + simulated.truth.shifts[0]
    middle = found[np.argmin(np.linalg.norm(found - (45, 40), axis=1))]
    top, left = (int(n) for n in np.rint(middle - (SIDE - 1) / 2))
    return simulated.series.template_match(
        (left, left + SIDE, top, top + SIDE), show_progressbar=False
    )


@pytest.fixture(scope="module")
def aligned(tiles):
    return tiles.align_nonrigid(show_progressbar=False)


def same_rows(some, tiles, rows):
    table, own = some.smartalign.matches, tiles.smartalign.matches
    for name, column in own.columns.items():
        np.testing.assert_array_equal(table.columns[name], column[rows])
    np.testing.assert_array_equal(np.asarray(some.data), np.asarray(tiles.data)[rows])
    assert some.axes_manager.navigation_shape == (len(rows),)


def test_numbers_give_tiles_in_their_order(tiles) -> None:
    rows = np.array([7, 2, -1, 2])
    some = tiles.smartalign.select_tiles(rows)
    same_rows(some, tiles, rows)
    # The search that found them is that of all.
    assert len(some.smartalign.matches.rejected["y"]) == len(tiles.smartalign.matches.rejected["y"])
    *_, step = recording.steps_of(some)
    assert step["name"] == "select_tiles"
    np.testing.assert_array_equal(step["parameters"]["tiles"], rows % len(tiles.data))
    assert len(tiles.smartalign.matches) == len(tiles.data)


@pytest.mark.parametrize("which", [slice(0, 5), slice(None, None, 3), slice(-2, None)])
def test_a_slice_is_one_of_tile_numbers(tiles, which) -> None:
    same_rows(tiles.smartalign.select_tiles(which), tiles, np.arange(len(tiles.data))[which])


def test_a_mask_and_lazy_tiles(tiles) -> None:
    mask = tiles.smartalign.matches.score > np.median(tiles.smartalign.matches.score)
    some = tiles.as_lazy().smartalign.select_tiles(mask)
    assert some._lazy
    same_rows(some, tiles, np.flatnonzero(mask))


def test_every_tile_keeps_its_scan_direction(tiles) -> None:
    frame = tiles.smartalign.matches.frame
    assert set(frame) == {0, 1}
    rows = np.flatnonzero(frame == 1)[:3].tolist() + np.flatnonzero(frame == 0)[:2].tolist()
    rotation = tiles.smartalign.select_tiles(rows).smartalign.scan_geometry.rotation
    assert rotation == (90, 90, 90, 0, 0)


@pytest.mark.slow
def test_aligned_tiles_keep_their_alignment(aligned) -> None:
    frame = aligned.smartalign.matches.frame
    rows = np.array([int(np.flatnonzero(frame == 1)[0]), 5, 0])
    some = aligned.smartalign.select_tiles(rows)
    same_rows(some, aligned, rows)
    own, all_of_them = some.smartalign.alignment, aligned.smartalign.alignment
    assert own.navigation_shape == (3,)
    np.testing.assert_array_equal(own.precision, all_of_them.precision[rows])
    np.testing.assert_array_equal(own.excluded, all_of_them.excluded[rows])
    np.testing.assert_array_equal(own.shifts, all_of_them.shifts[rows])
    assert own.scan.rotation == tuple(all_of_them.scan.rotation[i] for i in rows)
    assert own.scan.rotation[0] == 90
    nonrigid, before = some.smartalign.nonrigid, aligned.smartalign.nonrigid
    np.testing.assert_array_equal(nonrigid.similarity, before.similarity[rows])
    np.testing.assert_array_equal(nonrigid.line_errors, before.line_errors[rows])
    assert some.smartalign.noise == aligned.smartalign.noise
    names = [step["name"] for step in recording.steps_of(some)]
    assert names[-2:] == ["align_nonrigid", "select_tiles"]


def test_they_survive_a_file(aligned, tmp_path) -> None:
    some = aligned.smartalign.select_tiles([3, 1])
    some.save(tmp_path / "some.hspy")
    read = hs.load(tmp_path / "some.hspy")
    same_rows(read, aligned, np.array([3, 1]))
    np.testing.assert_array_equal(
        read.smartalign.alignment.shifts, aligned.smartalign.alignment.shifts[[3, 1]]
    )
    assert read.smartalign.nonrigid == some.smartalign.nonrigid


def test_an_average_of_some_is_that_of_these(tiles) -> None:
    some = tiles.smartalign.select_tiles([1, 4, 6])
    np.testing.assert_allclose(
        some.smartalign.average().data, tiles.data[[1, 4, 6]].mean(axis=0), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ([True, False], "one value each"),
        ([], "No tile is chosen"),
        (slice(5, 5), "No tile is chosen"),
        (slice(0, 1, 0), r"^which=slice\(0, 1, 0\) chooses no tiles"),
        (slice("a"), r"^which=slice.* chooses no tiles"),
        ("all", "^The parameter `which` is 'all'; give a mask"),
        ([[1, 2]], "list of tile numbers"),
        ([0.5], "list of tile numbers"),
        ([100_000], "100000 is none"),
        ([-100_000], "-100000 is none"),
    ],
)
def test_errors_say_what_is_wrong(tiles, which, message) -> None:
    with pytest.raises(ValueError, match=message):
        tiles.smartalign.select_tiles(which)


@pytest.mark.parametrize("align", ["align_rigid", "align_nonrigid"])
def test_one_tile_is_not_aligned(tiles, align) -> None:
    one = tiles.smartalign.select_tiles([0])
    with pytest.raises(ValueError, match="has one tile; alignment needs two or more") as raised:
        getattr(one, align)(show_progressbar=False)
    assert "load_series" not in str(raised.value)


def test_slices_are_told_apart(tiles) -> None:
    with pytest.raises(ValueError, match="not that of its frames"):
        tiles.inav[:3].smartalign.select_tiles([0])
    with pytest.raises(ValueError, match="no matches"):
        hs.signals.Signal2D(np.ones((3, 9, 9))).smartalign.select_tiles([0])
