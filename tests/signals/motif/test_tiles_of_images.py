"""apply_alignment with a stack of tiles, on images: the same tiles of another detector."""

from __future__ import annotations

import warnings
from dataclasses import replace

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.resampling import resample_frame
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.motif.match_table import matches_of
from hyperspy_smartalign.transforms import (
    Alignment,
    AlignmentMismatchError,
    Canvas,
    Field,
    Translation,
)

SHAPE = (40, 44)
TILE = (8, 7)
RNG = np.random.default_rng(1)
WHOLE = np.array([(11.5, 14.0), (20.5, 30.0), (27.5, 9.0), (13.5, 22.0), (30.5, 35.0)])
FRAMES = np.array([0, 0, 1, 2, 2])
# Values are up to 200.
STEPS = 2e-4


@pytest.fixture
def scene():
    return RNG.integers(0, 200, (3, *SHAPE)).astype(np.float32)


def pixels_at(stack, frames=FRAMES, centres=WHOLE):
    corners = (centres - (np.array(TILE) - 1) / 2).astype(int)
    return np.stack(
        [
            stack[frame, y : y + TILE[0], x : x + TILE[1]]
            for frame, (y, x) in zip(frames, corners, strict=True)
        ]
    )


def own_alignment(tiles, transforms, *, canvas=None, excluded=()):
    """The stack of tiles, as an alignment would leave it."""
    result = tiles.deepcopy()
    shape = tiles.data.shape[1:]
    n = len(tiles.data)
    out = np.isin(np.arange(n), excluded)
    alignment = Alignment(
        transforms=tuple(transforms),
        navigation_shape=(n,),
        frame_shape=shape,
        canvas=Canvas.of_frame(shape) if canvas is None else canvas,
        frame_scale=(0.2, 0.2),
        frame_units=("nm", "nm"),
        excluded=out,
        exclusion_reasons=tuple("bad" if bad else "" for bad in out),
        steps=(*recording.steps_of(tiles), recording.step("align_nonrigid", {"crop": True})),
    )
    if canvas is not None:
        result = result.isig[canvas.left : canvas.right, canvas.top : canvas.bottom]
    recording.write_alignment(result, alignment, keep_fields=True)
    return result


# Values


@pytest.mark.parametrize("dtype", [np.uint8, ">u2", np.float32, ">f8"])
@pytest.mark.parametrize("interpolation", ["spline", "linear", "nearest"])
def test_whole_pixels_are_copied(make_images, make_tiles, scene, dtype, interpolation) -> None:
    tiles = make_tiles(make_images(scene), WHOLE, frame=FRAMES)
    other = make_images((scene + 7).astype(dtype))
    fill = "zero" if interpolation == "nearest" else "nan"
    result = other.apply_alignment(tiles, interpolation=interpolation, fill=fill)
    native = np.dtype(dtype).newbyteorder("=")
    assert result.data.dtype == (native if interpolation == "nearest" else np.float32)
    np.testing.assert_array_equal(result.data, pixels_at(scene + 7))


@pytest.mark.parametrize(("angle", "mirror", "upsample"), [(0, False, 1), (30, True, 2)])
@pytest.mark.parametrize("lazy", [False, True])
def test_the_searched_series_gives_its_own_tiles(
    make_images, make_tiles, scene, angle, mirror, upsample, lazy
) -> None:
    """Between the pixels, turned, mirrored and up-sampled; to a few steps of float32."""
    images = make_images(scene)
    centres = np.array([(2.3, 20.1), *RNG.uniform(9, 30, (8, 2))])
    frames = RNG.integers(0, 3, 9)
    tiles = make_tiles(images, centres, frame=frames, angle=angle, mirror=mirror, upsample=upsample)
    given = images.as_lazy() if lazy else images
    result = given.apply_alignment(tiles)
    assert result._lazy == lazy
    assert np.isnan(tiles.data).any()
    np.testing.assert_allclose(np.asarray(result.data), tiles.data, atol=STEPS)


def test_one_image_of_a_second_detector(make_images, make_tiles, scene) -> None:
    tiles = make_tiles(make_images(scene[0]), WHOLE)
    result = make_images(2 * scene[0] + 1).apply_alignment(tiles)
    np.testing.assert_array_equal(result.data, pixels_at(2 * scene[:1] + 1, np.zeros(5, int)))


def test_gaps_are_not_seen(make_images, make_tiles, scene) -> None:
    tiles = make_tiles(make_images(scene), WHOLE, frame=FRAMES)
    other = scene.copy()
    other[0, 12, 14] = np.nan
    result = make_images(other).apply_alignment(tiles)
    assert np.isnan(result.data[0, 4, 3])
    assert np.isfinite(result.data[2:]).all()
    average = make_images(other).apply_alignment(tiles, output="average")
    np.testing.assert_allclose(average.data, np.nanmean(result.data, axis=0), rtol=1e-6)


def test_tiles_of_an_aligned_series_lie_elsewhere_in_every_frame(
    make_images, make_tiles, scene
) -> None:
    """Matches in the common frame, whose first pixel is not that of the frames."""
    parent = Alignment.from_shifts(
        [(0, 0), (2, -3), (-1, 4)],
        frame_shape=SHAPE,
        frame_scale=(0.2, 0.2),
        frame_offset=(-3.0, 5.0),
        frame_units=("nm", "nm"),
        canvas=Canvas(2, 5, 30, 28),
    )
    found = WHOLE[[0, 3]] - (2, 5)
    rows = np.tile(found, (3, 1))
    frames = np.repeat([0, 1, 2], 2)
    tiles = make_tiles(make_images(scene), rows, frame=frames, parent=parent, search="average")
    result = make_images(scene + 1).apply_alignment(tiles)
    places = np.tile(WHOLE[[0, 3]], (3, 1)) + parent.shifts[frames]
    np.testing.assert_array_equal(result.data, pixels_at(scene + 1, frames, places))


# Tiles that were aligned


def waves(shape, amplitude=0.6):
    y, x = np.indices(shape)
    return [
        Field(amplitude * np.stack([np.sin(y / 2.0 + k), np.cos(x / 3.0 - k)])) for k in range(5)
    ]


def test_aligned_tiles_are_interpolated_once(make_images, make_tiles) -> None:
    """A scene known at every point, sampled at the composed places: 3 times nearer than twice."""
    y, x = np.indices(SHAPE)

    def value(y, x):
        return 100 + 40 * np.sin(y * 1.3) * np.cos(x * 1.1)

    images = make_images(np.stack([value(y, x)] * 3).astype(np.float32))
    centres = RNG.uniform(10, 28, (5, 2))
    tiles = make_tiles(images, centres, frame=FRAMES)
    moves = waves(TILE)
    aligned = own_alignment(tiles, moves)
    result = images.apply_alignment(aligned)
    k = np.indices(TILE, float)
    once, twice = [], []
    for i, move in enumerate(moves):
        there = k + move.at(k) - np.reshape([3.5, 3.0], (2, 1, 1)) + centres[i][:, None, None]
        truth = value(*there)
        once.append(result.data[i] - truth)
        again = resample_frame(tiles.data[i], move, Canvas.of_frame(TILE)).pixels
        twice.append(again - truth)
    seen = np.isfinite(twice)
    assert np.isfinite(once).all()
    assert np.std(np.array(once)[seen]) < np.std(np.array(twice)[seen]) / 3


def test_the_alignment_of_the_tiles_stays_with_them(make_images, make_tiles, scene) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    canvas = Canvas(1, 2, 6, 4)
    aligned = own_alignment(tiles, waves(TILE), canvas=canvas, excluded=(1,))
    result = images.apply_alignment(aligned)
    assert result.data.shape == (5, 6, 4)
    carried = result.smartalign.alignment
    assert carried.canvas == canvas
    assert carried.steps[-1]["name"] == "apply_alignment"
    np.testing.assert_array_equal(carried.excluded, [False, True, False, False, False])
    y, x = result.axes_manager._axes[1:]
    assert (y.offset, x.offset) == pytest.approx((0.2, 0.4))
    np.testing.assert_array_equal(matches_of(result).y, WHOLE[:, 0])
    average = result.smartalign.average()
    np.testing.assert_allclose(average.data, result.data[[0, 2, 3, 4]].mean(axis=0), rtol=1e-6)
    # Excluded tiles take no part in averages and sums.
    for output in ("average", "sum"):
        one = images.apply_alignment(aligned, output=output)
        again = images.as_lazy().apply_alignment(aligned, output=output)
        wanted = result.smartalign.average(output=output).data
        np.testing.assert_allclose(one.data, wanted, rtol=1e-6)
        np.testing.assert_allclose(np.asarray(again.data), wanted, rtol=1e-6)
        assert one.data.dtype == (np.float32 if output == "average" else np.float64)
        assert again._lazy
        assert one.smartalign.matches is not None


def test_shifts_of_tiles_add_to_their_places(make_images, make_tiles, scene) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    shifts = np.array([(1, 0), (-2, 3), (0, 0), (2, -1), (-1, -1)])
    aligned = own_alignment(tiles, [Translation(s) for s in shifts])
    np.testing.assert_array_equal(
        images.apply_alignment(aligned).data, pixels_at(scene, centres=WHOLE + shifts)
    )


def test_tiles_given_to_tiles_are_aligned_as_any_series(make_images, make_tiles, scene) -> None:
    tiles = make_tiles(make_images(scene), WHOLE, frame=FRAMES)
    aligned = own_alignment(tiles, [Translation((1, 0))] * 5)
    result = tiles.apply_alignment(aligned)
    np.testing.assert_array_equal(result.data[:, :-1], tiles.data[:, 1:])


# Forms of the result


def test_axes_and_record(make_images, make_tiles, scene) -> None:
    tiles = make_tiles(make_images(scene), WHOLE, frame=FRAMES, upsample=2)
    other = make_images(scene)
    other.metadata.General.title = "bright field"
    recording.append_step(other, "remove_ramp", {"order": 1})
    result = other.apply_alignment(tiles)
    assert [axis.name for axis in result.axes_manager._axes] == ["tile", "y", "x"]
    for ours, theirs in zip(result.axes_manager._axes, tiles.axes_manager._axes, strict=True):
        assert (ours.size, ours.scale, ours.offset, ours.units, ours.navigate) == (
            theirs.size,
            theirs.scale,
            theirs.offset,
            theirs.units,
            theirs.navigate,
        )
    assert result.metadata.General.title == "bright field (tiles)"
    names = [step["name"] for step in recording.steps_of(result)]
    assert names == ["template_match", "remove_ramp", "apply_alignment"]
    # It can be given further.
    np.testing.assert_array_equal(other.apply_alignment(result).data, result.data)
    chosen = result.smartalign.select_tiles([3, 1])
    np.testing.assert_array_equal(other.apply_alignment(chosen).data, result.data[[3, 1]])


def test_the_inputs_stay_as_they_are(make_images, make_tiles, scene) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    tiles.data.flags.writeable = False
    before = tiles.metadata.as_dictionary(), images.metadata.as_dictionary()
    axes = images.axes_manager.as_dictionary()
    images.apply_alignment(tiles)
    after = tiles.metadata.as_dictionary(), images.metadata.as_dictionary()
    assert str(before) == str(after)
    assert axes == images.axes_manager.as_dictionary()


def test_the_function_takes_them_first(make_images, make_tiles, scene, tmp_path) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    wanted = images.apply_alignment(tiles).data
    found = hyperspy_smartalign.apply_alignment(tiles, images)
    np.testing.assert_array_equal(found.data, wanted)
    for i in range(3):
        images.inav[i].save(tmp_path / f"bf_{i}.hspy")
    found = hyperspy_smartalign.apply_alignment(tiles, tmp_path / "bf_*.hspy")
    np.testing.assert_array_equal(found.data, wanted)
    single = make_tiles(make_images(scene[0]), WHOLE)
    found = hyperspy_smartalign.apply_alignment(single, tmp_path / "bf_0.hspy")
    np.testing.assert_allclose(found.data, single.data, atol=STEPS)


def test_a_sum_with_a_variance_or_a_file(make_images, make_tiles, scene, tmp_path) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    stack = pixels_at(scene)
    result = images.apply_alignment(
        tiles, output="sum", variance="poisson", file=tmp_path / "sum.hspy"
    )
    assert [axis.name for axis in result.axes_manager._axes] == ["y", "x"]
    np.testing.assert_allclose(result.data, stack.sum(axis=0), rtol=1e-6)
    variance = result.metadata.Signal.Noise_properties.variance.data
    np.testing.assert_allclose(variance, stack.sum(axis=0), rtol=1e-6)
    kept = images.apply_alignment(tiles, counts="whole")
    np.testing.assert_array_equal(kept.data, stack)


def test_tiles_of_an_average_are_in_every_frame(make_images, make_tiles, scene) -> None:
    parent = Alignment.from_shifts(
        [(0, 0), (2, -3), (-1, 4)],
        frame_shape=SHAPE,
        frame_scale=(0.2, 0.2),
        frame_offset=(-3.0, 5.0),
        frame_units=("nm", "nm"),
        canvas=Canvas(2, 5, 30, 28),
        excluded=[False, True, False],
    )
    found = WHOLE[[0, 3]] - (2, 5)
    tiles = make_tiles(make_images(scene), found, parent=parent, searched=1)
    result = make_images(scene).apply_alignment(tiles)
    frames = np.array([0, 0, 2, 2])
    np.testing.assert_array_equal(matches_of(result).frame, frames)
    places = np.tile(WHOLE[[0, 3]], (2, 1)) + parent.shifts[frames]
    np.testing.assert_array_equal(result.data, pixels_at(scene, frames, places))
    # And once in another image of that size, such as the average of a second detector.
    average = make_images(scene[0, 2:32, 5:33])
    result = average.apply_alignment(tiles)
    np.testing.assert_array_equal(result.data, pixels_at(scene, np.zeros(2, int), WHOLE[[0, 3]]))


def test_another_pixel_size(make_images, make_tiles) -> None:
    """A scan of the same area with half the pixels: a linear scene is met exactly."""
    y, x = np.indices(SHAPE, float)
    fine = make_images((3 * y + 2 * x).astype(np.float32))
    yy, xx = np.indices((20, 22)) * 2 + 0.5
    coarse = make_images((3 * yy + 2 * xx).astype(np.float32), scale=0.4)
    centres = RNG.uniform(12, 26, (4, 2))
    tiles = make_tiles(fine, centres)
    result = coarse.apply_alignment(tiles, interpolation="linear")
    np.testing.assert_allclose(result.data, tiles.data, atol=2e-4)
    assert result.axes_manager.signal_axes[0].scale == pytest.approx(0.2)


# Errors


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"interpolation": "fourier"}, "whole frames"),
        ({"fill": "mean"}, "'nan', 'zero' or a number"),
        ({"signal_range": (0, 3)}, "these are images"),
        ({"area": "roi"}, "found on a region|found on whole frames"),
    ],
)
def test_parameters_that_make_no_sense(make_images, make_tiles, scene, keywords, message) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    with pytest.raises(ParameterError, match=message):
        images.apply_alignment(tiles, **keywords)


def test_signals_that_do_not_belong(make_images, make_tiles, scene) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    with pytest.raises(AlignmentMismatchError, match=r"do not belong.*3 frames.*has 2"):
        make_images(scene[:2]).apply_alignment(tiles)
    with pytest.raises(AlignmentMismatchError, match=r"do not belong.*has 1"):
        make_images(scene[0]).apply_alignment(tiles)
    with pytest.raises(AlignmentMismatchError, match="do not belong"):
        make_images(scene, scale=0.3).apply_alignment(tiles)
    single = make_tiles(make_images(scene[0]), WHOLE)
    with pytest.raises(AlignmentMismatchError, match=r"do not belong.*1 frame.*has 3"):
        images.apply_alignment(single)


def test_a_signal_that_is_aligned(make_images, make_tiles, scene) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    aligned = images.apply_alignment(np.zeros((3, 2)))
    with pytest.raises(AlignmentMismatchError, match="is aligned"):
        aligned.apply_alignment(tiles)
    with pytest.raises(AlignmentMismatchError, match="is aligned"):
        hyperspy_smartalign.apply_alignment(tiles, aligned)
    with pytest.raises(TypeError, match="Turn the two round"):
        hyperspy_smartalign.apply_alignment(images, tiles)


def test_tiles_without_their_table(make_images, make_tiles, scene) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    with pytest.raises(ValueError, match="select_tiles"):
        images.apply_alignment(tiles.inav[1:3])
    with pytest.raises(AlignmentMismatchError, match="cropped or rebinned"):
        images.apply_alignment(tiles.isig[1:])
    aligned = own_alignment(tiles, waves(TILE))
    known = recording.alignment_of(aligned)
    fewer = replace(
        known,
        transforms=known.transforms[:4],
        navigation_shape=(4,),
        excluded=known.excluded[:4],
        exclusion_reasons=known.exclusion_reasons[:4],
    )
    recording.write_alignment(aligned, fewer, keep_fields=True)
    with pytest.raises(AlignmentMismatchError, match=r"alignment of 4 tiles.*table of 5"):
        images.apply_alignment(aligned)


def test_every_tile_excluded(make_images, make_tiles, scene) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    aligned = own_alignment(tiles, waves(TILE), excluded=range(5))
    assert images.apply_alignment(aligned).data.shape == (5, *TILE)
    with pytest.raises(ValueError, match="Every tile is excluded"):
        images.apply_alignment(aligned, output="sum")


def test_frames_prepared_in_another_way(make_images, make_tiles, scene) -> None:
    images = make_images(scene)
    tiles = make_tiles(images, WHOLE, frame=FRAMES)
    other = make_images(scene)
    recording.append_step(other, "prepare", {"reverse": True})
    with pytest.warns(SeriesWarning, match="prepared with reverse=True") as caught:
        other.apply_alignment(tiles)
    assert caught[0].filename == __file__


def test_complex_pixels(make_images, make_tiles, scene) -> None:
    tiles = make_tiles(make_images(scene[0]), WHOLE)
    with pytest.raises(TypeError, match="real numbers"):
        hs.signals.Signal2D(scene[0] + 1j).apply_alignment(tiles)


# The whole way


def test_a_simulated_second_detector() -> None:
    """Found on the dark field, cut out of the bright field: the columns are dark there."""
    simulated = simulate_series(
        shape=(96, 111), frames=3, dose=200, scale=0.024, second_detector=True, seed=3
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeriesWarning)
        tiles = simulated.series.template_match((40, 64, 36, 60), show_progressbar=False)
        aligned = tiles.align_nonrigid(show_progressbar=False)
    second = simulated.second
    result = second.apply_alignment(aligned)
    assert result.data.shape == aligned.data.shape
    dark = aligned.smartalign.average().data
    bright = result.smartalign.average().data
    inner = np.s_[2:-2, 2:-2]
    assert np.corrcoef(dark[inner].ravel(), bright[inner].ravel())[0, 1] < -0.9
    np.testing.assert_allclose(
        simulated.series.apply_alignment(aligned).smartalign.average().data[inner],
        dark[inner],
        rtol=0.1,
    )
