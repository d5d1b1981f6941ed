from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from hyperspy_smartalign.rigid.reference import build_reference
from hyperspy_smartalign.rigid.store import FrameStore


@pytest.fixture(scope="module")
def built(source, particle_series):
    """Store, true shifts and reference of a series of 12 frames."""
    store = FrameStore(source(particle_series.stack))
    shifts = particle_series.truth.shifts - particle_series.truth.shifts.mean(0)
    reference = build_reference(store, shifts, np.ones(12, bool), variance=10.0, margin=16)
    return store, shifts, reference


def scene(truth, reference, window, middle):
    """Noise-free counts on a window of the common frame, less the reference's level."""
    origin = (window.top + middle[0], window.left + middle[1])
    image = truth.image((window.height, window.width), origin=origin)
    return truth.dose * image - reference.level


def test_windows_cover_every_frame(built):
    store, shifts, reference = built
    h, w = store.shape
    for shift in shifts:
        window, fraction = reference.window(shift)
        assert np.abs(fraction).max() <= 0.5
        assert window.height >= h + 32
        assert window.width >= w + 32
        np.testing.assert_allclose((window.top, window.left), fraction - shift - 16)
        rows, columns = reference.slices(window)
        assert 0 <= rows.start < rows.stop <= reference.total.shape[0]
        assert 0 <= columns.start < columns.stop <= reference.total.shape[1]


def test_coverage_counts_the_frames(built):
    store, _, reference = built
    assert reference.coverage.max() == 12
    assert reference.coverage.min() == 0
    # Every frame adds its pixels once, less a rim where the kernel lacks neighbours.
    full = 12 * store.shape[0] * store.shape[1]
    assert 0.95 * full < reference.coverage.sum() <= full
    assert not reference.trusted[reference.coverage < 2].any()


@pytest.mark.parametrize("index", [0, 5, 11])
def test_the_template_is_the_scene(built, particle_series, index):
    """The denoised mean of 11 frames: nearer to the truth than noise / sqrt(11)."""
    store, shifts, reference = built
    truth = particle_series.truth
    template = reference.template(store, index, shifts[index])
    mean = fft.irfft2(template.spectrum, s=reference.window_shape)
    window, _ = reference.window(shifts[index])
    expected = scene(truth, reference, window, -truth.shifts.mean(0))
    seen = template.count > 6
    assert seen.mean() > 0.3
    noise = np.sqrt(expected[seen].mean() + reference.level)
    error = (mean - expected)[seen]
    assert error.std() < 0.8 * noise / np.sqrt(11)


def test_a_frame_is_left_out_of_its_own_template(source, particle_series, built):
    store, shifts, reference = built
    changed = particle_series.stack.copy()
    changed[4] = np.random.default_rng(0).poisson(20, changed[4].shape)
    other = FrameStore(source(changed))
    again = build_reference(other, shifts, np.ones(12, bool), variance=10.0, margin=16)
    gain = np.ones_like(reference.gain)
    templates = []
    for frames, ref in ((store, reference), (other, again)):
        # Without the filter and the level, which every frame has a small part in.
        plain = type(ref)(**{**vars(ref), "gain": gain, "level": 0.0})
        templates.append(
            fft.irfft2(plain.template(frames, 4, shifts[4]).spectrum, s=reference.window_shape)
        )
    np.testing.assert_allclose(templates[1], templates[0], atol=1e-2)


def test_lazy_frames_give_the_same_sum(source, particle_series, built):
    _, shifts, reference = built
    store = FrameStore(source(particle_series.stack), keep=False)
    again = build_reference(store, shifts, np.ones(12, bool), variance=10.0, margin=16)
    np.testing.assert_array_equal(again.coverage, reference.coverage)
    np.testing.assert_allclose(again.total, reference.total, rtol=1e-4, atol=1e-2)


def test_frames_that_are_not_used_do_not_enter(source, particle_series, built):
    _, shifts, _ = built
    stack = particle_series.stack.copy()
    stack[3] = 1e5
    used = np.arange(12) != 3
    reference = build_reference(FrameStore(source(stack)), shifts, used, variance=10.0, margin=16)
    assert reference.coverage.max() == 11
    assert reference.total.max() < 1e4


def test_the_filter_follows_the_noise(built, source, particle_series):
    store, shifts, _ = built
    used = np.ones(12, bool)
    sharp, smooth = (
        build_reference(store, shifts, used, variance=v, margin=16).gain for v in (10.0, 1000.0)
    )
    assert 0 <= smooth.min() <= sharp.max() <= 1
    assert smooth.mean() < 0.5 * sharp.mean()
    # Slow features pass, the highest frequencies, which hold noise alone, hardly do.
    assert sharp[1, 1] > 0.9
    assert sharp[30:50, 40:].mean() < 0.1


def test_phases_move_content(built):
    _, _, reference = built
    y, x = (np.arange(size) for size in reference.window_shape)

    def hill(dy, dx):
        return np.exp(-((y[:, None] - 60 - dy) ** 2 + (x[None] - 70 - dx) ** 2) / 30)

    moved = fft.irfft2(
        fft.rfft2(hill(0, 0)) * reference.phases(np.array([0.3, -0.4])), s=reference.window_shape
    )
    np.testing.assert_allclose(moved, hill(0.3, -0.4), atol=1e-5)
