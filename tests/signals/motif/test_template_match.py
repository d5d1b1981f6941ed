"""template_match on simulated crystals whose repeats are known."""

from __future__ import annotations

import warnings

import hyperspy.api as hs
import numpy as np
import pytest
from scipy.spatial import cKDTree

import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.motif import Matches, NoMatchError, frame_tiles
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals.motif.match_table import MatchTable
from hyperspy_smartalign.signals.validating import NotASeriesError
from hyperspy_smartalign.transforms import AlignmentMismatchError

SIDE = 24
SCALE = 0.024


@pytest.fixture(scope="module")
def simulated():
    return simulate_series(
        shape=(96, 111), frames=4, dose=30, scale=SCALE, second_detector=True, seed=3
    )


@pytest.fixture(scope="module")
def series(simulated):
    simulated.series.data.flags.writeable = False
    return simulated.series


@pytest.fixture(scope="module")
def aligned(series):
    return series.align_rigid(show_progressbar=False)


@pytest.fixture(scope="module")
def columns(simulated):
    """(n, 2) heavy columns in the common frame."""
    crystal = simulated.crystal
    return crystal.positions[crystal.species == 0]


def region_about(column):
    """(left, right, top, bottom) of SIDE px about a column."""
    top, left = (int(n) for n in np.rint(column - (SIDE - 1) / 2))
    return left, left + SIDE, top, top + SIDE


@pytest.fixture(scope="module")
def roi(simulated, columns):
    """A region about a column in the middle of frame 0."""
    found = columns + simulated.truth.shifts[0]
    return region_about(found[np.argmin(np.linalg.norm(found - (48, 55), axis=1))])


@pytest.fixture(scope="module")
def tiles(series, roi):
    return series.template_match(roi, show_progressbar=False)


def scatter(places, columns):
    """Root mean square distance from the columns, but for a shift common to all; recall inside."""
    # The nearest column of a tile about a column is that one, whatever the rest of the shift.
    distance, nearest = cKDTree(columns).query(places)
    assert distance.max() < 3
    assert len(np.unique(nearest)) == len(nearest)
    error = places - columns[nearest]
    inside = ((columns > places.min(axis=0) - 0.5) & (columns < places.max(axis=0) + 0.5)).all(1)
    return np.sqrt(np.mean((error - error.mean(axis=0)) ** 2)), len(places) / inside.sum()


def centres(table, frame, prefix=""):
    rows = table.frame == frame
    return np.stack([table.columns[f"{prefix}{axis}"][rows] for axis in "yx"], axis=1)


def test_all_columns_of_a_raw_series_are_found(simulated, columns, tiles) -> None:
    table = tiles.smartalign.matches
    assert isinstance(table, MatchTable)
    assert set(table.frame) == {0, 1, 2, 3}
    for frame in range(4):
        rms, recall = scatter(centres(table, frame) - simulated.truth.shifts[frame], columns)
        # Poisson noise of 30 counts alone allows 0.1 px; a pixel off would be 0.3 px.
        assert rms < 0.2
        assert recall > 0.97


def test_the_result_is_a_calibrated_stack(series, tiles, roi) -> None:
    table = tiles.smartalign.matches
    assert isinstance(tiles, hs.signals.Signal2D)
    assert tiles.data.shape == (len(table), SIDE, SIDE)
    assert tiles.data.dtype == np.float32
    assert [axis.name for axis in tiles.axes_manager._axes] == ["tile", "y", "x"]
    for axis, own in zip(
        tiles.axes_manager.signal_axes, series.axes_manager.signal_axes, strict=True
    ):
        assert (axis.scale, axis.units, axis.offset) == (own.scale, own.units, 0)
    assert tiles.metadata.General.title == f"{series.metadata.General.title} (tiles)"
    *_, step = tiles.metadata.Smart_align.steps
    assert step["name"] == "template_match"
    assert dict(step["parameters"]["template"]) == dict(
        zip(("left", "right", "top", "bottom"), roi, strict=True)
    )
    assert tiles.smartalign.scan_geometry.line_time == series.smartalign.scan_geometry.line_time


def test_tiles_lie_on_each_other(simulated, tiles) -> None:
    average = tiles.smartalign.average()
    assert average.axes_manager.navigation_dimension == 0
    # Frame 0 as if without noise, cut at the places that were found.
    places = Matches.at(centres(tiles.smartalign.matches, 0), tile_shape=(SIDE, SIDE))
    true = frame_tiles(30 * simulated.truth.noise_free(0), places).mean(axis=0)
    # Noise of 92 tiles of 40 counts: 0.7 counts in a pixel, at most 4 times that.
    assert np.abs(average.data - true).max() < 2.8
    variance = tiles.smartalign.average(variance=True).get_noise_variance()
    # Counts scatter as their number; interpolation takes some of that, and places add a little.
    assert np.median(variance.data * len(tiles.data) / average.data) == pytest.approx(1, abs=0.4)


def test_refinement_raises_the_scores(tiles) -> None:
    scores = tiles.smartalign.matches.peak_scores
    assert len(scores) == 3
    assert scores[-1] > scores[0]
    assert tiles.smartalign.matches.motif.shape == (SIDE, SIDE)


def test_lazy_gives_the_same(series, tiles, roi) -> None:
    lazy = series.as_lazy()
    lazy.rechunk(nav_chunks=2, sig_chunks=-1)
    found = lazy.template_match(roi, show_progressbar=False)
    assert not found._lazy
    np.testing.assert_array_equal(found.data, tiles.data)


def test_frames_are_counted_over_all_series_axes(series, tiles, roi) -> None:
    data = series.data.reshape(2, 2, *series.data.shape[1:])
    found = hs.signals.Signal2D(data).template_match(roi, show_progressbar=False)
    np.testing.assert_array_equal(found.data, tiles.data)
    np.testing.assert_array_equal(found.smartalign.matches.frame, tiles.smartalign.matches.frame)


def test_nothing_is_changed(series, roi) -> None:
    before = series.deepcopy()
    series.template_match(roi, show_progressbar=False)
    np.testing.assert_array_equal(series.data, before.data)
    assert series.metadata.as_dictionary() == before.metadata.as_dictionary()
    assert str(series.axes_manager) == str(before.axes_manager)


def test_one_image(series, tiles, roi) -> None:
    image = series.inav[0]
    found = image.template_match(roi, show_progressbar=False)
    first = centres(tiles.smartalign.matches, 0)
    places = centres(found.smartalign.matches, 0)
    distance, _ = cKDTree(first).query(places)
    # The motif is refined by one frame, not by four.
    assert np.quantile(distance, 0.9) < 0.15
    lazy = image.as_lazy().template_match(roi, show_progressbar=False)
    np.testing.assert_array_equal(lazy.data, found.data)


def test_regions_come_as_roi_values_and_indices(series, tiles, roi) -> None:
    rectangle = hs.roi.RectangularROI(
        **dict(zip(("left", "right", "top", "bottom"), (SCALE * n for n in roi), strict=True))
    )
    for template in (rectangle, tuple(SCALE * n for n in roi), list(roi)):
        found = series.template_match(template, show_progressbar=False)
        np.testing.assert_array_equal(found.data, tiles.data)


def test_motifs_from_outside(series, tiles) -> None:
    motif = tiles.smartalign.average()
    options = {"refine": 0, "show_progressbar": False}
    by_image = series.template_match(motif, **options)
    by_array = series.template_match(motif.data, **options)
    np.testing.assert_array_equal(by_image.data, by_array.data)
    assert abs(len(by_image.data) - len(tiles.data)) <= 2
    for axis in motif.axes_manager.signal_axes:
        axis.scale *= 1000
        axis.units = "pm"
    in_pm = series.template_match(motif, **options)
    np.testing.assert_array_equal(in_pm.data, by_image.data)


def test_pixel_sizes_must_agree(series, tiles) -> None:
    motif = tiles.smartalign.average()
    for axis in motif.axes_manager.signal_axes:
        axis.scale *= 1.25
    with pytest.raises(ValueError, match=r"1\.25 times .*new_shape=\(30, 30\).*resample=0\.8"):
        series.template_match(motif)
    for axis in motif.axes_manager.signal_axes:
        axis.scale, axis.units = 1, "px"
    with pytest.warns(SeriesWarning, match="cannot be compared") as caught:
        series.template_match(motif, show_progressbar=False)
    assert caught[0].filename == __file__
    for axis in motif.axes_manager.signal_axes:
        axis.units = "1/nm"
    with pytest.raises(ValueError, match="not the same kind"):
        series.template_match(motif)


def test_an_aligned_series_is_searched_once_and_cut_from_the_raw_one(
    simulated, series, aligned, columns
) -> None:
    alignment = aligned.smartalign.alignment
    shape = aligned.data.shape[1:]
    top, left = alignment.canvas.origin
    common = columns + (simulated.truth.shifts - alignment.shifts).mean(axis=0) - (top, left)
    middle = np.array(shape) / 2
    roi = region_about(common[np.argmin(np.linalg.norm(common - middle, axis=1))])
    tiles = aligned.template_match(roi, show_progressbar=False)
    table = tiles.smartalign.matches
    first = centres(table, 0)
    assert len(table) == 4 * len(first)
    for frame in range(4):
        np.testing.assert_array_equal(centres(table, frame), first)
        # Carried back: the common frame starts at the canvas, and each frame has its shift.
        np.testing.assert_allclose(
            centres(table, frame, "source_"), first + (top, left) + alignment.shifts[frame]
        )
    rms, recall = scatter(first, common)
    assert rms < 0.1  # four frames at once: half the error of one
    assert recall > 0.97
    given = aligned.deepcopy().template_match(roi, source=series, show_progressbar=False)
    np.testing.assert_array_equal(given.data, tiles.data)
    average = aligned.smartalign.average()
    by_average = average.template_match(roi, source=series, show_progressbar=False)
    np.testing.assert_array_equal(by_average.data, tiles.data)
    assert len(average.template_match(roi, show_progressbar=False).data) == len(first)
    framewise = aligned.template_match(roi, search="frames", show_progressbar=False)
    own = framewise.smartalign.matches
    for frame in range(4):
        np.testing.assert_allclose(
            centres(own, frame, "source_"),
            centres(own, frame) + (top, left) + alignment.shifts[frame],
        )
        distance, _ = cKDTree(first).query(centres(own, frame))
        assert np.median(distance) < 0.25
    with pytest.warns(SeriesWarning, match="a second time"):
        aligned.deepcopy().template_match(roi, show_progressbar=False)


def test_excluded_frames_take_no_part(series, roi) -> None:
    aligned = series.align_rigid(exclude=[1], show_progressbar=False)
    left, right, top, bottom = roi
    for search in ("frames", "average"):
        tiles = aligned.template_match(
            (left - 4, right - 4, top - 2, bottom - 2), search=search, show_progressbar=False
        )
        assert set(tiles.smartalign.matches.frame) == {0, 2, 3}


def test_a_second_detector_has_the_same_tiles(simulated, series, tiles, roi) -> None:
    second = series.template_match(roi, source=simulated.second, show_progressbar=False)
    table, own = second.smartalign.matches, tiles.smartalign.matches
    np.testing.assert_array_equal(table.source_y, own.source_y)
    assert second.metadata.General.title.startswith(simulated.second.metadata.General.title)
    # Dark columns on a bright ground.
    bright, dark = tiles.smartalign.average().data, second.smartalign.average().data
    assert np.corrcoef(bright.ravel(), dark.ravel())[0, 1] < -0.8
    one = series.inav[0].template_match(
        roi, source=simulated.second.inav[0], show_progressbar=False
    )
    assert np.corrcoef(bright.ravel(), one.smartalign.average().data.ravel())[0, 1] < -0.8


def test_up_sampling_and_turned_motifs(series, roi) -> None:
    tiles = series.inav[0].template_match(
        roi, upsample=2, angles=(0, 90), mirror=True, show_progressbar=False
    )
    assert tiles.data.shape[1:] == (2 * SIDE, 2 * SIDE)
    assert tiles.axes_manager.signal_axes[0].scale == pytest.approx(SCALE / 2)
    table = tiles.smartalign.matches
    assert table.upsample == 2
    assert set(table.angle) <= {0, 90}
    assert set(table.angle) != {0} or table.mirror.any()
    # Turned tiles have scan lines of their own.
    assert tiles.smartalign.scan_geometry is None


@pytest.mark.parametrize("suffix", ["hspy", "zspy"])
@pytest.mark.parametrize("lazy", [False, True])
def test_the_table_survives_files(tmp_path, tiles, suffix, lazy) -> None:
    path = tmp_path / f"tiles.{suffix}"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The NestedDirectoryStore")
        tiles.save(path)
    loaded = hs.load(path, lazy=lazy)
    before, after = tiles.smartalign.matches, loaded.smartalign.matches
    for name, column in before.columns.items():
        np.testing.assert_array_equal(after.columns[name], column)
        assert after.columns[name].dtype == column.dtype
    assert (after.tile_shape, after.upsample) == (before.tile_shape, before.upsample)
    np.testing.assert_array_equal(after.motif, before.motif)
    np.testing.assert_array_equal(after.threshold, before.threshold)
    np.testing.assert_array_equal(after.histogram.counts, before.histogram.counts)
    np.testing.assert_array_equal(after.peak_scores, before.peak_scores)
    if lazy:
        loaded.close_file()


def test_the_table_as_text_and_for_pandas(tmp_path, tiles) -> None:
    table = tiles.smartalign.matches
    table.to_csv(tmp_path / "matches.csv")
    read = np.genfromtxt(tmp_path / "matches.csv", delimiter=",", names=True)
    # numpy spells "y (nm)" like this.
    assert read.dtype.names == (*table.columns, "y_nm", "x_nm")
    np.testing.assert_allclose(read["y_nm"], table.y * SCALE)
    np.testing.assert_array_equal(read["y"], table.y)
    np.testing.assert_array_equal(read["frame"], table.frame)
    pandas = pytest.importorskip("pandas")
    frame = table.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    np.testing.assert_array_equal(frame["score"], table.score)


def test_a_threshold_chosen_afterwards_is_recorded(series, roi) -> None:
    found = series.smartalign.find_motif(roi, show_progressbar=False)
    chosen = found.with_threshold(0.5).tiles(show_progressbar=False)
    *_, step = chosen.metadata.Smart_align.steps
    assert step["parameters"]["threshold"] == 0.5
    again = series.template_match(roi, threshold=0.5, show_progressbar=False)
    assert len(again.smartalign.matches) == len(chosen.smartalign.matches)
    np.testing.assert_allclose(again.data, chosen.data, atol=1e-3)


def test_the_average_of_a_tile_that_was_found_once_is_that_tile(tiles) -> None:
    one = tiles.smartalign.select_tiles([3])
    np.testing.assert_array_equal(one.smartalign.average().data, tiles.data[3])


def test_a_motif_that_becomes_another_site_is_told() -> None:
    # Correlation does not tell bright columns from faint ones, and the bright ones win.
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:160, :160]
    pixels = rng.normal(0, 0.05, (160, 160))
    for top in range(8, 160, 16):
        for left in range(8, 160, 16):
            spot = np.exp(-((y - top) ** 2 + (x - left) ** 2) / 8)
            shade = np.exp(-((y - top - 8) ** 2 + (x - left - 8) ** 2) / 8)
            pixels += spot + 0.2 * shade
    image = hs.signals.Signal2D(pixels)
    with pytest.warns(SeriesWarning, match="is not among the matches") as caught:
        image.template_match((76, 85, 76, 85), show_progressbar=False)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image.template_match((68, 77, 68, 77), show_progressbar=False)
    noise = hs.signals.Signal2D(rng.normal(size=(64, 64)))
    with pytest.warns(SeriesWarning, match="Only the region itself"):
        noise.template_match((20, 40, 20, 40), show_progressbar=False)


def test_a_motif_of_the_other_contrast_is_told(series, roi, tiles) -> None:
    left, right, top, bottom = roi
    image = series.inav[0]
    motif = image.isig[left:right, top:bottom]
    with pytest.warns(SeriesWarning, match="inverted contrast") as caught:
        image.template_match(-motif, threshold=0, show_progressbar=False)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = image.template_match(motif, show_progressbar=False)
    assert len(found.smartalign.matches) == np.sum(tiles.smartalign.matches.frame == 0)


def test_columns_may_lie_one_after_the_other_in_memory(series, roi) -> None:
    image = series.inav[0].deepcopy()
    expected = image.template_match(roi, refine=0, show_progressbar=False)
    image.data = np.asfortranarray(image.data)
    found = image.template_match(roi, refine=0, show_progressbar=False)
    np.testing.assert_array_equal(found.data, expected.data)


def test_a_frame_without_pixels_is_named(series, roi) -> None:
    spoiled = series.deepcopy()
    spoiled.change_dtype("float32")
    spoiled.data[2] = np.nan
    with pytest.raises(ValueError, match=r"Frame 2 .* no finite pixel.*frames="):
        spoiled.template_match(roi, show_progressbar=False)
    found = spoiled.template_match(roi, frames=[0, 1, 3], show_progressbar=False)
    assert set(found.smartalign.matches.frame) == {0, 1, 3}


def test_places_on_the_axes_of_the_image(simulated, series, aligned, roi, tiles) -> None:
    table = tiles.smartalign.matches
    np.testing.assert_allclose(table.calibrated["x (nm)"], table.x * SCALE)
    moved = series.deepcopy()
    moved.axes_manager[-1].offset = 2.5
    first, last = moved.axes_manager.signal_axes
    assert first.offset + last.offset == 2.5
    shifted = moved.template_match(roi, show_progressbar=False).smartalign.matches.calibrated
    unit = "y (nm)" if last.offset else "x (nm)"
    np.testing.assert_allclose(shifted[unit] - table.calibrated[unit], 2.5, atol=1e-9)
    # On the canvas of an aligned series, whose first pixel lies elsewhere.
    on_average = aligned.template_match(roi, show_progressbar=False).smartalign.matches
    axis = aligned.axes_manager["x"]
    np.testing.assert_allclose(on_average.calibrated["x (nm)"], axis.offset + on_average.x * SCALE)


def test_the_score_map_lies_on_the_axes_of_the_image(series, roi) -> None:
    found = series.smartalign.find_motif(roi, show_progressbar=False)
    scores = found.score_map(frame=2)
    best = found.search.last.candidates.in_frame(2)
    k = int(np.argmax(best.score))
    x, y = (
        axis.value2index(c * SCALE)
        for axis, c in zip(scores.axes_manager.signal_axes, (best.x[k], best.y[k]), strict=True)
    )
    assert scores.data[y, x] == pytest.approx(best.score[k], abs=0.02)
    assert scores.data.max() == pytest.approx(best.score[k], abs=0.02)
    with pytest.raises(ValueError, match="was not searched"):
        found.score_map(frame=9)


def test_a_corrupt_table_is_told(tiles) -> None:
    spoiled = tiles.deepcopy()
    spoiled.metadata.Smart_align.matches.y = np.zeros(3)
    with pytest.raises(ValueError, match=r"corrupt: y has shape \(3,\)"):
        _ = spoiled.smartalign.matches
    del spoiled.metadata.Smart_align.matches.motifs
    with pytest.raises(ValueError, match="corrupt: it has no motifs"):
        _ = spoiled.smartalign.matches


def test_tiles_know_the_scan_lines_of_their_frames(series, tiles, roi) -> None:
    turned = series.smartalign.prepare(scan_rotation="pairs", line_time=1e-3)
    found = turned.template_match(roi, upsample=2, show_progressbar=False)
    scan, frame = found.smartalign.scan_geometry, found.smartalign.matches.frame
    assert scan.rotation == tuple(90.0 * (frame % 2))
    assert scan.line_time == pytest.approx(0.5e-3)
    assert scan.frame_time is None
    # One number where it holds for all tiles.
    assert tiles.smartalign.scan_geometry.rotation == (0.0,)


def test_tiles_are_a_series_for_align_nonrigid(tiles) -> None:
    few = tiles.inav[:12]
    # These frames were scanned without flaws.
    with pytest.warns(SeriesWarning, match="no distortion"):
        result = few.align_nonrigid(rigid=False, show_progressbar=False)
    assert len(result.data) == 12
    assert [step["name"] for step in result.smartalign.alignment.steps][-2:] == [
        "template_match",
        "align_nonrigid",
    ]


def test_gaps_and_dead_pixels_do_not_hurt(series, tiles, roi) -> None:
    image = series.inav[1].deepcopy()
    image.data = image.data.copy()
    image.data[:, :20] = np.nan
    found = image.template_match(
        tiles.smartalign.average(), refine=0, coverage=1.0, show_progressbar=False
    )
    assert np.isfinite(found.data).all()
    assert found.smartalign.matches.x.min() > 20 + SIDE / 2 - 1


def test_integers_and_other_byte_order(series, tiles, roi) -> None:
    image = hs.signals.Signal2D(series.data.astype(">u2"))
    found = image.template_match(roi, show_progressbar=False)
    assert found.data.dtype == np.float32
    np.testing.assert_allclose(found.data, tiles.data, atol=1e-3)


class TestBadInput:
    """What cannot be is told in words."""

    def test_spectra(self, roi) -> None:
        spectra = hs.signals.Signal1D(np.ones((4, 9, 9, 16)))
        with pytest.raises(NotASeriesError, match=r"holds no images.*integrate"):
            hyperspy_smartalign.template_match(spectra, roi)

    @pytest.mark.parametrize(
        ("template", "error", "message"),
        [
            ((90, 120, 0, 24), ValueError, "template right=120 lies outside"),
            ((10, 12, 10, 12), ValueError, "must be 4 x 4 px or larger"),
            ("motif", TypeError, "str is no motif.*RectangularROI"),
            (None, TypeError, "needs a template"),
            (("a", 1, 2, 3), TypeError, "sides that are no numbers"),
            (np.ones(7), ValueError, r"shape \(7,\), which is no image"),
            (np.ones((9, 9)), ValueError, "contrast"),
            (np.random.default_rng(0).random((200, 9)), ValueError, "smaller region"),
            (np.ones((9, 9), complex), TypeError, "real"),
        ],
    )
    def test_templates(self, series, template, error, message) -> None:
        with pytest.raises(error, match=message):
            series.template_match(template, show_progressbar=False)

    def test_rois_that_are_no_rectangles(self, series) -> None:
        with pytest.raises(TypeError, match="A CircleROI is no motif"):
            series.template_match(hs.roi.CircleROI(1, 1, 0.5, 0.1))

    def test_templates_that_are_series(self, series) -> None:
        with pytest.raises(NotASeriesError, match=r"not one image.*inav\[0\]"):
            series.template_match(series)

    def test_words_and_names(self, series, roi) -> None:
        with pytest.raises(ParameterError, match="search='all' is not allowed"):
            series.template_match(roi, search="all")
        with pytest.raises(ParameterError, match="search='frames' is for series"):
            series.inav[0].template_match(roi, search="frames")
        with pytest.raises(TypeError, match="Did you mean 'threshold'"):
            series.template_match(roi, treshold=0.5)

    def test_nothing_alike(self, series, roi) -> None:
        with pytest.raises(NoMatchError, match=r"threshold 1.*best score is 0\."):
            series.template_match(
                np.random.default_rng(5).random((SIDE, SIDE)),
                refine=0,
                threshold=1.0,
                show_progressbar=False,
            )

    def test_sources_that_do_not_belong(self, series, aligned, roi) -> None:
        with pytest.raises(AlignmentMismatchError, match="source does not belong"):
            series.template_match(roi, source=series.isig[:90, :])
        with pytest.raises(AlignmentMismatchError, match="Give an image of the same scan"):
            series.inav[0].template_match(roi, source=series)
        with pytest.raises(ValueError, match="interpolated already"):
            aligned.template_match(roi, source=aligned)
        with pytest.raises(ValueError, match="interpolated already"):
            aligned.smartalign.average().template_match(roi, source=aligned)

    def test_signals_without_matches(self, series) -> None:
        with pytest.raises(ValueError, match=r"carries no matches.*template_match"):
            _ = series.smartalign.matches
