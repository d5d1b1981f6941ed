"""Plot of a dose series."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.data import Damage, simulate_series
from hyperspy_smartalign.plotting import plot_dose_series


@pytest.fixture(scope="module")
def series():
    damage = Damage(blur=1.0)
    made = simulate_series(
        shape=(64, 64), frames=10, drift=(0, 0), drift_walk=0, damage=damage, dose=10
    )
    return made.series.smartalign.dose_series(dose=20.0, show_progressbar=False)


def test_four_panels_show_the_numbers(series):
    axes = plot_dose_series(series)
    assert axes.shape == (2, 2)
    figure = axes[0, 0].figure
    figure.canvas.draw()
    np.testing.assert_array_equal(axes[0, 0].lines[0].get_ydata(), series.resolution("1/7"))
    expected, measured = axes[0, 1].lines[:2]
    np.testing.assert_array_equal(expected.get_ydata(), series.expected)
    np.testing.assert_array_equal(measured.get_ydata(), series.information)
    assert "nm" in axes[0, 0].get_ylabel()
    assert "Å" in axes[1, 1].get_ylabel()
    # Where the fading becomes significant.
    assert [series.onset] * 2 in [list(line.get_xdata()) for line in axes[1, 0].lines]
    plt.close(figure)


def test_axes_and_figures_of_others(series):
    figure, axes = plt.subplots(2, 2)
    assert series.plot(axes=axes)[1, 1] is axes[1, 1]
    plt.close(figure)
    figure = plt.figure()
    assert series.plot(fig=figure)[0, 0].figure is figure
    with pytest.raises(ValueError, match="either"):
        series.plot(fig=figure, axes=axes)
    plt.close(figure)


def test_a_series_that_shows_nothing_can_be_plotted():
    import hyperspy.api as hs

    noise = np.random.default_rng(0).normal(50, 5, (8, 48, 48)).astype(np.float32)
    found = hs.signals.Signal2D(noise).smartalign.dose_series(show_progressbar=False)
    figure = found.plot()[0, 0].figure
    figure.canvas.draw()
    plt.close(figure)
