"""Figures and markers of a search, and of the tiles that came of it."""

from __future__ import annotations

import hyperspy.api as hs
import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.backend_bases import MouseEvent

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.motif import NoMatchError
from hyperspy_smartalign.plotting.matches import ACCEPTED, REJECTED
from hyperspy_smartalign.signals.motif.picturing import MotifPicker
from hyperspy_smartalign.transforms import AlignmentMismatchError

SIDE = 24
SHAPE = (80, 93)


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def simulated():
    return simulate_series(
        shape=SHAPE,
        frames=4,
        dose=200,
        scale=0.024,
        second_detector=True,
        drift=(1.5, -2.0),
        seed=3,
    )


@pytest.fixture(scope="module")
def series(simulated):
    return simulated.series


@pytest.fixture(scope="module")
def roi(simulated):
    """A region about a column in the middle of frame 0."""
    crystal = simulated.crystal
    found = crystal.positions[crystal.species == 0] + simulated.truth.shifts[0]
    column = found[np.argmin(np.linalg.norm(found - np.array(SHAPE) / 2, axis=1))]
    top, left = (int(n) for n in np.rint(column - (SIDE - 1) / 2))
    return left, left + SIDE, top, top + SIDE


@pytest.fixture(scope="module")
def found(series, roi):
    return series.smartalign.find_motif(roi)


@pytest.fixture(scope="module")
def strict(found):
    """The search with a threshold that the better half of the candidates reaches."""
    return found.with_threshold(float(np.median(found.search.last.matches.score)))


@pytest.fixture(scope="module")
def tiles(strict):
    return strict.tiles()


@pytest.fixture(scope="module")
def aligned(series):
    return series.align_rigid()


@pytest.fixture(scope="module")
def common(aligned, roi):
    """Tiles of all frames, found in the average of the aligned series."""
    return aligned.template_match(roi)


def drawn(ax):
    """Accepted and rejected places of a figure, (y, x), in order."""
    lines = {line.get_label(): line for line in ax.lines}
    places = (lines[name].get_xydata()[:, ::-1] for name in ("accepted", "rejected"))
    return tuple(in_order(part) for part in places)


def in_order(places):
    places = np.asarray(places, np.float64).reshape(-1, 2)
    return places[np.lexsort(places.T)]


def candidates_of(search, frame):
    """Accepted and rejected places of one image of a search."""
    last = search.search.last
    here = last.candidates.frame == frame
    centres = last.candidates.centres
    return (
        in_order(centres[here & last.accepted]),
        in_order(centres[here & ~last.accepted]),
    )


def places_of(table, frame):
    """Accepted and rejected places in the table of a stack of tiles."""
    rows, below = table.frame == frame, table.rejected["frame"] == frame
    return (
        in_order(np.stack([table.y[rows], table.x[rows]], axis=1)),
        in_order(np.stack([table.rejected[name][below] for name in "yx"], axis=1)),
    )


def same(shown, expected):
    for one, other in zip(shown, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def counts(ax):
    """Numbers of all candidates, and of the accepted ones that are drawn before them."""
    bars = {patch.get_label(): patch for patch in ax.patches}
    return tuple(bars[name].get_data().values.sum() for name in ("rejected", "accepted"))


def test_a_search_is_drawn_on_the_frame_that_was_searched(series, strict) -> None:
    for frame in (None, 2):
        ax = strict.plot_matches() if frame is None else strict.plot_matches(frame)
        same(drawn(ax), candidates_of(strict, frame or 0))
        np.testing.assert_array_equal(ax.images[0].get_array(), series.data[frame or 0])
        assert len(drawn(ax)[1]) > 3
    assert not ax.collections
    outlined = strict.plot_matches(1, outlines=True, title="gold", size=4)
    assert len(outlined.collections[0].get_paths()) == len(drawn(outlined)[0])
    assert outlined.get_title() == "gold"
    with pytest.raises(ValueError, match="frame=4 was not searched"):
        strict.plot_matches(4)


def test_scores_of_a_search(strict) -> None:
    last = strict.search.last
    ax = strict.plot_scores()
    assert counts(ax) == (len(last.candidates), len(last.matches))
    assert ax.lines[0].get_xdata()[0] == last.threshold[0]
    first = strict.plot_scores(stage=0, bins=12)
    assert counts(first)[0] == len(strict.search.stages[0].candidates)
    one = strict.plot_scores(frame=3, score_range=(0.0, 1.0))
    assert counts(one) == (
        np.count_nonzero(last.candidates.frame == 3),
        np.count_nonzero(last.matches.frame == 3),
    )
    assert one.get_xlim() == (0, 1)
    with pytest.raises(ValueError, match="there were 3 searches"):
        strict.plot_scores(stage=3)
    with pytest.raises(ValueError, match="frame=7"):
        strict.plot_scores(frame=7)


def test_the_motif_of_each_stage(strict, tiles) -> None:
    for drawn_stages in (strict.plot_motif(), tiles.smartalign.plot_motif()):
        assert drawn_stages.shape == (2, 3)
        for stage, upper, lower in zip(strict.search.stages, *drawn_stages, strict=True):
            np.testing.assert_array_equal(upper.images[0].get_array(), stage.motif)
            assert lower.get_title() == f"peak score {stage.peak_score:.2f}"


def test_a_picker_tells_what_it_picked(found) -> None:
    picker = found.pick_threshold()
    picker.set_threshold(0.5)
    same_words = repr(picker.found).removeprefix("FoundMotif")
    assert repr(picker) == f"MotifPicker{same_words}"
    assert "candidates are matches, with the threshold 0.5" in repr(picker)
    picker.set_threshold(1.5)  # which no search could be given
    assert repr(picker).startswith("MotifPicker(0 of")


def test_what_was_found_is_at_hand(strict) -> None:
    np.testing.assert_array_equal(strict.motif, strict.search.stages[-1].motif)
    np.testing.assert_array_equal(strict.matches.score, strict.search.last.matches.score)
    assert len(strict.matches) < len(strict.search.last.candidates)


def test_words_for_scores_and_thresholds(found) -> None:
    with pytest.raises(ValueError, match="'auto'; give a finite number, or one for each of the 4"):
        found.with_threshold("auto")
    with pytest.raises(TypeError, match="bins='auto' is not a whole number"):
        found.plot_scores(bins="auto")
    assert not plt.get_fignums()


def test_picking_a_threshold_with_the_mouse(found) -> None:
    picker = found.pick_threshold(1, bins=30)
    assert isinstance(picker, MotifPicker)
    assert picker.frame == 1
    canvas = picker.figure.canvas
    wanted = float(np.median(found.search.last.matches.score))
    x, y = picker.score_axes.transData.transform((wanted, 1))
    for kind in ("button_press_event", "button_release_event"):
        canvas.callbacks.process(kind, MouseEvent(kind, canvas, x, y, button=1))
    # To a pixel of the screen.
    assert picker.threshold == pytest.approx(wanted, abs=0.003)
    same(drawn(picker.image_axes), candidates_of(picker.found, 1))
    np.testing.assert_array_equal(picker.found.threshold, np.full(4, picker.threshold))
    tiles = picker.tiles(show_progressbar=False)
    assert len(tiles.data) == len(picker.found.search.matches)
    assert tiles.smartalign.matches.score.min() >= picker.threshold
    picker.set_threshold(0.9999)
    with pytest.raises(NoMatchError, match="best score"):
        picker.tiles()
    # The search that was asked is as it was.
    assert found.threshold[0] < wanted


def test_a_threshold_for_each_frame(series, roi) -> None:
    found = series.smartalign.find_motif(roi, fixed_threshold=False, refine=0)
    picker = found.pick_threshold()
    np.testing.assert_array_equal(picker.threshold, found.threshold)
    picker.show_frame(2)
    picker.set_threshold(0.8)
    expected = found.threshold.copy()
    expected[2] = 0.8
    np.testing.assert_array_equal(picker.found.threshold, expected)
    together = found.pick_threshold(fixed=True)
    together.set_threshold(0.7)
    np.testing.assert_array_equal(together.found.threshold, np.full(4, 0.7))


def test_some_frames_keep_their_numbers(series, roi) -> None:
    found = series.smartalign.find_motif(roi, frames=[1, 3], refine=0)
    ax = found.plot_matches()
    np.testing.assert_array_equal(ax.images[0].get_array(), series.data[1])
    picker = found.pick_threshold(3)
    np.testing.assert_array_equal(picker.image_axes.images[0].get_array(), series.data[3])
    with pytest.raises(ValueError, match="frame=0 was not searched"):
        found.plot_matches(0)
    offsets = found.markers()[0].kwargs["offsets"]
    assert [len(offsets[i]) > 0 for i in range(4)] == [False, True, False, True]


def test_tiles_know_where_they_lie(series, tiles) -> None:
    table = tiles.smartalign.matches
    empty = tiles.smartalign.plot_matches()
    same(drawn(empty), places_of(table, 0))
    assert empty.images[0].get_array().mask.all()
    assert empty.images[0].get_array().shape == SHAPE
    on = tiles.smartalign.plot_matches(series, 3, outlines=True)
    same(drawn(on), places_of(table, 3))
    np.testing.assert_array_equal(on.images[0].get_array(), series.data[3])
    single = tiles.smartalign.plot_matches(series.inav[2], 2)
    same(drawn(single), places_of(table, 2))
    np.testing.assert_array_equal(single.images[0].get_array(), series.data[2])


def test_scores_of_tiles_are_those_of_the_search(strict, tiles) -> None:
    ours, theirs = tiles.smartalign.plot_scores(), strict.plot_scores()
    assert counts(ours) == counts(theirs)
    few = tiles.smartalign.select_tiles(np.arange(5)).smartalign.plot_scores(
        bins=20, score_range=(0.1, 1.0)
    )
    assert counts(few)[1] == 5
    assert few.get_xlim() == (0.1, 1.0)


def test_images_that_do_not_belong_are_refused(series, tiles) -> None:
    with pytest.raises(AlignmentMismatchError, match="Give the image or series"):
        tiles.smartalign.plot_matches(series.isig[:50, :])
    with pytest.raises(ValueError, match="frame=9 does not exist"):
        tiles.smartalign.plot_matches(series, 9)
    with pytest.raises(ValueError, match="image has 2 frames"):
        tiles.smartalign.plot_matches(series.inav[:2], 3)
    for name in ("plot_matches", "plot_scores", "plot_motif"):
        with pytest.raises(ValueError, match="carries no matches"):
            getattr(series.smartalign, name)()


def test_what_was_found_in_the_average_is_carried_back(simulated, series, aligned, common) -> None:
    table = common.smartalign.matches
    matches = len(table) // 4
    here = common.smartalign.plot_matches()
    average = common.smartalign.plot_matches(aligned.smartalign.average())
    same(drawn(here), drawn(average))
    assert len(drawn(here)[0]) == matches
    # In the raw frames they are where the tiles were cut out.
    for frame in (0, 3):
        rows = table.frame == frame
        cut = np.stack([table.source_y[rows], table.source_x[rows]], axis=1)
        ax = common.smartalign.plot_matches(series, frame)
        np.testing.assert_allclose(drawn(ax)[0], in_order(cut), atol=1e-6)
        np.testing.assert_array_equal(ax.images[0].get_array(), series.data[frame])
    second = common.smartalign.plot_matches(simulated.second, 3)
    same(drawn(second), drawn(ax))
    frame = common.smartalign.plot_matches(aligned, 1)
    same(drawn(frame), drawn(here))
    np.testing.assert_array_equal(frame.images[0].get_array(), aligned.data[1])
    # Each match is counted once.
    assert counts(common.smartalign.plot_scores())[1] == matches


def test_the_average_is_picked_from(aligned, roi) -> None:
    found = aligned.smartalign.find_motif(roi)
    picker = found.pick_threshold()
    assert len(picker.figure.axes) == 2
    np.testing.assert_allclose(
        picker.image_axes.images[0].get_array(), aligned.smartalign.average().data, rtol=1e-5
    )
    assert len(found.plot_motif()) == 2


# Zarr 2 warns of a store that RosettaSciIO uses.
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore:FutureWarning")
@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
def test_figures_survive_files(tmp_path, series, tiles, suffix) -> None:
    tiles.save(tmp_path / f"tiles{suffix}")
    loaded = hs.load(tmp_path / f"tiles{suffix}")
    same(
        drawn(loaded.smartalign.plot_matches(series, 1)),
        drawn(tiles.smartalign.plot_matches(series, 1)),
    )
    assert counts(loaded.smartalign.plot_scores()) == counts(tiles.smartalign.plot_scores())
    assert loaded.smartalign.plot_motif().shape == (2, 3)


@pytest.mark.filterwarnings("ignore:the series shows no distortion")
def test_figures_survive_alignment(series, tiles) -> None:
    aligned = tiles.smartalign.select_tiles(np.arange(0, len(tiles.data), 4)).align_nonrigid()
    table = tiles.smartalign.matches
    kept = aligned.smartalign.matches
    same(drawn(aligned.smartalign.plot_matches(series, 2)), places_of(kept, 2))
    assert counts(aligned.smartalign.plot_scores())[1] == len(kept) < len(table)
    assert aligned.smartalign.plot_motif().shape == (2, 3)
    assert aligned.smartalign.plot_average(tiles.inav[::4]).shape == (2, 2)


def on_axes(signal, places):
    x, y = signal.axes_manager.signal_axes
    return np.stack([x.offset + x.scale * places[:, 1], y.offset + y.scale * places[:, 0]], axis=1)


def test_markers_follow_the_navigation_index(series, strict) -> None:
    accepted, rejected = strict.markers()
    assert accepted.kwargs["facecolors"] == ACCEPTED
    assert rejected.kwargs["facecolors"] == REJECTED
    for frame in range(4):
        good, bad = candidates_of(strict, frame)
        for marker, places in ((accepted, good), (rejected, bad)):
            shown = np.asarray(marker.kwargs["offsets"][frame])
            np.testing.assert_allclose(in_order(shown[:, ::-1]), on_axes(series, places)[:, ::-1])
    one = strict.markers(frame=2)[0]
    assert one.kwargs["offsets"].shape == candidates_of(strict, 2)[0].shape
    with pytest.raises(ValueError, match="frame=4"):
        strict.markers(frame=4)
    with pytest.raises(ValueError, match="has 3 frames"):
        strict.markers(series.inav[:3])


def test_markers_over_a_plot(series, strict, simulated) -> None:
    copy = series.deepcopy()
    for axis in copy.axes_manager.signal_axes:
        axis.offset = 2.5
    strict.add_markers(copy, permanent=True)
    assert set(copy.metadata.Markers.keys()) == {"accepted", "rejected"}
    for frame in (0, 3):
        copy.axes_manager.indices = (frame,)
        marker = copy.metadata.Markers.accepted
        places = candidates_of(strict, frame)[0]
        assert len(marker) == len(places)
        shown = np.asarray(marker._collection.get_offsets())
        np.testing.assert_allclose(in_order(shown[:, ::-1]), on_axes(copy, places)[:, ::-1])
    # On another detector of the same scan, not permanently.
    strict.add_markers(simulated.second, frame=1)
    assert "Markers" not in simulated.second.metadata


def test_markers_of_a_series_over_two_axes(series, roi) -> None:
    grid = series._deepcopy_with_new_data(series.data.reshape(2, 2, *SHAPE))
    grid = hs.signals.Signal2D(grid.data)
    found = grid.smartalign.find_motif(roi, refine=0)
    found.add_markers()
    accepted, _ = found.markers()
    for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        places = candidates_of(found, 2 * y + x)[0]
        shown = np.asarray(accepted.kwargs["offsets"][x, y])
        np.testing.assert_allclose(in_order(shown[:, ::-1]), places)


def test_markers_of_one_image_and_of_an_average(series, aligned, roi) -> None:
    image = series.inav[0]
    found = image.smartalign.find_motif(roi, refine=0, other_sites=True).with_threshold(-1)
    accepted, rejected = found.markers()
    assert len(accepted) == len(found.search.last.candidates)
    # None is a marker as well.
    assert len(rejected) == 0
    found.add_markers()
    image._plot.signal_plot.figure.canvas.draw()
    common = aligned.smartalign.find_motif(roi)
    assert len(common.markers()[0]) == len(common.search.matches)
