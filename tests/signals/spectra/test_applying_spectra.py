"""apply_alignment on spectra: values, types, gaps, axes; against slices and against images."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.transforms import Canvas, Field, ScanLine, Translation

SHAPE = (24, 20)
# Sums over a few taps, in another order than on images: a few steps of float32.
LIKE_IMAGES = {"rtol": 3e-6, "atol": 3e-4}


def images_of(signal, channel):
    """One channel of a series of spectrum images, as a series of images."""
    images = hs.signals.Signal2D(signal.data[..., channel])
    for ours, theirs in zip(
        images.axes_manager._axes[-2:], signal.axes_manager._axes[-3:-1], strict=True
    ):
        ours.name, ours.scale, ours.offset, ours.units = (
            theirs.name,
            theirs.scale,
            theirs.offset,
            theirs.units,
        )
    return images


def distorted(shifts):
    """An alignment with a ScanLine, a Field and shifts, as align_nonrigid leaves it."""
    rng = np.random.default_rng(1)
    moves = []
    for k, shift in enumerate(shifts):
        if k % 3 == 0:
            lines = 0.4 * rng.standard_normal((SHAPE[0] + 20, 2))
            moves.append(ScanLine(lines + shift, first_row=-10))
        elif k % 3 == 1:
            y, x = np.indices(SHAPE)
            wave = np.stack([0.6 * np.sin(x / 5.0 + k), 0.5 * np.cos(y / 4.0)])
            moves.append(Field(wave + np.reshape(shift, (2, 1, 1))))
        else:
            moves.append(Translation(shift))
    return Alignment(
        transforms=tuple(moves),
        navigation_shape=(len(moves),),
        frame_shape=SHAPE,
        canvas=Canvas.of_frame(SHAPE),
        frame_scale=(0.2, 0.2),
        frame_offset=(-3.0, 5.0),
        frame_units=("nm", "nm"),
    )


# Exact cases


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("interpolation", ["spline", "linear", "nearest"])
def test_the_identity_returns_the_data(make_spectra, interpolation, lazy):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((5, *SHAPE, 16)).astype(np.float32)
    signal = hs.signals.Signal1D(values)
    signal = signal.as_lazy() if lazy else signal
    result = signal.apply_alignment(np.zeros((5, 2)), output="series", interpolation=interpolation)
    assert type(result) is type(signal)
    assert result.data.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(result.data), values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, ">u2", "<i4", np.int16, bool])
@pytest.mark.parametrize("how", [{"interpolation": "nearest", "fill": "zero"}, {"counts": "whole"}])
def test_the_identity_keeps_integers(make_spectra, dtype, how):
    signal, _ = make_spectra(dtype=dtype)
    result = signal.apply_alignment(np.zeros((5, 2)), output="series", **how)
    if "counts" in how:
        # A pixel may get the counts of several.
        assert np.can_cast(dtype, result.data.dtype)
        assert result.data.dtype.kind in "iu"
    else:
        assert result.data.dtype == np.dtype(dtype).newbyteorder("=")
    assert result.data.dtype.isnative
    np.testing.assert_array_equal(result.data, signal.data)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, ">u2", np.float32, ">f8"])
@pytest.mark.parametrize(
    "how",
    [
        {"interpolation": "spline"},
        {"interpolation": "linear"},
        {"interpolation": "nearest", "fill": 0},
        {"counts": "share"},
        {"counts": "whole"},
    ],
    ids=lambda how: next(iter(how.values())),
)
def test_whole_pixel_shifts_are_slices(make_spectra, shifts, how, dtype, lazy):
    signal, scene = make_spectra(dtype=dtype, lazy=lazy, chunks=(2, 24, 20, 5) if lazy else None)
    common = Canvas.common(shifts, SHAPE)
    result = signal.apply_alignment(shifts, output="series", **how)
    assert result.data.shape == (5, *common.shape, 16)
    for frame in np.asarray(result.data):
        np.testing.assert_array_equal(frame, scene[common.slices])
    total = signal.apply_alignment(shifts, **how)
    assert not total._lazy
    np.testing.assert_array_equal(total.data, 5.0 * scene[common.slices])
    average = signal.apply_alignment(shifts, output="average", **how)
    assert average.data.dtype == np.float32
    np.testing.assert_array_equal(average.data, scene[common.slices])


def test_axes_and_record(make_spectra, shifts):
    signal, _ = make_spectra()
    common = Canvas.common(shifts, SHAPE)
    for output, title in (("series", "map (aligned)"), ("sum", "map (sum)")):
        result = signal.apply_alignment(shifts, output=output)
        x, y = result.axes_manager.navigation_axes[:2]
        assert (x.name, x.units, y.scale) == ("x", "nm", 0.2)
        assert x.offset == pytest.approx(5 + 0.2 * common.left)
        assert y.offset == pytest.approx(-3 + 0.2 * common.top)
        (energy,) = result.axes_manager.signal_axes
        assert (energy.name, energy.scale, energy.offset, energy.size) == ("Energy", 0.5, 1.0, 16)
        assert result.metadata.General.title == title
        carried = result.smartalign.alignment
        np.testing.assert_array_equal(carried.shifts, shifts)
        assert carried.canvas == common
        assert [step["name"] for step in carried.steps] == ["shift_table", "apply_alignment"]


@pytest.mark.parametrize("lazy", [False, True])
def test_inputs_stay(make_spectra, shifts, lazy):
    signal, _ = make_spectra(dtype=">u2", lazy=lazy)
    before = signal.deepcopy()
    alignment = signal.apply_alignment(shifts).smartalign.alignment
    kept = alignment.to_dict()
    for keywords in ({}, {"output": "series", "crop": False}, {"counts": "share", "binning": 2}):
        signal.apply_alignment(alignment, **keywords)
    np.testing.assert_array_equal(np.asarray(signal.data), np.asarray(before.data))
    assert signal.data.dtype == np.dtype(">u2")
    assert signal.metadata.as_dictionary() == before.metadata.as_dictionary()
    assert signal.axes_manager.as_dictionary() == before.axes_manager.as_dictionary()
    assert signal.navigator is None
    assert Alignment.from_dict(kept) == alignment


# Against images


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("interpolation", ["spline", "linear", "nearest"])
@pytest.mark.parametrize("kind", ["shifts", "composed"])
def test_each_channel_is_as_its_image(make_spectra, fractional, kind, interpolation, lazy):
    signal, _ = make_spectra(lazy=lazy)
    alignment = distorted(fractional) if kind == "composed" else fractional
    keywords = {"interpolation": interpolation, "crop": False}
    series = signal.apply_alignment(alignment, output="series", **keywords)
    total = signal.apply_alignment(alignment, **keywords)
    average = signal.apply_alignment(alignment, output="average", **keywords)
    for channel in (0, 11):
        images = images_of(signal, channel)
        for result, output in ((series, "series"), (total, "sum"), (average, "average")):
            expected = images.apply_alignment(alignment, output=output, **keywords)
            np.testing.assert_allclose(
                np.asarray(result.data)[..., channel], np.asarray(expected.data), **LIKE_IMAGES
            )


@pytest.mark.parametrize("kind", ["shifts", "composed"])
def test_spectra_of_one_channel_are_images(make_spectra, fractional, kind):
    signal, _ = make_spectra(channels=(1,))
    alignment = distorted(fractional) if kind == "composed" else fractional
    result = signal.apply_alignment(alignment, output="series")
    expected = images_of(signal, 0).apply_alignment(alignment)
    assert result.data.shape == (*expected.data.shape, 1)
    np.testing.assert_allclose(result.data[..., 0], expected.data, **LIKE_IMAGES)


def test_rigid_and_nonrigid_composed(make_spectra, shifts, fractional):
    """Whole-pixel shifts first: then once is as one after the other, where both see the place."""
    signal, _ = make_spectra()
    rigid = Alignment.from_shifts(shifts, frame_shape=SHAPE, canvas=Canvas.of_frame(SHAPE))
    rest = distorted(fractional - shifts)
    how = {"output": "series", "interpolation": "linear"}
    first = signal.apply_alignment(rigid, **how)
    with pytest.warns(SeriesWarning, match="second time") as caught:
        twice = first.apply_alignment(rest, **how)
    assert caught[0].filename == __file__
    once = signal.apply_alignment(rigid.compose(rest), **how)
    seen = np.isfinite(twice.data)
    assert seen.mean() > 0.7
    assert np.isfinite(once.data[seen]).all()
    np.testing.assert_allclose(once.data[seen], twice.data[seen], rtol=1e-5, atol=1e-3)
    assert [type(move) for move in twice.smartalign.alignment.transforms] == [
        type(move) for move in rest.transforms
    ]


# Gaps, exclusions, windows


@pytest.mark.parametrize("lazy", [False, True])
def test_pixels_with_nan_count_as_not_seen(make_spectra, shifts, lazy):
    signal, scene = make_spectra()
    values = signal.data.copy()
    values[1, 10, 12, 3] = np.nan
    values[3, 10, 13, :] = np.inf
    signal = signal._deepcopy_with_new_data(values)
    signal = signal.as_lazy() if lazy else signal
    common = Canvas.common(shifts, SHAPE)
    average = signal.apply_alignment(shifts, output="average", interpolation="nearest")
    np.testing.assert_allclose(np.asarray(average.data), scene[common.slices], rtol=1e-6)
    # Scaled to all five frames, where four saw the pixel.
    total = signal.apply_alignment(shifts, interpolation="nearest")
    np.testing.assert_allclose(np.asarray(total.data), 5 * scene[common.slices], rtol=1e-6)
    series = signal.apply_alignment(shifts, output="series", interpolation="nearest", fill=-1)
    series = np.asarray(series.data)
    gaps = np.argwhere((series < 0).all(axis=-1)).tolist()
    places = [
        [frame, *(np.array(place) - shifts[frame] - common.origin)]
        for frame, place in ((1, (10, 12)), (3, (10, 13)))
    ]
    assert gaps == places
    assert np.isfinite(series).all()


def test_a_place_that_no_frame_saw_gets_the_fill_value(make_spectra, shifts):
    signal, _ = make_spectra()
    values = signal.data.copy()
    for frame, (y, x) in enumerate(shifts):
        values[frame, 10 + y, 9 + x] = np.nan
    signal = signal._deepcopy_with_new_data(values)
    for output in ("sum", "average"):
        for fill, check in (("nan", np.isnan), ("zero", lambda a: a == 0), (7, lambda a: a == 7)):
            result = signal.apply_alignment(
                shifts, output=output, fill=fill, interpolation="nearest"
            )
            top, left = Canvas.common(shifts, SHAPE).origin
            assert check(result.data[10 - top, 9 - left]).all()
            assert not check(result.data).all(axis=-1).sum() > 1


@pytest.mark.parametrize("lazy", [False, True])
def test_excluded_frames_stay_in_series_and_not_in_sums(make_spectra, shifts, lazy):
    signal, scene = make_spectra(lazy=lazy)
    if not lazy:
        values = signal.data.copy()
        values[3] = 1e6
        signal = signal._deepcopy_with_new_data(values)
    common = Canvas.common(shifts, SHAPE)
    alignment = Alignment.from_shifts(
        shifts, frame_shape=SHAPE, canvas=common, excluded=np.arange(5) == 3
    )
    total = signal.apply_alignment(alignment)
    np.testing.assert_array_equal(total.data, 4 * scene[common.slices])
    series = signal.apply_alignment(alignment, output="series")
    assert series.data.shape[0] == 5
    np.testing.assert_array_equal(np.asarray(series.data)[4], scene[common.slices])
    with pytest.raises(ValueError, match="Every frame is excluded"):
        signal.apply_alignment(
            Alignment.from_shifts(
                shifts, frame_shape=SHAPE, canvas=common, excluded=np.ones(5, bool)
            )
        )


def test_crop_false_keeps_all_that_was_seen(make_spectra, shifts):
    signal, scene = make_spectra()
    union = Canvas.union(shifts, SHAPE)
    result = signal.apply_alignment(shifts, crop=False, output="average")
    assert result.smartalign.alignment.canvas == union
    seen = ~np.isnan(result.data).any(axis=-1)
    covered = np.zeros(union.shape, bool)
    for y, x in shifts:
        covered[-y - union.top : -y - union.top + 24, -x - union.left : -x - union.left + 20] = True
    np.testing.assert_array_equal(seen, covered)
    common = Canvas.common(shifts, SHAPE)
    inner = result.data[
        common.top - union.top : common.bottom - union.top,
        common.left - union.left : common.right - union.left,
    ]
    np.testing.assert_allclose(inner, scene[common.slices], rtol=1e-6)
