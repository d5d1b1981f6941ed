"""align_nonrigid with the registration itself, on series whose distortions are known."""

from __future__ import annotations

import gc
import warnings

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import progressing

FRAMES = 6
# Two cycles tell as much here, and tests are quick.
QUICK = {"affine_cycles": 1, "nonlinear_cycles": 1}
pytestmark = pytest.mark.filterwarnings("ignore:the shift of frame")


@pytest.fixture(scope="module")
def simulated():
    """A lattice whose scan lines jump by 0.5 px rms, correlated over 6 lines."""
    return simulate_series(
        shape=(96, 96),
        frames=FRAMES,
        dose=50,
        drift=(0.6, -0.4),
        drift_walk=0.2,
        row_jitter=0.5,
        second_detector=True,
        seed=3,
    )


@pytest.fixture(scope="module")
def rigid(simulated):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the shift of frame")
        return simulated.series.align_rigid(show_progressbar=False)


@pytest.fixture(scope="module")
def aligned(simulated, rigid):
    return rigid.align_nonrigid(show_progressbar=False)


def residual(alignment, truth) -> float:
    """Rms error of the displacements without what all frames share, px, away from the edges."""
    errors = []
    for frame in range(FRAMES):
        found = alignment.transforms[frame].displacement((96, 96))
        errors.append((found - truth.displacement(frame))[:, 12:-12, 12:-12])
    relative = np.array(errors) - np.mean(errors, axis=0)
    return float(np.sqrt(np.mean(relative**2)))


def test_scan_lines_are_put_right(simulated, rigid, aligned):
    before = residual(rigid.smartalign.alignment, simulated.truth)
    after = residual(aligned.smartalign.alignment, simulated.truth)
    # 0.5 px rms, and the five sixths of it that differ between the frames.
    assert 0.35 < before < 0.6
    # The bound with the prior is 0.07 px for lines as short as these.
    assert after < 0.12
    assert not np.isnan(aligned.data).any()
    record = aligned.smartalign.nonrigid
    assert (record.similarity > record.similarity_before).all()
    assert "one scan direction" in record.undetermined


def test_raw_and_rigidly_aligned_series_lead_to_the_same(simulated, aligned):
    direct = simulated.series.align_nonrigid(show_progressbar=False)
    # Threads add up in any order, which is seen in the last digits.
    np.testing.assert_allclose(direct.data, aligned.data, atol=1e-3)
    one, other = direct.smartalign.alignment, aligned.smartalign.alignment
    assert one.canvas == other.canvas
    assert [step["name"] for step in one.steps] == [step["name"] for step in other.steps]


def test_lazy_and_not_are_equal(simulated):
    eager = simulated.series.align_nonrigid(**QUICK, show_progressbar=False)
    lazy = simulated.series.as_lazy().align_nonrigid(**QUICK, show_progressbar=False)
    assert lazy._lazy
    np.testing.assert_allclose(
        lazy.smartalign.alignment.shifts, eager.smartalign.alignment.shifts, atol=1e-6
    )
    np.testing.assert_allclose(np.asarray(lazy.data), eager.data, atol=1e-3)


def test_the_second_detector_is_put_right_too(simulated, rigid, aligned):
    def spread(series) -> float:
        return float(series.isig[12:-12, 12:-12].data.std(axis=0).mean())

    second = simulated.second.apply_alignment(aligned, show_progressbar=False)
    assert second.data.shape == aligned.data.shape
    by_shifts = simulated.second.apply_alignment(rigid, show_progressbar=False)
    assert spread(second) < spread(by_shifts)


def test_two_navigation_axes(simulated, aligned):
    data = simulated.series.data.reshape(2, 3, 96, 96)
    shifts = aligned.smartalign.alignment.shifts
    series = hs.signals.Signal2D(data).align_rigid(show_progressbar=False)
    result = series.align_nonrigid(**QUICK, show_progressbar=False)
    assert result.smartalign.alignment.navigation_shape == (2, 3)
    # Two cycles of two, without the times of the scan: alike within a pixel or so of drift.
    np.testing.assert_allclose(result.smartalign.alignment.shifts, shifts, atol=1.0)


def test_without_the_raw_series_the_distortions_are_nearly_the_same(simulated, rigid):
    first = rigid.deepcopy()
    gc.collect()
    with pytest.warns(SeriesWarning, match="second time"):
        result = first.align_nonrigid(**QUICK, show_progressbar=False)
    # Interpolated noise is a little smoother; the lines are the same.
    assert residual(result.smartalign.alignment, simulated.truth) < 0.15


@pytest.mark.parametrize("keep", [False, True])
def test_an_interrupt_in_a_cycle(simulated, rigid, monkeypatch, keep):
    report = progressing._StagedBar.report

    def interrupted(self, stage, done, total):
        report(self, stage, done, total)
        if stage.startswith("cycle 3"):
            raise KeyboardInterrupt

    monkeypatch.setattr(progressing._StagedBar, "report", interrupted)
    options = {"show_progressbar": True, "keep_on_cancel": keep}
    if not keep:
        with pytest.raises(KeyboardInterrupt):
            rigid.align_nonrigid(**options)
        return
    with pytest.warns(SeriesWarning, match="2 of 6 cycles"):
        result = rigid.align_nonrigid(**options)
    assert result.smartalign.nonrigid.cancelled
    assert len(result.smartalign.nonrigid.cycles) == 2
    assert not np.isnan(result.data).any()
