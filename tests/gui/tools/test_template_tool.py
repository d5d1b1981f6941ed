"""The tool of template_match: the motif, the search, the threshold by hand, and the tiles."""

from __future__ import annotations

import copy
import io
import warnings

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backend_bases import KeyEvent, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.gui import settings
from hyperspy_smartalign.gui.tools.searching import short_threshold
from hyperspy_smartalign.gui.tools.template import TemplateTool
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals.motif.templates import template_of
from hyperspy_smartalign.signals.validating import NotASeriesError

SIDE = 20
SHAPE = (60, 68)
FRAMES = 3


@pytest.fixture(scope="module")
def scene():
    """A crystal in noise, so that scores are spread."""
    return simulate_series(
        shape=SHAPE, frames=FRAMES, dose=30, scale=0.024, drift=(1.0, -1.5), seed=3
    )


@pytest.fixture(scope="module")
def roi(scene):
    """A region about a column in the middle of frame 0."""
    crystal = scene.crystal
    found = crystal.positions[crystal.species == 0] + scene.truth.shifts[0]
    column = found[np.argmin(np.linalg.norm(found - np.array(SHAPE) / 2, axis=1))]
    top, left = (int(n) for n in np.rint(column - (SIDE - 1) / 2))
    return left, left + SIDE, top, top + SIDE


@pytest.fixture(scope="module")
def aligned(scene):
    """The series aligned, which still knows it."""
    with warnings.catch_warnings():
        # Three frames make a doubtful alignment.
        warnings.simplefilter("ignore", SeriesWarning)
        return scene.series.align_rigid()


@pytest.fixture
def raw(scene):
    return scene.series.deepcopy()


@pytest.fixture
def make(raw, roi):
    """``make(**keywords)``: the tool, with the motif given unless said otherwise."""
    tools = []

    def tool(signal=None, template=roi, **keywords):
        signal = raw if signal is None else signal
        given = {} if template is None else {"template": template}
        source = keywords.pop("source", None)
        if source is not None:
            given["source"] = source
        made = TemplateTool(signal, given, keywords)
        made.plot_result = False
        tools.append(made)
        return made

    yield tool
    for made in tools:
        made.close()


def search(tool):
    tool.apply()
    assert tool.wait()
    assert tool.message_kind != "error", tool.message
    return tool


def extract(tool):
    tool.extract()
    assert tool.wait()
    assert tool.message_kind != "error", tool.message
    return tool.result


def live(tool):
    """Give the figure of the threshold a canvas, as views do."""
    canvas = FigureCanvasAgg(tool.thresholds.figure)
    canvas.draw()
    return canvas


def mouse(tool, kind, score, *, button=1):
    picker, canvas = tool.thresholds.picker, tool.thresholds.figure.canvas
    ax = picker.score_axes
    place = ax.transData.transform((score, ax.get_ylim()[1] / 2))
    canvas.callbacks.process(kind, MouseEvent(kind, canvas, *place, button=button))


def drag(tool, *scores):
    mouse(tool, "button_press_event", scores[0])
    for score in scores[1:]:
        mouse(tool, "motion_notify_event", score)
    mouse(tool, "button_release_event", scores[-1])


def key(tool, name):
    canvas = tool.thresholds.figure.canvas
    canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", canvas, name))


def scores_of(tool):
    return np.sort(tool.searched.found.search.last.candidates.score)


def middle(tool):
    """A threshold that half of the candidates reach."""
    return float(np.median(scores_of(tool)))


def same_tiles(tiles, expected):
    np.testing.assert_array_equal(tiles.data, expected.data)
    ours, theirs = tiles.smartalign.matches, expected.smartalign.matches
    for name in ("frame", "y", "x", "score"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert (
        tiles.metadata.Smart_align.as_dictionary()["steps"]
        == expected.metadata.Smart_align.as_dictionary()["steps"]
    )


def run(code, signal):
    """What the line of Python makes."""
    names = {"s": signal, "np": np, "template": None}
    exec(code, names)
    return names["tiles"]


# The flow.


def test_search_then_threshold_then_tiles(make, raw, roi) -> None:
    tool = make()
    assert not tool.can_extract
    assert tool.result is None
    search(tool)
    found = raw.smartalign.find_motif(roi)
    assert tool.picked_threshold == found.threshold[0]
    assert tool.n_tiles == len(found.matches)
    assert tool.counted.startswith(f"{len(found.matches)} of {len(found.search.last.candidates)} ")
    # Nothing was chosen yet, so nothing is in the line.
    assert tool.code == f"tiles = s.template_match({roi})"
    tool.picked_threshold = middle(tool)
    chosen = found.with_threshold(middle(tool))
    assert 0 < len(chosen.matches) != len(found.matches)
    assert tool.n_tiles == len(chosen.matches)
    tiles = extract(tool)
    assert len(tiles.data) == tool.n_tiles
    same_tiles(tiles, raw.template_match(roi, threshold=tool.parameters.threshold))
    same_tiles(tiles, run(tool.code, raw))
    assert tool.message.startswith(f"{tool.n_tiles} tiles")


def test_without_a_threshold_of_ones_own_the_tiles_are_those_of_the_verb(make, raw, roi) -> None:
    tool = search(make(refine=1))
    same_tiles(extract(tool), raw.template_match(roi, refine=1))


def test_extracting_needs_a_search(make) -> None:
    tool = make()
    tool.extract()
    assert not tool.busy
    assert "Search first" in tool.message
    assert tool.message_kind == "error"


def test_searching_needs_a_motif(make) -> None:
    tool = make(template=None)
    assert "Draw the motif" in tool.message
    assert tool.code == ""
    tool.apply()
    assert not tool.busy
    assert tool.message_kind == "error"
    assert "Draw the motif" in tool.message


def test_values_of_the_search_make_the_candidates_old(make) -> None:
    tool = search(make())
    assert tool.can_extract
    tool.parameters.refine = 1
    assert "search again" in tool.outdated
    assert not tool.can_extract
    assert tool.outdated in [text.get_text() for text in _texts(tool.thresholds.figure)]
    tool.extract()
    assert not tool.busy
    assert tool.message == tool.outdated
    tool.parameters.refine = 2
    assert tool.outdated == ""
    assert tool.can_extract
    tool.options.frames = (0, 1)
    assert tool.outdated
    search(tool)
    assert tool.outdated == ""


def _texts(figure):
    return [figure._supxlabel] if figure._supxlabel is not None else []


def test_values_of_the_tiles_do_not(make, raw, roi) -> None:
    tool = search(make())
    tool.parameters.trait_set(upsample=2.0, interpolation="linear")
    assert tool.can_extract
    expected = raw.template_match(roi, upsample=2, interpolation="linear")
    same_tiles(extract(tool), expected)


def test_cancelling_either_stage_leaves_what_was(make) -> None:
    tool = make()
    tool.apply()
    tool.cancel()
    tool.cancel()
    assert tool.wait()
    assert tool.searched is None
    assert "Cancelled" in tool.message
    search(tool)
    before = tool.counted
    tool.extract()
    tool.cancel()
    tool.cancel()
    assert tool.wait()
    assert tool.result is None
    assert tool.counted == before
    assert tool.can_extract
    assert len(extract(tool).data) == tool.n_tiles


def test_progress_tells_what_is_searched_and_cut(make) -> None:
    tool = make()
    told = []
    tool.observe(lambda event: told.append((tool.stage, tool.total)), "stage")
    search(tool)
    extract(tool)
    stages = dict(told)
    assert any("motif" in stage and total == FRAMES for stage, total in stages.items())
    assert any(stage.startswith(f"cutting {tool.n_tiles} tiles") for stage in stages)


def test_errors_are_told_in_words(make) -> None:
    tool = make(template=np.zeros((8, 8)))
    tool.apply()
    tool.wait()
    assert tool.message_kind == "error"
    assert "contrast" in tool.message
    tool = search(make())
    tool.parameters.threshold = 1.0
    tool.extract()
    tool.wait()
    assert "Lower the threshold" in tool.message
    assert tool.state == "ready"


# The threshold.


def test_the_form_and_the_figure_agree(make) -> None:
    tool = search(make())
    value = middle(tool)
    tool.parameters.threshold = value
    assert tool.thresholds.picker.threshold == tool.picked_threshold == value
    tool.picked_threshold = value + 0.05
    assert tool.parameters.threshold == tool.thresholds.picker.threshold
    assert tool.parameters.threshold == pytest.approx(value + 0.05, abs=0.02)
    tool.automatic()
    assert tool.parameters.threshold == "auto"
    assert tool.picked_threshold == tool.searched.automatic.threshold[0]
    assert "threshold" not in tool.code


@pytest.mark.parametrize("has_canvas", [False, True])
def test_dragging_with_the_mouse(make, has_canvas) -> None:
    tool = search(make())
    if has_canvas:
        live(tool)
    changed = []
    tool.thresholds.observe(lambda event: changed.append(1), "changed")
    aim = middle(tool)
    picker = tool.thresholds.picker
    mouse(tool, "button_press_event", aim + 0.1)
    mouse(tool, "motion_notify_event", aim)
    # The line is where the mouse is, and the number is short, with the same matches.
    assert picker.dragging
    assert picker.threshold == pytest.approx(aim, abs=0.005)
    found = tool.searched.found
    np.testing.assert_array_equal(
        picker.accepted, found.with_threshold(tool.parameters.threshold).search.last.accepted
    )
    assert tool.n_tiles == np.count_nonzero(picker.accepted)
    mouse(tool, "button_release_event", aim)
    assert picker.threshold == tool.parameters.threshold
    # A canvas draws by itself; without one the picture is to be shown anew.
    assert bool(changed) is not has_canvas
    assert f"threshold={tool.parameters.threshold!r}" in tool.code


def test_the_keys_of_the_figure(make) -> None:
    tool = search(make())
    live(tool)
    drag(tool, middle(tool))
    before = tool.parameters.threshold
    key(tool, "shift+right")
    assert tool.parameters.threshold == pytest.approx(before + 0.05, abs=0.02)
    key(tool, "pagedown")
    assert tool.frame == 1
    key(tool, "pageup")
    assert tool.frame == 0


def test_candidates_on_other_sites_are_told_of(make) -> None:
    tool = search(make())
    other = np.count_nonzero(tool.searched.found.search.last.other_site)
    assert other > 0
    assert f"{other} lie on other sites" in tool.counted
    tool.picked_threshold = -1.0
    assert tool.n_tiles == len(scores_of(tool)) - other
    tool.parameters.other_sites = True
    search(tool)
    assert "other sites" not in tool.counted


def test_looking_at_frames_chooses_no_threshold(make, raw) -> None:
    tool = search(make())
    tool.frame = 2
    assert tool.thresholds.picker.frame == 2
    assert raw.axes_manager.indices == (2,)
    key(tool, "pageup")
    assert tool.frame == 1
    assert tool.parameters.threshold == "auto"


def test_short_numbers_choose_the_same_candidates(make, raw, roi) -> None:
    tool = search(make())
    scores = scores_of(tool)
    rng = np.random.default_rng(0)
    for value in (*rng.uniform(scores[0] - 0.05, scores[-1] + 0.02, 200), *scores[::3]):
        short = short_threshold(float(value), scores, lowest=float(tool.lowest))
        expected = scores >= max(value, tool.lowest)
        np.testing.assert_array_equal(scores >= short, expected)
        assert short >= tool.lowest
    assert short_threshold(0.6312, np.array([0.3, 0.9]), lowest=0.2) == 0.63
    assert short_threshold(0.6312, np.array([0.6301, 0.6313]), lowest=0.2) == 0.631
    assert short_threshold(0.1, np.array([0.3, 0.9]), lowest=0.21234) == pytest.approx(0.22)
    assert short_threshold(0.99, np.array([0.3, 0.9]), lowest=0.2) == 0.99
    assert short_threshold(0.5, np.array([]), lowest=0.2) == 0.5


def test_the_lowest_threshold_is_that_of_the_search(make, raw, roi) -> None:
    tool = search(make())
    tool.picked_threshold = -1.0
    assert tool.n_tiles == np.count_nonzero(tool.thresholds.picker.accepted) > 0
    assert tool.outdated == ""
    same_tiles(extract(tool), raw.template_match(roi, threshold=tool.parameters.threshold))


def test_thresholds_below_the_noise_are_searched_for(make, raw, roi) -> None:
    tool = search(make())
    low = float(tool.searched.lowest[0]) - 0.1
    tool.parameters.threshold = low
    assert "were not kept" in tool.outdated
    assert not tool.can_extract
    search(tool)
    assert tool.outdated == ""
    np.testing.assert_array_equal(tool.searched.lowest, low)
    same_tiles(extract(tool), raw.template_match(roi, threshold=low))
    tool.automatic()
    assert tool.picked_threshold == raw.smartalign.find_motif(roi).threshold[0]


def test_a_threshold_for_each_frame(make, raw, roi) -> None:
    tool = search(make())
    tool.each_frame = True
    assert tool.parameters.threshold == "auto"
    before = tool.picked_threshold
    tool.frame = 1
    tool.picked_threshold = middle(tool)
    given = tool.parameters.threshold
    assert len(given) == FRAMES
    assert given[1] != given[0] == given[2]
    assert tool.picked_threshold == given[1]
    tool.frame = 0
    assert tool.picked_threshold == pytest.approx(before, abs=0.02)
    same_tiles(extract(tool), raw.template_match(roi, threshold=given))
    # One for all again: that of the frame shown.
    tool.frame = 1
    tool.each_frame = False
    assert tool.parameters.threshold == pytest.approx(given[1], abs=0.02)
    tool.parameters.threshold = given
    assert tool.each_frame


def test_thresholds_of_another_number_of_frames_are_refused(make) -> None:
    tool = search(make())
    tool.parameters.threshold = (0.5, 0.6)
    assert "2 numbers" in tool.outdated
    tool.apply()
    tool.wait()
    assert "2 numbers" in tool.message
    assert tool.message_kind == "error"


def test_automatic_thresholds_of_each_frame(make, raw, roi) -> None:
    tool = search(make(fixed_threshold=False))
    assert tool.each_frame
    expected = raw.template_match(roi, fixed_threshold=False)
    same_tiles(extract(tool), expected)
    tool.frame = 1
    tool.picked_threshold = middle(tool)
    # The motif was refined with a threshold for each frame, which the verb does not with numbers.
    assert "find_motif" in tool.code
    assert ".with_threshold((" in tool.code
    same_tiles(extract(tool), run(tool.code, raw))


def test_a_threshold_given_at_the_start(make, raw, roi) -> None:
    tool = search(make(threshold=0.6))
    assert tool.picked_threshold == 0.6
    same_tiles(extract(tool), raw.template_match(roi, threshold=0.6))
    tool.automatic()
    assert tool.picked_threshold == raw.smartalign.find_motif(roi).threshold[0]


def test_bars_and_their_range(make) -> None:
    tool = search(make())
    patch = tool.thresholds.picker.score_axes.patches[0]
    tool.bins = 20
    assert len(patch.get_data().values) == 20
    low, high = tool.score_low, tool.score_high
    tool.score_low, tool.score_high = 0.4, 0.8
    np.testing.assert_allclose(patch.get_data().edges[[0, -1]], [0.4, 0.8])
    tool.score_low = 0.9
    assert tool.message_kind == "error"
    tool.score_low = 0.5
    # A search keeps what was chosen.
    search(tool)
    patch = tool.thresholds.picker.score_axes.patches[0]
    np.testing.assert_allclose(patch.get_data().edges[[0, -1]], [0.5, 0.8])
    assert len(patch.get_data().values) == 20
    tool.whole_range()
    assert (tool.score_low, tool.score_high) == pytest.approx((low, high))


def test_the_threshold_is_not_kept_for_another_series(make) -> None:
    tool = search(make(refine=1))
    tool.picked_threshold = middle(tool)
    extract(tool)
    assert settings.last_used("template_match", tool.parameters_class) == {"refine": 1}


# The motif.


def test_the_motif_is_drawn_on_the_plot(make, raw) -> None:
    tool = make(template=None)
    tool.frame = 2
    tool.draw_region()
    # The motif is taken from the first frame, so this is what is shown.
    assert tool.frame == 0
    assert tool.plotted.is_open
    assert tool.drawing_region
    assert tool.code.startswith("tiles = s.template_match((")
    x, y = raw.axes_manager.signal_axes
    tool._region._roi.left, tool._region._roi.top = float(x.axis[10]), float(y.axis[12])
    tool._region._roi.right, tool._region._roi.bottom = float(x.axis[30]), float(y.axis[32])
    drawn = template_of(raw, tool._motifs.layout(tool), tool.template)
    assert drawn.region == (10, 30, 12, 32)
    # No more decimals than a hundredth of a pixel needs.
    assert all(len(repr(side).split(".")[1]) <= 4 for side in tool.template)
    tool.options.template = (5, 25, 6, 26)
    left, _, top, _ = tool._region.region
    assert (left, top) == pytest.approx((x.axis[5], y.axis[6]))
    tool.clear_region()
    assert tool.template is None
    assert tool.code == ""
    assert not tool.drawing_region


def test_the_defaults_keep_the_motif(make, roi) -> None:
    tool = make(refine=1)
    tool.restore_defaults()
    assert tool.template == roi
    assert tool.parameters.refine == 2
    tool.options.trait_set(template=None)
    tool.restore_defaults()
    assert tool.template is None


def test_an_image_as_motif_is_taken_as_it_is(make, raw, roi) -> None:
    left, right, top, bottom = roi
    motif = raw.inav[0].isig[left:right, top:bottom]
    for template in (motif, motif.data):
        tool = search(make(template=template))
        assert tool.template is template
        assert tool.options.template is None
        same_tiles(extract(tool), raw.template_match(template))
        # One that is drawn takes its place, until it is cleared.
        tool.set_region(roi)
        assert tool.template == roi
        assert tool.outdated
        tool.clear_region()
        assert tool.template is template


def test_hyperspys_regions_and_the_unit_cell(make, raw, roi) -> None:
    x, y = raw.axes_manager.signal_axes
    left, right, top, bottom = roi
    region = hs.roi.RectangularROI(
        float(x.axis[left]), float(y.axis[top]), float(x.axis[right]), float(y.axis[bottom])
    )
    tool = search(make(template=region))
    assert tool.region() == pytest.approx(tuple(region))
    same_tiles(extract(tool), raw.template_match(region))
    assert make(template="unit cell").code == 'tiles = s.template_match("unit cell")'


def test_a_region_that_is_none_of_the_image(make) -> None:
    tool = make()
    tool.options.template = (0, 2, 0, 2)
    assert "4 x 4" in tool.problem
    tool.apply()
    assert not tool.busy
    tool.options.template = (0, 20, 0, 200)
    assert tool.problem


def test_wrong_input_is_refused_before_a_dialogue_opens(raw, roi) -> None:
    spectra = hs.signals.Signal1D(np.ones((4, 4, 8)))
    for signal, template, keywords, error, message in (
        (spectra, roi, {}, NotASeriesError, "integrate"),
        (raw, (0, 2, 0, 2), {}, ValueError, "4 x 4"),
        (raw, "cell", {}, TypeError, "template='cell'"),
        (raw, roi, {"refine": -1}, ValueError, "refine"),
        (raw, roi, {"frames": (9,)}, ValueError, "frames holds 9"),
        (raw.inav[0], roi, {"search": "average"}, ValueError, "one image"),
        (raw, roi, {"refin": 1}, TypeError, "refin"),
    ):
        before = plt.get_fignums()
        with pytest.raises(error, match=message):
            hyperspy_smartalign.template_match(
                signal, template, interactive=True, display=False, **keywords
            )
        assert plt.get_fignums() == before


# What can be searched.


def test_a_single_image(make, raw, roi) -> None:
    image = raw.inav[1]
    tool = search(make(image))
    assert tool.idle.keys() >= {"search", "frames"}
    assert not tool.several_images
    tool.picked_threshold = middle(tool)
    expected = image.template_match(roi, threshold=tool.parameters.threshold)
    same_tiles(extract(tool), expected)


def test_an_aligned_series_is_searched_in_its_average(make, aligned, roi) -> None:
    tool = search(make(aligned))
    assert tool.searched.found.plan.search == "average"
    matches = np.count_nonzero(tool.thresholds.picker.accepted)
    assert tool.n_tiles == matches * FRAMES
    assert f"{tool.n_tiles} tiles in all frames" in tool.counted
    tiles = extract(tool)
    assert len(tiles.data) <= tool.n_tiles
    same_tiles(tiles, aligned.template_match(roi))
    tool.frame = 1
    assert tool.thresholds.picker.frame == 0
    tool.options.search = "frames"
    assert tool.outdated
    same_tiles(extract(search(tool)), aligned.template_match(roi, search="frames"))


def test_a_lazy_series(make, raw, roi) -> None:
    lazy = raw.as_lazy()
    tool = search(make(lazy))
    assert not extract(tool)._lazy
    tool.options.lazy_output = True
    assert tool.can_extract
    tiles = extract(tool)
    assert tiles._lazy
    np.testing.assert_array_equal(tiles.data.compute(), raw.template_match(roi).data)


def test_some_frames_a_source_and_a_folder(make, raw, scene, roi, tmp_path) -> None:
    other = raw.deepcopy()
    other.data = other.data[:, ::1, ::1] * 2
    folder = tmp_path / "found"
    tool = make(source=other, frames=[0, 2], working_folder=folder, num_workers=1)
    assert "source=source" in tool.code
    search(tool)
    assert folder.is_dir()
    assert tool.thresholds.picker.numbers == [0, 2]
    # A frame that was not searched is shown by the plot only.
    tool.frame = 1
    assert tool.thresholds.picker.frame in (0, 2)
    tiles = extract(tool)
    expected = raw.template_match(roi, source=other, frames=[0, 2])
    np.testing.assert_array_equal(tiles.data, expected.data)


# The pictures.


def test_the_preview_shows_the_motif_on_its_frame(make, raw, roi) -> None:
    tool = make()
    tool.pictures[0].seen = True
    assert tool.wait()
    left, right, top, bottom = roi
    image, motif = tool.preview.figure.axes
    np.testing.assert_array_equal(image.images[0].get_array(), raw.data[0])
    np.testing.assert_array_equal(motif.images[0].get_array(), raw.data[0, top:bottom, left:right])
    (outline,) = image.patches
    assert outline.get_bbox().bounds == (left - 0.5, top - 0.5, right - left, bottom - top)
    assert outline.get_linestyle() == "-"
    tool.frame = 2
    tool.wait()
    image, motif = tool.preview.figure.axes
    np.testing.assert_array_equal(image.images[0].get_array(), raw.data[2])
    np.testing.assert_array_equal(motif.images[0].get_array(), raw.data[0, top:bottom, left:right])
    assert motif.get_title() == "motif, of frame 0"
    assert image.patches[0].get_linestyle() == ":"
    tool.options.template = (0, 2, 0, 2)
    assert len(tool.preview.figure.axes) == 0
    assert "4 x 4" in tool.preview.figure.texts[0].get_text()
    tool.options.template = None
    tool.wait()
    assert len(tool.preview.figure.axes) == 1


def test_the_preview_of_an_aligned_series_is_its_average(make, aligned) -> None:
    tool = make(aligned)
    tool.pictures[0].seen = True
    tool.wait()
    image, motif = tool.preview.figure.axes
    assert image.get_title() == "the average"
    assert motif.get_title() == "motif, of the average"
    average = np.asarray(aligned.smartalign.average().data)
    np.testing.assert_allclose(image.images[0].get_array(), average)


def test_the_pictures_after_the_search_and_of_the_tiles(make) -> None:
    tool = make()
    looked = []
    tool.observe(lambda event: looked.append(event.new), "look_at")
    for picture in tool.pictures[2:]:
        picture.seen = True
    search(tool)
    assert looked == [tool.thresholds]
    # Motif and scores of three searches.
    assert len(tool.stages.figure.axes) == 6
    tiles = extract(tool)
    assert looked[1:] == [tool.tiles]
    average, *single = tool.tiles.figure.axes
    np.testing.assert_allclose(
        average.images[0].get_array(), np.asarray(tiles.smartalign.average().data), rtol=1e-6
    )
    assert len(single) == 6
    assert tool.tiles.png()[:4] == b"\x89PNG"


def test_the_png_of_a_move_is_as_if_all_was_drawn(make) -> None:
    tool = search(make())
    tool.thresholds.png()
    for change in (
        {"picked_threshold": middle(tool)},
        {"frame": 1},
        {"bins": 12},
        {"picked_threshold": -1.0},
    ):
        tool.trait_set(**change)
        quick = pixels(tool.thresholds.png())
        tool.thresholds.figure.canvas.draw()
        whole = pixels(tool.thresholds.png())
        assert np.mean(np.abs(quick - whole).max(axis=-1) > 0.02) < 5e-4, change
    before = quick
    tool.parameters.refine = 1
    assert np.any(pixels(tool.thresholds.png()) != before)


def pixels(png):
    return imread(io.BytesIO(png))[..., :3]


# Leaving.


def test_closing_leaves_everything_as_it_was(make, raw, roi) -> None:
    raw.plot()
    raw.axes_manager.indices = (1,)
    markers = len(raw._plot.signal_plot.ax_markers)
    patches = len(raw._plot.signal_plot.ax.patches)
    before = copy.deepcopy(raw.metadata.as_dictionary()), raw.data.copy()
    connected = len(raw.axes_manager.events.indices_changed.connected)
    tool = make()
    tool.draw_region()
    search(tool)
    live(tool)
    drag(tool, middle(tool))
    chosen = tool.parameters.threshold
    figure = tool.thresholds.figure
    picker = tool.thresholds.picker
    tool.close()
    assert tool.state == "closed"
    assert raw.axes_manager.indices == (1,)
    assert len(raw.axes_manager.events.indices_changed.connected) == connected
    assert raw._plot.is_active
    assert len(raw._plot.signal_plot.ax_markers) == markers
    assert len(raw._plot.signal_plot.ax.patches) == patches
    assert raw.metadata.as_dictionary() == before[0]
    np.testing.assert_array_equal(raw.data, before[1])
    # The figure answers no more.
    ax = picker.score_axes
    place = ax.transData.transform((0.5, 1))
    event = MouseEvent("button_press_event", figure.canvas, *place, button=1)
    figure.canvas.callbacks.process("button_press_event", event)
    assert picker.threshold == chosen
    assert tool.thresholds.picker is None
    tool.parameters.threshold = 0.5
    tool.extract()
    assert tool.state == "closed"


def test_closing_closes_the_plot_that_drawing_opened(make, raw) -> None:
    tool = make(template=None)
    tool.draw_region()
    assert raw._plot.is_active
    tool.close()
    assert not raw._plot.is_active


def test_closing_while_it_searches_asks_first(make) -> None:
    tool = search(make())
    tool.apply()
    tool.close()
    assert tool.state == "asking"
    assert tool.thresholds.picker is not None
    tool.go_on()
    tool.wait()
    assert tool.state == "ready"
