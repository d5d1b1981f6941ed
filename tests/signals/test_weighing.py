"""Averages with weights."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.quality.damage import CriticalDose
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.averaging import average
from hyperspy_smartalign.signals.weighing import exposures_of

WEIGHTS = [1.0, 0.0, 3.0, 0.5]


def with_gaps(lazy: bool = False, navigation: tuple[int, ...] = (4,)):
    data = np.random.default_rng(1).normal(10, 1, (4, 16, 12)).astype(np.float32)
    data[0, :2] = np.nan
    data[1:3, 0] = np.nan
    data[:, 0, 0] = np.nan
    signal = hs.signals.Signal2D(data.reshape(*navigation, 16, 12))
    return data.astype(float), signal.as_lazy() if lazy else signal


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("navigation", [(4,), (2, 2)])
def test_numbers_weight_the_frames_that_saw_a_pixel(lazy, navigation):
    data, signal = with_gaps(lazy, navigation)
    mean = average(signal, weights=WEIGHTS)
    assert mean._lazy is lazy
    result = np.asarray(mean.data)
    assert result.dtype == np.float32
    seen = np.isfinite(data)
    weight = np.reshape(WEIGHTS, (4, 1, 1)) * seen
    expected = np.full((16, 12), np.nan)
    np.divide(
        (np.where(seen, data, 0) * weight).sum(axis=0),
        weight.sum(axis=0),
        out=expected,
        where=weight.sum(axis=0) > 0,
    )
    # float32 keeps 7 digits of values near 10.
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert np.isnan(result[0, 0])
    total = average(signal, weights=WEIGHTS, output="sum")
    # Three frames take part.
    np.testing.assert_allclose(np.asarray(total.data), 3 * expected, rtol=1e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_equal_weights_change_nothing(lazy):
    _, signal = with_gaps(lazy)
    for output in ("average", "sum"):
        plain = average(signal, output=output, variance=True)
        weighted = average(signal, output=output, variance=True, weights=[2.0] * 4)
        np.testing.assert_allclose(np.asarray(weighted.data), np.asarray(plain.data), rtol=1e-6)
        # Differences are taken from a mean in float32 and in float64.
        np.testing.assert_allclose(
            np.asarray(weighted.get_noise_variance().data),
            np.asarray(plain.get_noise_variance().data),
            rtol=1e-4,
        )


@pytest.mark.parametrize("lazy", [False, True])
def test_the_variance_is_right_for_weights_that_fit_the_noise(lazy):
    rng = np.random.default_rng(3)
    sigma = np.array([1.0, 2.0, 0.5, 4.0, 1.0, 1.5])
    data = 7 + sigma[:, None, None] * rng.normal(size=(6, 120, 130))
    signal = hs.signals.Signal2D(data)
    signal = signal.as_lazy() if lazy else signal
    result = average(signal, weights=sigma**-2, variance=True)
    actual = (np.asarray(result.data) - 7).var()
    told = np.asarray(result.get_noise_variance().data).mean()
    # 15,600 pixels tell a variance to 1.1 %.
    assert told == pytest.approx(1 / (sigma**-2).sum(), rel=0.04)
    assert actual == pytest.approx(1 / (sigma**-2).sum(), rel=0.04)


def test_one_frame_alone_has_no_variance():
    _, signal = with_gaps()
    variance = average(signal, weights=WEIGHTS, variance=True).get_noise_variance().data
    # Of the frames with a weight, only the last saw the first row.
    assert np.isnan(variance[0]).all()
    assert np.isfinite(variance[2:]).all()


@pytest.mark.parametrize("lazy", [False, True])
def test_integers_and_spectrum_images_are_weighted_too(lazy):
    counts = np.random.default_rng(2).poisson(3, (3, 4, 5, 6)).astype(np.uint16)
    signal = hs.signals.Signal1D(counts)
    signal = signal.as_lazy() if lazy else signal
    result = average(signal, weights=[1, 2, 0], output="sum")
    assert result.data.dtype == np.float64
    expected = 2 * (counts[0] + 2.0 * counts[1]) / 3
    np.testing.assert_allclose(np.asarray(result.data), expected)
    for weights in ("damage", "quality"):
        with pytest.raises(ValueError, match="those of images"):
            average(signal, weights=weights)


def test_excluded_frames_have_no_weight():
    signal = hs.signals.Signal2D(np.arange(4.0)[:, None, None] * np.ones((4, 8, 9)))
    alignment = Alignment.from_shifts(
        np.zeros((4, 2)), frame_shape=(8, 9), excluded=[False, True, False, False]
    )
    recording.write_alignment(signal, alignment)
    result = average(signal, weights=[1, 100, 1, 2])
    np.testing.assert_allclose(result.data, (0 + 2 + 2 * 3) / 4)
    # What the step says is what was given.
    (step,) = recording.steps_of(result)
    assert step["name"] == "average"
    np.testing.assert_array_equal(step["parameters"]["weights"], [1, 100, 1, 2])
    with pytest.raises(ValueError, match="no frame that takes part"):
        average(signal, weights=[0, 1, 0, 0])


@pytest.mark.parametrize("lazy", [False, True])
def test_a_critical_dose_weights_frequencies(lazy):
    _, signal = with_gaps(lazy)
    law = CriticalDose([0.0, 0.5], [np.inf, 1e-3])
    result = average(signal, weights=law)
    assert result._lazy is lazy
    assert result.data.dtype == np.float32
    recorded = recording.steps_of(result)[-1]["parameters"]
    assert recorded["output"] == "average"
    # The record says all that is needed to do it again.
    again = average(signal, weights=recorded["weights"])
    np.testing.assert_array_equal(np.asarray(again.data), np.asarray(result.data))
    # Fading at once leaves the detail of the first frame only: the third, counted backwards.
    whole = hs.signals.Signal2D(np.random.default_rng(5).normal(3, 1, (3, 16, 16)))
    recording.append_step(whole, "prepare", {"reverse": True})
    np.testing.assert_array_equal(exposures_of(whole, 3), [2.5, 1.5, 0.5])
    whole = whole.as_lazy() if lazy else whole
    steep = CriticalDose([0.0], [1e-3])
    detail = np.asarray(average(whole, weights=steep).data)
    last = np.asarray(whole.data[2])
    np.testing.assert_allclose(detail - detail.mean(), last - last.mean(), atol=1e-12)
    # The mean intensity is that of all.
    assert detail.mean() == pytest.approx(float(np.asarray(whole.data).mean()))
    total = np.asarray(average(whole, weights=steep, output="sum").data)
    np.testing.assert_allclose(total, 3 * detail)


def test_wrong_weights_are_refused():
    _, signal = with_gaps()
    for weights, error, words in (
        ("best", ValueError, "'best'"),
        ([1, 2], ValueError, "there are 2"),
        ([1, -1, 1, 1], ValueError, r"frames \[1\]"),
        ([1, 1, np.nan, 1], ValueError, r"frames \[2\]"),
        ([0, 0, 0, 0], ValueError, "above 0"),
        (object(), TypeError, "one a frame"),
        ({"frames": [1.0]}, ValueError, "'frequency'"),
    ):
        with pytest.raises(error, match=words):
            average(signal, weights=weights)
    with pytest.raises(ValueError, match="variance=True"):
        average(signal, weights=CriticalDose([0.1], [3.0]), variance=True)
    recording.write_record(signal, {"matches": {}})
    with pytest.raises(ValueError, match="no order in time"):
        average(signal, weights=CriticalDose([0.1], [3.0]))


@pytest.mark.parametrize("suffix", ["hspy", "zspy"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_weights_survive_files(tmp_path, suffix):
    signal = hs.signals.Signal2D(np.random.default_rng(6).normal(5, 1, (3, 16, 16)))
    result = average(signal, weights=CriticalDose([0.1, 0.3], [np.inf, 2.0]))
    path = tmp_path / f"average.{suffix}"
    result.save(path)
    recorded = recording.steps_of(hs.load(path))[-1]["parameters"]["weights"]
    np.testing.assert_array_equal(average(signal, weights=recorded).data, result.data)
