"""Quality of frames from their spectra over rings."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import ndimage

from hyperspy_smartalign.plotting.frame_quality import plot_frame_quality
from hyperspy_smartalign.quality.frame_quality import frame_quality, suggested_weights
from hyperspy_smartalign.quality.rings import Rings
from hyperspy_smartalign.quality.transfer import frame_spectra
from hyperspy_smartalign.quality.verdicts import verdict_on_frames

FRAMES = 12


@pytest.fixture(scope="module")
def image():
    y, x = np.indices((96, 96))
    random = np.random.default_rng(5)
    detail = ndimage.gaussian_filter(random.normal(size=(96, 96)), 1.0)
    return 3 * np.cos(2 * np.pi * x / 11) * np.cos(2 * np.pi * y / 13) + 8 * detail


def judged(frames, **keywords):
    spectra = frame_spectra(frames, frames.mean(0), rings=Rings.of(frames.shape[1:]))
    options = {
        "members": np.arange(len(frames)),
        "excluded": np.zeros(len(frames), bool),
        **keywords,
    }
    return frame_quality(
        spectra.frequency,
        spectra.samples,
        spectra.power,
        spectra.cross,
        spectra.noise_shape,
        **options,
    )


def noisy(image, noise=2.0, seed=0):
    random = np.random.default_rng(100 + seed)
    return image + noise * random.normal(size=(FRAMES, *image.shape))


def test_equal_frames_are_alike(image):
    quality = judged(noisy(image))
    np.testing.assert_allclose(quality.noise, 2.0, rtol=0.05)
    np.testing.assert_allclose(quality.transfer, 1.0, atol=0.1)
    np.testing.assert_allclose(quality.sharpness, 1.0, atol=0.15)
    np.testing.assert_allclose(quality.weight, 1.0, atol=0.1)
    assert quality.outliers == ()
    assert "None is unlike" in quality.words
    json.dumps(quality.to_dict())


def test_frames_unlike_the_others_are_named(image):
    frames = noisy(image, 1.0)
    random = np.random.default_rng(9)
    frames[3] = ndimage.gaussian_filter(image, 1.5) + random.normal(size=image.shape)
    frames[6] = image + 2.5 * random.normal(size=image.shape)
    frames[9] = 0.5 * image + random.normal(size=image.shape)
    quality = judged(frames)
    said = {each.frame: each.words for each in quality.outliers}
    assert set(said) == {3, 6, 9}
    assert "less sharp" in said[3]
    assert "noisier (2." in said[6]
    assert "fits the others less well (0.5" in said[9]
    assert quality.weight[[3, 6, 9]].max() < 0.8


def test_error_of_the_transfer_is_right(image):
    found = [judged(noisy(image, 6.0, seed)) for seed in range(8)]
    scatter = np.std([each.transfer for each in found])
    predicted = np.sqrt(np.mean([each.transfer_error**2 for each in found]))
    assert 0.65 < predicted / scatter < 1.35


def test_weights_raise_the_signal_to_noise_ratio(image):
    random = np.random.default_rng(2)
    level = random.uniform(0.5, 4.0, FRAMES)
    frames = image + level[:, None, None] * random.normal(size=(FRAMES, *image.shape))
    quality = judged(frames)
    np.testing.assert_allclose(quality.weight * level**2 / np.mean(quality.weight * level**2), 1.0,
                               atol=0.25)  # fmt: skip
    weighted = np.average(frames, axis=0, weights=quality.weight)
    plain = frames.mean(0)
    gain = (plain - image).std() / (weighted - image).std()
    assert gain > 1.1
    np.testing.assert_allclose(quality.gain_of_weights, gain, rtol=0.1)


def test_excluded_frames_have_no_weight_and_hops_little(image):
    frames = noisy(image)
    kept = np.delete(np.arange(FRAMES), 4)
    hops = np.zeros(FRAMES)
    hops[7] = 0.9
    quality = judged(
        frames[kept],
        members=kept,
        excluded=np.arange(FRAMES) == 4,
        reasons=[""] * 4 + ["blank"] + [""] * 7,
        hop_probability=hops,
    )
    assert quality.weight[4] == 0
    assert np.isnan(quality.transfer[4])
    assert quality.weight[7] < 0.15
    np.testing.assert_allclose(quality.weight[kept].mean(), 1.0)


def test_differences_within_their_errors_are_no_reason_to_weigh():
    transfer = np.array([0.9, 1.1, 1.0, 1.05, 0.95])
    equal = suggested_weights(transfer, np.full(5, 0.2), np.ones(5))
    np.testing.assert_allclose(equal, 1.0)
    known = suggested_weights(transfer, np.full(5, 0.001), np.ones(5))
    np.testing.assert_allclose(known, transfer, rtol=1e-3)


def test_noise_alone_does_not_fail():
    random = np.random.default_rng(0)
    quality = judged(random.normal(size=(4, 48, 48)))
    assert np.isfinite(quality.weight).all()
    np.testing.assert_allclose(quality.noise, 1.0, rtol=0.1)


@pytest.mark.parametrize(
    ("contrast", "opposed"),
    [
        ([1] * 9 + [-1] * 3, {9, 10, 11}),
        (np.linspace(1, -0.5, 12), {9, 10, 11}),
        ([1, -1] * 6, None),
    ],
)
def test_frames_of_reversed_contrast_are_bad(image, contrast, opposed):
    frames = np.asarray(contrast, float)[:, None, None] * image
    quality = judged(frames + np.random.default_rng(8).normal(size=frames.shape))
    verdict = verdict_on_frames(quality)
    assert verdict.level == "bad"
    assert "contrast reverses" in verdict.words
    if opposed is not None:
        # Frame 8 may show -0.09 of the contrast, which is below its noise.
        assert opposed <= set(quality.opposed) <= opposed | {8}
    if opposed is None:
        assert quality.shared < 0.1
    assert verdict_on_frames(quality, aligned=False).level == "caution"
    json.dumps(quality.to_dict())


@pytest.mark.parametrize("seed", range(3))
def test_disturbed_rows_and_noise_do_not_pass_for_reversed_contrast(image, seed):
    random = np.random.default_rng(seed)
    striped = noisy(0.3 * image, 1.0, seed) + 5 * random.normal(size=(FRAMES, 96, 1))
    assert judged(striped).opposed == ()
    assert judged(random.normal(size=(FRAMES, 64, 64))).opposed == ()


@pytest.mark.parametrize("pixels", [np.full((5, 64, 64), 7.0), np.zeros((3, 32, 48))])
def test_constant_frames_are_not_judged(pixels):
    quality = judged(pixels)
    assert not quality.known
    np.testing.assert_allclose(quality.weight, 1.0)
    assert "nothing in common" in quality.words
    assert verdict_on_frames(quality).level == "unknown"
    assert plot_frame_quality(quality, fig=Figure()).get_ylim()[1] > 0


@pytest.mark.parametrize("checks", [True, False])
def test_copies_of_one_frame_are_bad(image, checks):
    frame = np.indices((64, 64)).sum(0) % 2 * 1.0 if checks else image
    quality = judged(np.repeat(frame[None], 4, axis=0))
    assert quality.equal
    np.testing.assert_allclose(quality.weight, 1.0)
    assert verdict_on_frames(quality).level == "bad"
    assert "copies" in quality.words


def test_units_of_the_pixels_change_nothing(image):
    frames = noisy(image)
    usual = judged(frames)
    for unit in (1e-120, 1e120):
        other = judged(frames * unit)
        np.testing.assert_allclose(other.weight, usual.weight, rtol=1e-6)
        np.testing.assert_allclose(other.transfer, usual.transfer, rtol=1e-6)
        np.testing.assert_allclose(other.noise, usual.noise * unit, rtol=1e-6)
