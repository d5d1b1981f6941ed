"""Figures of precision, closure and frames: what they show."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from hyperspy_smartalign.plotting import plot_closure, plot_frame_quality, plot_precision
from hyperspy_smartalign.plotting.style import BLUE, VERMILION
from hyperspy_smartalign.quality.closure import closure_of_pairs
from hyperspy_smartalign.quality.frame_quality import FrameQuality, Outlier
from hyperspy_smartalign.quality.line_motion import LeftMotion
from hyperspy_smartalign.quality.precision import Precision

NAN = np.full(2, np.nan)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def precision(**changes):
    values = {
        "model": "rigid",
        "errors": np.full((4, 2), 0.06),
        "bound": np.full(2, 0.05),
        "line_error": NAN,
        "line_bound": NAN,
        "motion": LeftMotion(0.5, 0.4, 0.6, 0.06, NAN, NAN, 0.0, 0.0),
        "corrected": np.zeros(2),
        "jitter": np.full(3, np.nan),
    }
    return Precision(**{**values, **changes})


def rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def test_precision_of_shifts():
    ax = plot_precision(precision())
    assert rows(ax) == ["best possible, shifts", "errors of the shifts", "motion left"]
    assert ax.get_title() == "errors 1.2 times the best possible, instability-limited"
    assert to_hex(ax.lines[-1].get_color()).upper() == VERMILION


def test_precision_of_lines():
    ax = plot_precision(
        precision(
            model="lines",
            line_error=np.full(2, 0.1),
            line_bound=np.full(2, 0.09),
            corrected=np.array([0.4, 0.3]),
            motion=LeftMotion(0.1, 0.09, 0.11, 0.1, NAN, NAN, 0.0, 0.0),
        )
    )
    assert rows(ax)[1:3] == ["errors of the lines", "corrected in the frames"]
    assert "dose-limited" in ax.get_title()
    assert to_hex(ax.lines[-1].get_color()).upper() == BLUE


def test_precision_of_which_nothing_is_known():
    ax = plot_precision(precision(errors=np.full((4, 2), np.nan), bound=NAN, motion=None))
    assert ax.texts[0].get_text() == "no errors are known"


def test_closure_marks_the_frame_that_closes_worst():
    pairs = np.array([(i, j) for i in range(8) for j in range(i + 1, 8)])
    random = np.random.default_rng(0)
    shifts = 0.05 * random.normal(size=(len(pairs), 2))
    shifts[(pairs == 5).any(1)] += 0.6 * random.normal(size=(7, 2))
    closure = closure_of_pairs(pairs, shifts, 9, expected=0.08)
    ax = plt.figure().subplots()
    assert plot_closure(closure, axes=ax) is ax
    colours = {round(bar.get_x() + bar.get_width() / 2): bar.get_facecolor() for bar in ax.patches}
    assert [f for f, c in colours.items() if to_hex(c).upper() == VERMILION] == [5]
    # Frame 8 is in no pair.
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["no triangle", "least, by noise alone"]


def test_frames():
    ones = np.ones(5)
    excluded = np.arange(5) == 3
    frames = FrameQuality(
        similarity=ones,
        noise=np.where(excluded, np.nan, 2.0),
        transfer=np.where(excluded, np.nan, [1, 1, 0.4, 1, 1]),
        transfer_error=np.where(excluded, np.nan, 0.05),
        sharpness=np.where(excluded, np.nan, 1.0),
        hop_probability=np.zeros(5),
        weight=np.where(excluded, 0.0, ones),
        excluded=excluded,
        reasons=("",) * 5,
        outliers=(Outlier(2, "fits the others less well"),),
    )
    figure = plt.figure()
    ax = plot_frame_quality(frames, fig=figure)
    assert ax.get_title() == "4 of 5 frames, 1 unlike the others"
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["excluded"].get_xdata().tolist() == [3]
    assert lines["unlike the others"].get_xdata().tolist() == [2]
    np.testing.assert_allclose(lines["noise"].get_ydata()[:3], 1.0)
