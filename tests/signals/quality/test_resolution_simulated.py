"""The resolution that quality tells against that of the average, which the truth tells."""

from __future__ import annotations

import numpy as np
import pytest

import hyperspy_smartalign  # noqa: F401 - adds the verbs to signals
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.data.recipes import tilt_boundary_recipe
from hyperspy_smartalign.quality.ring_correlation import RingCorrelation, ring_correlation
from hyperspy_smartalign.signals.quality.gathering import gather

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
SHAPE = (128, 128)


def ratios(crystal, dose: float, jitter: float, seed: int) -> list[float]:
    """Resolution of the halves over that of the average against the truth, a stage each."""
    simulated = simulate_series(
        shape=SHAPE, frames=10, crystal=crystal, dose=dose, row_jitter=jitter, seed=seed
    )
    align = simulated.series.align_nonrigid if jitter else simulated.series.align_rigid
    evidence, _ = gather(align(show_progressbar=False))
    found = []
    for name, stage in evidence.stages.items():
        if name == "raw":
            continue
        offset = (evidence.alignment.shifts - simulated.truth.shifts).mean(axis=0)
        origin = np.array(evidence.canvas.origin) + offset
        truth = simulated.truth.image(stage.average.shape, origin=tuple(origin))
        halves = ring_correlation(*stage.halves, frames=10)
        # A correlation c of the average with the truth stands for c^2 / (2 - c^2) of the halves.
        square = np.clip(ring_correlation(stage.average, truth).correlation, 0, 1) ** 2
        known = RingCorrelation(halves.frequency, square / (2 - square), halves.independent)
        found.append(halves.resolution() / known.resolution())
    return found


@pytest.mark.slow
def test_resolution_is_that_against_the_truth() -> None:
    tilted = tilt_boundary_recipe(1.0, frames=2, shape=SHAPE).truth.crystal
    found = [
        ratio
        for crystal in ("perovskite", tilted)
        for dose in (1.0, 5.0, 100.0)
        for jitter in (0.0, 0.4)
        for ratio in ratios(crystal, dose, jitter, seed=1)
    ]
    known = np.array(found)[np.isfinite(found)]
    assert len(known) >= 0.9 * len(found)
    assert np.median(known) == pytest.approx(1.0, abs=0.04)
    # The others have a spot that lies just at the limit.
    assert np.mean(np.abs(known - 1) < 0.1) > 0.75
