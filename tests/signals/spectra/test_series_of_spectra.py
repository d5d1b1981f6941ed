"""What is read and held of a lazy series, aligned series of spectra, and the navigator."""

from __future__ import annotations

import tracemalloc

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.signals.spectra import frames as frames_module
from hyperspy_smartalign.transforms import Canvas

SHAPE = (24, 20)


def values_of(make_spectra, shifts):
    signal, scene = make_spectra(shifts)
    return signal.data, scene[Canvas.common(shifts, SHAPE).slices]


# Lazy in, lazy out


def test_a_lazy_series_stays_lazy(make_spectra, shifts, watched):
    values, window = values_of(make_spectra, shifts)
    signal, watch = watched(values, (2, 12, 20, 8))
    result = signal.apply_alignment(shifts, output="series")
    assert result._lazy
    assert watch.read == []
    # Chunks along the series and the channels stay as they are.
    assert result.data.chunks == ((2, 2, 1), window.shape[:1], window.shape[1:2], (8, 8))
    result.compute(show_progressbar=False)
    assert type(result) is hs.signals.Signal1D
    for frame in result.data:
        np.testing.assert_array_equal(frame, window)
    assert sorted(watch.read) == sorted(np.ndindex(3, 2, 1, 2))


def test_one_frame_of_a_lazy_result_reads_one_frame(make_spectra, shifts, watched):
    values, window = values_of(make_spectra, shifts)
    signal, watch = watched(values, (1, 24, 20, 16))
    result = signal.apply_alignment(shifts, output="series")
    np.testing.assert_array_equal(result.inav[:, :, 3].data.compute(), window)
    assert {place[0] for place in watch.read} == {3}


@pytest.mark.parametrize("lazy", [False, True])
def test_lazy_output(make_spectra, shifts, lazy):
    signal, scene = make_spectra(lazy=lazy)
    for wanted in (True, False):
        result = signal.apply_alignment(shifts, output="series", lazy_output=wanted)
        assert result._lazy is wanted
        window = scene[Canvas.common(shifts, SHAPE).slices]
        np.testing.assert_array_equal(np.asarray(result.data)[1], window)


# What is read, and what is held


@pytest.mark.parametrize(
    ("chunks", "at_once"),
    [((1, 24, 20, 16), 2), ((1, 24, 20, 4), 8), ((2, 12, 10, 16), 8), ((5, 24, 20, 2), 8)],
)
@pytest.mark.parametrize("lazy_output", [None, True])
def test_a_sum_reads_every_chunk_once(make_spectra, shifts, watched, chunks, at_once, lazy_output):
    values, window = values_of(make_spectra, shifts)
    signal, watch = watched(values, chunks)
    result = signal.apply_alignment(shifts, lazy_output=lazy_output)
    if lazy_output:
        assert watch.read == []
    np.testing.assert_array_equal(np.asarray(result.data), 5 * window)
    assert sorted(watch.read) == sorted(np.ndindex(signal.data.numblocks))
    if not lazy_output:
        # The chunks of one portion, and the one before.
        assert watch.most_held <= at_once


def test_a_portion_holds_few_chunks_where_memory_is_small(
    make_spectra, shifts, watched, monkeypatch
):
    values, window = values_of(make_spectra, shifts)
    # Four channels of a frame.
    monkeypatch.setattr(frames_module, "PORTION_BYTES", 24 * 20 * 4 * 4)
    signal, watch = watched(values, (1, 24, 20, 2))
    result = signal.apply_alignment(shifts, variance="spread")
    np.testing.assert_array_equal(result.data, 5 * window)
    assert sorted(watch.read) == sorted(np.ndindex(5, 1, 1, 8))
    assert watch.most_held <= 4


def test_memory_stays_within_a_few_frames(watched):
    """40 frames of 1.2 MB: what is held is a frame or two, and the sum."""
    frame = np.random.default_rng(0).random((48, 40, 160), np.float32)
    values = np.broadcast_to(frame, (40, *frame.shape))
    signal, watch = watched(values, (1, 48, 40, 160))
    signal.inav[:, :, :2].apply_alignment(np.zeros((2, 2)))  # compiles
    watch.read.clear()
    tracemalloc.start()
    result = signal.apply_alignment(np.full((40, 2), 0.3) * np.arange(40)[:, None] % 1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert result.data.shape[2] == 160
    assert len(watch.read) == 40
    assert watch.most_held <= 2
    # Sum, two frames, the filtered frame and scratch space of the threads: 8 of 40 frames.
    assert peak < 8 * frame.nbytes + 8e6


def test_a_list_of_signals_is_read_frame_by_frame(make_spectra, shifts, watched):
    values, window = values_of(make_spectra, shifts)
    parts = [watched(frame, (24, 20, 16)) for frame in values]
    result = hyperspy_smartalign.apply_alignment(shifts, [signal for signal, _ in parts])
    np.testing.assert_array_equal(result.data, 5 * window)
    assert [len(watch.read) for _, watch in parts] == [1] * 5


# The navigator


@pytest.mark.parametrize("output", ["sum", "series"])
def test_results_in_memory_have_their_navigator(make_spectra, shifts, output):
    signal, _ = make_spectra(dtype=np.uint16)
    result = signal.apply_alignment(shifts, output=output)
    image = result.navigator
    np.testing.assert_allclose(image.data, result.data.sum(axis=-1, dtype=np.float64), rtol=1e-6)
    assert image.axes_manager["x"].offset == result.axes_manager["x"].offset


def test_lazy_results_and_images_have_none(make_spectra, make_series, shifts):
    signal, _ = make_spectra(lazy=True)
    assert signal.apply_alignment(shifts, output="series").navigator is None
    images, _ = make_series(shifts)
    assert images.apply_alignment(shifts).navigator is None


def test_navigator_of_patterns(make_spectra, shifts):
    patterns, _ = make_spectra(channels=(6, 7))
    result = patterns.apply_alignment(shifts)
    np.testing.assert_array_equal(result.navigator.data, result.data.sum(axis=(-2, -1)))
