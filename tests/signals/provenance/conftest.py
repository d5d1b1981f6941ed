"""Raw series on disk, of two detectors and of spectra."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.signals.provenance.calls import Working
from hyperspy_smartalign.signals.provenance.rerunning import Rerun, made_again

Repeat = Callable[..., Rerun]


@pytest.fixture(scope="session")
def raw_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with raw.hspy and second.hspy (5 frames), spectra.hspy, and a folder of frames."""
    folder = tmp_path_factory.mktemp("raw")
    simulated = simulate_series(
        shape=(64, 72), frames=5, dose=200, drift=(1.5, -1.0), second_detector=True, seed=1
    )
    simulated.series.save(folder / "raw.hspy")
    simulated.second.save(folder / "second.hspy")
    (folder / "frames").mkdir()
    for number in range(5):
        simulated.series.inav[number].save(folder / "frames" / f"Name_{number + 8}.hspy")
    weights = np.arange(1, 5)
    spectra = hs.signals.Signal1D(
        np.rint(simulated.series.data[..., None] * weights).astype(np.uint16)
    )
    for axis, name in zip(spectra.axes_manager._axes, ("frame", "y", "x", "Energy"), strict=True):
        axis.name = name
    spectra.save(folder / "spectra.hspy")
    return folder


@pytest.fixture
def folder(raw_files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of these files, which is the working folder."""
    copy = tmp_path / "session"
    shutil.copytree(raw_files, copy)
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture
def repeat() -> Repeat:
    """Repeat the work that made a file or signal, and compare."""

    def again(target: Any, source: Any = None) -> Rerun:
        return made_again(target, source, Working(False, 1))

    return again
