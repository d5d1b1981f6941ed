"""Quality of whole signals: which stages can be drawn, what is refused, what is said."""

from __future__ import annotations

import json
from dataclasses import replace

import hyperspy.api as hs
import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import hyperspy_smartalign  # noqa: F401 - adds smartalign to signals
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.quality.gathering import gather, second_half
from hyperspy_smartalign.signals.quality.quality import Quality
from hyperspy_smartalign.transforms import Alignment, AlignmentMismatchError, Translation

SHAPE, FRAMES = (72, 80), 8


@pytest.fixture(scope="module")
def simulated():
    return simulate_series(
        shape=SHAPE, frames=FRAMES, dose=20, drift=(0.8, -1.1), row_jitter=0.5, seed=2
    )


def aligned_by_truth(simulated, series=None, **fields):
    """The series with its true alignment, as a signal that has nothing but that."""
    series = simulated.series if series is None else series
    shifts = simulated.truth.shifts
    alignment = Alignment.from_shifts(
        shifts - shifts.mean(axis=0),
        frame_shape=SHAPE,
        navigation_shape=(FRAMES,),
        frame_scale=(0.024, 0.024),
        frame_units=("nm", "nm"),
        **fields,
    )
    return series.apply_alignment(alignment)


@pytest.fixture(scope="module")
def aligned(simulated):
    return aligned_by_truth(simulated)


@pytest.fixture(scope="module")
def quality(aligned, simulated):
    return aligned.smartalign.quality(source=simulated.series, show_progressbar=False)


def test_alignment_helps_and_units_are_physical(quality, simulated) -> None:
    assert list(quality.rings) == ["raw", "rigid"] == list(quality.spectra)
    raw, rigid = quality.resolution(stage="raw"), quality.resolution()
    assert not raw <= rigid
    assert rigid == pytest.approx(quality.rings["rigid"].resolution() * 0.024)
    assert quality.units == "nm"
    assert quality.spectral is quality.spectra["rigid"]
    assert quality.spectral.information > 1.5 * quality.spectra["raw"].information
    assert quality.spots.units == "nm"


def test_stages_show_the_same_place(aligned, simulated) -> None:
    evidence, _ = gather(aligned, source=simulated.series)
    assert evidence.final == "rigid"
    first, last = evidence.stages["raw"], evidence.stages["rigid"]
    assert first.average.shape == last.average.shape == evidence.canvas.shape
    # What the halves have in common is the average.
    np.testing.assert_allclose(last.halves.mean(axis=0)[last.seen], last.average[last.seen])
    frames = np.array([pixels for _, pixels in evidence.aligned("rigid")])
    np.testing.assert_allclose(frames.mean(axis=0)[last.seen], last.average[last.seen])
    np.testing.assert_allclose(frames.var(axis=0, ddof=1)[last.seen], last.variance[last.seen])
    np.testing.assert_allclose(
        frames[~evidence.second_half].mean(axis=0)[last.seen], last.halves[0][last.seen]
    )


@pytest.mark.filterwarnings("ignore:the shift of frame")
def test_stages_of_a_nonrigid_alignment_rise(simulated) -> None:
    result = simulated.series.align_nonrigid(show_progressbar=False)
    found = result.smartalign.quality(show_progressbar=False)
    assert list(found.rings) == ["raw", "rigid", "nonrigid"]
    assert found.resolution() < found.resolution(stage="rigid")
    bits = [found.spectra[name].information for name in ("raw", "rigid", "nonrigid")]
    assert bits == sorted(bits)
    assert found.precision is not None
    assert found.closure is not None
    assert found.held_out is not None
    assert found.verdicts


def test_a_series_that_is_not_aligned_is_judged_as_it_is(simulated) -> None:
    found = simulated.series.smartalign.quality(show_progressbar=False)
    assert list(found.rings) == ["raw"]
    assert found.closure is None
    assert found.held_out is None
    assert any("not aligned" in message for message in found.messages)
    assert "as recorded" in found.summary()


def test_without_the_recorded_series_there_is_one_stage(simulated) -> None:
    series = simulated.series.deepcopy()
    aligned = aligned_by_truth(simulated, series)
    del series
    found = aligned.smartalign.quality(show_progressbar=False)
    assert list(found.rings) == ["rigid"]
    assert any("source=series" in message for message in found.messages)
    with pytest.raises(ValueError, match="one frame"):
        aligned.smartalign.average().smartalign.quality(show_progressbar=False)


def test_the_pixels_of_the_signal_tell_the_same_as_the_recorded_series(
    simulated, aligned, quality
) -> None:
    copy = aligned.deepcopy()
    found = copy.smartalign.quality(show_progressbar=False)
    assert found.resolution() == pytest.approx(quality.resolution(), rel=0.01)
    np.testing.assert_allclose(
        found.rings["rigid"].correlation, quality.rings["rigid"].correlation, atol=0.02
    )


def test_average_is_judged_by_its_series(simulated, aligned, quality) -> None:
    found = aligned.smartalign.average().smartalign.quality(
        source=simulated.series, show_progressbar=False
    )
    assert found.resolution() == quality.resolution()


def test_lazy_series_give_the_same(simulated, quality) -> None:
    lazy = simulated.series.as_lazy()
    found = aligned_by_truth(simulated, lazy).smartalign.quality(
        source=lazy, show_progressbar=False
    )
    np.testing.assert_allclose(found.rings["rigid"].correlation, quality.rings["rigid"].correlation)


def test_excluded_frames_take_no_part(simulated, quality) -> None:
    data = simulated.series.data.copy()
    data[3] = np.nan
    series = simulated.series._deepcopy_with_new_data(data)
    out = np.arange(FRAMES) == 3
    found = aligned_by_truth(simulated, series, excluded=out).smartalign.quality(
        source=series, show_progressbar=False
    )
    assert found.spectral.frames == FRAMES - 1
    assert np.isfinite(found.rings["rigid"].correlation).all()
    assert found.spectral.information == pytest.approx(quality.spectral.information, rel=0.25)


def test_gaps_are_filled_with_the_average(simulated, quality) -> None:
    data = simulated.series.data.copy()
    data[2, 30:33, 40:44] = np.nan
    series = simulated.series._deepcopy_with_new_data(data)
    evidence, _ = gather(aligned_by_truth(simulated, series), source=series)
    assert not evidence.stages["rigid"].seen.all()
    for stage in evidence.stages.values():
        assert np.isfinite(stage.average).all()
        assert np.isfinite(stage.halves).all()
    for _, pixels in evidence.aligned("rigid"):
        assert np.isfinite(pixels).all()


def test_frames_without_pixels_take_no_part(simulated) -> None:
    data = simulated.series.data[:5].copy()
    data[2] = np.nan
    found = hs.signals.Signal2D(data).smartalign.quality(show_progressbar=False)
    assert found.spectral.frames == 4
    assert any("[2]" in message for message in found.messages)
    data[1:] = np.nan
    with pytest.raises(ValueError, match="no finite pixel"):
        hs.signals.Signal2D(data).smartalign.quality(show_progressbar=False)


def test_what_one_half_did_not_see_is_no_agreement() -> None:
    """The average fills the gaps of both halves, and would agree with itself."""
    rng = np.random.default_rng(8)
    data = rng.normal(size=(4, 64, 64))
    data[1::2, :40] = np.nan
    noise = hs.signals.Signal2D(data)
    evidence, _ = gather(noise)
    assert evidence.stages["raw"].blind[:40].all()
    assert not evidence.stages["raw"].blind[40:].any()
    found = noise.smartalign.quality(show_progressbar=False)
    assert not found.rings["raw"].agrees()


def test_very_large_numbers_are_as_good_as_small_ones(simulated) -> None:
    series = simulated.series.inav[:4]
    large = series._deepcopy_with_new_data(series.data.astype(float) * 1e30)
    found = [each.smartalign.quality(show_progressbar=False) for each in (series, large)]
    np.testing.assert_allclose(
        found[0].rings["raw"].correlation, found[1].rings["raw"].correlation, rtol=1e-5
    )
    assert len(found[0].spots) == len(found[1].spots)


def test_two_dimensional_navigation(simulated, quality) -> None:
    grid = hs.signals.Signal2D(simulated.series.data.reshape(2, 4, *SHAPE))
    found = grid.smartalign.quality(show_progressbar=False)
    plain = simulated.series.smartalign.quality(show_progressbar=False)
    np.testing.assert_array_equal(found.rings["raw"].correlation, plain.rings["raw"].correlation)
    assert found.units == "px"


def test_spectrum_images_are_summed_over_their_channels(simulated) -> None:
    spectra = hs.signals.Signal1D(np.stack([simulated.series.data] * 3, axis=-1))
    found = spectra.smartalign.quality(show_progressbar=False)
    plain = simulated.series.smartalign.quality(show_progressbar=False)
    np.testing.assert_allclose(
        found.rings["raw"].correlation, plain.rings["raw"].correlation, atol=1e-6
    )
    assert any("spectrum images" in message for message in found.messages)


def test_frames_without_overlap_take_no_part(simulated) -> None:
    shifts = np.zeros((FRAMES, 2))
    shifts[5] = (0, 70)
    alignment = Alignment.from_shifts(
        shifts,
        frame_shape=SHAPE,
        canvas=Alignment.from_shifts(np.zeros((1, 2)), frame_shape=SHAPE).canvas,
    )
    series = simulated.series
    evidence, _ = gather(series.apply_alignment(alignment, crop=False), source=series)
    assert evidence.members.tolist() == [0, 1, 2, 3, 4, 6, 7]
    assert any("[5]" in message for message in evidence.messages)


def test_two_frames_are_enough(simulated) -> None:
    found = simulated.series.inav[:2].smartalign.quality(show_progressbar=False)
    assert found.spectral.frames == 2
    assert found.rings["raw"].agrees()
    with pytest.raises(ValueError, match="one frame"):
        simulated.series.inav[:1].smartalign.quality(show_progressbar=False)


def test_halves_have_as_many_frames_of_each_scan_direction(simulated) -> None:
    alternating = simulate_series(shape=(32, 32), frames=8, scan_rotation="pairs")
    scan = recording.scan_geometry_of(alternating.series)
    half = second_half(np.arange(8), scan)
    rotations = np.array(scan.rotation)
    for angle in np.unique(rotations):
        assert np.count_nonzero(half[rotations == angle]) == 2
    assert second_half(np.arange(5), None).tolist() == [False, True, False, True, False]


@pytest.mark.parametrize("axis", ["y", "x"])
def test_pixels_that_are_not_square(simulated, axis) -> None:
    series = simulated.series.deepcopy()
    series.axes_manager[axis].scale = 0.048
    found = series.smartalign.quality(show_progressbar=False)
    assert found.pixel == pytest.approx(0.024 * np.sqrt(2))
    assert set(found.scale) == {0.024, 0.048}


def test_wrong_sources_are_refused(simulated, aligned) -> None:
    with pytest.raises(ValueError, match="carries no alignment"):
        simulated.series.smartalign.quality(source=simulated.series, show_progressbar=False)
    with pytest.raises(ValueError, match="interpolated already"):
        aligned.smartalign.quality(source=aligned, show_progressbar=False)
    with pytest.raises(AlignmentMismatchError, match="does not belong"):
        aligned.smartalign.quality(source=simulated.series.inav[:5], show_progressbar=False)
    with pytest.raises(AlignmentMismatchError, match="before slicing"):
        aligned.inav[:5].smartalign.quality(show_progressbar=False)
    waves = simulated.series._deepcopy_with_new_data(simulated.series.data.astype(np.complex64))
    with pytest.raises(TypeError, match="real numbers"):
        waves.smartalign.quality(show_progressbar=False)


def test_inputs_are_left_alone(simulated, aligned) -> None:
    before = simulated.series.data.copy(), aligned.data.copy(), recording.record_of(aligned)
    aligned.smartalign.quality(source=simulated.series, show_progressbar=False)
    np.testing.assert_array_equal(simulated.series.data, before[0])
    np.testing.assert_array_equal(aligned.data, before[1])
    assert str(recording.record_of(aligned)) == str(before[2])


def test_aligned_noise_is_not_said_to_be_resolved() -> None:
    rng = np.random.default_rng(3)
    noise = hs.signals.Signal2D(rng.poisson(5, size=(12, 64, 64)).astype(np.float32))
    alignment = Alignment.from_shifts(
        rng.integers(-3, 4, size=(12, 2)), frame_shape=(64, 64), navigation_shape=(12,)
    )
    aligned = noise.apply_alignment(alignment)
    found = aligned.smartalign.quality(source=noise, show_progressbar=False)
    assert np.isnan(found.resolution())
    assert any("Nothing is said to be resolved" in message for message in found.messages)
    assert "no agreement" in str(found)


def test_summary_and_dictionary(quality) -> None:
    assert isinstance(quality, Quality)
    words = str(quality)
    assert "Resolution, rigid" in words
    assert f"{FRAMES} frames" in words
    content = json.loads(json.dumps(quality.to_dict(), allow_nan=False))
    assert content["rings"]["rigid"]["resolution"]["1/7"] == pytest.approx(quality.resolution())
    assert len(content["spots"]["spacing"]) == len(quality.spots)
    assert content["units"] == "nm"
    with pytest.raises(ValueError, match="was not measured"):
        quality.resolution(stage="nonrigid")


def test_plots(quality) -> None:
    made = quality.plot()
    try:
        assert {"rings", "information 1", "information 2", "spots"} <= set(made)
        figure = made["rings"].figure
        figure.figure.canvas.draw()
        ax = quality.plot_ring_correlation(criterion="half_bit")
        assert "nm" in ax.get_xlabel()
        assert len(quality.plot_information()) == 2
        quality.plot_spots(axes=plt.figure().subplots())
    finally:
        plt.close("all")


def test_what_is_not_there_is_not_plotted(quality) -> None:
    bare = replace(quality, spots=None, precision=None, closure=None, frames=None)
    for name in ("spots", "precision", "closure", "frames"):
        with pytest.raises(ValueError, match=f"{name} is None"):
            getattr(bare, f"plot_{name}")()
    try:
        assert set(bare.plot()) >= {"rings", "information 1", "information 2"}
    finally:
        plt.close("all")


def test_transforms_of_the_raw_stage_do_not_interpolate(simulated, aligned) -> None:
    evidence, _ = gather(aligned, source=simulated.series)
    (still,) = set(map(str, evidence.stages["raw"].transforms))
    assert isinstance(evidence.stages["raw"].transforms[0], Translation)
    assert "shift=(0, " in still
    np.testing.assert_array_equal(evidence.stages["raw"].transforms[0].shift, 0)
    top, left = evidence.canvas.origin
    height, width = evidence.canvas.shape
    _, pixels = next(evidence.aligned("raw"))
    np.testing.assert_array_equal(
        pixels, simulated.series.data[0, top : top + height, left : left + width]
    )


@pytest.mark.parametrize("pixels", [np.full((5, 40, 48), 7.0), np.zeros((4, 32, 32), np.uint16)])
def test_constant_frames_are_told_as_such(pixels) -> None:
    quality = hs.signals.Signal2D(pixels).smartalign.quality(show_progressbar=False)
    levels = {verdict.topic: verdict.level for verdict in quality.verdicts}
    assert levels == {"resolution": "bad", "frames": "unknown"}
    json.dumps(quality.to_dict(), allow_nan=False)


def test_copies_of_a_frame_are_no_series(simulated) -> None:
    frame = simulated.series.inav[0]
    quality = hs.stack([frame] * 4).smartalign.quality(show_progressbar=False)
    assert [v.level for v in quality.verdicts if v.topic == "frames"] == ["bad"]
    np.testing.assert_allclose(quality.frames.weight, 1.0)


def test_messages_name_the_easy_way_to_the_recorded_series(simulated) -> None:
    series = simulated.series.deepcopy()
    aligned = aligned_by_truth(simulated, series)
    del series
    with pytest.raises(ValueError, match="find_source"):
        aligned.smartalign.average().smartalign.quality(show_progressbar=False)
    spectra = hs.signals.Signal1D(np.ones((*SHAPE, 4)))
    recording.write_alignment(spectra, recording.alignment_of(aligned))
    with pytest.raises(ValueError, match="find_source"):
        spectra.smartalign.quality(show_progressbar=False)
