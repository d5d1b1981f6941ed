"""Work goes on where it was broken off, and ends as if it had not been."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals.spectra import checkpoints, states
from hyperspy_smartalign.signals.spectra.checkpoints import Checkpoint
from hyperspy_smartalign.signals.spectra.locking import FolderInUseError
from hyperspy_smartalign.signals.spectra.storing import SeriesStore

SHAPE = (5, 4, 30)
STEPS = 12
PARTS: dict[str, Any] = {"shifts": np.arange(STEPS), "fill": "nan"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the result goes."""
    return tmp_path / "sum.npy"


@pytest.fixture
def folder(path: Path) -> Path:
    """Where the state is kept."""
    return path.with_name(".sum.npy.smartalign")


def frame(number: int) -> np.ndarray:
    return np.random.default_rng(number).random(SHAPE, dtype=np.float32)


def sum_frames(
    path: Path,
    *,
    resume: bool = False,
    parts: dict[str, Any] = PARTS,
    force: bool = True,
    before_step: Callable[[int], None] = lambda number: None,
    within_step: Callable[[int], None] = lambda number: None,
) -> int:
    """Sum the frames into a file; gives the number of steps that were done before."""
    with Checkpoint.open(path, parts, resume=resume) as checkpoint:
        done, arrays = checkpoint.start()
        total = arrays.get("total", np.zeros(SHAPE, np.float32))
        coverage = arrays.get("coverage", np.zeros(SHAPE[:2]))
        state = {"total": total, "coverage": coverage}
        for number in range(done, STEPS):
            before_step(number)
            with checkpoint.step(number + 1, lambda: state):
                np.add(total, frame(number), out=total)
                within_step(number)
                np.add(coverage, 1, out=coverage)
            if force:
                checkpoint.keep(number + 1, state, force=True)
        checkpoint.publish(lambda target: np.save(target, total))
        assert coverage.min() == coverage.max() == STEPS
    return done


def result(folder: Path) -> np.ndarray:
    whole = folder / "whole.npy"
    sum_frames(whole)
    return np.load(whole)


def stop_at(number: int, error: BaseException) -> Callable[[int], None]:
    def stop(present: int) -> None:
        if present == number:
            raise error

    return stop


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def interrupted(path: Path, **keywords: Any) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        sum_frames(path, before_step=stop_at(7, RuntimeError("stop")), **keywords)


class TestGoingOn:
    def test_nothing_is_left_when_all_is_done(self, path: Path) -> None:
        assert sum_frames(path) == 0
        assert names(path.parent) == ["sum.npy"]

    @pytest.mark.parametrize("force", [True, False])
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
    def test_after_a_failure_between_steps(
        self, path: Path, folder: Path, error: type[BaseException], force: bool
    ) -> None:
        with pytest.raises(error):
            sum_frames(path, before_step=stop_at(7, error()), force=force)
        assert not path.exists()
        assert "lock" not in names(folder)
        assert sum_frames(path, resume=True) == 7
        np.testing.assert_array_equal(np.load(path), result(path.parent))
        assert names(path.parent) == ["sum.npy", "whole.npy"]

    def test_after_a_failure_within_a_step(self, path: Path) -> None:
        with pytest.raises(RuntimeError):
            sum_frames(path, within_step=stop_at(7, RuntimeError()))
        assert sum_frames(path, resume=True) == 7
        np.testing.assert_array_equal(np.load(path), result(path.parent))

    def test_a_broken_step_is_not_kept(self, path: Path) -> None:
        with pytest.raises(RuntimeError):
            sum_frames(path, within_step=stop_at(7, RuntimeError()), force=False)
        # No state was written before, and the one in memory was half a step.
        assert names(path.parent) == []
        assert sum_frames(path, resume=True) == 0

    def test_ctrl_c_waits_for_the_end_of_a_step(self, path: Path) -> None:
        def press(number: int) -> None:
            if number == 7:
                signal.raise_signal(signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            sum_frames(path, within_step=press, force=False)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert sum_frames(path, resume=True) == 8
        np.testing.assert_array_equal(np.load(path), result(path.parent))

    def test_a_second_ctrl_c_does_not_wait(self, path: Path) -> None:
        def press(number: int) -> None:
            if number == 7:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
                pytest.fail("the second one must end the step")

        with pytest.raises(KeyboardInterrupt):
            sum_frames(path, within_step=press, force=False)
        assert names(path.parent) == []

    @pytest.mark.parametrize("place", ["_synced", "_sync_folder", "_remove_arrays"])
    def test_ctrl_c_while_a_state_is_written(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, place: str
    ) -> None:
        usual = getattr(states, place)
        calls = []

        def press(*arguments: Any) -> Any:
            calls.append(arguments)
            if len(calls) == 7:
                raise KeyboardInterrupt
            return usual(*arguments)

        monkeypatch.setattr(states, place, press)
        with pytest.raises(KeyboardInterrupt):
            sum_frames(path)
        assert len(calls) > 6
        # Three files a state: the seventh is the first of the third state.
        assert sum_frames(path, resume=True) == (3 if place == "_synced" else 7)
        np.testing.assert_array_equal(np.load(path), result(path.parent))

    @pytest.mark.slow
    @pytest.mark.parametrize("where", ["step", "array", "json", "rename"])
    def test_after_a_kill(self, path: Path, folder: Path, where: str) -> None:
        """SIGKILL in a step, and in the middle of writing a state."""
        process = subprocess.run(
            [sys.executable, "-c", KILLED, __file__, str(path), where], timeout=60, check=False
        )
        assert process.returncode == -signal.SIGKILL
        assert not path.exists()
        assert (folder / "lock").exists()
        # In a step, its number; while writing, the state before.
        assert sum_frames(path, resume=True) == {"step": 7, "rename": 7}.get(where, 6)
        np.testing.assert_array_equal(np.load(path), result(path.parent))
        assert names(path.parent) == ["sum.npy", "whole.npy"]


KILLED = """
import importlib.util, json, os, signal, sys
import numpy as np
spec = importlib.util.spec_from_file_location("work", sys.argv[1])
work = importlib.util.module_from_spec(spec)
spec.loader.exec_module(work)
from hyperspy_smartalign.signals.spectra import checkpoints, states
where, written = sys.argv[3], 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def killing(function, place):
    def call(*arguments, **keywords):
        # With the seventh state: two arrays a state.
        global written
        written += 1
        if where == place and written == (14 if place == "array" else 7):
            if place == "array":
                arguments[0].write(b"half")
            die()
        return function(*arguments, **keywords)
    return call

if where == "array":
    np.lib.format.write_array = killing(np.lib.format.write_array, "array")
if where == "json":
    states.os.replace = killing(os.replace, "json")
if where == "rename":
    states._sync_folder = killing(states._sync_folder, "rename")
work.sum_frames(
    work.Path(sys.argv[2]),
    within_step=lambda number: die() if where == "step" and number == 7 else None,
)
"""


class TestStates:
    def test_nothing_to_go_on_with(self, path: Path) -> None:
        assert sum_frames(path, resume=True) == 0
        assert path.exists()

    def test_other_work_is_refused(self, path: Path, folder: Path) -> None:
        interrupted(path)
        before = names(folder)
        with pytest.raises(ValueError, match=r"fill: 'nan' then, 'zero' now.*leave resume out"):
            sum_frames(path, resume=True, parts={**PARTS, "fill": "zero"})
        with pytest.raises(ValueError, match=r"shifts\.sha256"):
            sum_frames(path, resume=True, parts={**PARTS, "shifts": np.arange(STEPS) + 1})
        assert names(folder) == before
        assert sum_frames(path, resume=True) == 7

    def test_another_version_is_refused(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        interrupted(path)
        monkeypatch.setattr(states, "SCHEMA", 99)
        monkeypatch.setattr(states, "version", lambda package: f"{package} 99")
        said = r"schema: 1 then, 99 now; version: .* then, 'hyperspy_smartalign 99' now"
        with pytest.raises(ValueError, match=said):
            sum_frames(path, resume=True)

    def test_it_starts_anew_unasked(self, path: Path) -> None:
        interrupted(path)
        assert sum_frames(path) == 0
        assert names(path.parent) == ["sum.npy"]

    def test_an_old_state_stays_until_there_is_a_new_one(self, path: Path) -> None:
        interrupted(path)
        with pytest.raises(RuntimeError):
            sum_frames(path, before_step=stop_at(0, RuntimeError()))
        assert sum_frames(path, resume=True) == 7

    @pytest.mark.parametrize("damage", ["json", "keys", "array", "empty", "no array"])
    def test_a_damaged_state_is_said(self, path: Path, folder: Path, damage: str) -> None:
        interrupted(path)
        (array,) = folder.glob("total.*.npy")
        state = folder / "state.json"
        if damage == "json":
            state.write_text(state.read_text()[:-20])
        elif damage == "keys":
            state.write_text(json.dumps({"done": 7}))
        elif damage == "array":
            os.truncate(array, array.stat().st_size - 1)
        elif damage == "empty":
            os.truncate(array, 0)
        else:
            array.unlink()
        with pytest.warns(SeriesWarning, match="cannot be read.*starts anew") as caught:
            assert sum_frames(path, resume=True) == 0
        assert caught[0].filename == __file__
        np.testing.assert_array_equal(np.load(path), result(path.parent))

    def test_two_at_once_are_refused(self, path: Path) -> None:
        with Checkpoint.open(path, PARTS), pytest.raises(FolderInUseError, match="is working on"):
            sum_frames(path, resume=True)
        assert sum_frames(path) == 0

    def test_writing_takes_a_tenth_of_the_time(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = [0.0]
        writes = []

        def write(self: Checkpoint, done: int, arrays: Any) -> None:
            writes.append(now[0])
            now[0] += 2.0

        monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(Checkpoint, "_write", write)
        with Checkpoint.open(path, PARTS) as checkpoint:
            for number in range(300):
                now[0] += 0.5
                checkpoint.keep(number, {"total": np.zeros(3)})
        # The first soon, as it is small; then, as each took 2 s, 18 s apart.
        assert writes[0] == 3.0
        np.testing.assert_array_equal(np.diff(writes), 20.0)

    def test_big_endian_and_strided_arrays(self, path: Path) -> None:
        arrays = {
            "a": np.arange(24, dtype=">f8").reshape(4, 6)[:, ::2],
            "b": np.asfortranarray(np.arange(6, dtype=np.uint16).reshape(2, 3)),
        }

        def stop() -> None:
            with Checkpoint.open(path, PARTS) as checkpoint:
                assert checkpoint.keep(3, arrays, force=True)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            stop()
        with Checkpoint.open(path, PARTS, resume=True) as checkpoint:
            done, found = checkpoint.start()
            assert done == 3
            for name, array in arrays.items():
                np.testing.assert_array_equal(found[name], array)
                assert found[name].dtype == array.dtype
                assert found[name].flags.writeable


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class TestFullDisks:
    def test_the_state_before_stays(
        self, path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fill_up(number: int) -> None:
            if number == 7:
                monkeypatch.setattr(np.lib.format, "write_array", full)

        with pytest.raises(OSError, match=r"cannot be kept in '.*smartalign': No space") as caught:
            sum_frames(path, before_step=fill_up)
        assert caught.value.errno == errno.ENOSPC
        monkeypatch.undo()
        assert len(names(folder)) == 3  # the state and its two arrays
        assert sum_frames(path, resume=True) == 7
        np.testing.assert_array_equal(np.load(path), result(path.parent))

    def test_a_state_that_cannot_be_kept_hides_no_failure(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(np.lib.format, "write_array", full)
        with pytest.raises(RuntimeError, match="stop") as caught:
            sum_frames(path, before_step=stop_at(7, RuntimeError("stop")), force=False)
        (note,) = caught.value.__notes__
        assert "No space left" in note
        assert names(path.parent) == []

    def test_a_result_that_cannot_be_written_leaves_the_state(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(np, "save", full)
        with pytest.raises(OSError, match="No space"):
            sum_frames(path)
        assert not path.exists()
        monkeypatch.undo()
        assert sum_frames(path, resume=True) == STEPS

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="mkdir -p"):
            sum_frames(tmp_path / "nowhere" / "sum.npy")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_is_read_only(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(PermissionError, match="nothing can be written into"):
                sum_frames(tmp_path / "sum.npy")
        finally:
            tmp_path.chmod(0o700)

    def test_a_result_that_appeared_meanwhile(self, path: Path) -> None:
        with pytest.raises(FileExistsError, match="overwrite=True"):
            sum_frames(path, before_step=lambda number: path.write_text("another's"))
        assert path.read_text() == "another's"


def align(path: Path, *, resume: bool = False, stop: int | None = None) -> int:
    """Write frames to a store, then the series to a file; gives what was there before."""
    with Checkpoint.open(path, PARTS, resume=resume) as checkpoint:
        store = SeriesStore(checkpoint, STEPS, frame_shape=SHAPE, dtype=">f4")
        before = len(store.finished)
        for number in range(STEPS):
            if number in store.finished:
                continue
            if number == stop:
                raise KeyboardInterrupt
            store.write(number, frame(number))
        series = store.as_dask((3, 4))
        assert series.chunks[:2] == ((1, 1, 1), (1, 1, 1, 1))
        checkpoint.publish(lambda target: np.save(target, series.compute()))
    return before


class TestSeries:
    def test_frames_come_back(self, path: Path) -> None:
        assert align(path) == 0
        expected = np.stack([frame(number) for number in range(STEPS)])
        np.testing.assert_array_equal(np.load(path), expected.reshape(3, 4, *SHAPE))
        assert names(path.parent) == ["sum.npy"]

    def test_it_goes_on(self, path: Path, folder: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            align(path, stop=5)
        on_disk = np.memmap(folder / "series.npy", np.uint8, mode="r")
        assert on_disk[:6].tobytes() == b"\x93NUMPY"
        assert align(path, resume=True) == 5
        expected = np.stack([frame(number) for number in range(STEPS)])
        np.testing.assert_array_equal(np.load(path), expected.reshape(3, 4, *SHAPE))

    def test_a_series_that_is_cut_short_is_said(self, path: Path, folder: Path) -> None:
        with pytest.raises(KeyboardInterrupt):
            align(path, stop=5)
        os.truncate(folder / "series.npy", 1000)
        with pytest.warns(SeriesWarning, match="cut short"):
            assert align(path, resume=True) == 0

    def test_misuse_is_refused(self, path: Path) -> None:
        with Checkpoint.open(path, PARTS) as checkpoint:
            store = SeriesStore(checkpoint, 2, frame_shape=(3, 4), dtype=np.uint16)
            with pytest.raises(ValueError, match=r"has the shape \(4, 3\)"):
                store.write(0, np.zeros((4, 3)))
            store.write(1, np.ones((3, 4)))
            with pytest.raises(ValueError, match=r"frames \[0\] were not written"):
                store.as_dask()

    def test_no_room(self, path: Path) -> None:
        with (
            Checkpoint.open(path, PARTS) as checkpoint,
            pytest.raises(OSError, match=r"needs 1e.*GB.*signal_range") as caught,
        ):
            SeriesStore(checkpoint, 10**9, frame_shape=(10**4, 10**4, 10), dtype=np.uint8)
        assert caught.value.errno == errno.ENOSPC
        assert names(path.parent) == []
