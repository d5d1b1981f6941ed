"""Work into a file that is broken off, by force or by the user, and gone on with."""

from __future__ import annotations

import importlib.util
import os
import signal as signals
import subprocess
import sys
import time
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals.spectra import checkpoints
from hyperspy_smartalign.signals.spectra.checkpoints import working_folder

SCRIPT = Path(__file__).with_name("slow_series.py")
_SPEC = importlib.util.spec_from_file_location("slow_series", SCRIPT)
slow = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(slow)
OUTPUTS = ["sum", "series"]


@pytest.fixture(autouse=True)
def _keep_every_state(monkeypatch):
    monkeypatch.setattr(checkpoints, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", 1.0)


def frames_read(folder):
    path = folder / "read.txt"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def undisturbed(output):
    return hs.signals.Signal1D(slow.values()).apply_alignment(slow.SHIFTS, output=output).data


def broken_off(folder, output, after=3, error=RuntimeError, **keywords):
    """Work that fails when frame `after` is read."""
    with pytest.MonkeyPatch.context() as patch:
        sleep = time.sleep

        def failing(seconds):
            if frames_read(folder)[-1:] == [after]:
                raise error("the disk is gone")
            sleep(seconds)

        patch.setattr(slow.time, "sleep", failing)
        with pytest.raises(error):
            slow.work(folder, output, 0.0, **keywords)
    assert not (folder / "result.hspy").exists()
    assert working_folder(folder / "result.hspy").is_dir()
    (folder / "read.txt").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("output", OUTPUTS)
def test_killed_and_gone_on_with(tmp_path, output):
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(tmp_path), output, "0.4"])
    path = tmp_path / "result.hspy"
    try:
        deadline = time.monotonic() + 120
        while len(frames_read(tmp_path)) < 4:
            assert process.poll() is None
            assert not path.exists()
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signals.SIGKILL)
        process.wait()
    assert not path.exists()
    before = frames_read(tmp_path)
    (tmp_path / "read.txt").unlink()
    result = slow.work(tmp_path, output, 0.0, resume=True)
    # At most the frame in work, and the state of the one before, were lost.
    after = frames_read(tmp_path)
    assert after == list(range(after[0], 6))
    assert before[-2] <= after[0] <= before[-1]
    np.testing.assert_array_equal(np.asarray(result.data), undisturbed(output))
    again = hs.load(path)
    np.testing.assert_array_equal(again.data, undisturbed(output))
    assert not working_folder(path).exists() or not any(
        entry.name == "state.json" for entry in working_folder(path).iterdir()
    )


@pytest.mark.parametrize("output", OUTPUTS)
def test_failed_and_gone_on_with(tmp_path, output):
    broken_off(tmp_path, output)
    result = slow.work(tmp_path, output, 0.0, resume=True)
    assert frames_read(tmp_path) == [3, 4, 5]
    np.testing.assert_array_equal(np.asarray(result.data), undisturbed(output))


@pytest.mark.parametrize("variance", ["poisson", "spread"])
def test_the_variance_goes_on_too(tmp_path, variance):
    broken_off(tmp_path, "average", variance=variance)
    result = slow.work(tmp_path, "average", 0.0, resume=True, variance=variance)
    assert frames_read(tmp_path) == [3, 4, 5]
    whole = hs.signals.Signal1D(slow.values()).apply_alignment(
        slow.SHIFTS, output="average", variance=variance
    )
    np.testing.assert_array_equal(result.data, whole.data)
    np.testing.assert_array_equal(
        result.metadata.Signal.Noise_properties.variance.data,
        whole.metadata.Signal.Noise_properties.variance.data,
    )


@pytest.mark.parametrize("output", OUTPUTS)
def test_interrupted_by_the_user(tmp_path, output, monkeypatch):
    """Ctrl-C while a frame is added waits until the frame is whole."""
    from hyperspy_smartalign.resampling import pixel_map
    from hyperspy_smartalign.signals.spectra import partial_sums

    calls = []

    def interrupting(*arguments, **keywords):
        calls.append(arguments)
        if len(calls) == 3:
            signals.raise_signal(signals.SIGINT)
        return pixel_map(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(partial_sums, "pixel_map", interrupting)
        with pytest.raises(KeyboardInterrupt):
            slow.work(tmp_path, output, 0.0)
    assert not (tmp_path / "result.hspy").exists()
    (tmp_path / "read.txt").unlink()
    result = slow.work(tmp_path, output, 0.0, resume=True)
    assert frames_read(tmp_path) == ([3, 4, 5] if output == "sum" else [2, 3, 4, 5])
    np.testing.assert_array_equal(np.asarray(result.data), undisturbed(output))


def test_resume_without_earlier_work_starts(tmp_path):
    result = slow.work(tmp_path, "sum", 0.0, resume=True)
    assert frames_read(tmp_path) == list(range(6))
    np.testing.assert_array_equal(np.asarray(result.data), undisturbed("sum"))


def test_without_resume_the_work_starts_anew(tmp_path):
    broken_off(tmp_path, "sum")
    slow.work(tmp_path, "sum", 0.0)
    assert frames_read(tmp_path) == list(range(6))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"interpolation": "linear"}, r"interpolation.*'spline' then, 'linear' now"),
        ({"binning": 2}, "binning"),
        ({"fill": "zero"}, "fill"),
    ],
)
def test_other_parameters_are_refused(tmp_path, changed, said):
    broken_off(tmp_path, "sum")
    with pytest.raises(ValueError, match=rf"(?s){said}.*leave resume out to start anew"):
        slow.work(tmp_path, "sum", 0.0, resume=True, **changed)
    # What was kept is still there.
    slow.work(tmp_path, "sum", 0.0, resume=True)
    assert frames_read(tmp_path) == [3, 4, 5]


def test_other_shifts_are_refused(tmp_path, monkeypatch):
    broken_off(tmp_path, "sum")
    monkeypatch.setattr(slow, "SHIFTS", slow.SHIFTS + 0.01)
    with pytest.raises(ValueError, match=r"was made otherwise \(.*alignment"):
        slow.work(tmp_path, "sum", 0.0, resume=True)


def test_a_damaged_state_is_warned_of(tmp_path):
    broken_off(tmp_path, "sum")
    state = working_folder(tmp_path / "result.hspy") / "state.json"
    state.write_text(state.read_text()[:40])
    signal = slow.slow_series(tmp_path, 0.0)
    with pytest.warns(SeriesWarning, match="cannot be read.*starts anew") as caught:
        result = signal.apply_alignment(slow.SHIFTS, file=tmp_path / "result.hspy", resume=True)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(np.asarray(result.data), undisturbed("sum"))


def test_a_series_in_memory(tmp_path, monkeypatch):
    """Also there; and another series is refused, as its first frame says."""
    from hyperspy_smartalign.signals.spectra import summing

    signal = hs.signals.Signal1D(slow.values())
    add, calls = summing.add_frames, []

    def failing(*arguments, **keywords):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("no memory")
        add(*arguments, **keywords)

    path = tmp_path / "result.hspy"
    with monkeypatch.context() as patch:
        patch.setattr(summing, "add_frames", failing)
        with pytest.raises(RuntimeError):
            signal.apply_alignment(slow.SHIFTS, file=path)
    assert not path.exists()
    with pytest.raises(ValueError, match="was made otherwise"):
        (signal + 1).apply_alignment(slow.SHIFTS, file=path, resume=True)
    result = signal.apply_alignment(slow.SHIFTS, file=path, resume=True)
    np.testing.assert_array_equal(result.data, undisturbed("sum"))


def test_resume_needs_a_file():
    with pytest.raises(ParameterError, match=r"resume=True.*file="):
        hs.signals.Signal1D(slow.values()).apply_alignment(slow.SHIFTS, resume=True)
