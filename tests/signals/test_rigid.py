"""align_rigid on signals: what goes in, what comes out, what is refused."""

from __future__ import annotations

import warnings

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign import Alignment, ScanGeometry
from hyperspy_smartalign.parameters import ParameterError, RigidParameters
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.transforms import AlignmentMismatchError, Canvas

SHIFTS = np.array([(-3, 2), (0, -4), (1, 1), (2, 1)])
REST = np.array((1, -2))
COMMON = Canvas.common(SHIFTS, (33, 47))
UNION = Canvas.union(SHIFTS, (33, 47))


def state(signal):
    """All of a signal that must be the same afterwards."""
    return (
        np.array(signal.data),
        signal.axes_manager.as_dictionary(),
        signal.metadata.as_dictionary(),
        signal.original_metadata.as_dictionary(),
        signal.axes_manager.indices,
        type(signal),
        signal.data.dtype,
    )


def assert_same_state(before, after) -> None:
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1:] == after[1:]


# What comes out


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("interpolation", ["spline", "linear", "nearest", "fourier"])
def test_aligned_pixels_are_those_of_the_scene(make_series, known_shifts, lazy, interpolation):
    series, scene = make_series(SHIFTS, lazy=lazy)
    known_shifts(SHIFTS)
    result = series.align_rigid(interpolation=interpolation)
    assert type(result) is type(series)
    assert result.data.shape == (4, *COMMON.shape)
    assert result.data.dtype == np.float32
    # Whole-pixel shifts copy pixels, whatever the kernel.
    for frame in np.asarray(result.data):
        np.testing.assert_array_equal(frame, scene[COMMON.slices])
    x, y = result.axes_manager.signal_axes
    assert x.offset == pytest.approx(5 + 0.2 * COMMON.left)
    assert y.offset == pytest.approx(-3 + 0.2 * COMMON.top)
    assert result.metadata.General.title == "gold (aligned)"


def test_the_record(make_series, known_shifts):
    series, _ = make_series(SHIFTS)
    recording.append_step(series, "remove_ramp", {"order": 1})
    geometry = ScanGeometry(line_time=2e-4)
    recording.write_scan_geometry(series, geometry)
    known_shifts(SHIFTS, rejected=[3])
    result = series.align_rigid(neighbours=2, exclude=(1,))
    alignment = result.smartalign.alignment
    assert alignment == Alignment.from_signal(result)
    np.testing.assert_array_equal(alignment.shifts, SHIFTS)
    assert alignment.frame_shape == (33, 47)
    assert alignment.frame_scale == (0.2, 0.2)
    assert alignment.frame_offset == (-3.0, 5.0)
    assert alignment.frame_units == ("nm", "nm")
    assert alignment.excluded.tolist() == [False, True, False, True]
    assert alignment.exclusion_reasons == ("", "bad", "", "bad")
    assert alignment.scan == geometry
    np.testing.assert_array_equal(np.isnan(alignment.hop_margin), alignment.excluded)
    np.testing.assert_array_equal(alignment.precision[0], 0.125)
    ramp, rigid = alignment.steps
    assert ramp == {"name": "remove_ramp", "parameters": {"order": 1}}
    assert rigid["name"] == "align_rigid"
    assert RigidParameters.from_dict(rigid["parameters"]) == RigidParameters(
        neighbours=2, exclude=(1,)
    )
    pairs = result.smartalign.pairs
    assert pairs.indices.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    np.testing.assert_array_equal(pairs.shifts[0], SHIFTS[0] - SHIFTS[1])
    np.testing.assert_array_equal(pairs.similarity, 0.75)
    assert pairs.accepted.tolist() == [False, True, False, False, False, False]
    assert pairs.accepted.dtype == bool
    assert result.smartalign.noise.gain == 2.5


def test_pairs_and_noise_where_there_are_none(make_series, known_shifts):
    series, _ = make_series(SHIFTS)
    for name in ("pairs", "noise"):
        with pytest.raises(ValueError, match=rf"carries no {name}.*align_rigid\(\)"):
            getattr(series.smartalign, name)
    known_shifts(SHIFTS)
    result = series.align_rigid()
    other = series.apply_alignment(result)
    with pytest.raises(ValueError, match="not with signals that its alignment was applied to"):
        _ = other.smartalign.pairs
    del result.metadata.Smart_align.noise.gain
    with pytest.raises(ValueError, match="corrupt: it has no gain"):
        _ = result.smartalign.noise
    result.metadata.Smart_align.pairs.shifts = np.zeros((2, 2))
    with pytest.raises(ValueError, match=r"shifts has shape \(2, 2\) for 6 pairs"):
        _ = result.smartalign.pairs


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("output", "factor"), [("average", 1), ("sum", 4)])
def test_average_and_sum_count_what_saw_a_pixel(make_series, known_shifts, lazy, output, factor):
    series, scene = make_series(SHIFTS, lazy=lazy)
    known_shifts(SHIFTS)
    result = series.align_rigid(output=output, crop=False)
    assert result._lazy is lazy
    assert result.axes_manager.navigation_dimension == 0
    assert result.data.dtype == (np.float32 if output == "average" else np.float64)
    assert result.metadata.General.title == f"gold ({output})"
    data = np.asarray(result.data)
    assert data.shape == UNION.shape
    # All saw the same scene, so that mean times number is the same wherever any frame saw it.
    inner = Canvas.of_frame((33, 47)).intersect(UNION)
    part = data[inner.moved((-UNION.top, -UNION.left)).slices]
    seen = np.isfinite(part)
    np.testing.assert_allclose(part[seen], factor * scene[inner.slices][seen], rtol=1e-6)
    assert result.smartalign.alignment.n_frames == 4
    # The corners of the union were seen by none.
    assert np.isnan(data).any()
    filled = np.asarray(series.align_rigid(output=output, crop=False, fill="zero").data)
    np.testing.assert_array_equal(filled, np.nan_to_num(data))


@pytest.mark.parametrize("lazy", [False, True])
def test_excluded_frames_neither_crop_nor_count(make_series, known_shifts, lazy):
    shifts = np.array([(0, 0), (1, 1), (-30, 40), (2, -1)])
    series, scene = make_series(shifts, lazy=lazy)
    known_shifts(shifts, rejected=[2])
    kept = [0, 1, 3]
    common = Canvas.common(shifts[kept], (33, 47))
    result = series.align_rigid()
    assert result.smartalign.alignment.canvas == common
    assert result.data.shape[0] == 4
    union = series.align_rigid(crop=False).smartalign.alignment.canvas
    assert union == Canvas.union(shifts[kept], (33, 47))
    for output, factor in (("average", 1), ("sum", 3)):
        one = np.asarray(series.align_rigid(output=output).data)
        np.testing.assert_allclose(one, factor * scene[common.slices], rtol=1e-6)
    # The mean that fills leaves the excluded frame out too, and goes into it.
    filled = np.asarray(series.align_rigid(fill="mean").data)
    np.testing.assert_array_equal(filled[2], scene[common.slices])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("fill", "value"), [("nan", np.nan), ("zero", 0), (-7.5, -7.5)])
def test_what_a_frame_did_not_see_is_filled(make_series, known_shifts, lazy, fill, value):
    series, _ = make_series(SHIFTS, lazy=lazy, lowest=1)
    known_shifts(SHIFTS)
    data = np.asarray(series.align_rigid(crop=False, fill=fill).data)
    assert data.shape == (4, *UNION.shape)
    top = UNION.top + SHIFTS[:, 0]
    for frame, first in zip(data, top, strict=True):
        np.testing.assert_array_equal(frame[: max(0, -first)], value)


def test_counts_stay_counts(make_series, known_shifts):
    series, scene = make_series(SHIFTS, dtype=">u2")
    known_shifts(SHIFTS)
    with pytest.raises(ValueError, match=r"uint16 cannot hold fill='nan'; use fill=\"zero\""):
        series.align_rigid(interpolation="nearest")
    result = series.align_rigid(interpolation="nearest", fill="zero", crop=False)
    assert result.data.dtype == np.uint16
    assert result.data.dtype.isnative
    total = series.align_rigid(interpolation="nearest", output="sum")
    np.testing.assert_array_equal(total.data, 4.0 * scene[COMMON.slices])
    mean = series.align_rigid(interpolation="nearest", fill="mean", crop=False)
    assert mean.data.dtype == np.uint16
    # NaN in float output of unsigned integers is NaN, not 0.
    assert np.isnan(series.align_rigid(crop=False).data).any()


@pytest.mark.parametrize("lazy_output", [None, False, True])
@pytest.mark.parametrize("lazy", [False, True])
def test_lazy_as_asked(make_series, known_shifts, lazy, lazy_output):
    series, scene = make_series(SHIFTS, lazy=lazy)
    known_shifts(SHIFTS)
    result = series.align_rigid(lazy_output=lazy_output)
    assert result._lazy is (lazy if lazy_output is None else lazy_output)
    assert isinstance(result.data, da.Array) is result._lazy
    if result._lazy:
        assert result.data.chunks == ((1,) * 4, *((length,) for length in COMMON.shape))
        result.compute(show_progressbar=False)
    np.testing.assert_array_equal(result.data[2], scene[COMMON.slices])


def test_a_lazy_frame_needs_its_own_frame_only(make_series, known_shifts):
    series, _ = make_series(SHIFTS)
    computed = []

    def note(block):
        computed.append(1)
        return block

    lazy = series.as_lazy()
    lazy.data = da.from_array(np.array(series.data), chunks=(1, 33, 47)).map_blocks(
        note, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32)
    )
    known_shifts(SHIFTS)
    result = lazy.align_rigid()
    computed.clear()
    result.data[1].compute()
    assert len(computed) == 1


def test_chunks_of_a_lazy_series_are_computed_once_a_pass(make_series, known_shifts):
    series, _ = make_series(np.zeros((12, 2), int))
    computed = []

    def note(block):
        computed.append(len(block))
        return block

    lazy = series.as_lazy()
    lazy.data = da.from_array(np.array(series.data), chunks=(6, 17, 47)).map_blocks(
        note, dtype=np.float32, meta=np.empty((0, 0, 0), np.float32)
    )
    known_shifts(np.zeros((12, 2)))
    with pytest.warns(SeriesWarning, match="equal"):
        lazy.align_rigid(lazy_output=False)
    # Four blocks. Checking and estimating share them; resampling computes them again.
    assert len(computed) == 8


@pytest.mark.parametrize("lazy", [False, True])
def test_two_navigation_axes_are_counted_in_c_order(make_series, known_shifts, lazy):
    shifts = np.array([(0, 0), (1, 0), (0, 2), (-1, 1), (2, 2), (0, -3)])
    series, scene = make_series(shifts, navigation=(2, 3), lazy=lazy)
    core = known_shifts(shifts)
    result = series.align_rigid()
    assert result.axes_manager.navigation_shape == (3, 2)
    assert result.smartalign.alignment.navigation_shape == (2, 3)
    np.testing.assert_array_equal(result.smartalign.alignment.shifts, shifts)
    common = Canvas.common(shifts, (33, 47))
    data = np.asarray(result.data)
    for place in np.ndindex(2, 3):
        np.testing.assert_array_equal(data[place], scene[common.slices])
    np.testing.assert_array_equal(core.frames[4], np.asarray(series.data)[1, 1])
    one = np.asarray(series.align_rigid(output="average").data)
    np.testing.assert_allclose(one, scene[common.slices], rtol=1e-6)


# Region of interest


@pytest.mark.parametrize("form", ["indices", "values", "roi"])
def test_region(make_series, known_shifts, form):
    series, scene = make_series(SHIFTS)
    core = known_shifts(SHIFTS)
    left, right, top, bottom = (10, 40, 5, 30)
    values = [5 + 0.2 * left, 5 + 0.2 * right, -3 + 0.2 * top, -3 + 0.2 * bottom]
    roi = {
        "indices": (left, right, top, bottom),
        "values": tuple(values),
        "roi": hs.roi.RectangularROI(values[0], values[2], values[1], values[3]),
    }[form]
    whole = series.align_rigid(roi=roi)
    assert core.region == (left, right, top, bottom)
    assert core.frames[0].shape == (33, 47)
    assert whole.data.shape == (4, *COMMON.shape)
    part = series.align_rigid(roi=roi, area="roi")
    expected = COMMON.intersect(Canvas.from_roi(left, right, top, bottom))
    assert part.smartalign.alignment.canvas == expected
    np.testing.assert_array_equal(part.data[1], scene[expected.slices])


def test_a_region_that_nothing_is_left_of(make_series, known_shifts):
    shifts = np.array([(0, 0), (0, 30)])
    series, _ = make_series(shifts)
    known_shifts(shifts)
    with pytest.raises(ValueError, match=r"No pixel of the roi.*columns 0 to 17 and rows 0 to 33"):
        series.align_rigid(roi=(20, 40, 0, 20), area="roi")
    with pytest.raises(ValueError, match="lies outside the frame"):
        series.align_rigid(roi=(20, 48, 0, 20))
    with pytest.raises(ValueError, match="must be 8 x 8 px or larger"):
        series.align_rigid(roi=(20, 24, 0, 20))


# Twice aligned


@pytest.mark.filterwarnings("ignore:All . frames are equal")
def test_a_second_alignment_is_composed_and_says_so(make_series, known_shifts):
    series, scene = make_series(SHIFTS + REST)
    known_shifts(SHIFTS)
    first = series.align_rigid()
    rest = np.tile(REST, (4, 1))
    known_shifts(rest)
    with pytest.warns(SeriesWarning, match=r"second time.*source=raw_series") as caught:
        second = first.align_rigid()
    assert caught[0].filename == __file__
    alignment = second.smartalign.alignment
    np.testing.assert_array_equal(alignment.shifts, SHIFTS + REST)
    assert alignment.frame_shape == (33, 47)
    assert [step["name"] for step in alignment.steps] == ["align_rigid", "align_rigid"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        direct = series.apply_alignment(second)
    # The alignment leads from the raw frames to the same pixels.
    np.testing.assert_array_equal(direct.data, second.data)
    assert direct.axes_manager.as_dictionary() == second.axes_manager.as_dictionary()
    np.testing.assert_array_equal(second.data[0], scene[alignment.canvas.slices])


@pytest.mark.filterwarnings("ignore:All . frames are equal")
@pytest.mark.parametrize("lazy", [False, True])
def test_source_is_interpolated_once(make_series, known_shifts, lazy):
    series, scene = make_series(SHIFTS + REST, dtype=np.uint16, lazy=lazy)
    known_shifts(SHIFTS)
    first = series.align_rigid()
    known_shifts(np.tile(REST, (4, 1)))
    before = state(series)
    second = first.align_rigid(source=series, interpolation="nearest", fill="zero")
    assert_same_state(before, state(series))
    assert second._lazy is lazy
    assert second.data.dtype == np.uint16
    alignment = second.smartalign.alignment
    np.testing.assert_array_equal(alignment.shifts, SHIFTS + REST)
    # The area is that of the raw frames, not that of the first result.
    assert alignment.canvas == Canvas.common(SHIFTS + REST, (33, 47))
    np.testing.assert_array_equal(np.asarray(second.data)[3], scene[alignment.canvas.slices])
    assert second.axes_manager.signal_axes[0].offset == pytest.approx(
        5 + 0.2 * alignment.canvas.left
    )


def test_source_of_a_prepared_series(make_series, known_shifts):
    series, scene = make_series(SHIFTS, dtype=np.int16)
    flat = series.smartalign.remove_ramp()
    core = known_shifts(SHIFTS)
    result = flat.align_rigid(source=series)
    np.testing.assert_array_equal(result.data[0], scene[COMMON.slices])
    np.testing.assert_array_equal(core.frames[0], flat.data[0])
    assert [s["name"] for s in result.smartalign.alignment.steps] == ["remove_ramp", "align_rigid"]
    turned = series.smartalign.prepare(reverse=True)
    with pytest.warns(SeriesWarning, match="reverse=True, and this series.*no change of place"):
        turned.align_rigid(source=series)
    with pytest.raises(AlignmentMismatchError, match=r"source does not belong.*4 frames"):
        series.align_rigid(source=series.inav[:3])
    with pytest.raises(AlignmentMismatchError, match=r"source does not belong.*33 x 47"):
        series.align_rigid(source=series.isig[:40])
    with pytest.raises(ValueError, match="source is an aligned series"):
        series.align_rigid(source=series.align_rigid())


@pytest.mark.filterwarnings("ignore:All . frames are equal")
def test_a_region_of_an_aligned_series_is_kept_in_raw_pixels(make_series, known_shifts):
    series, scene = make_series(SHIFTS)
    known_shifts(SHIFTS)
    first = series.align_rigid()
    known_shifts(np.zeros((4, 2)))
    second = first.align_rigid(roi=(4, 30, 2, 20), area="roi", source=series)
    expected = Canvas.from_roi(4, 30, 2, 20).moved(COMMON.origin)
    assert second.smartalign.alignment.canvas == expected
    np.testing.assert_array_equal(second.data[1], scene[expected.slices])


def test_frames_excluded_before_stay_out(make_series, known_shifts):
    series, _ = make_series(SHIFTS)
    known_shifts(SHIFTS, rejected=[0])
    first = series.align_rigid()
    assert np.isnan(first.data[0]).any()
    core = known_shifts(np.zeros((4, 2)))
    second = first.align_rigid(source=series)
    assert core.parameters.exclude == (0,)
    # Its gaps do not stop the estimation.
    assert all(np.isfinite(frame).all() for frame in core.frames)
    assert second.smartalign.alignment.excluded.tolist() == [True, False, False, False]


@pytest.mark.filterwarnings("ignore:All . frames are equal")
def test_a_sliced_result_starts_anew(make_series, known_shifts):
    series, _ = make_series(SHIFTS)
    known_shifts(SHIFTS)
    sliced = series.align_rigid().inav[1:]
    known_shifts(np.zeros((3, 2)))
    with pytest.warns(SeriesWarning, match="made 4 frames.*now has 3"):
        result = sliced.align_rigid()
    assert result.smartalign.alignment.n_frames == 3
    assert result.smartalign.alignment.frame_shape == COMMON.shape


@pytest.mark.parametrize("lazy", [False, True])
def test_equal_frames_are_told(make_series, known_shifts, lazy):
    series, _ = make_series(np.zeros((3, 2), int), lazy=lazy)
    known_shifts(np.zeros((3, 2)))
    with pytest.warns(SeriesWarning, match="All 3 frames are equal"):
        series.align_rigid()


# What is refused


def test_unusable_pixels_are_named(make_series):
    series, _ = make_series(SHIFTS)
    bad = series.data.copy()
    bad[2, 5, 7] = np.nan
    bad[2, 6, 0] = np.inf
    signal = hs.signals.Signal2D(bad)
    for each in (signal, signal.as_lazy()):
        with pytest.raises(ValueError, match=r"frame 2 has 2 pixels.*\(y, x\) = \(5, 7\)"):
            each.align_rigid()
    with pytest.raises(ValueError, match="none of the 3 frames has any contrast"):
        hs.signals.Signal2D(np.full((3, 20, 20), 4)).align_rigid()
    with pytest.raises(TypeError, match="complex"):
        hyperspy_smartalign.align_rigid(hs.signals.ComplexSignal2D(np.ones((3, 20, 20), complex)))
    rgb = np.zeros((3, 20, 20), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(TypeError, match="one channel"):
        hyperspy_smartalign.align_rigid(hs.signals.Signal2D(rgb))


def test_what_is_no_series(make_series):
    series, _ = make_series(SHIFTS)
    with pytest.raises(ValueError, match="has one frame"):
        series.inav[0].align_rigid()
    with pytest.raises(ValueError, match="navigation axes x, y and frames"):
        hyperspy_smartalign.align_rigid(hs.signals.Signal1D(np.ones((9, 3))))
    with pytest.raises(ValueError, match="7 x 20 px, too few"):
        hs.signals.Signal2D(np.random.default_rng(0).random((3, 7, 20))).align_rigid()
    series.axes_manager.signal_axes[0].convert_to_non_uniform_axis()
    with pytest.raises(NotImplementedError, match="not uniform"):
        series.align_rigid()


def test_parameters_are_checked(make_series, known_shifts):
    series, _ = make_series(SHIFTS)
    known_shifts(SHIFTS)
    with pytest.raises(TypeError, match="Did you mean 'neighbours'"):
        series.align_rigid(neighbour=3)
    with pytest.raises(ParameterError, match=r"frames \[4\], and the series has 4"):
        series.align_rigid(exclude=(4,))
    with pytest.raises(ParameterError, match=r"frames \[9\], and"):
        series.align_rigid(exclude_pairs=((0, 9),))
    with pytest.raises(ParameterError, match="3 of 4 frames are excluded"):
        series.align_rigid(exclude=(0, 1, 2))
    with pytest.raises(ValueError, match="num_workers must be at least 1"):
        series.align_rigid(num_workers=0)


def test_nothing_in_common_names_the_right_frames(make_series, known_shifts):
    shifts = np.array([(0, 0), (-40, 0), (1, 0), (0, 40), (2, 1)])
    series, _ = make_series(shifts, shape=(33, 35))
    known_shifts(shifts, rejected=[1])
    with pytest.raises(ValueError, match=r"exclude frame\(s\) 3 or use crop=False"):
        series.align_rigid()
    assert series.align_rigid(crop=False).data.shape[0] == 5


# The input, the user


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"crop": False, "fill": "mean"},
        {"output": "sum"},
        {"interpolation": "nearest", "fill": "zero"},
    ],
)
def test_the_input_stays(make_series, known_shifts, lazy, keywords):
    series, _ = make_series(SHIFTS, dtype=">u2", lazy=lazy)
    series.axes_manager.indices = (2,)
    recording.append_step(series, "remove_ramp", {"order": 1})
    before = state(series)
    known_shifts(SHIFTS)
    result = series.align_rigid(**keywords)
    assert_same_state(before, state(series))
    assert not recording.has_alignment(series)
    if not lazy:
        result.data[:] = 0
        result.metadata.Smart_align.steps[0]["parameters"]["order"] = 5
        assert_same_state(before, state(series))


@pytest.mark.parametrize("stage", ["checking frames", "pairs", "resampling"])
def test_an_interrupt_leaves_the_input(make_series, known_shifts, monkeypatch, stage):
    from hyperspy_smartalign.signals import progressing

    series, _ = make_series(SHIFTS)
    known_shifts(SHIFTS)
    before = state(series)
    report = progressing._StagedBar.report

    def interrupted(self, name, done, total):
        report(self, name, done, total)
        if name == stage and done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(progressing._StagedBar, "report", interrupted)
    with pytest.raises(KeyboardInterrupt):
        series.align_rigid(show_progressbar=True)
    assert_same_state(before, state(series))


def test_the_bar_tells_the_stages(make_series, known_shifts, capsys):
    series, _ = make_series(SHIFTS)
    known_shifts(SHIFTS)
    series.align_rigid()
    assert capsys.readouterr().err == ""
    hs.preferences.General.show_progressbar = True
    series.align_rigid()
    shown = capsys.readouterr().err
    assert "checking frames" in shown
    assert "resampling: 100%" in shown
    series.align_rigid(show_progressbar=False)
    assert capsys.readouterr().err == ""


def test_messages_become_warnings(make_series, known_shifts):
    series, _ = make_series(SHIFTS)
    known_shifts(SHIFTS, messages=("Frame 3 was rejected: blurred.",))
    with pytest.warns(SeriesWarning, match="Frame 3 was rejected") as caught:
        series.align_rigid()
    assert caught[0].filename == __file__
    with pytest.warns(SeriesWarning) as caught:
        hyperspy_smartalign.align_rigid(series)
    assert caught[0].filename == __file__


# End to end, with the registration itself


def drifting(shape, n, *, seed=0, noise=2.0):
    """Band-limited scene, seen at whole-pixel shifts, with noise."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    shifts = np.cumsum(rng.integers(-2, 3, (n, 2)), axis=0)
    margin = 2 * n + 4
    size = [length + 2 * margin for length in shape]
    scene = gaussian_filter(rng.normal(0, 1, size), 1.5)
    scene *= 50 / scene.std()
    frames = [
        scene[margin - y : margin - y + shape[0], margin - x : margin - x + shape[1]]
        for y, x in shifts
    ]
    return np.array(frames) + rng.normal(0, noise, (n, *shape)), shifts


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("shape", [(61, 37), (48, 80), (17, 23)])
def test_few_small_odd_and_prime_frames(shape, n):
    data, shifts = drifting(shape, n)
    found = hs.signals.Signal2D(data).align_rigid().smartalign.alignment.shifts
    # Far below the pixel at this contrast; the gauge is free.
    np.testing.assert_allclose(found - found[0], shifts - shifts[0], atol=0.3)


@pytest.mark.parametrize("dtype", [np.uint8, ">i2", np.float32, np.float64, ">f4", np.int32])
def test_types_of_pixels(dtype):
    data, shifts = drifting((40, 56), 4)
    values = (data - data.min() if np.dtype(dtype).kind == "u" else data).clip(-250, 250)
    values = np.clip(values * 0.5, 0, 255) if dtype is np.uint8 else values
    values = values.astype(dtype)
    values.flags.writeable = False
    found = hs.signals.Signal2D(values).align_rigid().smartalign.alignment.shifts
    np.testing.assert_allclose(found - found[0], shifts - shifts[0], atol=0.3)


def test_negative_data_stay_negative():
    data, _ = drifting((40, 56), 4)
    data = (data - 1000).astype(np.float32)
    for interpolation in ("spline", "linear", "fourier"):
        result = hs.signals.Signal2D(data).align_rigid(interpolation=interpolation)
        assert result.data.max() < -500
        np.testing.assert_allclose(result.data.mean(), data.mean(), atol=15)


def test_a_shift_in_x_beyond_the_height():
    rng = np.random.default_rng(3)
    scene = rng.normal(0, 1, (24, 400))
    starts = np.array([100, 130, 160])
    data = np.stack([scene[:, start : start + 160] for start in starts])
    result = hs.signals.Signal2D(data).align_rigid()
    found = result.smartalign.alignment.shifts
    np.testing.assert_allclose(found[0, 1] - found[:, 1], [0, 30, 60], atol=0.3)
    # 160 - 60 px, and a pixel on either side where a shift is not whole.
    assert result.data.shape[2] in (98, 99, 100)


def test_masks_on_frames_that_are_not_square():
    data, shifts = drifting((40, 66), 4)
    signal = hs.signals.Signal2D(data)
    for keywords in (
        {"weighting": "low_pass", "band": 0.3},
        {"weighting": "gaussian", "band": 0.2},
        {"weighting": "elliptical_gaussian", "band": (0.1, 0.3)},
        {"weighting": np.ones((40, 66))},
    ):
        found = signal.align_rigid(**keywords).smartalign.alignment.shifts
        np.testing.assert_allclose(found - found[0], shifts - shifts[0], atol=0.3)


def test_lazy_and_not_are_equal():
    data, _ = drifting((40, 56), 6)
    signal = hs.signals.Signal2D(data.astype(np.float32))
    eager, lazy = signal.align_rigid(), signal.as_lazy().align_rigid()
    assert lazy.smartalign.alignment == eager.smartalign.alignment
    np.testing.assert_array_equal(np.asarray(lazy.data), eager.data)


def test_chunks_too_large_to_keep_are_read_frame_by_frame(make_series, known_shifts, monkeypatch):
    from hyperspy_smartalign.signals import streaming

    series, scene = make_series(SHIFTS, lazy=True)
    series.data = series.data.rechunk((2, 20, 47))
    frame = 33 * 47 * 4
    for limit in (frame, 2 * frame, 5 * frame):
        monkeypatch.setattr(streaming, "CACHE_BYTES", limit)
        core = known_shifts(SHIFTS)
        result = series.align_rigid(lazy_output=False)
        np.testing.assert_array_equal(core.frames, np.asarray(series.data))
        np.testing.assert_array_equal(result.data[3], scene[COMMON.slices])
