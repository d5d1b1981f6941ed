"""Ctrl-C at any moment: inputs as they were, files absent or whole, and the next call right."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import CliRunner

from hyperspy_smartalign.cli import smartalign
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals.progressing import observed_by
from hyperspy_smartalign.transforms import Alignment

VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "align_rigid": lambda series, rigid: series.align_rigid(refinements=1),
    "align_nonrigid": lambda series, rigid: series.align_nonrigid(
        affine_cycles=1, nonlinear_cycles=1
    ),
    "apply_alignment": lambda series, rigid: series.apply_alignment(rigid),
    "template_match": lambda series, rigid: rigid.template_match("unit cell", refine=1),
    "straighten_rows": lambda series, rigid: series.smartalign.straighten_rows(),
    "average": lambda series, rigid: rigid.smartalign.average(variance=True),
    "prepare": lambda series, rigid: series.smartalign.prepare(resample=2),
}


class Counting:
    """An observer that counts what it is told, and interrupts at one of these."""

    def __init__(self, at: int | None = None) -> None:
        self.count, self.at = 0, at

    def progressed(self, stage: str, done: int, total: int) -> None:
        self._told()

    def found(self, event: object) -> None:
        self._told()

    def warned(self, message: str) -> None:
        self._told()

    def _told(self) -> None:
        self.count += 1
        if self.count == self.at:
            raise KeyboardInterrupt


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Ctrl-C after a time, wherever Python is then."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def same(one: Any, other: Any) -> bool:
    return np.array_equal(np.asarray(one.data), np.asarray(other.data), equal_nan=True)


def workers() -> set[str]:
    """Threads that are not there for good, as those of pools are."""
    return {
        thread.name
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.main_thread() and "Pool" not in thread.name
    }


@pytest.mark.parametrize("verb", ["align_rigid", "align_nonrigid", "template_match"])
def test_what_an_observer_ends_leaves_everything_as_it_was(
    series: Any, rigid: Any, state_of: Any, verb: str
) -> None:
    call = VERBS[verb]
    counting = Counting()
    with observed_by(counting):
        whole = call(series, rigid)
    assert counting.count > 3
    before, threads = [state_of(series), state_of(rigid)], workers()
    ended = 0
    for at in sorted({1, 2, counting.count // 2, counting.count - 1}):
        # How often an observer is told depends on the time that the work takes.
        try:
            with observed_by(Counting(at)):
                assert same(call(series, rigid), whole)
        except KeyboardInterrupt:
            ended += 1
        for signal_, state in zip((series, rigid), before, strict=True):
            now = state_of(signal_)
            assert np.array_equal(now.pop("data"), state["data"])
            assert now == {key: value for key, value in state.items() if key != "data"}
        assert workers() <= threads
    assert ended >= 2
    assert same(call(series, rigid), whole)


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_ctrl_c_at_any_moment(series: Any, rigid: Any, state_of: Any, verb: str) -> None:
    call = VERBS[verb]
    call(series, rigid)
    begun = time.perf_counter()
    whole = call(series, rigid)
    took = time.perf_counter() - begun
    before = state_of(series), state_of(rigid)
    rng = np.random.default_rng(3)
    ended = 0
    for share in rng.uniform(0, 1, 12):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", SeriesWarning)
            warnings.filterwarnings("ignore", category=DeprecationWarning)
            try:
                with interrupted_after(max(share * took, 1e-4)):
                    call(series, rigid)
            except KeyboardInterrupt:
                ended += 1
        now = state_of(series), state_of(rigid)
        assert all(np.array_equal(a["data"], b["data"]) for a, b in zip(now, before, strict=True))
        for a, b in zip(now, before, strict=True):
            assert {**a, "data": 0} == {**b, "data": 0}
    assert ended > 2
    assert same(call(series, rigid), whole)


def test_a_cancelled_non_rigid_result_that_is_kept_is_valid(series: Any) -> None:
    counting = Counting()
    options = {"affine_cycles": 1, "nonlinear_cycles": 2, "keep_on_cancel": True}
    with observed_by(counting):
        series.align_nonrigid(**options)
    results = 0
    for at in range(2, counting.count, max(counting.count // 6, 1)):
        try:
            with observed_by(Counting(at)):
                kept = series.align_nonrigid(**options)
        except KeyboardInterrupt:
            continue
        results += 1
        assert kept.smartalign.nonrigid.cancelled
        assert kept.smartalign.alignment.n_frames == 6
        assert np.isfinite(kept.data).all()
        assert same(series.apply_alignment(kept.smartalign.alignment, crop=None), kept)
    assert results


COMMANDS = {
    "rigid": ("rigid", "series.hspy", "-o", "out/o.hspy", "--average", "out/a.tif"),
    "store": ("rigid", "series.hspy", "-o", "out/o.zspy", "--alignment", "out/a.npz"),
    "apply": ("apply", "a.npz", "series.hspy", "-o", "out/o.hspy"),
}


@pytest.mark.slow
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_on_the_command_line(
    series: Any, rigid: Any, tmp_path: Path, contents: Any, name: str, old: bool, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    series.save("series.hspy")
    rigid.smartalign.alignment.save("a.npz")
    arguments = [*COMMANDS[name], "--overwrite"]
    outputs = [Path(text) for text in arguments if text.startswith("out/")]
    Path("out").mkdir()
    begun = time.perf_counter()
    assert CliRunner().invoke(smartalign, arguments).exit_code == 0
    took = time.perf_counter() - begun
    whole = {path: _read(path) for path in outputs}
    if not old:
        _emptied(Path("out"))
    before = contents(tmp_path)
    rng = np.random.default_rng(4)
    for share in rng.uniform(0, 1, 10):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with interrupted_after(max(share * took, 1e-3)):
                    result = CliRunner().invoke(smartalign, arguments)
            except KeyboardInterrupt:  # outside the command: before or after its work
                result = None
        if result is not None and result.exit_code:
            assert result.exit_code == 1
            assert "Traceback" not in result.stderr
        now = contents(tmp_path)
        assert {path for path in now if path.startswith("out/.")} == set()
        assert now["series.hspy"] == before["series.hspy"]
        for path in outputs:
            if path.exists():
                assert _same(_read(path), whole[path])
            else:
                assert not old


def _emptied(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)
    folder.mkdir()


def _read(path: Path) -> Any:
    if path.suffix == ".npz":
        return Alignment.load(path).shifts
    return np.asarray(hs.load(path).data)


def _same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other, equal_nan=True)
