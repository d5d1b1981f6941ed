"""apply_alignment with a stack of tiles, on spectra: the running sum of all tiles."""

from __future__ import annotations

import signal as signals
import tracemalloc

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.motif import Matches, frame_tiles
from hyperspy_smartalign.parameters import ApplyParameters, ParameterError
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.motif.applying import TileWork
from hyperspy_smartalign.signals.spectra.fingerprints import differences, fingerprint_of
from hyperspy_smartalign.transforms import (
    Alignment,
    AlignmentMismatchError,
    Canvas,
    Field,
    ScanLine,
    Translation,
)

SHAPE = (40, 44)
TILE = (8, 7)
CHANNELS = 12
RNG = np.random.default_rng(2)
WHOLE = np.array([(11.5, 14.0), (20.5, 30.0), (27.5, 9.0), (13.5, 22.0), (30.5, 35.0)])
BETWEEN = RNG.uniform(8, 30, (5, 2))
FRAMES = np.array([0, 0, 1, 2, 2])
# Sums of a few hundred counts by taps in another order: a few steps of float32.
STEPS = {"rtol": 3e-6, "atol": 1e-3}


@pytest.fixture
def values():
    return np.random.default_rng(3).poisson(20, (3, *SHAPE, CHANNELS)).astype(np.uint16)


@pytest.fixture
def images(make_images, values):
    return make_images(values.sum(axis=-1))


def pixels_at(stack, frames=FRAMES, centres=WHOLE):
    corners = (centres - (np.array(TILE) - 1) / 2).astype(int)
    return np.stack(
        [
            stack[frame, y : y + TILE[0], x : x + TILE[1]]
            for frame, (y, x) in zip(frames, corners, strict=True)
        ]
    )


def channel_by_channel(stack, frames, centres, kernel="spline"):
    """The sum of all tiles, cut out of the images of each channel."""
    total = np.zeros((*TILE, stack.shape[-1]))
    for frame, centre in zip(frames, centres, strict=True):
        match = Matches.at([centre], tile_shape=TILE)
        for channel in range(stack.shape[-1]):
            pixels = stack[frame, ..., channel].astype(np.float32)
            total[..., channel] += frame_tiles(pixels, match, interpolation=kernel)[0]
    return total


def own_alignment(tiles, transforms, excluded=()):
    result = tiles.deepcopy()
    n = len(tiles.data)
    out = np.isin(np.arange(n), excluded)
    alignment = Alignment(
        transforms=tuple(transforms),
        navigation_shape=(n,),
        frame_shape=tiles.data.shape[1:],
        canvas=Canvas.of_frame(tiles.data.shape[1:]),
        frame_scale=(0.2, 0.2),
        frame_units=("nm", "nm"),
        excluded=out,
        exclusion_reasons=tuple("bad" if bad else "" for bad in out),
    )
    recording.write_alignment(result, alignment, keep_fields=True)
    return result


def waves(amplitude=0.6):
    y, x = np.indices(TILE)
    return [
        Field(amplitude * np.stack([np.sin(y / 2.0 + k), np.cos(x / 3.0 - k)])) for k in range(5)
    ]


# Values


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, ">u2", np.float32, ">f8", "<i4"])
@pytest.mark.parametrize(
    "how",
    [
        {"interpolation": "spline"},
        {"interpolation": "linear"},
        {"interpolation": "nearest"},
        {"counts": "share"},
        {"counts": "whole"},
    ],
    ids=lambda how: next(iter(how.values())),
)
def test_whole_pixels_are_added_bit_for_bit(
    make_spectra, make_tiles, images, values, how, dtype, lazy
) -> None:
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    spectra = make_spectra(values.astype(dtype))
    if lazy:
        spectra = spectra.as_lazy(chunks=(2, 40, 44, 5))
    result = spectra.apply_alignment(tiles, **how)
    wanted = pixels_at(values).sum(axis=0, dtype=np.int64)
    np.testing.assert_array_equal(result.data, wanted)
    whole = how.get("counts") == "whole" and np.dtype(dtype).kind in "iu"
    assert result.data.dtype.kind == (np.dtype(dtype).kind if whole else "f")
    average = spectra.apply_alignment(tiles, output="average", **how)
    np.testing.assert_allclose(average.data, wanted / 5, rtol=1e-6)


@pytest.mark.parametrize("kernel", ["spline", "linear", "nearest"])
def test_it_is_the_sum_over_each_channel(make_spectra, make_tiles, images, values, kernel) -> None:
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    result = make_spectra(values).apply_alignment(tiles, interpolation=kernel)
    wanted = channel_by_channel(values, FRAMES, BETWEEN, kernel)
    np.testing.assert_allclose(result.data, wanted, **STEPS)


@pytest.mark.parametrize("own", ["none", "field", "lines"])
@pytest.mark.parametrize("parent", ["raw", "aligned"])
@pytest.mark.parametrize(
    ("angle", "mirror", "upsample"), [(0, False, 1.0), (30, True, 1.0), (-70, False, 1.5)]
)
def test_each_channel_is_as_an_image_of_it(
    make_spectra, make_images, make_tiles, images, values, own, parent, angle, mirror, upsample
) -> None:
    """Images are cut by other code, one tile at a time, and summed."""
    known = None
    if parent == "aligned":
        rng = np.random.default_rng(5)
        known = Alignment(
            transforms=(
                Translation((0.4, -1.2)),
                ScanLine(0.5 * rng.standard_normal((60, 2)), first_row=-10),
                Field(0.5 * rng.standard_normal((2, 9, 9)), spacing=6.0),
            ),
            navigation_shape=(3,),
            frame_shape=SHAPE,
            canvas=Canvas(1, 2, 38, 40),
            frame_scale=(0.2, 0.2),
            frame_offset=(-3.0, 5.0),
            frame_units=("nm", "nm"),
        )
    tiles = make_tiles(
        images, BETWEEN, frame=FRAMES, parent=known, angle=angle, mirror=mirror, upsample=upsample
    )
    size = tiles.data.shape[1:]
    rng = np.random.default_rng(6)
    if own == "field":
        moves = [Field(0.3 * rng.standard_normal((2, *size))) for _ in range(5)]
        tiles = own_alignment(tiles, moves, excluded=(3,))
    elif own == "lines":
        moves = [ScanLine(0.3 * rng.standard_normal((size[0], 2))) for _ in range(5)]
        tiles = own_alignment(tiles, moves)
    spectra = make_spectra(values)
    result = spectra.apply_alignment(tiles)
    shares = spectra.apply_alignment(tiles, output="series")
    assert shares.data.shape == (5, *size, CHANNELS)
    for channel in (0, 7):
        image = make_images(values[..., channel].astype(np.float32))
        wanted = image.apply_alignment(tiles, output="sum")
        np.testing.assert_allclose(result.data[..., channel], wanted.data, **STEPS)
        np.testing.assert_allclose(
            shares.data[..., channel], image.apply_alignment(tiles).data, **STEPS
        )


def test_one_spectrum_image(make_spectra, make_images, make_tiles, values) -> None:
    tiles = make_tiles(make_images(values[0].sum(axis=-1)), BETWEEN)
    wanted = channel_by_channel(values[:1], np.zeros(5, int), BETWEEN)
    single = make_spectra(values[0])
    np.testing.assert_allclose(single.apply_alignment(tiles).data, wanted, **STEPS)
    lazy = single.as_lazy(chunks=(10, 11, 5))
    np.testing.assert_allclose(lazy.apply_alignment(tiles).data, wanted, **STEPS)
    alone = make_spectra(values[:1])
    np.testing.assert_allclose(alone.apply_alignment(tiles).data, wanted, **STEPS)


def test_diffraction_patterns(make_spectra, make_images, make_tiles, values) -> None:
    patterns = values.reshape(3, *SHAPE, 4, 3)
    tiles = make_tiles(make_images(values.sum(axis=-1)), WHOLE, frame=FRAMES)
    result = make_spectra(patterns, dimension=2).apply_alignment(tiles)
    np.testing.assert_array_equal(result.data, pixels_at(patterns).sum(axis=0))
    one = make_tiles(make_images(values[0].sum(axis=-1)), WHOLE)
    scan = make_spectra(patterns[0], dimension=2)
    result = scan.apply_alignment(one, signal_range=(0, 2, 1, 4))
    wanted = pixels_at(patterns[:1], np.zeros(5, int))[..., 1:4, 0:2].sum(axis=0)
    np.testing.assert_array_equal(result.data, wanted)
    assert [axis.size for axis in result.axes_manager.signal_axes] == [2, 3]


def test_channels_are_chosen_first(make_spectra, make_tiles, images, values) -> None:
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    result = make_spectra(values).apply_alignment(tiles, signal_range=(2, 8), binning=3)
    wanted = pixels_at(values)[..., 2:8].reshape(5, *TILE, 2, 3).sum(axis=(0, -1))
    np.testing.assert_array_equal(result.data, wanted)
    (axis,) = result.axes_manager.signal_axes
    assert (axis.scale, axis.offset, axis.units) == (1.5, 2.5, "keV")


def test_tiles_partly_outside_count_where_they_were_observed(
    make_spectra, make_tiles, images, values
) -> None:
    centres = np.array([(1.5, 20.0), (20.5, 20.0), (38.5, 42.0)])
    tiles = make_tiles(images, centres, frame=[0, 1, 2])
    spectra = make_spectra(values)
    average = spectra.apply_alignment(tiles, output="average")
    padded = np.full((3, 60, 64, CHANNELS), np.nan)
    padded[:, 10:50, 10:54] = values
    parts = pixels_at(padded, np.array([0, 1, 2]), centres + 10)
    np.testing.assert_allclose(average.data, np.nanmean(parts, axis=0), rtol=1e-6)
    total = spectra.apply_alignment(tiles)
    np.testing.assert_allclose(total.data, 3 * np.nanmean(parts, axis=0), rtol=1e-6)
    for counts in ("share", "whole"):
        kept = spectra.apply_alignment(tiles, counts=counts)
        np.testing.assert_array_equal(kept.data, np.nansum(parts, axis=0))


def test_gaps_of_spectra(make_spectra, make_tiles, images, values) -> None:
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    broken = values.astype(np.float32)
    row, column = np.rint(BETWEEN[2]).astype(int)
    broken[1, row, column, 4] = np.nan
    result = make_spectra(broken).apply_alignment(tiles, output="series")
    assert np.isnan(result.data[2]).any()
    assert np.isfinite(result.data[[0, 1, 3, 4]]).all()
    average = make_spectra(broken).apply_alignment(tiles, output="average")
    np.testing.assert_allclose(average.data, np.nanmean(result.data, axis=0), rtol=1e-5)


# Counts and variance


def test_shared_counts_are_conserved(make_spectra, make_tiles, images) -> None:
    """Every count within a tile stays, wherever it falls between the pixels."""
    counts = np.zeros((3, *SHAPE, 2), np.uint16)
    rng = np.random.default_rng(8)
    total = 0
    for frame, centre in zip(FRAMES, BETWEEN, strict=True):
        near = np.rint(centre + rng.uniform(-1.5, 1.5, 2)).astype(int)
        counts[frame, near[0], near[1]] += 7
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    spectra = make_spectra(counts)
    for frame, centre in zip(FRAMES, BETWEEN, strict=True):
        away = np.abs(np.indices(SHAPE) - centre[:, None, None])
        inside = (away[0] < 3.5) & (away[1] < 3)
        total += counts[frame][inside].sum()
    for how in ("share", "whole"):
        result = spectra.apply_alignment(tiles, counts=how)
        assert result.data.sum() == pytest.approx(total, rel=1e-6)


@pytest.mark.parametrize("counts", ["interpolate", "share"])
def test_the_poisson_variance_is_that_of_repeats(
    make_images, make_spectra, make_tiles, counts
) -> None:
    """300 channels are 300 repeats; the mean over pixels of their variance, to 2 %."""
    rng = np.random.default_rng(9)
    data = rng.poisson(5.0, (3, *SHAPE, 300)).astype(np.uint16)
    tiles = make_tiles(make_images(data.sum(axis=-1)), BETWEEN, frame=FRAMES)
    result = make_spectra(data).apply_alignment(tiles, counts=counts, variance="poisson")
    told = result.metadata.Signal.Noise_properties.variance.data.mean(axis=-1)
    found = result.data.var(axis=-1)
    assert told.mean() == pytest.approx(found.mean(), rel=0.02)
    # A pixel alone: 300 repeats tell a variance to 8 %.
    assert np.abs(told / found - 1).max() < 0.35


def test_the_spread_is_that_of_the_tiles(make_spectra, make_tiles, images, values) -> None:
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    spectra = make_spectra(values)
    result = spectra.apply_alignment(tiles, output="average", variance="spread")
    stack = spectra.apply_alignment(tiles, output="series").data.astype(np.float64)
    np.testing.assert_allclose(result.data, stack.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(
        result.metadata.Signal.Noise_properties.variance.data,
        stack.var(axis=0, ddof=1) / 5,
        rtol=1e-3,
        atol=1e-4,
    )


def test_the_poisson_variance_of_whole_pixels_is_their_sum(
    make_spectra, make_tiles, images, values
) -> None:
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    for how in ({"interpolation": "spline"}, {"interpolation": "nearest"}, {"counts": "whole"}):
        result = make_spectra(values).apply_alignment(tiles, variance="poisson", **how)
        variance = result.metadata.Signal.Noise_properties.variance.data
        np.testing.assert_allclose(variance, pixels_at(values).sum(axis=0), rtol=1e-6)


# Ways of working


@pytest.mark.parametrize("variance", ["none", "poisson", "spread"])
def test_lazy_output_and_chunks_change_nothing(
    make_spectra, make_tiles, images, values, variance
) -> None:
    tiles = own_alignment(make_tiles(images, BETWEEN, frame=FRAMES), waves())
    spectra = make_spectra(values)
    wanted = spectra.apply_alignment(tiles, variance=variance)
    for chunks in ((1, 40, 44, 12), (3, 40, 44, 5), (2, 17, 44, 4)):
        lazy = spectra.as_lazy(chunks=chunks)
        at_once = lazy.apply_alignment(tiles, variance=variance)
        assert not at_once._lazy
        later = lazy.apply_alignment(tiles, variance=variance, lazy_output=True)
        assert later._lazy
        for found in (at_once, later):
            np.testing.assert_allclose(np.asarray(found.data), wanted.data, rtol=2e-6)
            if variance != "none":
                noise = found.metadata.Signal.Noise_properties.variance.data
                np.testing.assert_allclose(
                    np.asarray(noise),
                    wanted.metadata.Signal.Noise_properties.variance.data,
                    rtol=1e-4,
                )


def test_threads_change_nothing(make_spectra, make_tiles, images) -> None:
    data = np.random.default_rng(4).poisson(9, (3, *SHAPE, 70)).astype(np.uint16)
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    spectra = make_spectra(data)
    one = spectra.apply_alignment(tiles, num_workers=1)
    np.testing.assert_array_equal(one.data, spectra.apply_alignment(tiles, num_workers=3).data)


def test_frames_without_tiles_are_not_read(make_tiles, images, values) -> None:
    read = []

    def frame(block_info=None):
        (start, stop), *_ = block_info[None]["array-location"]
        read.append(start)
        return values[start:stop]

    chunks = ((1,) * 3, (40,), (44,), (CHANNELS,))
    data = da.map_blocks(frame, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16))
    tiles = make_tiles(images, WHOLE, frame=[0, 0, 2, 2, 0])
    spectra = hs.signals.Signal1D(data).as_lazy()
    read.clear()
    result = spectra.apply_alignment(tiles)
    assert sorted(read) == [0, 2]
    wanted = pixels_at(values, np.array([0, 0, 2, 2, 0])).sum(axis=0)
    np.testing.assert_array_equal(result.data, wanted)


def test_what_is_held_is_a_frame_and_the_sum(make_tiles, images) -> None:
    """12 frames of 5.6 MB each: all of them would be 67 MB, and each is read once."""
    n, channels = 12, 800

    def frame(block_info=None):
        (start, _), *_ = block_info[None]["array-location"]
        return np.full((1, *SHAPE, channels), start, np.float32)

    chunks = ((1,) * n, (40,), (44,), (channels,))
    data = da.map_blocks(
        frame, chunks=chunks, dtype=np.float32, meta=np.empty((0,) * 4, np.float32)
    )
    stack = images._deepcopy_with_new_data(np.repeat(images.data, 4, axis=0))
    stack.axes_manager._axes[0].size = n
    tiles = make_tiles(stack, np.repeat(WHOLE[:1], n, axis=0), frame=np.arange(n))
    spectra = hs.signals.Signal1D(data).as_lazy()
    spectra.apply_alignment(tiles, signal_range=(0, 8))
    tracemalloc.start()
    result = spectra.apply_alignment(tiles)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_array_equal(result.data, np.arange(n).sum())
    assert peak < 5 * 4 * np.prod(SHAPE) * channels


def test_files_of_a_frame_each(make_spectra, make_tiles, images, values, tmp_path) -> None:
    spectra = make_spectra(values)
    for i in (0, 1, 2):
        spectra.inav[:, :, i].save(tmp_path / f"map_{i}.hspy")
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    wanted = spectra.apply_alignment(tiles)
    for target in (tmp_path / "map_*.hspy", [spectra.inav[:, :, i] for i in range(3)]):
        found = hyperspy_smartalign.apply_alignment(tiles, target)
        np.testing.assert_allclose(found.data, wanted.data, rtol=2e-6)
    single = make_tiles(images.inav[0], BETWEEN)
    found = hyperspy_smartalign.apply_alignment(single, tmp_path / "map_0.hspy")
    np.testing.assert_allclose(
        found.data, spectra.inav[:, :, 0].apply_alignment(single).data, rtol=2e-6
    )


def test_resume_after_an_interrupt(make_tiles, images, values, tmp_path, monkeypatch) -> None:
    """Ctrl-C while the tiles of a frame are added waits until the frame is whole."""
    from hyperspy_smartalign.signals.spectra import checkpoints, partial_sums

    monkeypatch.setattr(checkpoints, "_LEAST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoints, "_SHARE", 1.0)
    read = []

    def frame(block_info=None):
        (start, stop), *_ = block_info[None]["array-location"]
        read.append(start)
        return values[start:stop]

    chunks = ((1,) * 3, (40,), (44,), (CHANNELS,))
    data = da.map_blocks(frame, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16))
    spectra = hs.signals.Signal1D(data).as_lazy()
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    wanted = spectra.apply_alignment(tiles).data
    path = tmp_path / "cell.hspy"
    add = partial_sums.SpectrumSum.add_tiles
    calls = []

    def interrupting(self, *arguments, **keywords):
        calls.append(1)
        if len(calls) == 2:
            signals.raise_signal(signals.SIGINT)
        add(self, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(partial_sums.SpectrumSum, "add_tiles", interrupting)
        with pytest.raises(KeyboardInterrupt):
            spectra.apply_alignment(tiles, file=path)
    assert not path.exists()
    with pytest.raises(ValueError, match="was made otherwise"):
        spectra.apply_alignment(tiles.smartalign.select_tiles([0, 2, 3]), file=path, resume=True)
    read.clear()
    result = spectra.apply_alignment(tiles, file=path, resume=True)
    assert read == [2]
    np.testing.assert_array_equal(result.data, wanted)
    np.testing.assert_array_equal(hs.load(path).data, wanted)
    with pytest.raises(FileExistsError):
        spectra.apply_alignment(tiles, file=path)


def test_progress_says_frame_and_tile(
    make_spectra, make_tiles, images, values, monkeypatch
) -> None:
    from contextlib import contextmanager

    from hyperspy_smartalign.signals.motif import applying

    told = []

    @contextmanager
    def bar(_):
        yield lambda *report: told.append(report)

    monkeypatch.setattr(applying, "progress_bar", bar)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    make_spectra(values).apply_alignment(tiles)
    assert told == [
        ("frame 1 of 3, tiles", 2, 2),
        ("frame 2 of 3, tiles", 1, 1),
        ("frame 3 of 3, tiles", 2, 2),
    ]


@pytest.mark.slow
def test_workers_of_a_cluster(make_spectra, make_tiles, images, values, tmp_path) -> None:
    distributed = pytest.importorskip("distributed")
    tiles = own_alignment(make_tiles(images, BETWEEN, frame=FRAMES), waves(), excluded=(1,))
    spectra = make_spectra(values)
    wanted = spectra.apply_alignment(tiles, variance="poisson")
    lazy = spectra.as_lazy(chunks=(1, 40, 44, 12))
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            local_directory=str(tmp_path),
        ) as cluster,
        distributed.Client(cluster),
    ):
        found = lazy.apply_alignment(tiles, variance="poisson")
    np.testing.assert_allclose(found.data, wanted.data, rtol=2e-6)
    np.testing.assert_allclose(
        found.metadata.Signal.Noise_properties.variance.data,
        wanted.metadata.Signal.Noise_properties.variance.data,
        rtol=1e-4,
    )


# Forms of the result


def test_axes_class_and_record(make_spectra, make_tiles, images, values) -> None:
    pytest.importorskip("exspy")
    tiles = own_alignment(make_tiles(images, BETWEEN, frame=FRAMES), waves(), excluded=(1,))
    spectra = make_spectra(values, signal_type="EDS_TEM")
    for path, value in (
        ("Acquisition_instrument.TEM.Detector.EDS.live_time", 2.0),
        ("Acquisition_instrument.TEM.Detector.EDS.number_of_frames", 1),
    ):
        spectra.metadata.set_item(path, value)
    cell = spectra.apply_alignment(tiles)
    assert type(cell) is type(spectra)
    assert [axis.name for axis in cell.axes_manager._axes] == ["y", "x", "Energy"]
    y, x, energy = cell.axes_manager._axes
    assert (y.size, x.size) == TILE
    assert (y.scale, y.offset, y.units) == (pytest.approx(0.2), 0, "nm")
    assert energy.get_axis_dictionary() == spectra.axes_manager._axes[-1].get_axis_dictionary()
    assert cell.metadata.General.title == "map (tiles, sum)"
    detector = cell.metadata.Acquisition_instrument.TEM.Detector.EDS
    # Each pixel of the sum is the exposure of four tiles, in three scans.
    assert detector.live_time == 8.0
    assert detector.number_of_frames == 3
    average = spectra.apply_alignment(tiles, output="average")
    assert average.metadata.Acquisition_instrument.TEM.Detector.EDS.live_time == 2.0
    assert len(cell.smartalign.matches) == 5
    assert recording.steps_of(cell)[-1]["name"] == "apply_alignment"
    np.testing.assert_allclose(cell.navigator.data, cell.data.sum(axis=-1), rtol=1e-6)
    series = spectra.apply_alignment(tiles, output="series")
    assert [axis.name for axis in series.axes_manager._axes] == ["tile", "y", "x", "Energy"]
    assert type(series) is type(spectra)


def test_another_pixel_size(make_spectra, make_images, make_tiles) -> None:
    """A map with half the pixels of its image gives cells with the pixels of the image."""
    y, x = np.indices(SHAPE, float)
    fine = make_images((3 * y + 2 * x).astype(np.float32))
    yy, xx = np.indices((20, 22)) * 2 + 0.5
    ramp = (3 * yy + 2 * xx)[..., None] * np.array([1.0, 2.0])
    coarse = make_spectra(ramp.astype(np.float32), scale=0.4)
    tiles = make_tiles(fine, BETWEEN + 3)
    cell = coarse.apply_alignment(tiles, interpolation="linear", output="average")
    np.testing.assert_allclose(cell.data[..., 1], 2 * tiles.data.mean(axis=0), rtol=1e-5)
    with pytest.raises(ParameterError, match="another size"):
        coarse.apply_alignment(tiles, counts="share")


# Errors


def test_counts_that_would_leave_holes(make_spectra, make_tiles, images, values) -> None:
    spectra = make_spectra(values)
    fine = make_tiles(images, BETWEEN, frame=FRAMES, upsample=2)
    for counts in ("share", "whole"):
        with pytest.raises(ParameterError, match="another size"):
            spectra.apply_alignment(fine, counts=counts)
    turned = make_tiles(images, BETWEEN, frame=FRAMES, angle=30)
    with pytest.raises(ParameterError, match="are turned"):
        spectra.apply_alignment(turned, counts="whole")
    # Shared counts leave none.
    assert (spectra.apply_alignment(turned, counts="share").data > 0).all()
    bent = own_alignment(turned, waves())
    with pytest.raises(ParameterError, match="turned or mirrored and corrected"):
        spectra.apply_alignment(bent, counts="share")
    upright = make_tiles(images, WHOLE, frame=FRAMES, angle=180)
    result = spectra.apply_alignment(upright, counts="whole")
    np.testing.assert_array_equal(result.data, pixels_at(values)[:, ::-1, ::-1].sum(axis=0))


@pytest.mark.parametrize("keywords", [{"file": "cells.hspy"}, {"lazy_output": True}])
def test_a_stack_of_spectra_is_made_in_memory(
    make_spectra, make_tiles, images, values, tmp_path, monkeypatch, keywords
) -> None:
    monkeypatch.chdir(tmp_path)
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    with pytest.raises(ParameterError, match="in memory only"):
        make_spectra(values).apply_alignment(tiles, output="series", **keywords)


def test_a_stack_that_is_too_large(make_spectra, make_tiles, images, values, monkeypatch) -> None:
    from hyperspy_smartalign.signals.motif import applying

    monkeypatch.setattr(applying, "_LARGEST_STACK", 1000)
    tiles = make_tiles(images, BETWEEN, frame=FRAMES)
    with pytest.raises(ParameterError, match=r"5 tiles of spectra needs .* GB"):
        make_spectra(values).apply_alignment(tiles, output="series")


def test_spectra_that_do_not_belong(make_spectra, make_tiles, images, values) -> None:
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    with pytest.raises(AlignmentMismatchError, match=r"do not belong.*3 frames.*has 1"):
        make_spectra(values[0]).apply_alignment(tiles)
    bare = hs.signals.Signal1D(values[:, :20])
    with pytest.raises(AlignmentMismatchError, match=r"do not belong.*not of one kind"):
        bare.apply_alignment(tiles)
    aligned = make_spectra(values).apply_alignment(np.zeros((3, 2)), output="series")
    with pytest.raises(AlignmentMismatchError, match="is aligned"):
        aligned.apply_alignment(tiles)
    with pytest.raises(ParameterError, match="resume=True"):
        make_spectra(values).apply_alignment(tiles, resume=True)
    with pytest.raises(ParameterError, match="fill='mean'"):
        make_spectra(values).apply_alignment(tiles, fill="mean")


def test_saved_tiles_are_the_same_work(simulated_tiles, tmp_path) -> None:
    series, tiles = simulated_tiles
    tiles.save(tmp_path / "tiles.hspy")
    again = hs.load(tmp_path / "tiles.hspy")
    works = [TileWork.of(series, one, ApplyParameters()) for one in (tiles, again)]
    then, now = (fingerprint_of(work.fingerprint([])) for work in works)
    assert differences(then, now) == []
    other = TileWork.of(series, tiles.smartalign.select_tiles([0, 1]), ApplyParameters())
    assert differences(then, fingerprint_of(other.fingerprint([])))


@pytest.fixture
def simulated_tiles():
    series = simulate_series(shape=(64, 64), frames=2, dose=300, scale=0.024, seed=3).series
    tiles = series.template_match((20, 44, 20, 44), threshold=0.5, refine=0)
    return series, tiles.align_nonrigid(max_iterations=2)
