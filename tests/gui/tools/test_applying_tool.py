"""The tool of apply_alignment, without a toolkit."""

from __future__ import annotations

import copy

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.gui.tools.applying import ApplyTool
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording

SHIFTS = np.array([(0.0, 0.0), (1.5, -2.0), (3.0, -4.0), (4.5, -6.0)])


@pytest.fixture(scope="module")
def simulated_spectra():
    return simulate_series(
        shape=(32, 36),
        frames=4,
        dose=1e4,
        drift=(0.5, -0.5),
        spectrum_image=("EELS",),
        channels=16,
        second_detector=True,
        seed=3,
    )


@pytest.fixture
def images(simulated_spectra):
    return simulated_spectra.second.deepcopy()


@pytest.fixture
def spectra(simulated_spectra):
    return simulated_spectra.spectrum_image.deepcopy()


@pytest.fixture(scope="module")
def table(simulated_spectra):
    return Alignment.from_shifts(SHIFTS, frame_shape=(32, 36))


def opened(signal, alignment, **keywords):
    tool = ApplyTool(signal, {"alignment": alignment}, {"lazy_output": None, **keywords})
    tool.plot_result = False
    return tool


def look_at(tool, picture):
    for other in tool.pictures:
        other.seen = other is picture
    assert tool.wait(30)
    return " ".join(text.get_text() for text in picture.figure.texts)


def titles(picture):
    parts = [picture.figure, *picture.figure.subfigs]
    axes = [ax for part in parts for ax in part.axes]
    return [ax.get_title() for ax in axes]


def test_it_does_what_the_line_says(images):
    tool = opened(images, SHIFTS, interpolation="linear", output="average")
    tool.parameters.fill = "zero"
    tool.parameters.crop = False
    assert 'interpolation="linear"' in tool.code
    assert "crop=False" in tool.code
    tool.apply()
    assert tool.wait(30)
    assert tool.message.startswith("Done in ")
    assert tool.message_kind == "info"
    assert tool.state == "ready"
    line = tool.code.partition(" = ")[2]
    method = line[line.index(".apply_alignment") :]
    expected = eval(f"images{method}", {"images": images, "np": np})
    np.testing.assert_array_equal(tool.result.data, expected.data)
    tool.close()


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("crop", [False, True])
def test_the_preview_is_the_frame_of_the_result(images, lazy, crop):
    signal = images.as_lazy() if lazy else images
    tool = opened(signal, SHIFTS, crop=crop)
    preview = tool._reader().of_frame(2, tool.used_parameters())
    result = images.apply_alignment(SHIFTS, crop=crop)
    np.testing.assert_array_equal(preview.before, images.data[2])
    np.testing.assert_array_equal(preview.after, result.data[2])
    np.testing.assert_allclose(
        preview.places[0], np.add(result.smartalign.alignment.canvas.origin, SHIFTS[2])
    )
    tool.close()


@pytest.mark.parametrize("counts", ["share", "whole"])
def test_counts_are_shared_out_in_the_preview(images, counts):
    signal = images._deepcopy_with_new_data(np.rint(images.data).astype(np.int32))
    tool = opened(signal, SHIFTS, counts=counts)
    preview = tool._reader().of_frame(1, tool.used_parameters())
    result = signal.apply_alignment(SHIFTS, counts=counts)
    np.testing.assert_array_equal(preview.after, result.data[1])
    tool.close()


@pytest.mark.parametrize("lazy", [False, True])
def test_spectra_are_previewed_by_their_counts(spectra, lazy):
    signal = spectra.as_lazy() if lazy else spectra
    tool = opened(signal, SHIFTS, interpolation="linear")
    tool.parameters.signal_range = (2, 9)
    preview = tool._reader().of_frame(3, tool.used_parameters())
    counts = spectra.data[3][..., 2:9].sum(-1)
    np.testing.assert_allclose(preview.before, counts, rtol=1e-6)
    series = spectra.apply_alignment(
        SHIFTS, interpolation="linear", output="series", signal_range=(2, 9)
    )
    np.testing.assert_allclose(preview.after, series.data[3].sum(-1), rtol=1e-4)
    tool.close()


def test_the_pictures_follow_the_frame_and_the_values(images):
    tool = opened(images, SHIFTS)
    assert look_at(tool, tool.preview) == ""
    assert titles(tool.preview) == ["frame 0", "aligned", "enlarged", "enlarged"]
    tool.frame = 2
    assert tool.wait(30)
    assert images.axes_manager.indices == (2,)
    assert titles(tool.preview)[0] == "frame 2"
    drawn = tool.preview.figure.axes[1].images[0].get_array()
    tool.parameters.crop = False
    assert tool.wait(30)
    assert tool.preview.figure.axes[1].images[0].get_array().shape > drawn.shape
    tool.close()


def test_the_result_of_images_is_drawn_when_it_is_looked_at(images):
    tool = opened(images, SHIFTS, output="sum")
    tool.apply()
    assert tool.wait(30)
    assert titles(tool.outcome) == []
    assert look_at(tool, tool.outcome) == ""
    assert titles(tool.outcome)[:2] == ["average before", "average after"]
    before = tool.outcome.figure.axes[0].images[0].get_array()
    after = tool.outcome.figure.axes[1].images[0].get_array()
    top, left = tool.result.smartalign.alignment.canvas.origin
    h, w = after.shape
    mean = images.data.mean(0)[top : top + h, left : left + w]
    np.testing.assert_allclose(before, mean, rtol=1e-5)
    np.testing.assert_allclose(after, tool.result.data / 4, rtol=1e-6)
    tool.close()


@pytest.mark.parametrize("output", ["auto", "average", "series"])
def test_the_result_of_spectra_keeps_the_mean_spectrum(spectra, output):
    flat = spectra._deepcopy_with_new_data(np.zeros_like(spectra.data) + np.arange(16) + 1.0)
    tool = opened(flat, SHIFTS, output=output)
    tool.apply()
    assert tool.wait(60), tool.message
    assert look_at(tool, tool.outcome) == ""
    lines = tool.outcome.figure.subfigs[1].axes[0].lines
    assert [line.get_label() for line in lines] == ["before", "after"]
    for line in lines:
        np.testing.assert_allclose(line.get_ydata(), np.arange(16) + 1.0, rtol=1e-5)
    np.testing.assert_allclose(lines[0].get_xdata(), spectra.axes_manager.signal_axes[0].axis)
    tool.close()


def test_patterns_have_frames_too():
    rng = np.random.default_rng(0)
    signal = hs.signals.Signal2D(rng.random((4, 32, 36, 3, 5), np.float32))
    tool = opened(signal, Alignment.from_shifts(SHIFTS, frame_shape=(32, 36)))
    assert tool.n_frames == 4
    assert look_at(tool, tool.preview) == ""
    tool.apply()
    assert tool.wait(60)
    assert tool.result.data.shape[-2:] == (3, 5)
    assert look_at(tool, tool.outcome) == ""
    shown = tool.outcome.figure.subfigs[1].axes[0].images[0].get_array()
    np.testing.assert_allclose(shown, signal.data.mean((0, 1, 2)), rtol=1e-5)
    tool.close()


def test_a_lazy_result_of_spectra_is_left_alone(spectra):
    tool = opened(spectra.as_lazy(), SHIFTS, output="series")
    tool.apply()
    assert tool.wait(60)
    assert tool.result._lazy
    assert "lazy" in look_at(tool, tool.outcome)
    tool.close()


def test_what_nothing_uses_is_greyed_out(images, spectra):
    tool = opened(images, SHIFTS)
    assert {"signal_range", "binning", "resume", "overwrite", "variance", "area"} <= set(tool.idle)
    tool.parameters.output = "average"
    tool.options.file = "sum.hspy"
    assert not {"resume", "overwrite", "variance"} & set(tool.idle)
    tool.parameters.counts = "share"
    assert "interpolation" in tool.idle
    tool.close()
    tool = opened(spectra, SHIFTS)
    assert not {"signal_range", "binning", "variance"} & set(tool.idle)
    tool.parameters.output = "series"
    assert "variance" in tool.idle
    tool.close()


def test_a_region_of_the_alignment_can_be_chosen(simulated_spectra):
    series = simulated_spectra.series
    with pytest.warns(SeriesWarning):
        aligned = series.align_rigid(roi=(4, 30, 2, 30))
    tool = opened(simulated_spectra.second, aligned)
    assert "area" not in tool.idle
    tool.parameters.area = "roi"
    tool.apply()
    assert tool.wait(30)
    assert tool.result.data.shape == (4, 28, 26)
    tool.close()


def test_into_a_file_and_not_twice(images, tmp_path):
    path = tmp_path / "average.hspy"
    tool = opened(images, SHIFTS, file=path, output="average")
    tool.apply()
    assert tool.wait(60)
    assert path.exists()
    tool.result = None
    tool.apply()
    assert tool.wait(60)
    assert tool.message_kind == "error"
    assert "overwrite" in tool.message
    assert tool.state == "ready"
    assert tool.result is None
    tool.options.overwrite = True
    tool.apply()
    assert tool.wait(60)
    assert tool.message_kind != "error"
    expected = images.apply_alignment(SHIFTS, output="average", variance="none")
    np.testing.assert_allclose(hs.load(path).data, expected.data, rtol=1e-5)
    tool.close()


@pytest.mark.parametrize(
    ("make", "alignment", "error", "words"),
    [
        (lambda images: images, SHIFTS[:3], ValueError, r"give \(4, 2\)"),
        (lambda images: images, "none", TypeError, "no alignment"),
        (lambda images: images, None, TypeError, "no alignment"),
        (lambda images: images.inav[0], SHIFTS, ValueError, "one frame"),
        (lambda images: images.isig[:20, :20], "table", ValueError, "cover|px|area"),
    ],
)
def test_what_never_fits_is_an_error_before_anything_opens(
    images, table, make, alignment, error, words
):
    signal = make(images)
    given = table if isinstance(alignment, str) and alignment == "table" else alignment
    with pytest.raises(error, match=words) as told:
        opened(signal, given)
    with pytest.raises(error) as verb:
        signal.apply_alignment(given)
    assert str(told.value) == str(verb.value)


def test_channels_that_are_not_there_are_a_problem_at_once(spectra):
    tool = opened(spectra, SHIFTS)
    tool.parameters.signal_range = (3, 99)
    assert "outside" in tool.problem
    tool.parameters.trait_set(signal_range=None, binning=17)
    assert "binning=17" in tool.problem
    tool.parameters.binning = 4
    assert tool.problem == ""
    tool.close()


def test_values_that_clash_are_told_in_the_preview(spectra):
    tool = opened(spectra, SHIFTS, interpolation="fourier")
    assert "fourier" in look_at(tool, tool.preview)
    tool.parameters.interpolation = "linear"
    assert tool.wait(30)
    assert look_at(tool, tool.preview) == ""
    tool.close()


def test_a_wrong_value_is_an_error_before_anything_opens(images):
    with pytest.raises(ParameterError, match="interpolation"):
        ApplyTool(images, {"alignment": SHIFTS}, {"interpolation": "best"})
    with pytest.raises(TypeError, match="croop"):
        ApplyTool(images, {"alignment": SHIFTS}, {"croop": True})


@pytest.mark.parametrize("aligned", [False, True])
def test_tiles_are_cut_out_of_a_second_detector(simulated, aligned):
    tiles = simulated.series.template_match((10, 22, 10, 22), working_folder=None)
    if aligned:
        with pytest.warns(SeriesWarning):
            tiles = tiles.align_rigid(max_shift=2)
    tool = opened(simulated.second, tiles)
    assert tool.n_frames == 6
    preview = tool._reader().of_frame(1, tool.used_parameters())
    expected = simulated.second.apply_alignment(tiles)
    rows = np.flatnonzero(tiles.smartalign.matches.frame == 1)
    np.testing.assert_allclose(
        preview.after, np.nanmean(expected.data[rows], 0), rtol=1e-4, equal_nan=True
    )
    assert preview.tiles
    assert len(preview.places) == len(rows)
    assert look_at(tool, tool.preview) == ""
    tool.apply()
    assert tool.wait(30)
    np.testing.assert_array_equal(tool.result.data, expected.data)
    assert look_at(tool, tool.outcome) == ""
    tool.close()


def test_cancelling_asks_once_and_changes_nothing(spectra, tmp_path):
    before = copy.deepcopy(spectra)
    tool = opened(spectra, SHIFTS, file=tmp_path / "s.hspy", output="series")
    tool.apply()
    tool.cancel()
    assert tool.state == "asking"
    tool.go_on()
    assert tool.state == "working"
    tool.cancel()
    tool.cancel()
    assert tool.wait(30)
    assert tool.state == "ready"
    assert tool.result is None
    assert "Cancelled" in tool.message
    assert not (tmp_path / "s.hspy").exists()
    np.testing.assert_array_equal(spectra.data, before.data)
    assert spectra.metadata.as_dictionary() == before.metadata.as_dictionary()
    tool.close()


def test_closing_lets_the_signal_go(images):
    events = images.axes_manager.events.indices_changed
    connected = set(events.connected)
    tool = opened(images, SHIFTS)
    tool.frame = 3
    tool.close()
    assert tool.state == "closed"
    assert set(events.connected) == connected
    assert images.axes_manager.indices == (0,)
    assert not recording.has_alignment(images)


def test_the_last_used_values_come_back_but_not_those_of_one_series(images, tmp_path):
    tool = opened(images, SHIFTS, file=tmp_path / "a.hspy", interpolation="linear")
    tool.apply()
    assert tool.wait(30)
    tool.close()
    again = opened(images, SHIFTS)
    assert again.parameters.interpolation == "linear"
    assert again.options.file is None
    again.forget_settings()
    again.restore_defaults()
    assert again.parameters.interpolation == "spline"
    again.close()
