"""Small series, and what the faults of these tests have in common."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series


@pytest.fixture(autouse=True)
def _no_progress_bars() -> Iterator[None]:
    before = hs.preferences.General.show_progressbar
    hs.preferences.General.show_progressbar = False
    yield
    hs.preferences.General.show_progressbar = before


@pytest.fixture(scope="session")
def series() -> Any:
    """Six frames of a crystal whose line time is known; nobody changes them."""
    simulated = simulate_series(shape=(64, 72), frames=6, dose=200, drift=(1.0, -0.7), seed=1)
    return simulated.series.smartalign.prepare(line_time=1e-4)


@pytest.fixture(scope="session")
def rigid(series: Any) -> Any:
    """Its rigid alignment."""
    return series.align_rigid(show_progressbar=False)


@pytest.fixture(scope="session")
def nonrigid(series: Any) -> Any:
    """Its non-rigid alignment, with offsets of scan lines and cycles that were kept."""
    return series.align_nonrigid(
        affine_cycles=1, nonlinear_cycles=1, guard=False, show_progressbar=False
    )


@pytest.fixture(scope="session")
def tiles(rigid: Any) -> Any:
    """The unit cells of the aligned series."""
    return rigid.template_match("unit cell", refine=1, show_progressbar=False)


@pytest.fixture
def within() -> Callable[[float], contextlib.AbstractContextManager[None]]:
    """Fail what takes longer than so many seconds."""

    @contextlib.contextmanager
    def limited(seconds: float) -> Iterator[None]:
        def late(*_: object) -> None:
            pytest.fail(f"took more than {seconds} s")

        before = signal.signal(signal.SIGALRM, late)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    return limited


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes | None]]:
    """From a folder to its files, hidden ones too, and what is in them; folders are None."""

    def read(folder: Path) -> dict[str, bytes | None]:
        return {
            str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))
        }

    return read


@pytest.fixture
def state_of() -> Callable[[Any], dict[str, Any]]:
    """From a signal to a copy of all that a verb must leave alone."""

    def copy(signal_: Any) -> dict[str, Any]:
        return {
            "data": np.array(signal_.data),
            "metadata": repr(signal_.metadata.as_dictionary()),
            "original": repr(signal_.original_metadata.as_dictionary()),
            "axes": repr(signal_.axes_manager.as_dictionary()),
        }

    return copy
