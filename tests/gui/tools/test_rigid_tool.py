"""The tool of align_rigid: previews, matrices that fill, and what is drawn of the result."""

from __future__ import annotations

import copy
import time

import hyperspy.api as hs
import numpy as np
import pytest
from matplotlib.figure import Figure

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.gui.pictures.matrices import MeasuredPairs, ShiftPicture
from hyperspy_smartalign.gui.previews.averages import averages_of
from hyperspy_smartalign.gui.tools.options import ChannelOptions, WorkOptions
from hyperspy_smartalign.gui.tools.rigid import RigidTool
from hyperspy_smartalign.gui.working import silently
from hyperspy_smartalign.rigid.preview import preview_pair
from hyperspy_smartalign.rigid.result import PairsMeasured
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.validating import frames_of

LONG = 60.0


@pytest.fixture(scope="module")
def spectra():
    simulated = simulate_series(
        shape=(40, 44),
        frames=4,
        dose=2e4,
        spectrum_image=("EELS", "EDS"),
        spectrum_dose=500.0,
        channels=16,
        drift=(0.6, -0.8),
        seed=2,
    )
    return {kind: made.signal for kind, made in simulated.spectra.items()}


@pytest.fixture
def open_rigid():
    """Opens rigid tools, which are closed at the end."""
    tools = []

    def make(signal, **keywords):
        tools.append(RigidTool(signal, None, keywords))
        tools[-1].plot_result = False
        return tools[-1]

    yield make
    for tool in tools:
        tool.close()
        assert tool.state == "closed"


def words_of(figure: Figure) -> str:
    """All text of a figure."""
    texts = [text.get_text() for text in figure.texts]
    for ax in figure.axes:
        texts += [ax.get_title(), *(text.get_text() for text in ax.texts)]
    return "\n".join(texts)


def run(tool):
    tool.apply()
    assert tool.wait(LONG)
    assert tool.message_kind != "error", tool.message
    assert tool.result is not None


# Preview


def test_the_preview_is_what_the_registration_sees(open_rigid, series):
    tool = open_rigid(series, roi=(8, 48, 4, 44), prefilter="median", exponent=0.5)
    tool.frame = 2
    assert tool.wait(LONG)
    # Nothing is computed that nobody looks at.
    assert "Preview" not in words_of(tool.preview.figure)
    assert not tool.preview.figure.axes
    tool.preview.seen = True
    assert tool.wait(LONG)
    frames = [np.asarray(series.data[i])[4:44, 8:48] for i in (2, 3)]
    seen = preview_pair(*frames, tool.used_parameters())
    frame, windowed, correlation, _ = tool.preview.figure.axes
    np.testing.assert_array_equal(frame.images[0].get_array(), np.asarray(series.data[2]))
    np.testing.assert_array_equal(windowed.images[0].get_array(), seen.windowed)
    shown = correlation.images[0]
    np.testing.assert_array_equal(
        np.ma.filled(shown.get_array(), np.nan), np.ma.filled(seen.correlation, np.nan)
    )
    # The peak is marked where the brightest pixel of the correlation is.
    (mark,) = correlation.lines
    assert (mark.get_ydata()[0], mark.get_xdata()[0]) == pytest.approx(seen.shift)
    left, right, bottom, top = shown.get_extent()
    step = seen.step
    row, column = np.unravel_index(np.nanargmax(seen.correlation), seen.correlation.shape)
    assert top + (row + 0.5) * step[0] == pytest.approx(seen.shift[0], abs=1.5 * step[0])
    assert left + (column + 0.5) * step[1] == pytest.approx(seen.shift[1], abs=1.5 * step[1])
    assert (bottom - top) == pytest.approx(step[0] * seen.correlation.shape[0])
    assert (right - left) == pytest.approx(step[1] * seen.correlation.shape[1])
    (outline,) = frame.patches
    assert outline.get_bbox().bounds == (7.5, 3.5, 40, 40)
    words = words_of(tool.preview.figure)
    assert "Frame 2 is shifted against 3" in words
    assert f"y  {seen.shift[0]:+.2f} px" in words
    assert f"{seen.similarity:.2f}" in words


@pytest.mark.parametrize(
    ("frame", "exclude", "other"), [(0, (), 1), (5, (), 4), (2, (3, 4), 5), (4, (5,), 3)]
)
def test_the_next_frame_that_takes_part_is_compared(
    open_rigid, eager_series, frame, exclude, other
):
    tool = open_rigid(eager_series, exclude=exclude)
    tool.preview.seen = True
    tool.frame = frame
    tool.wait(LONG)
    assert f"Frame {frame} is shifted against {other}" in words_of(tool.preview.figure)


def test_a_preview_follows_what_is_set(open_rigid, eager_series):
    tool = open_rigid(eager_series)
    tool.preview.seen = True
    tool.wait(LONG)
    drawn = []
    tool.preview.observe(lambda event: drawn.append(words_of(tool.preview.figure)), "changed")
    before = tool.preview.figure.axes[1].images[0].get_array().copy()
    tool.parameters.window = "none"
    tool.wait(LONG)
    assert len(drawn) == 1
    after = tool.preview.figure.axes[1].images[0].get_array()
    assert (after != before).any()
    eager_series.axes_manager.indices = (3,)
    tool.wait(LONG)
    assert "Frame 3" in drawn[-1]


def test_a_problem_takes_the_place_of_the_preview(open_rigid, eager_series):
    tool = open_rigid(eager_series)
    tool.preview.seen = True
    tool.parameters.roi = (0.0, 99.0, 0.0, 0.5)
    tool.wait(LONG)
    assert "roi right=99.0 lies outside the frame" in tool.problem
    assert words_of(tool.preview.figure) == tool.problem
    tool.parameters.roi = None
    tool.wait(LONG)
    assert tool.problem == ""
    assert tool.preview.figure.axes


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"exclude": (2, 17)}, r"names frames \[17\]"),
        ({"exclude": (0, 1, 2, 3, 4)}, "two or more must be left"),
        ({"roi": (0, 4, 0, 4)}, "8 x 8 px or larger"),
        ({"exclude_pairs": ((0, 9),)}, r"names frames \[9\]"),
    ],
)
def test_values_that_this_series_cannot_have(open_rigid, eager_series, values, words):
    tool = open_rigid(eager_series)
    tool.parameters.trait_set(**values)
    with pytest.raises(ValueError, match=words) as raised:
        eager_series.align_rigid(**values)
    assert tool.problem == str(raised.value)
    tool.apply()
    assert (tool.state, tool.message) == ("ready", tool.problem)


def test_a_preview_that_fails_says_why(open_rigid, eager_series):
    eager_series.data[0, 3, 3] = np.nan
    tool = open_rigid(eager_series)
    tool.preview.seen = True
    tool.wait(LONG)
    assert "NaN or infinite" in words_of(tool.preview.figure)


def test_previews_read_only_what_they_show(open_rigid, simulated):
    read = []

    def noted(block, block_info=None):
        if block_info:
            read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = simulated.series.as_lazy()
    lazy.data = lazy.data.rechunk((1, -1, -1)).map_blocks(noted, dtype=lazy.data.dtype)
    tool = open_rigid(lazy)
    tool.preview.seen = True
    tool.frame = 2
    tool.wait(LONG)
    assert set(read) <= {0, 1, 2, 3}
    assert {2, 3} <= set(read)


# Work


def test_the_result_is_that_of_the_verb(open_rigid, series):
    tool = open_rigid(series, neighbours=2)
    tool.parameters.crop = False
    run(tool)
    wanted = series.align_rigid(neighbours=2, crop=False)
    np.testing.assert_array_equal(np.asarray(tool.result.data), np.asarray(wanted.data))
    assert tool.result._lazy == series._lazy
    assert tool.result.smartalign.alignment == wanted.smartalign.alignment
    line = tool.code.replace("aligned = s.", "", 1)
    np.testing.assert_array_equal(
        np.asarray(eval(f"s.{line}", {"s": series}).data), np.asarray(wanted.data)
    )


def test_the_matrices_fill_and_then_show_the_solution(open_rigid, eager_series, monkeypatch):
    tool = open_rigid(eager_series)
    seen = []
    add = ShiftPicture.add
    monkeypatch.setattr(
        ShiftPicture,
        "add",
        lambda picture, event: (add(picture, event), seen.append(event)),
    )
    for picture in tool.pictures:
        picture.seen = True
    run(tool)
    assert sum(len(event.indices) for event in seen) >= 15
    titles = [ax.get_title() for ax in tool.shifts.figure.axes]
    assert "y shift, corrected" in titles
    assert "15 of 15 pairs accepted" in titles
    corrected = tool.shifts.figure.axes[titles.index("y shift, corrected")]
    shifts = tool.result.smartalign.alignment.shifts
    matrix = corrected.images[-1].get_array()
    assert matrix[4, 1] == pytest.approx(shifts[4, 0] - shifts[1, 0])
    assert any("drift path" in ax.get_title() for ax in tool.drift.figure.axes)
    # Filled anew by the next run.
    tool.shifts.begin()
    assert "Fills while" in words_of(tool.shifts.figure)


def test_the_average_is_computed_when_it_is_looked_at(open_rigid, series):
    tool = open_rigid(series)
    run(tool)
    assert "being computed" in words_of(tool.average.figure)
    tool.average.seen = True
    tool.wait(LONG)
    before, after = (ax.images[0].get_array() for ax in tool.average.figure.axes[:2])
    canvas = tool.result.smartalign.alignment.canvas
    assert after.shape == canvas.shape
    np.testing.assert_allclose(after, np.asarray(tool.result.data).mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        before, np.asarray(series.data).mean(axis=0)[canvas.slices], rtol=1e-5
    )


@pytest.mark.parametrize("output", ["average", "sum"])
def test_one_frame_is_an_average_too(open_rigid, eager_series, output):
    tool = open_rigid(eager_series, output=output)
    tool.average.seen = True
    run(tool)
    before, after = (ax.images[0].get_array() for ax in tool.average.figure.axes[:2])
    assert float(np.mean(after)) == pytest.approx(float(np.mean(before)), rel=0.05)


def test_errors_of_the_verb_are_shown(open_rigid, eager_series):
    eager_series.data[2] = np.nan
    tool = open_rigid(eager_series)
    tool.apply()
    tool.wait(LONG)
    assert (tool.state, tool.result, tool.message_kind) == ("ready", None, "error")
    with pytest.raises(ValueError, match="NaN") as raised:
        eager_series.align_rigid()
    assert tool.message == str(raised.value)


def test_warnings_of_the_verb_are_shown(open_rigid, eager_series):
    eager_series.data[:] = eager_series.data[0]
    tool = open_rigid(eager_series)
    run(tool)
    assert "All 6 frames are equal" in tool.message
    assert tool.message_kind == "warning"


def test_a_source_gives_the_pixels(eager_series):
    flattened = eager_series * 2
    tool = RigidTool(flattened, {"source": eager_series})
    tool.plot_result = False
    run(tool)
    wanted = flattened.align_rigid(source=eager_series)
    np.testing.assert_array_equal(tool.result.data, wanted.data)
    tool.close()


# Spectra and patterns


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["EELS", "EDS"])
@pytest.mark.parametrize("lazy", [False, True])
def test_spectra_are_aligned_by_their_counts(open_rigid, spectra, kind, lazy):
    signal = spectra[kind].deepcopy()
    if lazy:
        signal = signal.as_lazy()
    before = copy.deepcopy(signal.metadata.as_dictionary())
    tool = open_rigid(signal, signal_range=(2, 15))
    assert isinstance(tool.options, ChannelOptions)
    assert tool.n_frames == 4
    tool.preview.seen = tool.average.seen = True
    tool.draw_region()
    tool.wait(LONG)
    counts = np.asarray(signal.data)[..., 2:15].sum(axis=-1)
    np.testing.assert_array_equal(tool.preview.figure.axes[0].images[0].get_array(), counts[0])
    left, right, top, bottom = tool.region_in_pixels()
    assert (left, right, top, bottom) == (11, 33, 10, 30)
    assert tool.preview.figure.axes[1].images[0].get_array().shape == (20, 22)
    tool.clear_region()
    run(tool)
    assert type(tool.result) is type(signal) or not tool.result._lazy
    with silently():
        wanted = signal.align_rigid(signal_range=(2, 15))
    np.testing.assert_array_equal(np.asarray(tool.result.data), np.asarray(wanted.data))
    shown = [ax.images[0].get_array() for ax in tool.average.figure.axes[:2]]
    assert float(np.mean(shown[1])) == pytest.approx(float(np.mean(shown[0])), rel=0.05)
    tool.close()
    assert signal.metadata.as_dictionary() == before
    assert signal.axes_manager.indices == (0, 0, 0)


@pytest.mark.parametrize("output", ["series", "average", "sum"])
def test_averages_of_spectra(spectra, output):
    signal = spectra["EELS"]
    with silently():
        result = signal.align_rigid(output=output)
    images = signal.smartalign.integrate((0, 8))
    averages = averages_of(FrameStream(frames_of(images)), result, 1, (0, 8))
    np.testing.assert_allclose(averages.before, images.data.mean(axis=0), rtol=1e-5)
    wanted = np.asarray(result.data)[..., :8].sum(axis=-1)
    if output == "series":
        wanted = np.nanmean(wanted, axis=0)
    np.testing.assert_allclose(
        averages.after, wanted / (4 if output == "sum" else 1), rtol=1e-4, equal_nan=True
    )


def test_patterns_become_images_with_channels():
    rng = np.random.default_rng(0)
    signal = hs.signals.Signal2D(rng.poisson(5.0, (3, 16, 18, 8, 9)).astype(np.float32))
    tool = RigidTool(signal)
    assert tool.n_frames == 3 * 16 * 18
    tool.options.signal_range = (0, 3, 0, 4)
    assert tool.n_frames == 3
    assert tool.problem == ""
    tool.preview.seen = True
    tool.frame = 1
    tool.wait(LONG)
    np.testing.assert_allclose(
        tool.preview.figure.axes[0].images[0].get_array(),
        signal.data[1, :, :, :4, :3].sum(axis=(-1, -2)),
    )
    assert signal.axes_manager.indices == (0, 0, 1)
    tool.options.signal_range = None
    assert tool.n_frames == 3 * 16 * 18
    tool.close()


def test_images_have_no_channels(open_rigid, eager_series):
    assert type(open_rigid(eager_series).options) is WorkOptions


# The matrices that fill


def pairs(indices, count=4, total=6):
    indices = np.array(indices)
    shifts = indices * [1.0, -2.0]
    return PairsMeasured(indices, shifts, indices.sum(axis=1) / 10, count, total)


def test_pairs_told_last_count():
    measured = MeasuredPairs(4)
    measured.add(pairs([(0, 1), (1, 3)]))
    measured.add(PairsMeasured(np.array([(0, 1)]), np.array([(5.0, 6.0)]), np.array([0.9]), 4, 6))
    table = measured.table()
    assert measured.number == 2
    assert table.indices.tolist() == [[0, 1], [1, 3]]
    assert table.shifts.tolist() == [[5.0, 6.0], [1.0, -6.0]]
    assert table.similarity.tolist() == [0.9, 0.4]


def test_drawn_a_few_times_a_second_but_always_at_the_end(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    picture = ShiftPicture(seen=True)
    drawn = []
    picture.observe(lambda event: drawn.append(now[0]), "changed")
    every = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    for place, pair in enumerate(every[:5]):
        picture.add(pairs([pair]))
        now[0] += 0.1
        assert len(drawn) == 1 + place // 3
    picture.add(pairs(every[5:]))
    assert len(drawn) == 3
    y, x, similarity = (ax.images[-1].get_array() for ax in picture.figure.axes[:3])
    # Row i, column j < i; the shift of i against j.
    assert (y[3, 1], x[3, 1], similarity[3, 1]) == (-1.0, 6.0, 0.4)
    assert y.mask[1, 3]
    assert "6 pairs of frames measured" in words_of(picture.figure)


def test_nothing_is_drawn_that_nobody_sees():
    picture = ShiftPicture()
    picture.add(pairs([(0, 1)]))
    assert not picture.figure.axes
    picture.seen = True
    assert picture.figure.axes


def test_another_number_of_frames_begins_anew():
    picture = ShiftPicture(seen=True)
    picture.add(pairs([(0, 1)]))
    picture.add(pairs([(0, 5)], count=7, total=1))
    assert picture.figure.axes[0].images[-1].get_array().shape == (7, 7)
    assert "1 pairs" in words_of(picture.figure)
