"""The instability spectrum of offsets whose spectrum is known."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.quality.instability import instability_spectrum
from hyperspy_smartalign.quality.tones import mains_lines

LINE_TIME = 1e-3
LINES = 256
TONE, AMPLITUDE = 50.0, 0.2
WHITE = 0.1


def rough(frames: int, *, seed: int, rms: float = 0.2, lines: int = LINES) -> np.ndarray:
    """Offsets (frames, lines, 2) with a correlation of 0.8 from line to line."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(frames, lines + 100, 2))
    values = np.zeros_like(steps)
    for line in range(1, steps.shape[1]):
        values[:, line] = 0.8 * values[:, line - 1] + 0.6 * steps[:, line]
    return rms * values[:, 100:]


def rough_density(frequencies: np.ndarray, rms: float = 0.2) -> np.ndarray:
    """Its one-sided power spectral density."""
    turn = np.exp(-2j * np.pi * frequencies * LINE_TIME)
    return 2 * LINE_TIME * (0.6 * rms) ** 2 / np.abs(1 - 0.8 * turn) ** 2


def hum(frames: int, frequency: float, *, lines: int = LINES) -> np.ndarray:
    """A sine along x that goes on from frame to frame."""
    times = np.arange(lines) * LINE_TIME + 0.3137 * np.arange(frames)[:, None]
    result = np.zeros((frames, lines, 2))
    result[..., 1] = AMPLITUDE * np.sin(2 * np.pi * frequency * times)
    return result


@pytest.fixture(scope="module")
def noisy() -> np.ndarray:
    rng = np.random.default_rng(5)
    shape = (40, LINES, 2)
    return rough(40, seed=1) + hum(40, TONE) + rng.normal(scale=WHITE, size=shape)


@pytest.mark.parametrize("window", ["hann", "multitaper"])
@pytest.mark.parametrize("noise", ["errors", "plateau"])
def test_hum_in_coloured_motion_under_white_noise(noisy, window, noise) -> None:
    found = instability_spectrum(
        noisy,
        line_time=LINE_TIME,
        errors=np.full(noisy.shape, WHITE) if noise == "errors" else None,
        window=window,
    )
    (tone,) = found.tones
    assert tone.component == "x"
    assert abs(tone.frequency - TONE) < found.resolution / 2
    assert tone.mains is not None
    assert tone.mains.name == "50 Hz"
    # The scatter of 40 frames of rough motion below the tone.
    assert tone.rms == pytest.approx(AMPLITUDE / np.sqrt(2), rel=0.1)
    # From above what the slope of the frame takes to where the motion is in the noise.
    band = (25.0, 150.0)
    inside = (found.frequencies > band[0]) & (found.frequencies < band[1])
    expected = np.sqrt(rough_density(found.frequencies)[inside].sum() * found.frequencies[1])
    with_tone = np.hypot(expected, AMPLITUDE / np.sqrt(2))
    np.testing.assert_allclose(found.rms(*band)[1], with_tone, rtol=0.1)
    np.testing.assert_allclose(found.rms(*band)[0], expected, rtol=0.1)
    # The white floor, plus what little the motion still has up there where it is measured so.
    above = 0.15 if noise == "errors" else 0.7
    np.testing.assert_allclose(found.noise[:, 1], 2 * LINE_TIME * WHITE**2, rtol=above)
    assert (found.density >= 0).all()
    assert (found.lower <= found.density).all()
    assert (found.density <= found.upper).all()


def test_amplitude_spectrum_shows_the_tone_at_its_rms() -> None:
    found = instability_spectrum(hum(8, TONE), line_time=LINE_TIME, noise="none")
    height = found.amplitude[1].max()
    # Up to half a bin beside a bin, the Hann window loses 15 %.
    assert 0.84 * AMPLITUDE / np.sqrt(2) < height <= 1.001 * AMPLITUDE / np.sqrt(2)
    np.testing.assert_allclose(found.rms(30, 70)[1], AMPLITUDE / np.sqrt(2), rtol=0.01)


@pytest.mark.parametrize("lines", [255, 256])
@pytest.mark.parametrize("window", ["hann", "multitaper"])
def test_parseval(lines, window) -> None:
    offsets = rough(3, seed=2, lines=lines)
    found = instability_spectrum(offsets, line_time=LINE_TIME, noise="none", window=window)
    time = np.arange(lines)
    flat = np.stack(
        [
            frame
            - np.polynomial.polynomial.polyval(
                time, np.polynomial.polynomial.polyfit(time, frame, 1)
            ).T
            for frame in offsets
        ]
    )
    if window == "hann":
        weight = np.hanning(lines + 2)[1:-1] ** 2
    else:
        from scipy.signal import windows

        weight = (windows.dpss(lines, 2.5, 4) ** 2).sum(axis=0)
    variance = (flat**2 * weight[:, None]).sum(axis=1) / weight.sum()
    np.testing.assert_allclose(found.rms() ** 2, variance.mean(axis=0), rtol=1e-10)


def test_the_confidence_interval_holds_the_truth_as_often_as_it_says() -> None:
    inside = []
    for seed in range(20):
        found = instability_spectrum(
            rough(6, seed=seed), line_time=LINE_TIME, noise="none", confidence=0.9
        )
        truth = rough_density(found.frequencies)
        middle = slice(4, -4)
        inside.append((found.lower <= truth) & (truth <= found.upper))
        inside[-1] = inside[-1][:, middle]
    # 20 x 2 x 120 values of which about one in 1.5 is independent: 0.9 +- 0.006.
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


def test_white_noise_alone_is_subtracted() -> None:
    rng = np.random.default_rng(0)
    offsets = rng.normal(scale=WHITE, size=(20, LINES, 2))
    found = instability_spectrum(offsets, line_time=LINE_TIME, errors=np.full(offsets.shape, WHITE))
    # Bins scatter by 1 / sqrt(20) and are cut at zero: half of 0.8 times that is left over.
    assert (found.rms() < 0.35 * WHITE).all()
    assert found.tones == ()


def test_rare_tones_in_noise_alone() -> None:
    tones = [
        instability_spectrum(rough(4, seed=seed), line_time=LINE_TIME).tones for seed in range(60)
    ]
    # 120 spectra with one in a hundred: more than 6 has a chance of 1e-3.
    assert sum(map(len, tones)) <= 6


def test_mains_above_nyquist_is_found_at_its_alias() -> None:
    marks = mains_lines((60.0,), nyquist=500.0, harmonics=10)
    assert [(mark.order, mark.frequency) for mark in marks if mark.aliased] == [
        (9, 460.0),
        (10, 400.0),
    ]
    offsets = hum(8, 600.0) + rough(8, seed=3, rms=0.05)
    (tone,) = instability_spectrum(offsets, line_time=LINE_TIME, mains=(60.0,)).tones
    assert tone.frequency == pytest.approx(400.0, abs=1.0)
    assert tone.mains.aliased
    assert tone.mains.name == "600 Hz alias"


def test_a_tone_beside_the_mains_is_not_mains() -> None:
    offsets = hum(8, 87.0) + rough(8, seed=4, rms=0.05)
    (tone,) = instability_spectrum(offsets, line_time=LINE_TIME).tones
    assert tone.mains is None


def test_lines_that_are_not_known(noisy) -> None:
    gappy = noisy.copy()
    gappy[:, :20] = np.nan
    gappy[::3, -30:] = np.nan
    gappy[:, 100] = np.nan
    gappy[7] = np.nan
    found = instability_spectrum(gappy, line_time=LINE_TIME)
    assert found.frames == 39
    assert np.isfinite(found.density).all()
    (tone,) = found.tones
    assert tone.frequency == pytest.approx(TONE, abs=found.resolution / 2)
    assert tone.rms == pytest.approx(AMPLITUDE / np.sqrt(2), rel=0.1)


def test_scan_directions() -> None:
    # Motion along the fast direction only, in frames that are scanned at 0 and at 90 degrees.
    fast = rough(6, seed=6)[..., 0]
    offsets = np.full((6, LINES, 2), np.nan)
    for frame in range(6):
        lines = LINES if frame % 2 == 0 else LINES - 40
        offsets[frame, :lines] = 0.0
        offsets[frame, :lines, 1 if frame % 2 == 0 else 0] = fast[frame, :lines]
    slow_axis = [0, 1] * 3
    scan = instability_spectrum(
        offsets, line_time=LINE_TIME, along="scan", slow_axis=slow_axis, noise="none"
    )
    assert scan.components == ("slow", "fast")
    assert scan.rms()[0] == pytest.approx(0.0, abs=1e-12)
    image = instability_spectrum(offsets, line_time=LINE_TIME, noise="none")
    assert image.components == ("y", "x")
    np.testing.assert_allclose((image.rms() ** 2).sum(), scan.rms()[1] ** 2, rtol=1e-10)
    assert (image.rms() > 0.4 * scan.rms()[1]).all()


def test_shift_and_drift_are_no_instability() -> None:
    time = np.arange(LINES)[None, :, None]
    drift = np.array([[3.0, -0.02], [-7.0, 0.05]])
    offsets = drift[:, :1, None] + drift[:, 1:, None] * time + np.zeros((2, LINES, 2))
    found = instability_spectrum(offsets, line_time=LINE_TIME)
    assert (found.rms() < 1e-10).all()
    assert found.tones == ()


def test_smoothed_offsets_with_errors_of_single_lines_are_told() -> None:
    offsets = rough(6, seed=8)
    kernel = np.hanning(9) / np.hanning(9).sum()
    smooth = np.apply_along_axis(np.convolve, 1, offsets, kernel, "same")
    found = instability_spectrum(smooth, line_time=LINE_TIME, errors=np.full(offsets.shape, WHITE))
    assert any("plateau" in message for message in found.messages)


def test_short_frames_cannot_tell_mains() -> None:
    found = instability_spectrum(rough(4, seed=9, lines=32), line_time=1e-4)
    assert any("resolution" in message for message in found.messages)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"offsets": np.zeros((4, 30))}, r"\(n, lines, 2\)"),
        ({"offsets": np.zeros((4, 5, 2))}, "at best 5"),
        ({"offsets": np.full((4, 50, 2), np.nan)}, "at best 0"),
        ({"line_time": 0.0}, "line_time=0.0"),
        ({"errors": np.zeros((4, 31, 2))}, r"\(4, 30, 2\)"),
        ({"errors": np.full((4, 30, 2), -1.0)}, "negative"),
        ({"noise": "errors"}, "needs errors="),
        ({"noise": "white"}, "'plateau'"),
        ({"along": "rows"}, "'scan'"),
        ({"slow_axis": 2}, "slow_axis=2"),
        ({"window": "boxcar"}, "'multitaper'"),
        ({"confidence": 1.0}, "0.95"),
        ({"mains": (-50.0,)}, "mains="),
    ],
)
def test_what_cannot_be_is_refused(change, words) -> None:
    arguments = {"offsets": np.zeros((4, 30, 2)), "line_time": LINE_TIME} | change
    with pytest.raises(ValueError, match=words):
        instability_spectrum(arguments.pop("offsets"), **arguments)


@pytest.mark.parametrize("band", [(10.0, 5.0), (600.0, None), (-1.0, 5.0)])
def test_bands_that_hold_nothing(band) -> None:
    found = instability_spectrum(rough(2, seed=0), line_time=LINE_TIME)
    with pytest.raises(ValueError, match="holds nothing"):
        found.rms(*band)


def test_bands_add_up() -> None:
    found = instability_spectrum(rough(2, seed=0), line_time=LINE_TIME)
    parts = found.rms(0, 33.3) ** 2 + found.rms(33.3, 250) ** 2 + found.rms(250) ** 2
    np.testing.assert_allclose(parts, found.rms() ** 2, rtol=1e-12)
