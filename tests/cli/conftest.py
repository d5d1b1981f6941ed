"""Running the command line inside a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import CliRunner, Result

from hyperspy_smartalign.cli import smartalign
from hyperspy_smartalign.data import SimulatedSeries, simulate_series

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run ``smartalign ...`` and give exit code, stdout and stderr."""

    def invoke(*arguments: Any) -> Result:
        texts = [str(argument) for argument in arguments]
        return CliRunner().invoke(smartalign, texts, catch_exceptions=False)

    return invoke


@pytest.fixture(scope="session")
def simulated() -> SimulatedSeries:
    """Eight frames on two detectors, of which a registration cannot be wrong."""
    return simulate_series(
        shape=(80, 96), frames=8, dose=200, drift=(1.5, -1.0), second_detector=True, seed=1
    )


@pytest.fixture(scope="session")
def saved(simulated: SimulatedSeries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with series.hspy and second.hspy."""
    folder = tmp_path_factory.mktemp("saved")
    simulated.series.save(folder / "series.hspy")
    simulated.second.save(folder / "second.hspy")
    return folder


@pytest.fixture(scope="session")
def aligned(saved: Path) -> Path:
    """What ``smartalign rigid`` makes of series.hspy; tests leave it as it is."""
    path = saved / "aligned.hspy"
    result = CliRunner().invoke(
        smartalign, ["rigid", str(saved / "series.hspy"), "-o", str(path)], catch_exceptions=False
    )
    assert result.exit_code == 0, result.stderr
    return path


@pytest.fixture(scope="session")
def single_frames(simulated: SimulatedSeries, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with 12 files of one frame each, Name_1 to Name_12; mean grey level = number."""
    folder = tmp_path_factory.mktemp("frames")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48]
    image = np.exp(-((y - 20) ** 2 + (x - 30) ** 2) / 50) + np.exp(-((y - 35) ** 2 + x**2) / 90)
    for number in range(1, 13):
        data = number + image - image.mean() + 0.01 * rng.standard_normal(image.shape)
        hs.signals.Signal2D(data.astype(np.float32)).save(folder / f"Name_{number}.hspy")
    return folder
