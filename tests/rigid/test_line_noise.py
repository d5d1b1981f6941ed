"""Noise that is coloured along the scan lines, as of tips and beams that wander."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft, ndimage, signal

from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.rigid import align_frames
from hyperspy_smartalign.rigid.weighting import line_noise, noise_floor
from hyperspy_smartalign.rigid.windows import window_2d

MEMORY = 0.97


def line_by_line(shape, rng):
    """Noise of variance 1 with a memory of 33 pixels along x, and none from line to line."""
    steps = rng.standard_normal((shape[0], shape[1] + 200))
    return signal.lfilter([np.sqrt(1 - MEMORY**2)], [1, -MEMORY], steps, axis=1)[:, 200:]


def power_of(frames):
    return (np.abs(fft.rfft2(frames)) ** 2).mean(0)


class Frames:
    def __init__(self, stack):
        self.stack = np.asarray(stack, np.float32)

    def __len__(self):
        return len(self.stack)

    def frame(self, index):
        return self.stack[index]


@pytest.mark.parametrize("shape", [(128, 128), (96, 150), (81, 67)])
def test_white_noise_has_one_level(shape):
    frames = np.random.default_rng(0).standard_normal((6, *shape))
    power = power_of(frames)
    level = noise_floor(power, shape, samples=6)
    np.testing.assert_array_equal(line_noise(power, level, shape, samples=6), level)


@pytest.mark.parametrize("transposed", [False, True])
def test_colour_along_lines_is_found(transposed):
    rng = np.random.default_rng(1)
    frames = np.stack([line_by_line((128, 160), rng) for _ in range(8)])
    frames += 0.3 * rng.standard_normal(frames.shape)
    if transposed:
        frames = frames.swapaxes(1, 2)
    shape = frames.shape[1:]
    window = window_2d(shape, "sine")
    power = power_of(frames * window)
    level = noise_floor(power, shape, samples=8)
    found = line_noise(power, level, shape, samples=8)
    along = np.abs(fft.fftfreq(shape[0])) if transposed else fft.rfftfreq(shape[1])
    true = (1 - MEMORY**2) / np.abs(1 - MEMORY * np.exp(2j * np.pi * along)) ** 2 + 0.09
    profile = found[:, 0] if transposed else found[0]
    coloured = (along > 0.02) & (along < 0.1)
    # A median over some 290 Fourier pixels varies by 8 %.
    ratio = profile[coloured] / (true[coloured] * (window**2).sum())
    assert np.abs(ratio.mean() - 1) < 0.15
    assert np.abs(ratio - 1).max() < 0.4


def test_lattice_is_not_taken_for_noise():
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:128, :128]
    lattice = np.cos(2 * np.pi * x / 8) + np.cos(2 * np.pi * y / 8)
    power = power_of(lattice + 0.5 * rng.standard_normal((6, 128, 128)))
    level = noise_floor(power, (128, 128), samples=6)
    assert line_noise(power, level, (128, 128), samples=6)[0, 16] == level


def test_drift_is_found_under_line_noise():
    """A faint texture under line noise three times as strong."""
    rng = np.random.default_rng(3)
    texture = ndimage.gaussian_filter(rng.standard_normal((400, 400)), 3)
    texture /= texture.std()
    path = np.array([[0, 0], [-30, 12], [-64, 20], [-90, 41]])
    frames = [
        texture[100 - y :, 60 - x :][:192, :256]
        + 3 * line_by_line((192, 256), rng)
        + 0.05 * rng.standard_normal((192, 256))
        for y, x in path
    ]
    found = align_frames(Frames(frames), RigidParameters()).shifts
    np.testing.assert_allclose(found - found[0], path, atol=1.0)
