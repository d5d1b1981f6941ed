"""Figures of quality: every curve, mark and spot is where its number says."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from hyperspy_smartalign.plotting.information import plot_information
from hyperspy_smartalign.plotting.quality import plot_quality
from hyperspy_smartalign.plotting.ring_correlation import plot_ring_correlation, resolution_words
from hyperspy_smartalign.plotting.spots import plot_spots
from hyperspy_smartalign.quality.bragg import SpotTable
from hyperspy_smartalign.quality.ring_correlation import RingCorrelation
from hyperspy_smartalign.quality.transfer import SpectralQuality

pytestmark = pytest.mark.filterwarnings("error")

FREQUENCY = np.arange(1, 33) / 64


def curve(limit: float = 0.2) -> RingCorrelation:
    values = np.where(limit > FREQUENCY, 0.9, 0.0)
    return RingCorrelation(FREQUENCY, values, np.full(32, 1e4))


def spectral() -> SpectralQuality:
    ratio = np.where(FREQUENCY < 0.2, 3.0, 0.0)
    return SpectralQuality(
        frequency=FREQUENCY,
        samples=np.full(32, 50.0),
        ssnr_frame=ratio,
        ssnr_average=8 * ratio,
        ssnr_error=np.full(32, 0.1),
        transfer=np.where(FREQUENCY < 0.2, 0.9, np.nan),
        transfer_error=np.where(FREQUENCY < 0.1, 0.05, 0.5),
        coherent=ratio,
        incoherent=np.ones(32),
        noise=np.ones(32),
        frames=8,
    )


def table() -> SpotTable:
    frequency = np.array([[0.1, 0.0], [0.0, 0.1], [0.2, 0.1], [0.1, 0.3], [0.3, 0.3]])
    frame = np.array([True, True, False, True, False])
    average = np.array([True, True, True, False, False])
    return SpotTable(
        frequency=frequency,
        indices=None,
        spacing=1 / np.hypot(*frequency.T),
        snr_frame=np.array([20.0, 20.0, 1.0, 15.0, 0.0]),
        snr_average=np.array([200.0, 200.0, 20.0, -0.5, 0.0]),
        visible_frame=frame,
        visible_average=average,
        transfer=np.ones(5),
        transfer_error=np.ones(5),
        units="nm",
    )


def test_ring_correlations_are_drawn_in_units() -> None:
    ax = plot_ring_correlation({"raw": curve(0.1), "rigid": curve()}, scale=0.5, units="nm")
    drawn = {line.get_label().split(":")[0]: line for line in ax.lines}
    np.testing.assert_allclose(drawn["rigid"].get_xdata(), FREQUENCY / 0.5)
    np.testing.assert_allclose(drawn["rigid"].get_ydata(), curve().correlation)
    np.testing.assert_allclose(drawn["1/7"].get_ydata(), 1 / 7)
    np.testing.assert_allclose(drawn["half bit"].get_ydata(), curve().half_bit)
    (words,) = (line.get_label() for line in ax.lines if line.get_label().startswith("rigid"))
    assert words == f"rigid: {0.5 * curve().resolution():.3g} nm"
    marks = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "v"]
    wanted = [1 / (0.5 * each.resolution()) for each in (curve(0.1), curve())]
    np.testing.assert_allclose(marks, wanted)
    assert "1/nm" in ax.get_xlabel()


def test_words_for_a_resolution() -> None:
    assert resolution_words(curve(), scale=1e-10, units="m").endswith(" pm")
    assert resolution_words(curve(9.0), scale=0.1, units="nm") == "0.2 nm or finer"
    assert resolution_words(curve(0.0)) == "no agreement"


def test_nothing_to_plot_is_refused() -> None:
    with pytest.raises(ValueError, match="no ring correlation"):
        plot_ring_correlation({})
    with pytest.raises(ValueError, match="no spectra"):
        plot_information({})
    with pytest.raises(ValueError, match="half_bit"):
        plot_ring_correlation({"raw": curve()}, criterion="0.143")
    with pytest.raises(ValueError, match="not both"):
        plot_spots(table(), fig=plt.figure(), axes=plt.figure().subplots())


def test_information_leaves_out_what_says_nothing() -> None:
    made = plot_information({"rigid": spectral()}, scale=0.5, units="nm")
    average, frame = (line for line in made[0].lines if len(line.get_xdata()) == 32)
    np.testing.assert_allclose(average.get_ydata()[:12], 24.0)
    np.testing.assert_allclose(frame.get_ydata()[:12], 3.0)
    assert np.isnan(average.get_ydata()[20:]).all()
    transfer = next(line for line in made[1].lines if len(line.get_xdata()) == 32)
    np.testing.assert_allclose(transfer.get_ydata()[:6], 0.9)
    # The error is too large from 0.1 on.
    assert np.isnan(np.asarray(transfer.get_ydata(), float)[6:]).all()
    assert made[1].get_xlim()[1] < 0.25


def test_both_spots_of_a_pair_are_drawn_by_what_shows_them() -> None:
    ax = plot_spots(table(), scale=(0.5, 0.25))
    drawn = {c.get_label(): np.asarray(c.get_offsets()) for c in ax.collections}
    wanted = {
        "in one frame": [[0, 0.2], [0.4, 0]],
        "in the average only": [[0.4, 0.4]],
        "in one frame only": [[1.2, 0.2]],
        "not seen": [[1.2, 0.6]],
    }
    assert set(drawn) == set(wanted)
    for label, places in wanted.items():
        both = np.concatenate([places, np.negative(places)])
        np.testing.assert_allclose(drawn[label], both)
    assert ax.get_title() == "Bragg spots: 3 in one frame, 3 in the average"
    # y points down, as in the image.
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_a_page_holds_panels_and_verdicts() -> None:
    drawn = []
    verdicts = [
        SimpleNamespace(level="good", words="All is well. " * 20),
        SimpleNamespace(level="bad", words="Something is not."),
    ]
    made = plot_quality(
        {"a": (1, drawn.append), "b": (2, drawn.append), "c": (1, drawn.append)},
        verdicts,
        title="A series",
    )
    assert list(made) == ["a", "b 1", "b 2", "c", "verdicts"]
    assert [len(axes) for axes in drawn] == [1, 2, 1]
    words = " ".join(text.get_text() for text in made["verdicts"].texts)
    assert words.count("All is well.") == 20
    assert "Something is not." in words
    assert made["a"].figure.figure.get_suptitle() == "A series"


def test_a_page_fits_into_a_figure_that_is_given() -> None:
    figure = plt.figure(layout="constrained")
    made = plot_quality({"a": (1, lambda axes: None)}, fig=figure)
    assert made["a"].figure.figure is figure
    assert "verdicts" not in made


def test_a_title_is_no_formula():
    figure = Figure()
    plot_quality({"a": (1, lambda axes: None)}, title=r"$\frac{a$ 100 %", fig=figure)
    figure.draw_without_rendering()
