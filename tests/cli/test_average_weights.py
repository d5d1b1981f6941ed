"""Weights of the average that align commands write."""

from __future__ import annotations

from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import Damage, simulate_series


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a series that fades."""
    path = tmp_path_factory.mktemp("damaged") / "series.hspy"
    simulate_series(shape=(64, 64), frames=8, dose=100, damage=Damage(blur=1.0)).series.save(path)
    return path


# The finest of the lattice has faded in some frames.
@pytest.mark.filterwarnings("ignore:the shift of frame:UserWarning")
@pytest.mark.parametrize("weights", ["quality", "damage"])
def test_weights_are_those_of_the_verb(run, damaged, tmp_path, weights) -> None:
    out, average = tmp_path / "o.hspy", tmp_path / "a.hspy"
    result = run(
        *("rigid", "-q", damaged, "-o", out, "--average", average),
        *("--average-weights", weights),
    )
    assert result.exit_code == 0, result.stderr
    written = hs.load(average)
    series = hs.load(damaged).align_rigid(show_progressbar=False)
    np.testing.assert_allclose(
        written.data, series.smartalign.average(weights=weights).data, rtol=1e-4
    )
    plain = series.smartalign.average().data
    assert np.abs(written.data - plain).max() > 1e-3 * np.ptp(plain)
    assert written.metadata.Smart_align.steps[-1]["parameters"]["weights"] == weights


def test_weights_of_no_average_are_refused(run, damaged, tmp_path) -> None:
    start = ("rigid", damaged, "-o", tmp_path / "o.hspy", "--average-weights", "damage")
    result = run(*start)
    assert result.exit_code == 2
    assert "--average FILE" in result.stderr
    result = run(*start, "--average", tmp_path / "a.tif", "--output", "sum")
    assert result.exit_code == 2
    assert "--output sum" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())
