"""Straight rows in images, strips and series."""

from __future__ import annotations

import hyperspy.api as hs
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_stack
from hyperspy_smartalign.nonrigid.row_jumps import straighten_rows
from hyperspy_smartalign.resampling import warp_rows
from hyperspy_smartalign.series import ScanGeometry
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.validating import NotASeriesError
from hyperspy_smartalign.transforms import Canvas

SHAPE = (97, 110)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return simulate_stack(
        shape=SHAPE,
        frames=3,
        dose=50,
        drift_walk=0.0,
        row_jitter=0.7,
        row_correlation=0.5,
        row_process="exponential",
        seed=1,
    ).stack


def made_signal(data: np.ndarray):
    signal = hs.signals.Signal2D(data)
    for axis in signal.axes_manager.signal_axes:
        axis.scale, axis.units = 0.02, "nm"
    signal.metadata.General.title = "gold"
    return signal


def test_a_single_image(frames) -> None:
    image = made_signal(frames[0].copy())
    image.data.setflags(write=False)
    straight = image.smartalign.straighten_rows(max_shift=4)
    expected = straighten_rows(frames[0], max_shift=4)
    canvas = Canvas.of_frame(SHAPE)
    np.testing.assert_array_equal(
        straight.data, warp_rows(frames[0], expected.offsets, canvas).pixels
    )
    assert straight.axes_manager.signal_axes[0].units == "nm"
    assert straight.metadata.General.title == "gold (straightened)"
    assert image.metadata.General.title == "gold"
    (step,) = recording.steps_of(straight)
    assert step["name"] == "straighten_rows"
    assert step["parameters"]["max_shift"] == 4
    np.testing.assert_array_equal(step["results"]["offsets"], expected.offsets[None, :, 1])


def test_a_series_frame_by_frame_eager_and_lazy(frames) -> None:
    series = made_signal(frames)
    straight = series.smartalign.straighten_rows(fill="mean")
    for index, frame in enumerate(frames):
        one = made_signal(frame).smartalign.straighten_rows(fill="mean")
        np.testing.assert_array_equal(straight.data[index], one.data)
    lazy = series.as_lazy().smartalign.straighten_rows(fill="mean")
    assert lazy._lazy
    np.testing.assert_array_equal(lazy.data.compute(), straight.data)


def test_rows_follow_the_scan(frames) -> None:
    turned = made_signal(np.ascontiguousarray(frames.transpose(0, 2, 1)))
    recording.write_scan_geometry(turned, ScanGeometry(fast_direction="vertical"))
    straight = turned.smartalign.straighten_rows(fill="zero")
    upright = made_signal(frames).smartalign.straighten_rows(fill="zero")
    np.testing.assert_allclose(straight.data, upright.data.transpose(0, 2, 1), atol=1e-3)
    assert straight.smartalign.scan_geometry.fast_direction == "vertical"
    assert recording.steps_of(straight)[-1]["results"]["slow_axis"] == [1, 1, 1]


def test_the_record_survives_a_file(frames, tmp_path) -> None:
    straight = made_signal(frames).smartalign.straighten_rows()
    straight.save(tmp_path / "straight.hspy")
    loaded = hs.load(tmp_path / "straight.hspy")
    matplotlib.use("Agg")
    axes = loaded.smartalign.plot_row_jumps(made_signal(frames), frame=2)
    axes[0].figure.canvas.draw()
    expected = straighten_rows(frames[2]).offsets[:, 1]
    np.testing.assert_array_equal(axes[2].lines[-1].get_xdata(), expected)
    plt.close(axes[0].figure)


def test_nothing_to_correct_is_said() -> None:
    noise = np.random.default_rng(0).poisson(5, (64, 70))
    with pytest.warns(SeriesWarning, match="nothing is corrected"):
        straight = hs.signals.Signal2D(noise).smartalign.straighten_rows()
    np.testing.assert_array_equal(straight.data, noise)
    with pytest.warns(SeriesWarning, match="Frame [01]: "):
        hs.signals.Signal2D(np.stack([noise, noise])).smartalign.straighten_rows()


def test_counts_stay_counts(frames) -> None:
    counts = made_signal(frames[0].astype(np.uint16))
    straight = counts.smartalign.straighten_rows(interpolation="nearest", fill="zero")
    assert straight.data.dtype == np.uint16
    assert set(np.unique(straight.data)) <= {0, *np.unique(counts.data)}


def test_what_cannot_be_is_refused(frames) -> None:
    image = made_signal(frames[0])
    with pytest.raises(NotASeriesError, match="images"):
        hs.signals.Signal1D(np.zeros((4, 5))).smartalign.straighten_rows()
    coloured = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(TypeError, match="real"):
        hs.signals.Signal2D(coloured).smartalign.straighten_rows()
    with pytest.raises(ValueError, match="whole frames"):
        image.smartalign.straighten_rows(interpolation="fourier")
    with pytest.raises(ValueError, match="hold"):
        made_signal(frames[0].astype(np.uint16)).smartalign.straighten_rows(interpolation="nearest")
    with pytest.raises(ValueError, match="neighbours=0"):
        image.smartalign.straighten_rows(neighbours=0)
    with pytest.raises(ValueError, match="carries no row jumps"):
        image.smartalign.plot_row_jumps(image)
    straight = image.smartalign.straighten_rows()
    with pytest.raises(ValueError, match="source has shape"):
        straight.smartalign.plot_row_jumps(made_signal(frames))
    with pytest.raises(ValueError, match="frame=1"):
        straight.smartalign.plot_row_jumps(image, frame=1)
