"""The demo's judgement of an alignment against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.cli.trial import Outcome, simulate
from hyperspy_smartalign.data import Truth
from hyperspy_smartalign.transforms import Alignment

FRAMES = 6


@pytest.fixture(scope="module")
def truth() -> Truth:
    return simulate(frames=FRAMES, dose=50, size=96, seed=3).truth


def outcome(truth: Truth, error: np.ndarray) -> Outcome:
    shifts = truth.shifts + error
    shifts = shifts - shifts.mean(axis=0)
    alignment = Alignment.from_shifts(
        shifts, frame_shape=(96, 96), precision=np.full((FRAMES, 2), 0.02)
    )
    return Outcome.of(truth, alignment)


def test_the_truth_passes_whatever_its_constant(truth: Truth) -> None:
    found = outcome(truth, np.full((FRAMES, 2), 7.0))
    assert found.rms < 1e-12
    assert found.verdict == ""
    assert "0 of 6" in found.summary()


def test_errors_at_the_bound_pass_and_twice_the_bound_fails(truth: Truth) -> None:
    bound = outcome(truth, np.zeros((FRAMES, 2))).rms_bound
    signs = np.array([1, -1, 1, -1, 1, -1])[:, np.newaxis]
    at_bound = outcome(truth, bound * signs * np.ones((1, 2)))
    assert at_bound.rms == pytest.approx(bound)
    assert at_bound.verdict == ""
    assert "2.00 times the bound" in outcome(truth, 2 * bound * signs * np.ones((1, 2))).verdict


@pytest.mark.parametrize("hop", [(16.3, 0.0), (8.15, 8.15)])
def test_a_lattice_vector_is_a_hop_and_no_error(truth: Truth, hop: tuple[float, float]) -> None:
    error = np.zeros((FRAMES, 2))
    error[4] = hop
    found = outcome(truth, error)
    assert np.flatnonzero(found.hops).tolist() == [4]
    assert found.rms < 1e-12
    assert found.verdict == "1 of 6 frames are off by a lattice vector (4)."
    (line,) = (line for line in found.table().splitlines() if line.endswith("hop"))
    assert line.split()[0] == "4"


def test_the_largest_group_is_right_also_when_most_frames_hopped(truth: Truth) -> None:
    error = np.array([(0, 0), (0, 0), (0, 0), (16.3, 0), (0, 16.3), (-16.3, 0)], np.float64)
    found = outcome(truth, error)
    assert np.flatnonzero(found.hops).tolist() == [3, 4, 5]
    assert found.rms < 1e-12


def test_the_table_has_a_line_a_frame(truth: Truth) -> None:
    found = outcome(truth, np.zeros((FRAMES, 2)))
    lines = found.table().splitlines()
    assert len(lines) == 2 + FRAMES
    numbers = [float(text) for text in lines[2].split()]
    np.testing.assert_allclose(numbers[1:3], found.true[0], atol=0.005)  # two decimals
    np.testing.assert_allclose(numbers[3:5], found.true[0], atol=0.005)
    assert numbers[7:] == [0.02, 0.02]


def test_the_bound_is_that_of_the_detector(truth: Truth) -> None:
    # Read noise is a tenth of a count, so that it adds 0.01 to the variance of a pixel.
    found = outcome(truth, np.zeros((FRAMES, 2)))
    expected = [truth.cramer_rao_shift(frame=i, read_noise=0.1) for i in range(FRAMES)]
    np.testing.assert_allclose(found.bound, expected)
