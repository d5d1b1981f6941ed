"""Settings of their own, closed figures, and small series for the tests of the dialogues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from hyperspy_smartalign.data import simulate_series


@pytest.fixture(autouse=True)
def settings_path(tmp_path_factory, monkeypatch) -> Path:
    """Where the last used settings of this test are; none are there yet."""
    path: Path = tmp_path_factory.mktemp("settings") / "settings.json"
    monkeypatch.setenv("HYPERSPY_SMARTALIGN_SETTINGS", str(path))
    return path


@pytest.fixture(autouse=True)
def _quiet_plots(request) -> Iterator[None]:
    """No windows but in the tests that ask for them, no progress bars, and no figures left."""
    if request.node.get_closest_marker("window") is None:
        mpl.use("Agg", force=True)
    before = hs.preferences.General.show_progressbar
    hs.preferences.General.show_progressbar = False
    yield
    hs.preferences.General.show_progressbar = before
    plt.close("all")


@pytest.fixture(scope="session")
def simulated() -> Any:
    """Six frames of a crystal that drifts; nobody may change them."""
    return simulate_series(
        shape=(48, 56), frames=6, dose=2e4, drift=(0.4, -0.6), seed=1, second_detector=True
    )


@pytest.fixture(params=["eager", "lazy"])
def series(request, simulated) -> Any:
    """The series, (frame | x, y), with its data in memory or in dask; one of its own a test."""
    signal = simulated.series.deepcopy()
    return signal.as_lazy() if request.param == "lazy" else signal


@pytest.fixture
def eager_series(simulated) -> Any:
    """The series with its data in memory."""
    return simulated.series.deepcopy()
