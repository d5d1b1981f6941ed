"""apply_alignment on a second detector, also in a new process."""

from __future__ import annotations

import subprocess
import sys
import warnings

import hyperspy.api as hs
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import hyperspy_smartalign
from hyperspy_smartalign import Alignment
from hyperspy_smartalign.parameters import ApplyParameters, ParameterError
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.cropping import Window
from hyperspy_smartalign.transforms import AlignmentMismatchError, Canvas

SHIFTS = np.array([(-3, 2), (0, -4), (1, 1), (2, 1)])
COMMON = Canvas.common(SHIFTS, (33, 47))
UNION = Canvas.union(SHIFTS, (33, 47))


@pytest.fixture
def aligned(make_series, known_shifts):
    """The first detector, aligned with chosen parameters."""

    def make(**keywords):
        known_shifts(SHIFTS)
        return make_series(SHIFTS)[0].align_rigid(**keywords)

    return make


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("form", ["signal", "average", "alignment", "table", "navigation table"])
def test_a_second_detector(make_series, aligned, form, lazy):
    navigation = (2, 2) if form == "navigation table" else None
    second, scene = make_series(SHIFTS, seed=1, lazy=lazy, navigation=navigation)
    given = {
        "signal": lambda: aligned(),
        "average": lambda: aligned(output="average"),
        "alignment": lambda: aligned().smartalign.alignment,
        "table": lambda: SHIFTS.tolist(),
        "navigation table": lambda: SHIFTS.reshape(2, 2, 2),
    }[form]()
    result = second.apply_alignment(given)
    assert type(result) is type(second)
    assert result.data.shape == (*(navigation or (4,)), *COMMON.shape)
    assert result.metadata.General.title == "gold (aligned)"
    for frame in np.asarray(result.data).reshape(-1, *COMMON.shape):
        np.testing.assert_array_equal(frame, scene[COMMON.slices])
    x, y = result.axes_manager.signal_axes
    assert x.offset == pytest.approx(5 + 0.2 * COMMON.left)
    assert y.offset == pytest.approx(-3 + 0.2 * COMMON.top)
    carried = result.smartalign.alignment
    np.testing.assert_array_equal(carried.shifts, SHIFTS)
    assert carried.steps[-1]["name"] == "apply_alignment"
    parameters = ApplyParameters.from_dict(carried.steps[-1]["parameters"])
    assert parameters == ApplyParameters(crop=True if "table" not in form else None)


def test_the_result_can_be_applied_further(make_series, aligned):
    second, _ = make_series(SHIFTS, seed=1)
    third, scene = make_series(SHIFTS, seed=2)
    result = third.apply_alignment(second.apply_alignment(aligned()))
    np.testing.assert_array_equal(result.data[1], scene[COMMON.slices])
    assert len(result.smartalign.alignment.steps) == 3


def test_subpixel_pixels_are_those_of_align_rigid(make_series, known_shifts):
    series, _ = make_series(SHIFTS)
    fractions = np.array([(0.3, 0.1), (-0.4, 0.2), (0.25, -0.5), (0.0, 0.45)])
    known_shifts(SHIFTS + fractions)
    for interpolation in ("spline", "linear", "nearest", "fourier"):
        first = series.align_rigid(interpolation=interpolation)
        again = series.apply_alignment(first, interpolation=interpolation)
        np.testing.assert_array_equal(again.data, first.data)
        lazy = series.as_lazy().apply_alignment(first, interpolation=interpolation)
        np.testing.assert_array_equal(np.asarray(lazy.data), first.data)


# Area


@pytest.mark.parametrize("first_crop", [True, False])
@pytest.mark.parametrize("crop", [None, True, False])
def test_crop_as_the_alignment_or_as_asked(make_series, aligned, first_crop, crop):
    second, _ = make_series(SHIFTS, seed=1)
    result = second.apply_alignment(aligned(crop=first_crop), crop=crop)
    cropped = first_crop if crop is None else crop
    assert result.smartalign.alignment.canvas == (COMMON if cropped else UNION)
    assert Window.of_steps(result.smartalign.alignment.steps).crop is cropped


def test_area(make_series, aligned):
    second, scene = make_series(SHIFTS, seed=1)
    region = Canvas.from_roi(10, 40, 5, 30).intersect(COMMON)
    measured = aligned(roi=(10, 40, 5, 30))
    cropped = aligned(roi=(10, 40, 5, 30), area="roi")
    assert cropped.smartalign.alignment.canvas == region
    for first in (measured, cropped):
        whole = second.apply_alignment(first)
        assert whole.smartalign.alignment.canvas == COMMON
        part = second.apply_alignment(first, area="roi")
        assert part.smartalign.alignment.canvas == region
        np.testing.assert_array_equal(part.data[2], scene[region.slices])
        # What was applied can be applied further, to either area.
        assert second.apply_alignment(part).smartalign.alignment.canvas == COMMON
        again = second.apply_alignment(whole, area="roi")
        assert again.smartalign.alignment.canvas == region
    with pytest.raises(ParameterError, match="found on whole frames"):
        second.apply_alignment(aligned(), area="roi")


def test_a_canvas_of_the_users_own_is_kept(make_series, aligned):
    second, scene = make_series(SHIFTS, seed=1)
    canvas = Canvas(10, 11, 6, 7)
    result = second.apply_alignment(aligned().smartalign.alignment.with_canvas(canvas))
    np.testing.assert_array_equal(result.data[0], scene[canvas.slices])


# Pixels


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "<i4", "f4", ">f8", bool])
def test_types(make_series, aligned, dtype, lazy):
    second, scene = make_series(SHIFTS, seed=1, dtype=dtype, lazy=lazy)
    spline = second.apply_alignment(aligned())
    assert spline.data.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(spline.data)[0], scene[COMMON.slices])
    nearest = second.apply_alignment(aligned(), interpolation="nearest", fill="zero")
    assert nearest.data.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(np.asarray(nearest.data)[0], scene[COMMON.slices])


def test_integers_cannot_hold_nan(make_series, aligned):
    second, _ = make_series(SHIFTS, dtype=np.uint16)
    with pytest.raises(ValueError, match=r"uint16 cannot hold fill='nan'"):
        second.apply_alignment(aligned(), interpolation="nearest")
    for keywords in ({}, {"counts": "share"}):
        with pytest.raises(TypeError, match="only real numbers"):
            hyperspy_smartalign.apply_alignment(
                aligned(), hs.signals.ComplexSignal2D(np.ones((4, 33, 47), complex)), **keywords
            )


@pytest.mark.parametrize("lazy", [False, True])
def test_gaps_of_the_second_detector_stay_gaps(make_series, aligned, lazy):
    second, scene = make_series(SHIFTS, seed=1)
    data = second.data.copy()
    data[1, 10, 12] = np.nan
    signal = hs.signals.Signal2D(data)
    signal = signal.as_lazy() if lazy else signal
    result = np.asarray(signal.apply_alignment(aligned(), interpolation="nearest").data)
    y, x = np.array((10, 12)) - SHIFTS[1] - COMMON.origin
    assert np.argwhere(np.isnan(result)).tolist() == [[1, y, x]]
    mean = signal.apply_alignment(aligned(), interpolation="nearest", fill="mean")
    np.testing.assert_array_equal(np.asarray(mean.data)[1], scene[COMMON.slices])
    average = signal.apply_alignment(aligned(), interpolation="nearest", output="average")
    np.testing.assert_allclose(np.asarray(average.data), scene[COMMON.slices], rtol=1e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_inputs_stay(make_series, aligned, lazy):
    second, _ = make_series(SHIFTS, seed=1, dtype=">u2", lazy=lazy)
    recording.append_step(second, "remove_ramp", {"order": 1})
    first = aligned()
    before = [each.deepcopy() for each in (first, second)]
    result = second.apply_alignment(first, crop=False, fill="mean")
    for each, copy in zip((first, second), before, strict=True):
        np.testing.assert_array_equal(np.asarray(each.data), np.asarray(copy.data))
        assert recording.record_of(each).keys() == recording.record_of(copy).keys()
        assert recording.steps_of(each) == recording.steps_of(copy)
        assert each.axes_manager.as_dictionary() == copy.axes_manager.as_dictionary()
        assert each.original_metadata.as_dictionary() == copy.original_metadata.as_dictionary()
    assert first.smartalign.alignment == before[0].smartalign.alignment
    # The series' own step is kept beside those of the alignment.
    names = [step["name"] for step in recording.steps_of(result)]
    assert names == ["align_rigid", "remove_ramp", "apply_alignment"]


# Frame by frame, as spectra


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("output", ["series", "average", "sum"])
@pytest.mark.parametrize("counts", ["interpolate", "share", "whole"])
def test_counts_at_whole_pixels_are_the_aligned_images(make_series, aligned, counts, output, lazy):
    second, _ = make_series(SHIFTS, seed=1, dtype=np.uint16, lazy=lazy)
    expected = second.apply_alignment(aligned(), output=output)
    result = second.apply_alignment(aligned(), output=output, counts=counts)
    assert result._lazy is lazy
    np.testing.assert_array_equal(np.asarray(result.data), np.asarray(expected.data))
    if counts == "whole" and output != "average":
        assert result.data.dtype == np.uint32
    assert result.axes_manager.as_dictionary() == expected.axes_manager.as_dictionary()


@pytest.mark.parametrize("lazy", [False, True])
def test_counts_of_images_are_kept(make_series, known_shifts, lazy):
    series, _ = make_series(SHIFTS, dtype=np.uint16, lazy=lazy)
    known_shifts(SHIFTS + 0.37)
    first = series.align_rigid(crop=False)
    recorded = np.asarray(series.data).sum(dtype=np.float64)
    for counts in ("share", "whole"):
        total = series.apply_alignment(first, counts=counts, output="sum", fill="zero")
        found = np.asarray(total.data).sum(dtype=np.float64)
        assert found == (recorded if counts == "whole" else pytest.approx(recorded, rel=1e-6))


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("output", ["average", "sum"])
def test_images_with_a_variance(make_series, known_shifts, output, lazy):
    series, _ = make_series(SHIFTS, lazy=lazy)
    known_shifts(SHIFTS + 0.25)
    first = series.align_rigid()
    expected = series.apply_alignment(first, output=output)
    for variance in ("poisson", "spread"):
        result = series.apply_alignment(first, output=output, variance=variance)
        np.testing.assert_allclose(
            np.asarray(result.data), np.asarray(expected.data), rtol=1e-5, atol=1e-3
        )
        noise = result.metadata.Signal.Noise_properties.variance
        assert type(noise) is type(result)
        assert noise.data.shape == result.data.shape
        assert np.all(np.asarray(noise.data) >= 0)


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("output", ["auto", "sum"])
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
def test_images_into_a_file(make_series, known_shifts, tmp_path, output, lazy, suffix):
    series, _ = make_series(SHIFTS, dtype=np.uint16, lazy=lazy)
    known_shifts(SHIFTS + 0.25)
    first = series.align_rigid()
    expected = series.apply_alignment(first, output=output)
    path = tmp_path / f"result{suffix}"
    result = series.apply_alignment(first, output=output, file=path)
    again = hs.load(path)
    for each in (result, again):
        np.testing.assert_allclose(
            np.asarray(each.data), np.asarray(expected.data), rtol=3e-6, atol=1e-3
        )
    assert type(again).__name__ == "Signal2D"
    assert again.smartalign.alignment == expected.smartalign.alignment
    assert [path.name for path in tmp_path.iterdir()] == [path.name]
    with pytest.raises(FileExistsError, match="overwrite=True"):
        series.apply_alignment(first, output=output, file=path)


# What is refused, and what is warned of


def test_series_that_do_not_fit(make_series, aligned):
    first = aligned()
    second, _ = make_series(SHIFTS, seed=1)
    with pytest.raises(AlignmentMismatchError, match=r"for 4 frames.*the series has 3"):
        second.inav[1:].apply_alignment(first)
    bare = hs.signals.Signal2D(second.data[:, :, :40])
    with pytest.raises(AlignmentMismatchError, match=r"33 x 47 px.*33 x 40 px.*carried over"):
        bare.apply_alignment(first)
    with pytest.raises(ValueError, match=r"\(3, 2\) do not fit navigation shape \(4,\)"):
        second.apply_alignment(SHIFTS[:3])
    with pytest.raises(ValueError, match="finite"):
        second.apply_alignment(SHIFTS * np.nan)
    with pytest.raises(ValueError, match="carries no alignment"):
        second.apply_alignment(second)
    with pytest.raises(TypeError, match=r"str is no alignment. Give an Alignment"):
        second.apply_alignment("aligned.hspy")
    with pytest.raises(TypeError, match="Did you mean 'interpolation'"):
        second.apply_alignment(first, interpolaton="linear")
    with pytest.raises(ValueError, match="0 navigation axes, but the series has 1 axis"):
        second.inav[0].apply_alignment(first)


def test_scales_are_compared_in_common_units(make_series, aligned):
    second, _ = make_series(SHIFTS, seed=1)
    first = aligned()
    x, y = second.axes_manager.signal_axes
    x.units = y.units = "Å"
    with pytest.raises(AlignmentMismatchError, match=r"pixels of \(0.2, 0.2\) nm"):
        second.apply_alignment(first)
    x.scale = y.scale = 2.0
    result = second.apply_alignment(first)
    assert result.axes_manager.signal_axes[0].units == "Å"
    assert result.smartalign.alignment.frame_units == ("Å", "Å")
    assert result.smartalign.alignment.frame_scale == (2.0, 2.0)
    x.units = "1/nm"
    with pytest.raises(AlignmentMismatchError, match="not the same kind of unit"):
        second.apply_alignment(first)
    # No calibration says nothing, so it is no mismatch.
    x.units, y.units, x.scale, y.scale = "px", "", 1.0, 1.0
    assert second.apply_alignment(first).data.shape == (4, *COMMON.shape)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_calibrated_part_of_the_frames(make_series, aligned, lazy):
    """The calibration says where the part lies in the frames that were aligned."""
    second, scene = make_series(SHIFTS, seed=1, lazy=lazy)
    first = aligned()
    part = second.isig[6:44, :25].apply_alignment(first)
    x, y = part.axes_manager.signal_axes
    left, top = round((x.offset - 5) / 0.2), round((y.offset + 3) / 0.2)
    height, width = part.data.shape[1:]
    assert left >= 6
    assert min(height, width) >= 18
    for frame in np.asarray(part.data):
        np.testing.assert_array_equal(frame, scene[top : top + height, left : left + width])


def test_aligned_twice(make_series, aligned):
    second, _ = make_series(SHIFTS, seed=1)
    result = second.apply_alignment(aligned(crop=False), crop=False)
    with pytest.raises(AlignmentMismatchError, match="33 x 47 px"):
        result.apply_alignment(aligned())
    # On a canvas of the size of a frame, shapes do not tell.
    same = aligned().smartalign.alignment.with_canvas(Canvas.of_frame((33, 47)))
    result = second.apply_alignment(same)
    with pytest.raises(ValueError, match="aligned by these shifts already"):
        result.apply_alignment(aligned())


def test_a_table_on_an_aligned_series_is_composed(make_series, known_shifts):
    rest = np.array([(1, 0), (0, 1), (0, 0), (-1, 0)])
    series, scene = make_series(SHIFTS + rest)
    known_shifts(SHIFTS)
    first = series.align_rigid()
    with pytest.warns(SeriesWarning, match=r"second time.*compose") as caught:
        result = first.apply_alignment(rest)
    assert caught[0].filename == __file__
    alignment = result.smartalign.alignment
    np.testing.assert_array_equal(alignment.shifts, SHIFTS + rest)
    np.testing.assert_array_equal(result.data[3], scene[alignment.canvas.slices])
    names = [step["name"] for step in alignment.steps]
    assert sorted(names) == ["align_rigid", "apply_alignment", "shift_table"]


def test_other_preparation_is_warned_of(make_series, known_shifts):
    series, _ = make_series(SHIFTS[::-1])
    second, scene = make_series(SHIFTS[::-1], seed=1)
    known_shifts(SHIFTS)
    first = series.smartalign.prepare(reverse=True).align_rigid()
    with pytest.warns(SeriesWarning, match=r"with reverse=True, and.*no change of place") as caught:
        second.apply_alignment(first)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = second.smartalign.prepare(reverse=True).apply_alignment(first)
        second.apply_alignment(SHIFTS[::-1])
    np.testing.assert_array_equal(result.data[0], scene[COMMON.slices])


def test_an_interrupt_leaves_the_input(make_series, aligned, monkeypatch):
    from hyperspy_smartalign.signals import progressing

    second, _ = make_series(SHIFTS, seed=1)
    first, before = aligned(), second.deepcopy()

    def interrupted(self, name, done, total):
        raise KeyboardInterrupt

    monkeypatch.setattr(progressing._StagedBar, "report", interrupted)
    with pytest.raises(KeyboardInterrupt):
        second.apply_alignment(first, show_progressbar=True)
    np.testing.assert_array_equal(second.data, before.data)
    assert second.metadata.as_dictionary() == before.metadata.as_dictionary()


# Round trips

_IN_A_NEW_PROCESS = """
import sys
import numpy as np
import hyperspy.api as hs
import hyperspy_smartalign
folder, suffix, lazy = sys.argv[1], sys.argv[2], sys.argv[3] == "True"
hs.preferences.General.show_progressbar = False
first = hs.load(f"{folder}/first{suffix}", lazy=lazy)
second = hs.load(f"{folder}/second{suffix}", lazy=lazy)
result = second.apply_alignment(first)
np.save(f"{folder}/result.npy", np.asarray(result.data))
assert result._lazy is lazy
assert first.smartalign.pairs.indices.shape == (6, 2)
assert first.smartalign.pairs.accepted.dtype == bool
assert first.smartalign.noise.gain == 2.5
assert [step["name"] for step in result.smartalign.alignment.steps] == [
    "align_rigid", "apply_alignment"
]
part = second.apply_alignment(first, area="roi", crop=True)
np.save(f"{folder}/part.npy", np.asarray(part.data))
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
def test_saved_and_applied_in_a_new_process(make_series, aligned, tmp_path, suffix, lazy):
    first = aligned(roi=(10, 40, 5, 30), exclude=(3,))
    second, _ = make_series(SHIFTS, seed=1)
    first.save(tmp_path / f"first{suffix}")
    second.save(tmp_path / f"second{suffix}")
    reloaded = hs.load(tmp_path / f"first{suffix}", lazy=lazy)
    assert reloaded.smartalign.alignment == first.smartalign.alignment
    assert Alignment.from_signal(reloaded) == first.smartalign.alignment
    subprocess.run(
        [sys.executable, "-c", _IN_A_NEW_PROCESS, str(tmp_path), suffix, str(lazy)],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    expected = second.apply_alignment(first)
    np.testing.assert_array_equal(np.load(tmp_path / "result.npy"), expected.data)
    part = second.apply_alignment(first, area="roi")
    np.testing.assert_array_equal(np.load(tmp_path / "part.npy"), part.data)


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
def test_a_lazy_result_saves(make_series, known_shifts, tmp_path, suffix):
    series, scene = make_series(SHIFTS, lazy=True)
    known_shifts(SHIFTS)
    result = series.align_rigid()
    result.save(tmp_path / f"lazy{suffix}")
    loaded = hs.load(tmp_path / f"lazy{suffix}")
    np.testing.assert_array_equal(loaded.data[1], scene[COMMON.slices])
    assert loaded.smartalign.alignment == result.smartalign.alignment


def test_both_series_with_ramps_removed():
    """Regression: the steps of a removed ramp hold arrays, which do not compare to one truth."""
    rng = np.random.default_rng(3)
    image = gaussian_filter(rng.normal(size=(80, 88)), 2.0) * 100
    stack = np.stack([image[8 + k : 64 + k, 8:72] for k in range(4)]).astype(np.float32)
    first = hs.signals.Signal2D(stack).smartalign.remove_ramp()
    second = hs.signals.Signal2D(stack + 5).smartalign.remove_ramp()
    table = np.array([[-k, 0] for k in range(4)])
    aligned = first.apply_alignment(table)
    other = second.apply_alignment(aligned)
    names = [step["name"] for step in other.smartalign.alignment.steps]
    assert names.count("remove_ramp") == 2
    again = hs.signals.Signal2D(stack).smartalign.remove_ramp().apply_alignment(aligned)
    assert [s["name"] for s in again.smartalign.alignment.steps].count("remove_ramp") == 1
