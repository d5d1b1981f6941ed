"""prepare(resample=) before the alignment: digital super-resolution."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, simulate_series


@pytest.fixture(scope="module")
def simulated():
    """12 frames of a lattice whose (3, 0) spots lie at 0.55 cycles per pixel, beyond Nyquist."""
    crystal = lattice("perovskite", spacing=5.4, angle=9.0, field=(80, 80), margin=40, width=0.65)
    crystal = crystal.with_vacancies(0.05, depth=0.7).with_blobs(4)
    return simulate_series(
        shape=(80, 80), frames=12, crystal=crystal, dose=100, drift=(0.37, -0.29), drift_walk=0.5,
        seed=3,
    )  # fmt: skip


def amplitude(image, frequency):
    """Complex Fourier amplitude at a frequency (y, x) in cycles per pixel."""
    rows, columns = (
        np.exp(-2j * np.pi * f * np.arange(size)) * np.hanning(size)
        for f, size in zip(frequency, image.shape, strict=True)
    )
    return rows @ (image - image.mean()) @ columns


def test_resampled_series_aligns_and_shows_what_was_aliased(simulated):
    fine = simulated.series.smartalign.prepare(resample=3)
    aligned = fine.align_rigid(show_progressbar=False)
    error = aligned.smartalign.alignment.shifts / 3 - simulated.truth.shifts
    assert np.abs(error - error.mean(axis=0)).max() < 0.06
    turn = np.radians(9.0)
    known = 3 * np.array([np.cos(turn), np.sin(turn)]) / 5.4
    assert known[0] > 0.5
    # What the crystal has there, damped by the cubic spline through the raw pixels.
    canvas = aligned.smartalign.alignment.canvas
    fine_pixels = np.mgrid[: canvas.height, : canvas.width] + np.reshape(canvas.origin, (2, 1, 1))
    truth = 100 * simulated.crystal.intensity((fine_pixels + 0.5) / 3 - 0.5)
    neighbours = np.sinc(known[:, None] + np.arange(-8, 9)) ** 4
    response = np.prod(np.sinc(known) ** 4 / neighbours.sum(axis=1))
    assert response < 0.4
    found = amplitude(aligned.smartalign.average().data, known / 3)
    expected = response * amplitude(truth, known / 3)
    # The difference is what else interpolation leaves there: 12 frames do not average it all out.
    assert abs(found - expected) < 0.25 * abs(expected)


@pytest.mark.parametrize("factor", [2, 3])
def test_lines_of_a_resampled_series(factor):
    """As good as on the raw frames, and the errors that are told are those that occur."""
    made = simulate_series(
        shape=(72, 72), frames=8, dose=30, row_jitter=0.5, row_correlation=6.0, seed=4
    )
    true = made.truth.shifts[:, None] + made.truth.row_offsets

    def errors(series, pixels):
        aligned = series.align_nonrigid(show_progressbar=False)
        transforms = aligned.smartalign.alignment.transforms
        rows = np.array(
            [each.at(_frame_points(true[i], pixels)) for i, each in enumerate(transforms)]
        )
        found = rows.transpose(0, 2, 1) / pixels - true
        # A part that is common to all frames cannot be seen.
        found = (found - found.mean(axis=0))[:, 10:-10]
        told = aligned.smartalign.nonrigid.line_errors[:, 10 * pixels : -10 * pixels] / pixels
        return np.sqrt(np.mean(found**2) * 8 / 7), np.sqrt(np.mean(told**2))

    raw, _ = errors(made.series, 1)
    found, told = errors(made.series.smartalign.prepare(resample=factor), factor)
    assert found < 1.2 * raw
    assert told == pytest.approx(found, rel=0.25)


def _frame_points(displacement, pixels):
    """Where the middle of each raw line lies in the common frame, fine pixels (2, lines)."""
    lines = np.arange(len(displacement))
    places = np.stack([lines - displacement[:, 0], 36.0 - displacement[:, 1]])
    return pixels * (places + 0.5) - 0.5
