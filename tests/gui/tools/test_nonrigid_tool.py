"""The tool of align_nonrigid, without a toolkit."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.gui.tools.nonrigid import NonrigidTool
from hyperspy_smartalign.gui.working import Work
from hyperspy_smartalign.nonrigid.result import CycleDone
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.signals import recording

# A perfect crystal of a few cells looks alike one cell away.
pytestmark = pytest.mark.filterwarnings("ignore:the shift of frame")

# With one thread, sums are the same to the last bit.
SHORT = {"affine_cycles": 1, "nonlinear_cycles": 2, "num_workers": 1}


@pytest.fixture(scope="module")
def jittering():
    return simulate_series(
        shape=(48, 56), frames=6, dose=2e4, drift=(0.2, -0.3), row_jitter=0.5, seed=4
    )


@pytest.fixture
def jittery(jittering):
    return jittering.series.deepcopy()


@pytest.fixture(scope="module")
def spectral():
    return simulate_series(
        shape=(40, 44),
        frames=5,
        dose=1e4,
        drift=(0.2, -0.3),
        spectrum_image="EELS",
        spectrum_dose=2e3,
        channels=8,
        seed=4,
    )


def opened(signal, **keywords):
    tool = NonrigidTool(signal, {}, {**SHORT, **keywords})
    tool.plot_result = False
    return tool


def look_at(tool, picture):
    """The sentences on a picture once it is in front."""
    for other in tool.pictures:
        other.seen = other is picture
    assert tool.wait(60)
    return " ".join(text.get_text() for text in picture.figure.texts)


def titles(picture):
    return [ax.get_title() for ax in picture.figure.axes]


def test_it_does_what_the_line_says(jittery):
    tool = opened(jittery)
    assert tool.code.endswith("align_nonrigid(affine_cycles=1, nonlinear_cycles=2, num_workers=1)")
    tool.apply()
    assert tool.wait(60)
    assert tool.message_kind != "error", tool.message
    expected = jittery.align_nonrigid(**SHORT)
    np.testing.assert_array_equal(tool.result.data, expected.data)
    assert tool.result.smartalign.nonrigid == expected.smartalign.nonrigid
    tool.close()


def test_cycles_are_drawn_as_they_end(jittery, monkeypatch):
    tool = opened(jittery)
    drawn = []
    add = type(tool.convergence).add

    def noted(picture, cycle):
        add(picture, cycle)
        drawn.append(len(picture.figure.axes[1].patches))

    monkeypatch.setattr(type(tool.convergence), "add", noted)
    assert "while the cycles run" in look_at(tool, tool.convergence)
    tool.apply()
    assert tool.wait(60)
    cycles = tool.result.smartalign.nonrigid.cycles
    assert drawn == list(range(1, len(cycles) + 1))
    assert titles(tool.convergence)[:2] == ["mean shift of an iteration", "gain on held-out data"]
    tool.close()


def test_a_dropped_cycle_is_drawn_open(jittery, monkeypatch):
    from hyperspy_smartalign.nonrigid import cycles

    monkeypatch.setattr(cycles, "LEAST_GAIN", np.inf)
    tool = opened(jittery)
    look_at(tool, tool.convergence)
    tool.apply()
    assert tool.wait(60)
    assert not any(cycle.kept for cycle in tool.result.smartalign.nonrigid.cycles)
    lines = [line for line in tool.convergence.figure.axes[0].lines if line.get_linestyle() == "--"]
    assert len(lines) == len(tool.result.smartalign.nonrigid.cycles)
    tool.close()


def test_the_running_average_stands_beside_that_before(jittery):
    tool = opened(jittery)
    look_at(tool, tool.average)
    told = []
    show_found = tool.show_found
    tool.show_found = lambda event: (told.append(event), show_found(event))
    tool.apply()
    assert tool.wait(60)
    done = [event for event in told if isinstance(event, CycleDone)]
    assert done[0].number == 0
    shown = [ax.images[0].get_array() for ax in tool.average.figure.axes[:2]]
    np.testing.assert_array_equal(np.ma.filled(shown[0], np.nan), done[0].average)
    np.testing.assert_array_equal(np.ma.filled(shown[1], np.nan), done[-1].average)
    assert titles(tool.average)[1] == f"average after cycle {done[-1].number} of 3"
    tool.close()


def test_nothing_is_drawn_before_it_is_looked_at(jittery):
    tool = opened(jittery)
    tool.apply()
    assert tool.wait(60)
    assert all(not picture.figure.axes for picture in tool.pictures)
    look_at(tool, tool.convergence)
    assert tool.convergence.figure.axes
    tool.close()


def test_pairs_of_the_rigid_stage_fill_the_matrices(jittery):
    tool = opened(jittery)
    assert tool.shifts in tool.pictures
    look_at(tool, tool.shifts)
    tool.apply()
    assert tool.wait(60)
    assert any("corrected" in title for title in titles(tool.shifts))
    tool.close()


def test_an_aligned_series_needs_no_rigid_stage(jittery):
    aligned = jittery.align_rigid()
    tool = opened(aligned)
    assert "rigid" in tool.idle
    assert tool.shifts not in tool.pictures
    assert look_at(tool, tool.preview).startswith("correlation 0.9")
    tool.apply()
    assert tool.wait(60)
    np.testing.assert_array_equal(tool.result.data, aligned.align_nonrigid(**SHORT).data)
    tool.close()
    # What was sliced lost it, and is aligned anew.
    tool = opened(aligned.inav[:4])
    assert "rigid" not in tool.idle
    assert tool.shifts in tool.pictures
    tool.close()


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({}, "the mean of 5 others"),
        ({"exclude": (0, 1)}, "the mean of 3, 4, 5"),
        ({"reference": "local"}, "the mean of 1, 3"),
        ({"reference": "local", "reference_width": 2}, "the mean of 0, 1, 3, 4"),
        ({"reference": 4}, "frame 4"),
        ({"weights": (1, 1, 1, 0, 0, 0)}, "the mean of 0, 1"),
    ],
)
def test_the_preview_shows_the_reference_that_was_asked_for(jittery, keywords, words):
    tool = opened(jittery, **keywords)
    tool.frame = 2
    assert float(look_at(tool, tool.preview).split()[1].rstrip(",")) > 0.9
    assert titles(tool.preview) == ["frame 2", f"compared with {words}"]
    tool.close()


def test_the_preview_smooths_the_frame_and_cuts_the_region(jittery):
    tool = opened(jittery)
    look_at(tool, tool.preview)
    raw = tool.preview.figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(raw, jittery.data[0])
    tool.parameters.smooth_frames = 2.0
    assert tool.wait(30)
    smooth = tool.preview.figure.axes[0].images[0].get_array()
    assert smooth.std() < 0.9 * raw.std()
    tool.parameters.trait_set(smooth_frames=0.0, roi=(4, 40, 2, 34))
    assert tool.wait(30)
    part = tool.preview.figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(part, jittery.data[0, 2:34, 4:40])
    tool.close()


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"reference": 0}, "the reference itself"),
        ({"reference": 9}, "no frame that takes part"),
        ({"weights": (1, 2)}, "2 numbers"),
    ],
)
def test_the_preview_says_why_there_is_none(jittery, keywords, words):
    tool = opened(jittery, **keywords)
    assert words in look_at(tool, tool.preview)
    tool.close()


@pytest.mark.slow
@pytest.mark.parametrize("lazy", [False, True])
def test_spectra_are_aligned_by_their_counts(spectral, lazy):
    spectra = spectral.spectrum_image.deepcopy()
    signal = spectra.as_lazy() if lazy else spectra
    tool = opened(signal, nonlinear_cycles=1)
    assert tool.n_frames == 5
    tool.options.signal_range = (1, 6)
    assert look_at(tool, tool.preview).startswith("correlation")
    shown = tool.preview.figure.axes[0].images[0].get_array()
    np.testing.assert_array_equal(shown, spectra.data[0][..., 1:6].sum(-1).astype(np.float32))
    tool.apply()
    assert tool.wait(60)
    assert tool.message_kind != "error", tool.message
    assert tool.result.metadata.Signal.signal_type == "EELS"
    assert "frame 0" in look_at(tool, tool.displacement).lower()
    assert look_at(tool, tool.average) == ""
    tool.close()


def test_tiles_are_aligned_from_where_they_lie(simulated):
    tiles = simulated.series.template_match((10, 22, 10, 22), working_folder=None)
    tool = opened(tiles, nonlinear_cycles=1)
    assert tool.idle["rigid"].startswith("tiles")
    assert tool.shifts not in tool.pictures
    look_at(tool, tool.preview)
    tool.apply()
    assert tool.wait(60)
    assert tool.message_kind != "error", tool.message
    assert len(tool.result.smartalign.matches) == len(tiles.smartalign.matches)
    tool.close()


@pytest.mark.slow
@pytest.mark.parametrize("model", ["scan_locked", "free"])
def test_the_distortion_of_the_frame_is_drawn(jittery, model):
    tool = opened(jittery, model=model, exclude=(3,), guard=False, nonlinear_cycles=1)
    assert "once it is found" in look_at(tool, tool.displacement)
    tool.apply()
    assert tool.wait(60)
    labels = [ax.get_ylabel() for ax in tool.displacement.figure.axes]
    offsets = [label for label in labels if label.endswith("offset (px)")]
    if model == "scan_locked":
        assert offsets == ["y offset (px)", "x offset (px)"]
    else:
        assert offsets == []
        assert titles(tool.displacement)[0].startswith("frame 0: y displacement")
        # Its arrows are drawn over the average.
        assert len(tool.displacement.figure.axes[2].images) == 1
        tool.frame = 2
        assert tool.wait(30)
        assert titles(tool.displacement)[0].startswith("frame 2")
    tool.frame = 3
    assert "took no part" in look_at(tool, tool.displacement)
    tool.close()


def test_only_shifts_are_told_in_words(jittery):
    tool = opened(jittery, keep_transforms=False)
    tool.apply()
    assert tool.wait(60)
    y, x = tool.result.smartalign.alignment.shifts[0]
    assert f"y {y:.2f}, x {x:.2f} px" in look_at(tool, tool.displacement)
    tool.close()


def cancel_after(monkeypatch, number):
    """Have the work cancelled when a cycle has ended."""
    found = Work.found

    def cancelling(work, event):
        found(work, event)
        if isinstance(event, CycleDone) and event.number == number:
            work.cancel()

    monkeypatch.setattr(Work, "found", cancelling)


def test_the_best_until_then_is_kept_on_cancel(jittery, monkeypatch):
    cancel_after(monkeypatch, 2)
    tool = opened(jittery, keep_on_cancel=True)
    tool.apply()
    assert tool.wait(60)
    assert tool.message.startswith("Cancelled. The best result until then was kept.")
    assert tool.message_kind == "warning"
    record = tool.result.smartalign.nonrigid
    assert record.cancelled
    assert len(record.cycles) == 2
    assert tool.state == "ready"
    tool.close()


def test_cancelling_changes_nothing(jittery, monkeypatch):
    before = copy.deepcopy(jittery)
    tool = opened(jittery)
    with monkeypatch.context() as patched:
        cancel_after(patched, 1)
        tool.apply()
        assert tool.wait(60)
    assert tool.result is None
    assert tool.message == "Cancelled. Nothing was changed."
    np.testing.assert_array_equal(jittery.data, before.data)
    assert jittery.metadata.as_dictionary() == before.metadata.as_dictionary()
    tool.apply()
    assert tool.wait(60)
    assert tool.result is not None
    tool.close()


def test_an_error_of_the_work_is_told(jittery):
    tool = opened(jittery, reference=9)
    tool.apply()
    assert tool.wait(60)
    assert tool.message_kind == "error"
    assert "reference=9" in tool.message
    assert tool.state == "ready"
    tool.close()


def test_values_that_clash_are_a_problem_at_once(jittery):
    tool = opened(jittery)
    tool.parameters.trait_set(affine_cycles=0, nonlinear_cycles=0)
    assert "nothing to do" in tool.problem
    assert "nothing to do" in look_at(tool, tool.preview)
    tool.apply()
    assert tool.state == "ready"
    assert tool.message_kind == "error"
    tool.parameters.affine_cycles = 1
    assert tool.problem == ""
    assert "model" in tool.idle
    tool.close()


def test_a_wrong_value_is_an_error_before_anything_opens(jittery):
    with pytest.raises(ParameterError, match="model"):
        NonrigidTool(jittery, {}, {"model": "best"})
    with pytest.raises(ValueError, match="one frame"):
        NonrigidTool(jittery.inav[0], {}, {})


def test_closing_leaves_the_signal_as_it_was(jittery):
    connected = set(jittery.axes_manager.events.indices_changed.connected)
    before = jittery.metadata.as_dictionary()
    tool = opened(jittery)
    tool.frame = 4
    look_at(tool, tool.preview)
    tool.apply()
    assert tool.wait(60)
    tool.close()
    assert set(jittery.axes_manager.events.indices_changed.connected) == connected
    assert jittery.axes_manager.indices == (0,)
    assert jittery.metadata.as_dictionary() == before
    assert not recording.has_alignment(jittery)
