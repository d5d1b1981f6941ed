"""Sums and averages of spectra: against the aligned series, counts, variances, channels."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.transforms import Canvas, ScanLine

SHAPE = (24, 20)


FILLED = -1


def summed(series, counts):
    """The sum that a series of aligned frames has, scaled where some frames saw a place."""
    if counts != "interpolate":
        return series.sum(axis=0)
    seen = (series != FILLED).any(axis=-1)
    number = seen.sum(axis=0)[..., np.newaxis]
    total = (series * seen[..., np.newaxis]).sum(axis=0) * len(series) / np.maximum(number, 1)
    return np.where(number > 0, total, FILLED)


# Against the series


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize("counts", ["interpolate", "share", "whole"])
def test_sum_of_frames_is_apply_then_sum(make_spectra, fractional, counts, crop, lazy):
    signal, _ = make_spectra(dtype=np.uint16, lazy=lazy)
    keywords = {"counts": counts, "crop": crop, "fill": "zero" if counts != "interpolate" else -1}
    series = signal.apply_alignment(fractional, output="series", **keywords)
    expected = summed(np.asarray(series.data, np.float64), counts)
    total = signal.apply_alignment(fractional, **keywords)
    assert total.data.shape == expected.shape
    scale = 1e-6 * np.abs(expected).max()
    np.testing.assert_allclose(total.data, expected, rtol=1e-6, atol=scale)
    average = signal.apply_alignment(fractional, output="average", **keywords)
    assert average.data.dtype == np.float32
    # Where all frames contribute fully; it is everything but the edges.
    inner = np.s_[8:-8, 8:-8]
    np.testing.assert_allclose(average.data[inner], expected[inner] / 5, rtol=1e-5)
    if counts == "interpolate":
        seen = expected != FILLED
        np.testing.assert_allclose(average.data[seen], expected[seen] / 5, rtol=1e-5, atol=scale)


def test_sum_is_the_same_however_it_is_made(make_spectra, fractional):
    """By one thread or more, from memory or from chunks of any form, at once or later."""
    signal, _ = make_spectra(dtype=np.uint16)
    expected = signal.apply_alignment(fractional, num_workers=1).data
    np.testing.assert_array_equal(signal.apply_alignment(fractional, num_workers=3).data, expected)
    for chunks in ((1, 24, 20, 16), (2, 24, 20, 5), (5, 7, 20, 16), (3, 8, 9, 4)):
        lazy = signal.as_lazy(chunks=chunks)
        np.testing.assert_array_equal(lazy.apply_alignment(fractional).data, expected)
        later = lazy.apply_alignment(fractional, lazy_output=True)
        assert later._lazy
        # Partial sums of frames are added in another order.
        np.testing.assert_allclose(later.data.compute(), expected, rtol=1e-6, atol=1e-3)


def test_lazy_output_of_a_sum(make_spectra, shifts):
    signal, scene = make_spectra(lazy=True)
    common = Canvas.common(shifts, SHAPE)
    for source in (signal, make_spectra()[0]):
        later = source.apply_alignment(shifts, lazy_output=True, variance="poisson")
        assert later._lazy
        assert later.metadata.Signal.Noise_properties.variance._lazy
        assert later.navigator is None
        later.compute(show_progressbar=False)
        np.testing.assert_array_equal(later.data, 5 * scene[common.slices])


# Counts


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, ">u2", np.int32, np.float32])
@pytest.mark.parametrize("counts", ["share", "whole"])
def test_no_count_is_lost_or_made_up(make_spectra, fractional, counts, dtype, lazy):
    signal, _ = make_spectra(dtype=dtype, lazy=lazy)
    for alignment in (fractional, lines(fractional)):
        total = signal.apply_alignment(alignment, counts=counts, crop=False, fill="zero")
        integer = counts == "whole" and np.dtype(dtype).kind in "iu"
        assert total.data.dtype.kind == ("f" if not integer else np.dtype(dtype).kind)
        # In every channel, all that the frames held.
        recorded = np.asarray(signal.data).sum(axis=(0, 1, 2), dtype=np.float64)
        found = total.data.sum(axis=(0, 1), dtype=np.float64)
        if counts == "whole":
            np.testing.assert_array_equal(found, recorded)
        else:
            np.testing.assert_allclose(found, recorded, rtol=1e-6)


def lines(shifts):
    """An offset for every scan line, and an area that holds all of them."""
    rng = np.random.default_rng(3)
    moves = [ScanLine(shift + rng.uniform(-0.7, 0.7, (44, 2)), first_row=-10) for shift in shifts]
    return Alignment(
        transforms=tuple(moves),
        navigation_shape=(len(moves),),
        frame_shape=SHAPE,
        canvas=Canvas(-8, -8, 40, 36),
    )


def test_whole_counts_stay_integers_and_are_zero_where_nobody_looked(make_spectra, fractional):
    signal, _ = make_spectra(dtype=np.uint8)
    result = signal.apply_alignment(fractional, counts="whole", crop=False)
    assert result.data.dtype == np.uint32
    assert (result.data[0, 0] == 0).all()
    # Sums beyond what a byte holds.
    assert result.data.max() > 255
    shared = signal.apply_alignment(fractional, counts="share", crop=False)
    assert shared.data.dtype == np.float32
    gaps = np.isnan(shared.data)
    assert gaps.any()
    np.testing.assert_array_equal(gaps.any(axis=-1), gaps.all(axis=-1))


@pytest.mark.parametrize("counts", ["share", "whole"])
def test_the_area_is_widened_only_where_nothing_is_cropped(make_spectra, fractional, counts):
    signal, _ = make_spectra(dtype=np.uint8)

    def canvas_of(alignment, **keywords):
        result = signal.apply_alignment(alignment, counts=counts, **keywords)
        return result.smartalign.alignment.canvas

    common, union = Canvas.common(fractional, SHAPE), Canvas.union(fractional, SHAPE)
    assert canvas_of(fractional) == canvas_of(fractional, crop=True) == common
    wide = canvas_of(fractional, crop=False)
    assert wide.intersect(union) == union
    assert 0 < wide.height - union.height <= 2
    # Applied again, it does not grow.
    total = signal.apply_alignment(fractional, counts=counts, crop=False)
    assert canvas_of(total) == canvas_of(total, crop=False) == wide
    chosen = total.smartalign.alignment.with_canvas(Canvas(2, 3, 9, 8))
    assert canvas_of(chosen) == Canvas(2, 3, 9, 8)
    # Whole-pixel shifts need no more room.
    whole = np.round(fractional)
    assert canvas_of(whole, crop=False) == Canvas.union(whole, SHAPE)


# Variance


@pytest.mark.parametrize(
    ("counts", "interpolation"),
    [("interpolate", "spline"), ("interpolate", "linear"), ("share", ""), ("whole", "")],
)
@pytest.mark.parametrize(
    ("variance", "output"), [("poisson", "sum"), ("poisson", "average"), ("spread", "average")]
)
def test_variance_against_repeats(counts, interpolation, variance, output):
    """200 recordings, side by side as channels: their scatter, and what is said of it."""
    rng = np.random.default_rng(11)
    shifts = rng.uniform(-1.5, 1.5, (4, 2))
    expectation, repeats = np.array([5.0, 13.0, 40.0]), 200
    # The same in each pixel, so that the frames differ by noise alone.
    values = rng.poisson(expectation, (4, 12, 14, repeats, 3)).astype(np.uint16)
    keywords = {"interpolation": interpolation} if interpolation else {}
    result = hs.signals.Signal1D(values.reshape(4, 12, 14, -1)).apply_alignment(
        shifts, counts=counts, variance=variance, output=output, **keywords
    )
    noise = result.metadata.Signal.Noise_properties.variance
    # Without the edge pixels, which get fewer counts where these are sent.
    inner = np.s_[1:-1, 1:-1]
    found, said = (
        array[inner].astype(np.float64).reshape(-1, repeats, 3)
        for array in (result.data, noise.data)
    )
    scatter = found.var(axis=1, ddof=1)
    assert len(scatter) > 40
    # Over 200 repeats and some 50 pixels, half of them independent, it is known to 2 %.
    np.testing.assert_allclose(said.mean(axis=(0, 1)), scatter.mean(axis=0), rtol=0.06)


@pytest.mark.parametrize("lazy", [False, True])
def test_where_the_variance_is_kept(make_spectra, shifts, lazy):
    signal, scene = make_spectra(lazy=lazy, signal_type="EELS")
    common = Canvas.common(shifts, SHAPE)
    window = scene[common.slices]
    total = signal.apply_alignment(shifts, variance="poisson")
    noise = total.metadata.Signal.Noise_properties.variance
    assert type(noise) is type(total)
    assert noise.axes_manager.as_dictionary() == total.axes_manager.as_dictionary()
    # Whole-pixel shifts add no noise and take none away: the variance of counts is the counts.
    np.testing.assert_array_equal(noise.data, 5 * window)
    average = signal.apply_alignment(shifts, variance="poisson", output="average")
    noise = average.metadata.Signal.Noise_properties.variance
    np.testing.assert_allclose(noise.data, window / 5, rtol=1e-6)
    # All frames are the same here.
    spread = signal.apply_alignment(shifts, variance="spread")
    noise = spread.metadata.Signal.Noise_properties.variance
    np.testing.assert_allclose(noise.data, 0, atol=0.05)
    assert "Noise_properties" not in signal.apply_alignment(shifts).metadata.Signal


def test_variance_of_patterns_has_their_shape(make_spectra, shifts):
    patterns, _ = make_spectra(channels=(6, 7))
    result = patterns.apply_alignment(shifts, variance="poisson")
    noise = result.metadata.Signal.Noise_properties.variance
    assert noise.data.shape == result.data.shape
    assert noise.axes_manager.signal_shape == (7, 6)


# Channels chosen before any work


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("output", ["sum", "series"])
@pytest.mark.parametrize("signal_range", [(3, 11), (2.5, 6.5), hs.roi.SpanROI(2.5, 6.5)])
def test_a_range_is_as_isig_afterwards(make_spectra, fractional, signal_range, output, lazy):
    signal, _ = make_spectra(lazy=lazy)
    result = signal.apply_alignment(fractional, signal_range=signal_range, output=output)
    expected = signal.apply_alignment(fractional, output=output).isig[3:11]
    np.testing.assert_array_equal(np.asarray(result.data), np.asarray(expected.data))
    (ours,), (theirs,) = (each.axes_manager.signal_axes for each in (result, expected))
    assert (ours.offset, ours.scale, ours.size) == (theirs.offset, theirs.scale, theirs.size)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("binning", [2, 3])
def test_binning_is_as_rebin_afterwards(make_spectra, fractional, binning, lazy):
    signal, _ = make_spectra(lazy=lazy, chunks=(1, 24, 20, 5) if lazy else None, dtype=np.uint8)
    for output in ("sum", "series"):
        result = signal.apply_alignment(
            fractional, binning=binning, signal_range=(2, 15), output=output
        )
        whole = signal.apply_alignment(fractional, output=output).isig[2:15]
        data = np.asarray(whole.data)[..., : 13 // binning * binning]
        expected = data.reshape(*data.shape[:-1], -1, binning).sum(axis=-1)
        np.testing.assert_allclose(np.asarray(result.data), expected, rtol=1e-5, atol=2e-3)
        (ours,) = result.axes_manager.signal_axes
        assert ours.scale == pytest.approx(0.5 * binning)
        assert ours.offset == pytest.approx(1 + 0.5 * (2 + (binning - 1) / 2))
