"""From an alignment with offsets of scan lines to a spectrum in hertz."""

from __future__ import annotations

from dataclasses import replace

import hyperspy.api as hs
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_smartalign  # noqa: F401
from hyperspy_smartalign.data import ProbePath
from hyperspy_smartalign.series import ScanGeometry
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.instability import line_offsets
from hyperspy_smartalign.transforms import (
    Alignment,
    Canvas,
    NoAlignmentError,
    ScanLine,
    Translation,
)

SHAPE = (96, 128)
FRAMES = 6
DWELL, FLYBACK = 5e-6, 360e-6  # a line of 128 pixels takes 1 ms
HUM = 120.0
SCALE = 0.02


def humming_path(rotation: tuple[int, ...], *, along: int) -> ProbePath:
    """Frames that move with a hum along one axis, and drift."""
    lines = max(SHAPE[0] if angle in (0, 180) else SHAPE[1] for angle in rotation)
    offsets = np.full((FRAMES, lines, 2), np.nan)
    for frame, angle in enumerate(rotation):
        count = SHAPE[0] if angle in (0, 180) else SHAPE[1]
        times = np.arange(count) * 1e-3 + 0.171 * frame
        hum = np.zeros((count, 2))
        hum[:, along] = 0.4 * np.sin(2 * np.pi * HUM * times)
        hum += np.random.default_rng(frame).normal(scale=0.02, size=hum.shape)
        moved = hum - hum.mean(axis=0)
        # At 90 and 180 degrees the first line lies at the far end.
        offsets[frame, :count] = moved[:: -1 if angle in (90, 180) else 1]
    return ProbePath(
        shape=SHAPE,
        shifts=np.cumsum(np.full((FRAMES, 2), 0.7), axis=0),
        row_offsets=offsets,
        line_slopes=np.zeros((FRAMES, 2)),
        rotation=rotation,
        dwell_time=DWELL,
        flyback_time=FLYBACK,
    )


def signal_with(path: ProbePath, *, units: str = "nm", scan: ScanGeometry | None = None):
    """A series that carries the alignment which is true of a path."""
    transforms = []
    for frame, angle in enumerate(path.rotation):
        axis = 0 if angle in (0, 180) else 1
        field = path.displacement(frame)
        offsets = field[:, :, 0].T if axis == 0 else field[:, 0, :].T
        transforms.append(ScanLine(offsets, axis=axis))
    alignment = Alignment(
        transforms=tuple(transforms),
        navigation_shape=(FRAMES,),
        frame_shape=SHAPE,
        canvas=Canvas.of_frame(SHAPE),
        frame_scale=(SCALE, SCALE),
        frame_units=(units, units),
        precision=np.full((FRAMES, 2), 0.02),
        scan=path.geometry if scan is None else scan,
    )
    signal = hs.signals.Signal2D(np.zeros((FRAMES, *SHAPE), np.float32))
    signal.metadata.General.title = "gold"
    recording.write_alignment(signal, alignment)
    return signal


@pytest.fixture(scope="module")
def path() -> ProbePath:
    return humming_path((0,) * FRAMES, along=1)


@pytest.fixture(scope="module")
def signal(path):
    return signal_with(path)


def test_the_hum_is_found_in_hertz_and_nanometres(signal) -> None:
    found = signal.smartalign.instability().spectrum
    (tone,) = found.tones
    assert tone.component == "x"
    assert tone.frequency == pytest.approx(HUM, abs=found.resolution / 2)
    assert tone.mains.name == "120 Hz"
    assert found.units == "nm"
    # The alignment has lines of the common frame, between which the hum was interpolated.
    assert tone.rms == pytest.approx(0.4 / np.sqrt(2) * SCALE, rel=0.1)


def test_without_calibration_it_is_in_pixels(path) -> None:
    found = signal_with(path, units="px").smartalign.instability().spectrum
    assert found.units == "px"
    assert found.tones[0].rms == pytest.approx(0.4 / np.sqrt(2), rel=0.1)


def test_offsets_are_those_of_the_recorded_lines(path) -> None:
    # Motion along the slow direction: line k of the frame is at k - d in the common frame.
    slow = humming_path((0,) * FRAMES, along=0)
    alignment = recording.alignment_of(signal_with(slow))
    offsets, axes = line_offsets(alignment, slow.geometry)
    assert offsets.shape == (FRAMES, SHAPE[0], 2)
    assert axes == (0,) * FRAMES
    known = np.isfinite(offsets).all(axis=2)
    assert known[:, 8:-8].all()
    assert not known[-1, :3].any()
    truth = slow.row_offsets[:, : SHAPE[0]] + slow.shifts[:, None]
    # The alignment knows them at whole lines only, which smooths the hum a little.
    rest = (offsets - truth)[:, 8:-8]
    assert rest.std() < 0.25 * 0.4 / np.sqrt(2)


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_time_runs_as_the_scan_did(angle) -> None:
    turned = humming_path((angle,) * FRAMES, along=1 if angle == 180 else 0)
    offsets, axes = line_offsets(recording.alignment_of(signal_with(turned)), turned.geometry)
    assert set(axes) == {0 if angle == 180 else 1}
    sense = -1 if angle in (90, 180) else 1
    truth = turned.row_offsets[:, : offsets.shape[1]][:, ::sense] + turned.shifts[:, None]
    assert np.nanstd(offsets - truth) < 0.25 * 0.4


def test_orthogonal_frames_along_the_scan() -> None:
    # The fast direction is x in one frame and y in the next.
    rotation = (0, 90) * (FRAMES // 2)
    paths = [humming_path(rotation, along=k) for k in (0, 1)]
    fast = np.where(np.arange(FRAMES) % 2 == 0, 1, 0)
    offsets = np.stack([paths[k].row_offsets[i] for i, k in enumerate(fast)])
    mixed = replace(paths[0], row_offsets=offsets)
    signal = signal_with(mixed)
    found = signal.smartalign.instability(along="scan").spectrum
    assert found.rms()[0] < 0.1 * found.rms()[1]
    (tone,) = (tone for tone in found.tones if tone.mains is not None)
    assert tone.component == "fast"
    image = signal.smartalign.instability().spectrum
    assert {tone.component for tone in image.tones if tone.mains is not None} == {"y", "x"}


def test_as_a_signal(signal, tmp_path) -> None:
    found = signal.smartalign.instability(noise="errors", confidence=0.9)
    spectra = found.to_signal()
    assert spectra.axes_manager.signal_shape == (49,)
    assert spectra.axes_manager.navigation_axes[0].name == "component"
    frequency = spectra.axes_manager.signal_axes[0]
    assert (frequency.name, frequency.units) == ("frequency", "Hz")
    np.testing.assert_allclose(frequency.axis, found.spectrum.frequencies)
    np.testing.assert_array_equal(spectra.data, found.spectrum.density)
    assert spectra.metadata.Signal.quantity == "Power spectral density (nm^2/Hz)"
    assert spectra.metadata.General.title == "gold (instability)"
    spectra.save(tmp_path / "spectra.hspy")
    facts = hs.load(tmp_path / "spectra.hspy").metadata.Instability
    assert facts.line_time == pytest.approx(1e-3)
    assert list(facts.components) == ["y", "x"]
    np.testing.assert_array_equal(facts.noise_floor, found.spectrum.noise)
    tone = facts.tones[0]
    tone = tone.as_dictionary() if hasattr(tone, "as_dictionary") else tone
    assert tone["mains"] == "120 Hz"


def test_plot(signal) -> None:
    matplotlib.use("Agg")
    axes = signal.smartalign.instability().plot(scale="linear")
    axes[0].figure.canvas.draw()
    assert axes[1].get_ylabel() == "along x (pm²/Hz)"
    plt.close(axes[0].figure)


def test_line_time(path) -> None:
    unknown = signal_with(path, scan=ScanGeometry())
    with pytest.raises(ValueError, match=r"prepare\(line_time="):
        unknown.smartalign.instability()
    found = unknown.smartalign.instability(line_time=2e-3).spectrum
    assert found.nyquist == pytest.approx(250)
    assert found.tones[0].frequency == pytest.approx(HUM / 2, abs=found.resolution / 2)


def test_excluded_frames_and_frames_without_lines_take_no_part(signal) -> None:
    alignment = recording.alignment_of(signal)
    changed = replace(
        alignment,
        transforms=(Translation((0, 0)), *alignment.transforms[1:]),
        excluded=np.arange(FRAMES) == 3,
    )
    other = signal.deepcopy()
    recording.write_alignment(other, changed)
    assert other.smartalign.instability().spectrum.frames == FRAMES - 2


def test_what_has_no_lines_is_refused(signal) -> None:
    with pytest.raises(NoAlignmentError):
        hs.signals.Signal2D(np.zeros((3, 16, 16))).smartalign.instability()
    rigid = hs.signals.Signal2D(np.zeros((3, 32, 32)))
    recording.write_alignment(
        rigid,
        Alignment.from_shifts(
            np.zeros((3, 2)), frame_shape=(32, 32), scan=ScanGeometry(line_time=1e-3)
        ),
    )
    with pytest.raises(ValueError, match="align_nonrigid"):
        rigid.smartalign.instability()
    without = signal.deepcopy()
    recording.write_alignment(without, replace(recording.alignment_of(signal), precision=None))
    with pytest.raises(ValueError, match="noise='plateau'"):
        without.smartalign.instability(noise="errors")
