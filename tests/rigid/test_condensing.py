from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.data import render_image, simulate_stack
from hyperspy_smartalign.rigid.condensing import (
    SUBSETS,
    group_members,
    low_snr_shifts,
    spread_over_frames,
)


@given(st.integers(1, 60), st.integers(1, 70))
@settings(max_examples=40, deadline=None)
def test_every_frame_is_in_one_group(count, size):
    members = group_members(count, size)
    assert np.concatenate(members).tolist() == list(range(count))
    assert all(len(part) == size for part in members[:-1])
    assert 1 <= len(members[-1]) <= size


def test_a_linear_drift_is_carried_back_exactly():
    frames = np.arange(22)
    drift = np.stack([0.7 * frames - 3, -1.1 * frames + 2], axis=1)
    members = group_members(22, 4)
    centres = np.array([drift[part].mean(0) for part in members])
    np.testing.assert_allclose(spread_over_frames(centres, members, 22), drift, atol=1e-12)


def test_one_group_gives_one_shift():
    found = spread_over_frames(np.array([[2.0, -1.0]]), [np.arange(5)], 5)
    np.testing.assert_array_equal(found, np.tile([2.0, -1.0], (5, 1)))


def test_subsets_with_offsets_of_their_own(spectra_of, errors):
    """Every fourth frame comes with the same offset, as a scan turned by 90 degrees does."""
    offsets = np.array([(0.0, 0.0), (3.0, -2.0), (-2.5, 1.0), (1.0, 4.0)])
    truth = np.array([(0.15, -0.2)]) * np.arange(32)[:, None] + offsets[np.arange(32) % SUBSETS]
    big = simulate_stack(
        shape=(96, 96), frames=1, dose=np.inf, crystal="nanoparticle", drift=(0, 0), seed=0
    ).truth
    rng = np.random.default_rng(0)
    stack = np.array(
        [
            rng.poisson(0.5 * render_image(big.crystal, (96, 96), origin=tuple(-shift)))
            for shift in truth
        ]
    )
    found = low_snr_shifts(spectra_of(stack), "all")
    assert np.abs(errors(found.shifts, truth)).max() < 1.0
    np.testing.assert_allclose(found.shifts.mean(0), 0, atol=1e-9)


@pytest.mark.parametrize("count", [8, 9, 11])
def test_a_last_step_that_is_not_full(spectra_of, errors, count):
    simulated = simulate_stack(
        shape=(72, 80), frames=count, crystal="nanoparticle", drift=(0.3, -0.4), drift_walk=0
    )
    found = low_snr_shifts(spectra_of(simulated.stack), "all")
    # Frames of a step are taken to lie on one drift: 1.2 px from the first to the last.
    assert np.abs(errors(found.shifts, simulated.truth.shifts)).max() < 1.0


def test_too_few_frames(spectra_of, crystal_series):
    with pytest.raises(ValueError, match=r"at least 8 frames .* there are 7. Use mode='high_snr'"):
        low_snr_shifts(spectra_of(crystal_series.stack[:7]), "all")
