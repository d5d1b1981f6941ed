"""The tool of smartalign.prepare: a frame before and after, the scan, and what comes out."""

from __future__ import annotations

import copy

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import ScanGeometry
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.gui.pictures.prepared import ScanPicture
from hyperspy_smartalign.gui.tools.prepare import PrepareTool
from hyperspy_smartalign.gui.working import silently
from hyperspy_smartalign.signals import recording

LONG = 60.0


@pytest.fixture
def open_prepare():
    """Opens tools, which are closed at the end."""
    tools = []

    def make(signal, **keywords):
        tools.append(PrepareTool(signal, None, keywords))
        tools[-1].plot_result = False
        return tools[-1]

    yield make
    for tool in tools:
        tool.close()


@pytest.fixture(scope="module")
def spectra():
    simulated = simulate_series(
        shape=(16, 18), frames=3, dose=100.0, spectrum_image="EELS", channels=8
    )
    return simulated.spectrum_image


def words_of(picture):
    """All text of a picture."""
    figure = picture.figure
    texts = [text.get_text() for text in figure.texts]
    if figure._suptitle is not None:
        texts.append(figure._suptitle.get_text())
    for ax in figure.axes:
        texts += [ax.get_title(), *(text.get_text() for text in ax.texts)]
    return "\n".join(texts)


def shown(tool):
    """The images that are shown."""
    tool.before_and_after.seen = True
    assert tool.wait(LONG)
    return [ax.images[0].get_array() for ax in tool.before_and_after.figure.axes if ax.images]


VALUES = [
    {},
    {"skip": (0, 4), "reverse": True},
    {"first": 1, "last": 4, "transpose": True},
    {"resample": 0.5, "equalise": "row"},
    {"resample": 1.5, "scan_rotation": "set", "equalise": "global", "transpose": True},
]


@pytest.mark.parametrize("values", VALUES)
def test_the_frame_after_is_that_of_the_verb(open_prepare, series, values):
    tool = open_prepare(series, **values)
    tool.frame = 2
    before, after = shown(tool)
    prepared = series.smartalign.prepare(**values)
    kept = np.setdiff1d(
        np.arange(values.get("first", 0), values.get("last", 5) + 1), values.get("skip", ())
    )
    place = kept.tolist()[:: -1 if values.get("reverse") else 1].index(2)
    np.testing.assert_array_equal(before, np.asarray(series.data[2]))
    np.testing.assert_allclose(after, np.asarray(prepared.data[place]), rtol=1e-6)
    assert f"prepared, frame {place}" in words_of(tool.before_and_after)


def test_a_frame_that_is_left_out(open_prepare, eager_series):
    tool = open_prepare(eager_series, skip=(2,))
    tool.frame = 2
    assert len(shown(tool)) == 1
    assert "Frame 2 is left out." in words_of(tool.before_and_after)


def test_normalising_is_told_and_does_not_read_the_series(open_prepare, simulated):
    read = []

    def noted(block, block_info=None):
        if block_info:
            read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = simulated.series.as_lazy()
    lazy.data = lazy.data.rechunk((1, -1, -1)).map_blocks(noted, dtype=lazy.data.dtype)
    tool = open_prepare(lazy, normalise=True, resample=0.5)
    tool.frame = 3
    assert len(shown(tool)) == 2
    assert "The grey levels become 0 to 1." in words_of(tool.before_and_after)
    assert set(read) <= {0, 3}


def test_previews_follow_what_is_set(open_prepare, eager_series):
    tool = open_prepare(eager_series)
    assert shown(tool)[1].shape == (48, 56)
    tool.parameters.transpose = True
    assert shown(tool)[1].shape == (56, 48)
    tool.parameters.resample = 0.5
    assert shown(tool)[1].shape == (28, 24)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"skip": (9,)}, "skip"),
        ({"last": 6}, "last"),
        ({"scan_rotation": (0, 90, 0)}, "3 scan rotations for 6 frames"),
        ({"scan_rotation": 45, "equalise": "row"}, "scanned at 45 degrees"),
    ],
)
def test_values_that_this_series_cannot_have(open_prepare, eager_series, values, words):
    tool = open_prepare(eager_series)
    tool.before_and_after.seen = True
    tool.parameters.trait_set(**values)
    with pytest.raises(ValueError, match=words) as raised:
        eager_series.smartalign.prepare(**values)
    assert tool.problem == str(raised.value)
    tool.wait(LONG)
    assert words_of(tool.before_and_after) == tool.problem
    tool.apply()
    assert (tool.state, tool.message) == ("ready", tool.problem)


def test_the_result_is_that_of_the_verb(open_prepare, series):
    values = {"skip": (1,), "reverse": True, "equalise": "row", "normalise": True}
    tool = open_prepare(series, **values)
    tool.apply()
    assert tool.wait(LONG)
    assert "no longer are counts" in tool.message
    assert tool.message_kind == "warning"
    with silently():
        wanted = series.smartalign.prepare(**values)
        line = eval(tool.code.replace("prepared = ", "", 1), {"s": series})
    for other in (wanted, line):
        np.testing.assert_array_equal(np.asarray(tool.result.data), np.asarray(other.data))
    assert tool.result._lazy == series._lazy
    assert tool.result.smartalign.scan_geometry == wanted.smartalign.scan_geometry


def test_the_line_of_python(open_prepare, eager_series):
    tool = open_prepare(eager_series, skip=(1, 2))
    tool.parameters.scan_rotation = "pairs"
    assert tool.code == 'prepared = s.smartalign.prepare(skip=(1, 2), scan_rotation="pairs")'


def test_nothing_of_the_signal_is_changed(series):
    before = copy.deepcopy(series.metadata.as_dictionary()), series.axes_manager.as_dictionary()
    pixels = np.array(series.data)
    tool = PrepareTool(series)
    tool.plot_result = False
    for picture in tool.pictures:
        picture.seen = True
    tool.parameters.trait_set(transpose=True, equalise="row")
    tool.frame = 3
    tool.wait(LONG)
    tool.apply()
    tool.wait(LONG)
    tool.close()
    assert (series.metadata.as_dictionary(), series.axes_manager.as_dictionary()) == before
    np.testing.assert_array_equal(np.asarray(series.data), pixels)


# Signals of other kinds


def test_spectra_take_what_they_can(open_prepare, spectra):
    signal = spectra.deepcopy()
    tool = open_prepare(signal, reverse=True, transpose=True)
    assert set(tool.idle) == {"normalise", "resample", "equalise"}
    assert "spectra" in tool.idle["resample"]
    tool.frame = 2
    before, after = shown(tool)
    np.testing.assert_array_equal(before, signal.data[2].sum(axis=-1))
    np.testing.assert_array_equal(after, signal.data[2].sum(axis=-1).T)
    # What nothing uses does not hinder.
    tool.parameters.resample = 0.5
    assert tool.problem == ""
    tool.apply()
    tool.wait(LONG)
    assert type(tool.result) is type(signal)
    np.testing.assert_array_equal(tool.result.data, signal.data[::-1].swapaxes(1, 2))


@pytest.mark.parametrize("shape", [(16, 18), (2, 3, 16, 18)])
def test_frames_are_chosen_along_one_axis(open_prepare, shape):
    tool = open_prepare(hs.signals.Signal2D(np.random.default_rng(0).random(shape)))
    assert {"first", "last", "skip", "reverse"} <= set(tool.idle)
    tool.parameters.reverse = True
    assert tool.problem == ""
    assert len(shown(tool)) == 2
    tool.scan.seen = True
    assert "kept" in words_of(tool.scan)
    tool.apply()
    tool.wait(LONG)
    np.testing.assert_array_equal(tool.result.data, tool.signal.data)


# The scan


def test_the_scan_shows_order_and_rotations(open_prepare, eager_series):
    recording.write_scan_geometry(eager_series, ScanGeometry(rotation=(0, 90)))
    tool = open_prepare(eager_series, skip=(1,), reverse=True)
    tool.scan.seen = True
    order, rotation, _ = tool.scan.figure.axes
    np.testing.assert_array_equal(order.lines[0].get_xdata(), [5, 4, 3, 2, 0])
    np.testing.assert_array_equal(order.lines[1].get_xdata(), [1])
    np.testing.assert_array_equal(rotation.lines[0].get_ydata(), [90, 0, 90, 0, 0])
    assert order.get_title() == "5 of 6 frames kept"
    tool.frame = 1
    assert "Frame 1 is left out." in words_of(tool.scan)
    tool.parameters.scan_rotation = 270
    np.testing.assert_array_equal(tool.scan.figure.axes[1].lines[0].get_ydata(), [270] * 5)


def test_a_scan_that_is_not_known(open_prepare):
    tool = open_prepare(hs.signals.Signal2D(np.zeros((3, 16, 16))))
    tool.scan.seen = True
    assert "The scan geometry is not known." in words_of(tool.scan)
    tool.parameters.line_time = 2e-3
    assert "2 ms a line" in words_of(tool.scan)


@pytest.mark.parametrize("fast", ["horizontal", "vertical"])
@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_the_sketch_runs_as_the_scan_does(fast, angle):
    geometry = ScanGeometry(fast_direction=fast, rotation=(angle,))
    picture = ScanPicture(seen=True)
    picture.set_scan(np.arange(3), 3, geometry, 1)
    sketch = picture.figure.axes[2]
    lines = [text for text in sketch.texts if hasattr(text, "arrow_patch") and text.arrow_patch]
    starts = np.array([line.xyann for line in lines])
    along = np.array([line.xy for line in lines]) - starts
    slow_axis = geometry.slow_axis(0)
    slow, fast_sense = geometry.scan_direction(0)
    # Of (x, y), lines run along the axis that is not the slow one.
    along_axis = 1 if slow_axis == 1 else 0
    assert (np.sign(np.round(along[:, along_axis], 9)) == fast_sense).all()
    np.testing.assert_allclose(along[:, 1 - along_axis], 0, atol=1e-9)
    assert (np.sign(np.diff(starts[:, 1 - along_axis])) == slow).all()
    (first,) = sketch.lines
    np.testing.assert_allclose([first.get_xdata()[0], first.get_ydata()[0]], starts[0])
    # y points down, as in the frames.
    assert np.diff(sketch.get_ylim())[0] < 0


def test_scan_lines_at_any_angle():
    picture = ScanPicture(seen=True)
    picture.set_scan(np.arange(2), 2, ScanGeometry(rotation=(30,)), 0)
    line = picture.figure.axes[2].texts[0]
    x, y = np.subtract(line.xy, line.xyann)
    assert np.degrees(np.arctan2(y, x)) == pytest.approx(30)
    assert "30°" in words_of(picture)
