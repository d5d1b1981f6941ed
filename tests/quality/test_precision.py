"""What limits an alignment, and up to which frequency its lines are resolved."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hyperspy_smartalign.quality.bound import matern_covariance
from hyperspy_smartalign.quality.line_motion import LeftMotion
from hyperspy_smartalign.quality.precision import Precision, resolved_frequency, what_limits

NAN = np.full(2, np.nan)


def motion(low, left, high, explained):
    return LeftMotion(
        left=left,
        low=low,
        high=high,
        explained=explained,
        left_axes=np.full(2, left),
        explained_axes=np.full(2, explained),
        misfit=0.0,
        misfit_error=0.0,
    )


def precision(left, model="rigid"):
    return Precision(
        model=model,
        errors=np.array([[0.05, 0.06], [np.nan, np.nan], [0.05, 0.06]]),
        bound=np.array([0.05, 0.05]),
        line_error=NAN,
        line_bound=NAN,
        motion=left,
        corrected=np.zeros(2),
        jitter=np.full(3, np.nan),
    )


@pytest.mark.parametrize(
    ("low", "left", "high", "limit"),
    [
        (0.4, 0.5, 0.6, "instability"),
        (0.09, 0.1, 0.11, "dose"),
        (0.05, 0.15, 0.4, "unknown"),
        (0.15, 0.16, 0.19, "instability"),
        (0.004, 0.005, 0.008, "dose"),
    ],
)
def test_limit(low, left, high, limit):
    explained = 0.1 if left > 0.01 else 0.003
    assert what_limits(motion(low, left, high, explained)) == limit


def test_words_and_figures():
    judged = precision(motion(0.4, 0.5, 0.6, 0.06))
    np.testing.assert_allclose(judged.error, [0.05, 0.06])
    np.testing.assert_allclose(judged.ratio, np.sqrt((0.05**2 + 0.06**2) / (2 * 0.05**2)))
    assert judged.limit == "instability"
    assert "Instability-limited: rms motion of 0.5 px (0.4 to 0.6)" in judged.words
    assert "align_nonrigid()" in judged.words
    assert "align_nonrigid()" not in precision(motion(0.4, 0.5, 0.6, 0.06), "lines").words
    assert json.loads(json.dumps(judged.to_dict()))["limit"] == "instability"
    assert "no more than interpolation makes" in precision(motion(0.01, 0.02, 0.03, 0.003)).words
    assert precision(None).limit == "unknown"
    assert "could not be measured" in precision(None).words


@pytest.mark.parametrize("smoothness", [0.5, 1.5, 3.5, np.inf])
def test_resolved_frequency_is_where_the_densities_cross(smoothness):
    rms, length, lines = 0.5, 6.0, 2048
    covariance = matern_covariance(lines, rms=rms, length=length, smoothness=smoothness)[0]
    circular = np.concatenate([covariance[: lines // 2], covariance[1 : lines // 2 + 1][::-1]])
    density = np.fft.rfft(circular).real
    frequency = np.fft.rfftfreq(lines)
    expected = frequency[np.flatnonzero(density > 0.2)[-1]]
    found = resolved_frequency(rms, length, smoothness, 0.2)
    np.testing.assert_allclose(found, expected, atol=0.003)


def test_lines_and_what_is_resolved_in_words():
    lines = Precision(
        model="lines",
        errors=np.full((2, 2), 0.1),
        bound=np.full(2, 0.05),
        line_error=np.full(2, 0.1),
        line_bound=np.full(2, 0.08),
        motion=None,
        corrected=np.zeros(2),
        jitter=np.full(3, np.nan),
        resolved=0.05,
        line_time=1e-4,
    )
    assert "1.2 times the best possible" in lines.words
    assert "up to 0.05 cycles a line, 500 Hz." in lines.words


def test_jitter_below_the_noise_is_not_resolved():
    assert resolved_frequency(0.01, 3.0, 1.5, 10.0) == 0
    assert resolved_frequency(0.0, 3.0, 1.5, 0.1) == 0
    assert resolved_frequency(5.0, 0.3, 0.5, 1e-4) == 0.5


def test_errors_below_the_bound_are_not_praised():
    judged = replace(precision(None), bound=np.array([0.25, 0.25]))
    assert judged.too_small
    assert "neither figure can be relied on" in judged.errors_in_words()
    assert "best possible" not in judged.errors_in_words()
    assert "161 times the best" in replace(judged, bound=np.full(2, 0.055 / 160)).errors_in_words()


def test_interpolated_pixels_call_for_the_recorded_ones():
    judged = replace(precision(motion(0.12, 0.16, 0.3, 0.06)), interpolated=True)
    assert judged.limit == "unknown"
    assert "as they were recorded" in judged.limit_in_words()
    assert replace(judged, interpolated=False).limit == "instability"
    assert replace(judged, motion=motion(0.4, 0.5, 0.6, 0.06)).limit == "instability"
