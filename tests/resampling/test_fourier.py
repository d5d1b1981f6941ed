from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.resampling import shift_frame
from hyperspy_smartalign.transforms import Canvas


def fourier(frame, shift, canvas=None, **options):
    canvas = canvas or Canvas.of_frame(frame.shape)
    return shift_frame(frame, shift, canvas, interpolation="fourier", **options)


def cosines(shape, y, x):
    """Waves that are band-limited when mirrored about the borders, up to the highest."""
    h, w = shape
    total = np.full(np.broadcast(y, x).shape, 1000.0)
    for k, j in [(0, 1), (2, 1), (h - 1, 0), (h // 2, w // 3), (1, w - 1)]:
        k, j = min(k, h - 1), min(j, w - 1)
        total += np.cos(np.pi * k * (y + 0.5) / h) * np.cos(np.pi * j * (x + 0.5) / w)
    return total


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 65), st.integers(1, 65), st.floats(-9, 9), st.floats(-9, 9))
def test_exact_for_every_size(h, w, dy, dx):
    y, x = np.ogrid[:h, :w]
    result = fourier(cosines((h, w), y, x), (dy, dx))
    expected = cosines((h, w), y + dy, x + dx)
    # Waves of amplitude 1 on 1000 counts, in float32.
    np.testing.assert_allclose(result.pixels[result.covered], expected[result.covered], atol=1.5e-4)


@pytest.mark.parametrize("n", [65, 128])
def test_ringing_from_the_borders_stays_there(n):
    rng = np.random.default_rng(7)
    angle, frequency = rng.uniform(0, np.pi, 12), rng.uniform(0.02, 0.45, 12)

    def image(y, x):
        waves = zip(angle, frequency, strict=True)
        return 10 + sum(
            np.cos(2 * np.pi * f * (np.sin(a) * y + np.cos(a) * x) + 3 * f) for a, f in waves
        )

    y, x = np.mgrid[:n, :n]
    result = fourier(image(y, x), (0.5, 0.4))
    assert result.covered[:-1, :-1].all()
    error = (result.pixels - image(y + 0.5, x + 0.4))[:-1, :-1]
    # Waves of amplitude 1 up to 0.45 cycles a pixel; a plain phase ramp is off by 0.16-0.23 rms
    # over the frame and by 0.04-0.09 rms in this interior.
    assert np.sqrt(np.mean(error**2)) < 0.09
    assert np.sqrt(np.mean(error[8:-8, 8:-8] ** 2)) < 0.008


def test_negative_data_stay_negative():
    y, x = np.ogrid[:21, :33]
    frame = cosines((21, 33), y, x) - 1010
    assert frame.max() < 0
    result = fourier(frame, (0.4, 0.3))
    assert result.pixels[result.covered].max() < 0


def test_what_would_wrap_round_is_not_covered(rng):
    frame = rng.random((10, 12))
    result = fourier(frame, (0.5, -2.5), fill=-1)
    expected = np.zeros((10, 12), bool)
    expected[:-1, 3:] = True
    np.testing.assert_array_equal(result.covered, expected)
    assert (result.pixels[~expected] == -1).all()


def test_the_canvas_may_lie_anywhere(waves):
    y, x = np.mgrid[:50, :60]
    frame = waves(y, x)
    whole = fourier(frame, (1.3, -2.6))
    part = fourier(frame, (1.3, -2.6), Canvas(5, 7, 20, 100))
    np.testing.assert_array_equal(part.pixels[:, :53], whole.pixels[5:25, 7:])
    assert not part.covered[:, 56:].any()


def test_one_axis_alone_leaves_the_other_untouched(rng):
    frame = np.repeat(rng.random((8, 1)), 9, axis=1).astype(np.float32)
    result = fourier(frame, (0, 0.5))
    np.testing.assert_allclose(result.pixels[:, :-1], frame[:, :-1], rtol=1e-6)


def test_a_gap_spreads_over_four_pixels(rng):
    frame = rng.random((20, 22))
    frame[9, 11] = np.nan
    result = fourier(frame, (0.25, 0.25), fill="zero")
    lost = np.zeros(frame.shape, bool)
    lost[7:11, 9:13] = True
    lost[-1] = lost[:, -1] = True
    np.testing.assert_array_equal(result.covered, ~lost)
    assert np.isfinite(result.pixels).all()
