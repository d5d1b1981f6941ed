"""align_nonrigid on signals: what goes in, what comes out, what is refused.

The registration is replaced by one that knows the answer, unless a test says otherwise.
"""

from __future__ import annotations

import copy
import gc
import logging
import pickle
import warnings

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign import Alignment, ScanGeometry
from hyperspy_smartalign.nonrigid import Cycle, NonrigidResult, ScanPrior
from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.parameters import NonrigidParameters, ParameterError, RigidParameters
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid import NotAlignableError
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.transforms import (
    Affine,
    AlignmentMismatchError,
    Canvas,
    Field,
    ScanLine,
    Translation,
)

SHAPE = (33, 47)
SHIFTS = np.array([(-3, 2), (0, -4), (1, 1), (2, 1)])
MARGIN = 40
FIRST = -MARGIN // 2


def lines_of(index: int, shift=(0, 0)) -> ScanLine:
    """Whole-pixel offsets of scan lines along x, so that aligned pixels are exact."""
    offsets = np.zeros((SHAPE[0] + MARGIN, 2))
    rows = FIRST + np.arange(len(offsets))
    offsets[:, 1] = (rows * 5 + 3 * index) % 4 - 1
    return ScanLine(offsets + shift, first_row=FIRST)


def distorted(scene, transform):
    """The frame in which content of the scene's pixel p is found at p + d(p)."""
    height, width = SHAPE
    frame = np.empty(SHAPE, scene.dtype)
    shift = int(transform.offsets[0, 0])
    for row in range(height):
        (offset,) = transform.offsets_at([row - shift])
        start = MARGIN - int(offset[1])
        frame[row] = scene[MARGIN + row - shift, start : start + width]
    return frame


class KnownDistortions:
    """Stands in for the registration: tells what it was given, and notes what it saw."""

    def __init__(self, transforms, **keywords) -> None:
        self.transforms = tuple(transforms)
        self.keywords = keywords
        self.calls = 0

    def __call__(
        self,
        frames,
        start,
        parameters,
        *,
        excluded,
        scan=None,
        region=None,
        num_workers=None,
        progress=None,
        watch=None,
    ):
        self.calls += 1
        n = len(frames)
        self.frames = [np.array(frames.frame(index)) for index in range(n)]
        self.start, self.parameters, self.excluded = tuple(start), parameters, excluded
        self.scan, self.region = scan, region
        if progress is not None:
            progress("cycle 1 of 2, affine, mean shift 0.02 px", n, n)
        similarity = np.where(excluded, np.nan, 0.5)
        content = {
            "transforms": self.transforms,
            "precision": np.where(excluded[:, None], np.nan, 0.0625) * np.ones(2),
            "line_errors": np.full((n, frames.frame(0).shape[0], 2), 0.25),
            "excluded": np.array(excluded),
            "similarity_before": similarity,
            "similarity": similarity + 0.25,
            "cycles": (
                Cycle("affine", (0.5, 0.02), 1.5, similarity, True),
                Cycle("scan_locked", (0.125,), -0.5, similarity, False),
            ),
            "prior": ScanPrior(np.array([0.5, 0.25]), np.array([6.0, 7.0]), 1.5),
            "undetermined": "what is common to all frames",
            "noise": NoiseModel(offset=1.0, gain=3.0, floor=0.5),
        }
        return NonrigidResult(**{**content, **self.keywords})


@pytest.fixture
def make_distorted():
    """A series whose frames are shifted and whose lines jump; gives the scene too."""

    def make(*, dtype=np.float32, lazy=False, navigation=None, shifts=SHIFTS):
        scene = np.random.default_rng(0).integers(1, 200, [length + 2 * MARGIN for length in SHAPE])
        frames = [distorted(scene, lines_of(i, shift)) for i, shift in enumerate(shifts)]
        data = np.array(frames).astype(dtype).reshape(*(navigation or (len(shifts),)), *SHAPE)
        data.flags.writeable = False
        signal = hs.signals.Signal2D(data)
        x, y = signal.axes_manager.signal_axes
        for axis, name, scale, offset in ((x, "x", 0.2, 5.0), (y, "y", 0.2, -3.0)):
            axis.name, axis.scale, axis.offset, axis.units = name, scale, offset, "nm"
        signal.metadata.General.title = "gold"
        return (signal.as_lazy() if lazy else signal), scene[MARGIN:, MARGIN:]

    return make


TRUTH = [lines_of(i, shift) for i, shift in enumerate(SHIFTS)]


@pytest.fixture
def core(monkeypatch):
    """``core(transforms, **fields of the result)`` puts KnownDistortions in place."""

    def put(transforms=TRUTH, **keywords):
        known = KnownDistortions(transforms, **keywords)
        monkeypatch.setattr("hyperspy_smartalign.signals.nonrigid.align_frames_nonrigid", known)
        return known

    return put


@pytest.fixture
def rigid(known_shifts, monkeypatch):
    """``rigid(shifts=SHIFTS, ...)`` puts a rigid registration in place that tells these."""

    def put(shifts=SHIFTS, **keywords):
        known = known_shifts(shifts, **keywords)
        monkeypatch.setattr("hyperspy_smartalign.signals.beginning.align_frames", known)
        return known

    return put


def assert_pixels(data, expected) -> None:
    """Pixels of whole-pixel moves: grey levels to 800, so 1e-3 is rounding of float32 splines."""
    np.testing.assert_allclose(np.asarray(data), expected, atol=1e-3)


def state(signal):
    return (
        np.array(signal.data),
        signal.axes_manager.as_dictionary(),
        signal.metadata.as_dictionary(),
        signal.original_metadata.as_dictionary(),
    )


def assert_same_state(before, after) -> None:
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1:] == after[1:]


# A raw series


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("interpolation", ["spline", "linear", "nearest"])
def test_a_raw_series_is_aligned_with_one_interpolation(
    make_distorted, rigid, core, lazy, interpolation
):
    series, scene = make_distorted(lazy=lazy)
    rigid()
    known = core()
    before = state(series)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = series.align_nonrigid(interpolation=interpolation)
    assert_same_state(before, state(series))
    assert type(result) is type(series)
    assert known.start == tuple(Translation(shift) for shift in SHIFTS)
    np.testing.assert_array_equal(known.frames, np.asarray(series.data))
    canvas = result.smartalign.alignment.canvas
    assert result.data.shape == (4, *canvas.shape)
    # Rows -3 to 2 and columns of -4 - 1 to 2 + 2: nothing more can be common.
    assert canvas.shape == (33 - 5, 47 - 9)
    for frame in np.asarray(result.data):
        assert_pixels(frame, scene[canvas.slices])
    x, y = result.axes_manager.signal_axes
    assert x.offset == pytest.approx(5 + 0.2 * canvas.left)
    assert y.offset == pytest.approx(-3 + 0.2 * canvas.top)
    assert result.metadata.General.title == "gold (aligned)"


def test_the_record(make_distorted, rigid, core):
    series, _ = make_distorted()
    recording.append_step(series, "remove_ramp", {"order": 1})
    geometry = ScanGeometry(line_time=2e-4)
    recording.write_scan_geometry(series, geometry)
    rigid(rejected=[3])
    known = core()
    result = series.align_nonrigid(exclude=(1,), smoothing=6, roi=(8, 40, 4, 30))
    assert known.scan == geometry
    assert known.region == (8, 40, 4, 30)
    assert known.excluded.tolist() == [False, True, False, True]
    assert known.parameters == NonrigidParameters(exclude=1, smoothing=6, roi=(8, 40, 4, 30))
    alignment = result.smartalign.alignment
    assert alignment == Alignment.from_signal(result)
    assert alignment.transforms == tuple(TRUTH)
    assert alignment.frame_units == ("nm", "nm")
    assert alignment.frame_offset == (-3.0, 5.0)
    assert alignment.excluded.tolist() == [False, True, False, True]
    assert alignment.exclusion_reasons == ("", "bad", "", "bad")
    np.testing.assert_array_equal(alignment.precision[0], 0.0625)
    np.testing.assert_array_equal(alignment.hop_margin[[0, 2]], 6.0)
    assert alignment.scan == geometry
    ramp, first, second = alignment.steps
    assert ramp["name"] == "remove_ramp"
    assert RigidParameters.from_dict(first["parameters"]) == RigidParameters(
        exclude=1, roi=(8, 40, 4, 30)
    )
    assert NonrigidParameters.from_dict(second["parameters"]) == known.parameters
    assert second["results"]["undetermined"] == "what is common to all frames"
    assert list(second["results"]["region"]) == [8, 40, 4, 30]
    np.testing.assert_array_equal(second["results"]["prior_rms"], [0.5, 0.25])
    assert result.smartalign.noise.gain == 3.0
    assert len(result.smartalign.pairs.similarity) == 6
    record = result.smartalign.nonrigid
    assert [cycle.model for cycle in record.cycles] == ["affine", "scan_locked"]
    assert record.cycles[0].mean_shifts == (0.5, 0.02)
    assert [cycle.kept for cycle in record.cycles] == [True, False]
    assert record.line_errors.dtype == np.float32
    np.testing.assert_array_equal(record.similarity, [0.75, np.nan, 0.75, np.nan])
    assert record.prior.smoothness == 1.5


def test_a_start_from_no_shift(make_distorted, core, monkeypatch):
    series, scene = make_distorted(shifts=np.zeros((4, 2), int))

    def never(*_, **__):
        raise AssertionError("no rigid alignment was asked for")

    monkeypatch.setattr("hyperspy_smartalign.signals.beginning.align_frames", never)
    known = core([lines_of(i) for i in range(4)])
    result = series.align_nonrigid(rigid=False)
    assert known.start == (Translation((0, 0)),) * 4
    alignment = result.smartalign.alignment
    assert [step["name"] for step in alignment.steps] == ["align_nonrigid"]
    assert alignment.hop_margin is None
    assert_pixels(result.data[2], scene[alignment.canvas.slices])
    with pytest.raises(ValueError, match="carries no pairs"):
        _ = result.smartalign.pairs


def test_a_rigid_stage_that_fails_says_what_to_do(make_distorted, core, monkeypatch):
    series, _ = make_distorted()

    def fails(*_, **__):
        raise NotAlignableError("no pair of frames agrees")

    monkeypatch.setattr("hyperspy_smartalign.signals.beginning.align_frames", fails)
    core()
    with pytest.raises(NotAlignableError, match=r"no pair of frames agrees.*rigid=False"):
        series.align_nonrigid()


def test_pixels_of_a_source_for_a_series_that_was_flattened(make_distorted, rigid, core):
    series, scene = make_distorted(dtype=np.uint16)
    flat = series.smartalign.remove_ramp()
    rigid()
    known = core()
    result = flat.align_nonrigid(source=series, interpolation="nearest", fill="zero")
    np.testing.assert_array_equal(known.frames, flat.data)
    assert result.data.dtype == np.uint16
    alignment = result.smartalign.alignment
    assert_pixels(result.data[1], scene[alignment.canvas.slices])
    assert [s["name"] for s in alignment.steps] == ["remove_ramp", "align_rigid", "align_nonrigid"]


# A series that was aligned before


@pytest.mark.parametrize("how", ["in memory", "given", "given for a loaded file"])
@pytest.mark.parametrize("lazy", [False, True])
def test_the_raw_series_is_used_where_it_is_at_hand(
    make_distorted, rigid, core, tmp_path, how, lazy
):
    series, scene = make_distorted(lazy=lazy)
    rigid()
    first = series.align_rigid()
    source = series if how.startswith("given") else None
    if how == "given for a loaded file":
        first.save(tmp_path / "first.hspy")
        first = hs.load(tmp_path / "first.hspy", lazy=lazy)
    known = core()
    before = state(series), state(first)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = first.align_nonrigid(source=source)
    assert_same_state(before[0], state(series))
    np.testing.assert_array_equal(known.frames, np.asarray(series.data))
    assert known.start == tuple(Translation(shift) for shift in SHIFTS)
    alignment = result.smartalign.alignment
    assert alignment.transforms == tuple(TRUTH)
    assert alignment.frame_shape == SHAPE
    assert [step["name"] for step in alignment.steps] == ["align_rigid", "align_nonrigid"]
    np.testing.assert_array_equal(alignment.hop_margin, 6.0)
    assert result._lazy is lazy
    assert result.metadata.General.title == "gold (aligned)"
    assert_pixels(np.asarray(result.data)[3], scene[alignment.canvas.slices])
    assert len(result.smartalign.pairs.similarity) == 6
    # And once more from the result, still from the raw series.
    if how == "in memory":
        again = result.align_nonrigid()
        assert known.start == tuple(TRUTH)
        np.testing.assert_array_equal(np.asarray(again.data), np.asarray(result.data))


def test_without_the_raw_series_pixels_are_interpolated_twice(make_distorted, rigid, core):
    series, scene = make_distorted()
    rigid()
    first = series.align_rigid()
    raw = series.deepcopy()
    del series
    gc.collect()
    origin = first.smartalign.alignment.canvas.origin
    known = core([lines_of(i).moved(origin) for i in range(4)])
    with pytest.warns(
        SeriesWarning, match=r"second time.*align_nonrigid\(\.\.\., source"
    ) as caught:
        result = first.align_nonrigid()
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(known.frames, first.data)
    assert known.start == (Translation((0, 0)),) * 4
    alignment = result.smartalign.alignment
    assert alignment.frame_shape == SHAPE
    assert [step["name"] for step in alignment.steps] == ["align_rigid", "align_nonrigid"]
    assert_pixels(result.data[1], scene[alignment.canvas.slices])
    # The record leads from the raw frames to the same pixels.
    direct = raw.apply_alignment(result)
    assert_pixels(direct.data, result.data)
    assert direct.axes_manager.as_dictionary() == result.axes_manager.as_dictionary()


def test_where_the_raw_series_no_longer_fits(make_distorted, rigid, core):
    series, _ = make_distorted()
    rigid()
    first = series.align_rigid()
    origin = first.smartalign.alignment.canvas.origin
    known = core([lines_of(i).moved(origin) for i in range(4)])
    series.crop_signal(0, 30, 0, 30)
    with pytest.warns(SeriesWarning, match="second time"):
        first.align_nonrigid()
    np.testing.assert_array_equal(known.frames, first.data)


def test_the_raw_series_is_no_part_of_the_signal(make_distorted, rigid, core, tmp_path):
    series, _ = make_distorted()
    rigid()
    first = series.align_rigid()
    name = "_smartalign_source"
    assert vars(first)[name]() is series
    assert name not in vars(first.deepcopy())
    assert name not in vars(first.inav[:2])
    assert name not in vars(first.isig[:5])
    assert name not in vars(first + 1)
    assert vars(first.copy())[name]() is series
    assert copy.deepcopy(vars(first)[name])() is None
    assert pickle.loads(pickle.dumps(vars(first)[name]))() is None
    first.save(tmp_path / "first.hspy")
    loaded = hs.load(tmp_path / "first.hspy")
    assert name not in vars(loaded)
    assert "source" not in str(loaded.metadata.Smart_align.as_dictionary().keys())
    # It keeps nothing alive.
    del series
    gc.collect()
    assert vars(first)[name]() is None


def test_source_must_belong_to_the_signal(make_distorted, rigid, core):
    series, _ = make_distorted()
    rigid()
    core()
    first = series.align_rigid()
    with pytest.raises(AlignmentMismatchError, match=r"source does not belong.*4 frames"):
        first.align_nonrigid(source=series.inav[:3])
    with pytest.raises(ValueError, match="source is an aligned series"):
        first.align_nonrigid(source=first)


def test_regions_of_an_aligned_series_are_those_of_its_frames(make_distorted, rigid, core):
    series, scene = make_distorted()
    rigid()
    first = series.align_rigid()
    origin = first.smartalign.alignment.canvas.origin
    known = core()
    result = first.align_nonrigid(roi=(4, 20, 6, 20), crop=(5, 15, 7, 19))
    top, left = origin
    assert known.region == (4 + left, 20 + left, 6 + top, 20 + top)
    expected = Canvas.from_roi(5, 15, 7, 19).moved(origin)
    assert result.smartalign.alignment.canvas == expected
    assert_pixels(result.data[0], scene[expected.slices])
    # As values on the axes of the aligned signal, too.
    x, y = first.axes_manager.signal_axes
    values = (*(x.offset + 0.2 * c for c in (5, 15)), *(y.offset + 0.2 * r for r in (7, 19)))
    roi = hs.roi.RectangularROI(values[0], values[2], values[1], values[3])
    assert first.align_nonrigid(crop=roi).smartalign.alignment.canvas == expected


def test_frames_excluded_before_stay_out(make_distorted, rigid, core):
    series, _ = make_distorted()
    rigid(rejected=[0])
    first = series.align_rigid()
    known = core()
    result = first.align_nonrigid(exclude=2)
    assert known.excluded.tolist() == [True, False, True, False]
    alignment = result.smartalign.alignment
    assert alignment.exclusion_reasons == ("bad", "", "excluded by the user", "")


def test_a_frame_that_the_registration_gave_up_on(make_distorted, rigid, core):
    series, _ = make_distorted()
    rigid()
    core(excluded=np.array([False, False, True, False]))
    alignment = series.align_nonrigid().smartalign.alignment
    assert alignment.excluded.tolist() == [False, False, True, False]
    assert alignment.exclusion_reasons[2] == "left out by align_nonrigid"


# The area and the output


def test_crop(make_distorted, rigid, core):
    series, scene = make_distorted()
    rigid()
    core()
    for word, flag in (("common", True), ("none", False)):
        by_word, by_flag = series.align_nonrigid(crop=word), series.align_nonrigid(crop=flag)
        np.testing.assert_array_equal(by_word.data, by_flag.data)
        assert by_word.axes_manager.as_dictionary() == by_flag.axes_manager.as_dictionary()
    assert not np.isnan(series.align_nonrigid().data).any()
    union = series.align_nonrigid(crop=False)
    canvas = union.smartalign.alignment.canvas
    seen = np.isfinite(union.data)
    # No row or column of the union is empty.
    assert seen.any(axis=(0, 2)).all()
    assert seen.any(axis=(0, 1)).all()
    assert canvas.height > SHAPE[0]
    window = series.align_nonrigid(crop=(10, 30, 5, 9))
    assert window.smartalign.alignment.canvas == Canvas(5, 10, 4, 20)
    assert_pixels(window.data[2], scene[5:9, 10:30])
    with pytest.raises(ValueError, match="crop right=48 lies outside the frame"):
        series.align_nonrigid(crop=(10, 48, 5, 9))


def test_a_second_detector_gets_the_same_area_or_another(make_distorted, rigid, core):
    series, scene = make_distorted()
    rigid()
    core()
    whole = series.align_nonrigid()
    np.testing.assert_array_equal(series.apply_alignment(whole).data, whole.data)
    union = series.apply_alignment(whole, crop=False)
    assert union.data.shape == series.align_nonrigid(crop=False).data.shape
    part = series.align_nonrigid(crop=(10, 30, 5, 19))
    second = series.apply_alignment(part, area="roi")
    np.testing.assert_array_equal(second.data, part.data)
    assert series.apply_alignment(part).data.shape == whole.data.shape
    assert_pixels(second.data[1], scene[5:19, 10:30])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(("output", "factor"), [("average", 1), ("sum", 4)])
def test_average_and_sum(make_distorted, rigid, core, lazy, output, factor):
    series, scene = make_distorted(lazy=lazy)
    rigid()
    core()
    result = series.align_nonrigid(output=output)
    assert result._lazy is lazy
    assert result.metadata.General.title == f"gold ({output})"
    canvas = result.smartalign.alignment.canvas
    assert_pixels(result.data, factor * scene[canvas.slices])
    assert result.smartalign.nonrigid.prior is not None


@pytest.mark.parametrize("lazy_output", [None, False, True])
@pytest.mark.parametrize("lazy", [False, True])
def test_lazy_as_asked(make_distorted, rigid, core, lazy, lazy_output):
    series, _ = make_distorted(lazy=lazy)
    rigid()
    core()
    result = series.align_nonrigid(lazy_output=lazy_output)
    assert result._lazy is (lazy if lazy_output is None else lazy_output)


@pytest.mark.parametrize("lazy", [False, True])
def test_two_navigation_axes(make_distorted, rigid, core, lazy):
    series, scene = make_distorted(lazy=lazy, navigation=(2, 2))
    rigid()
    core()
    result = series.align_nonrigid()
    assert result.axes_manager.navigation_shape == (2, 2)
    alignment = result.smartalign.alignment
    assert alignment.navigation_shape == (2, 2)
    for place in np.ndindex(2, 2):
        assert_pixels(np.asarray(result.data)[place], scene[alignment.canvas.slices])


# What is kept


def test_only_the_mean_shifts_are_kept_if_asked(make_distorted, rigid, core):
    series, _ = make_distorted()
    rigid()
    core()
    result = series.align_nonrigid(keep_transforms=False)
    full = series.align_nonrigid()
    np.testing.assert_array_equal(result.data, full.data)
    alignment = result.smartalign.alignment
    assert alignment.is_rigid
    np.testing.assert_allclose(alignment.shifts, full.smartalign.alignment.shifts)


def smooth_field(shape, index):
    y, x = np.mgrid[: shape[0], : shape[1]]
    wave = np.sin(2 * np.pi * (x / shape[1] + 0.1 * index)) * np.cos(2 * np.pi * y / shape[0])
    return np.stack([0.5 * wave, 0.25 * wave[::-1]])


@pytest.mark.parametrize("rough", [False, True])
def test_large_fields_go_on_a_control_grid(core, rough):
    shape, n = (120, 160), 4
    rng = np.random.default_rng(0)
    series = hs.signals.Signal2D(rng.random((n, *shape)).astype(np.float32))
    fields = [smooth_field(shape, i) + rough * rng.normal(0, 0.2, (2, *shape)) for i in range(n)]
    dense = [Field(values) for values in fields]
    core(dense, line_errors=None, prior=None, undetermined="")
    options = {"model": "free", "rigid": False}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = series.align_nonrigid(**options)
    said = [str(entry.message) for entry in caught]
    if rough:
        assert len(said) == 1
        assert "control grid" in said[0]
        assert "keep_fields=True stores these" in said[0]
    else:
        assert said == []
    alignment = result.smartalign.alignment
    stored = sum(t.values.nbytes for t in alignment.transforms)
    assert stored <= 1e6
    assert not any(t.is_dense for t in alignment.transforms)
    if not rough:
        for transform, values in zip(alignment.transforms, fields, strict=True):
            # Below every error bar: the waves are 120 px long.
            np.testing.assert_allclose(transform.displacement(shape), values, atol=0.01)
    kept = series.align_nonrigid(**options, keep_fields=True)
    assert kept.smartalign.alignment.transforms == tuple(dense)
    np.testing.assert_array_equal(kept.data, result.data)
    # A second detector: what is too large is put on a grid again.
    again = series.apply_alignment(kept)
    np.testing.assert_array_equal(again.data, kept.data)


def test_all_kinds_of_transforms_together(make_distorted, core):
    series, _ = make_distorted()
    kinds = [
        Translation((0.5, -1)),
        Affine(np.eye(2) + 0.01, shift=(0, 1)),
        lines_of(1),
        Field(smooth_field((5, 6), 1), (0, 0), (8, 9)),
    ]
    core(kinds)
    result = series.align_nonrigid(rigid=False)
    assert np.isfinite(result.data).all()
    assert result.smartalign.alignment.transforms == tuple(kinds)


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
def test_the_record_survives_files(make_distorted, rigid, core, tmp_path, suffix, lazy):
    series, _ = make_distorted()
    rigid()
    core()
    result = series.align_nonrigid(crop=(5, 40, 5, 30), weights=(1, 2, 3, 4), exclude=3)
    result.save(tmp_path / f"result{suffix}")
    loaded = hs.load(tmp_path / f"result{suffix}", lazy=lazy)
    assert loaded.smartalign.nonrigid == result.smartalign.nonrigid
    assert loaded.smartalign.alignment == result.smartalign.alignment
    step = loaded.smartalign.alignment.steps[-1]
    assert NonrigidParameters.from_dict(step["parameters"]) == NonrigidParameters(
        crop=(5, 40, 5, 30), weights=(1, 2, 3, 4), exclude=3
    )


def test_where_there_is_no_record(make_distorted, rigid, core):
    series, _ = make_distorted()
    with pytest.raises(ValueError, match=r"no record of a non-rigid.*signal\.align_nonrigid\(\)"):
        _ = series.smartalign.nonrigid
    rigid()
    core()
    result = series.align_nonrigid()
    with pytest.raises(ValueError, match="not with signals that its alignment was applied to"):
        _ = series.apply_alignment(result).smartalign.nonrigid
    result.metadata.Smart_align.nonrigid.similarity = np.ones(3)
    with pytest.raises(ValueError, match=r"corrupt: .*do not fit 3 frames. Align the series again"):
        _ = result.smartalign.nonrigid
    del result.metadata.Smart_align.nonrigid.similarity
    with pytest.raises(ValueError, match="corrupt: it has no similarity"):
        _ = result.smartalign.nonrigid


def test_a_record_of_nothing():
    record = NonrigidRecord((), np.zeros(3), np.zeros(3), None, None, "", True)
    again = NonrigidRecord.from_dict(record.to_dict())
    assert again == record
    assert again.cycles == ()
    assert again.cancelled
    assert record != NonrigidRecord((), np.ones(3), np.zeros(3), None, None, "", True)


# What is told


def test_messages_become_warnings(make_distorted, rigid, core):
    series, _ = make_distorted()
    rigid(messages=("Frame 3 is doubtful.",))
    core(messages=("Cancelled after 1 of 6 cycles.",), cancelled=True)
    with pytest.warns(SeriesWarning) as caught:
        result = series.align_nonrigid()
    assert [str(entry.message) for entry in caught] == [
        "Frame 3 is doubtful.",
        "Cancelled after 1 of 6 cycles.",
    ]
    assert {entry.filename for entry in caught} == {__file__}
    assert result.smartalign.nonrigid.cancelled
    with pytest.warns(SeriesWarning) as caught:
        hyperspy_smartalign.align_nonrigid(series)
    assert caught[0].filename == __file__


def test_what_is_undetermined_is_logged_and_no_warning(make_distorted, rigid, core, caplog):
    series, _ = make_distorted()
    rigid()
    core()
    with caplog.at_level(logging.INFO, logger="hyperspy_smartalign"), warnings.catch_warnings():
        warnings.simplefilter("error")
        series.align_nonrigid()
    assert "undetermined: what is common to all frames" in caplog.messages


def test_the_bar_tells_cycle_and_mean_shift(make_distorted, rigid, core, capsys):
    series, _ = make_distorted()
    rigid()
    core()
    series.align_nonrigid(show_progressbar=True)
    shown = capsys.readouterr().err
    for stage in ("checking frames", "pairs", "cycle 1 of 2, affine, mean shift 0.02 px"):
        assert stage in shown
    assert "resampling: 100%" in shown


def test_equal_frames_are_told(core):
    frame = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    series = hs.signals.Signal2D(np.stack([frame] * 3))
    core([Translation((0, 0))] * 3)
    with pytest.warns(SeriesWarning, match="All 3 frames are equal"):
        result = series.align_nonrigid(rigid=False)
    np.testing.assert_array_equal(result.data, series.data)


@pytest.mark.parametrize("stage", ["checking frames", "pairs", "cycle 1 of 2", "resampling"])
def test_an_interrupt_leaves_the_input(make_distorted, rigid, core, monkeypatch, stage):
    from hyperspy_smartalign.signals import progressing

    series, _ = make_distorted()
    rigid()
    core()
    before = state(series)
    report = progressing._StagedBar.report

    def interrupted(self, name, done, total):
        report(self, name, done, total)
        if name.startswith(stage) and done >= 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(progressing._StagedBar, "report", interrupted)
    with pytest.raises(KeyboardInterrupt):
        series.align_nonrigid(show_progressbar=True)
    assert_same_state(before, state(series))


# What is refused


def test_pixels_that_are_missing(make_distorted, rigid, core):
    series, _ = make_distorted()
    data = series.data.copy()
    data[2, 5, 7] = np.nan
    gaps = hs.signals.Signal2D(data)
    rigid()
    known = core()
    with pytest.raises(ValueError, match=r"frame 2 has 1 pixel.*NaN"):
        gaps.align_nonrigid()
    # They do not pull, so a start that needs no correlation is possible.
    result = gaps.align_nonrigid(rigid=False)
    assert np.isnan(known.frames[2][5, 7])
    assert np.isnan(result.data).sum() >= 1
    with pytest.raises(ValueError, match="none of the 3 frames has any contrast"):
        hs.signals.Signal2D(np.full((3, 20, 20), 4)).align_nonrigid()


def test_what_is_no_series(make_distorted):
    series, _ = make_distorted()
    with pytest.raises(ValueError, match="has one frame"):
        series.inav[0].align_nonrigid()
    with pytest.raises(ValueError, match="navigation axes x, y and frames"):
        hyperspy_smartalign.align_nonrigid(hs.signals.Signal1D(np.ones((9, 3))))
    with pytest.raises(ValueError, match="7 x 20 px, too few"):
        hs.signals.Signal2D(np.random.default_rng(0).random((3, 7, 20))).align_nonrigid()
    with pytest.raises(TypeError, match="complex"):
        hyperspy_smartalign.align_nonrigid(
            hs.signals.ComplexSignal2D(np.ones((3, 20, 20), complex))
        )
    series.axes_manager.signal_axes[0].convert_to_non_uniform_axis()
    with pytest.raises(NotImplementedError, match="not uniform"):
        series.align_nonrigid()


def test_integers_and_fill(make_distorted, rigid, core):
    series, _ = make_distorted(dtype=">u2")
    rigid()
    core()
    with pytest.raises(ValueError, match=r"uint16 cannot hold fill='nan'"):
        series.align_nonrigid(interpolation="nearest")
    result = series.align_nonrigid(interpolation="nearest", fill="mean", crop=False)
    assert result.data.dtype == np.uint16


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"reference": 4}, "reference=4, and the series has 4 frames"),
        ({"reference": 1, "exclude": 1}, "reference=1 is a frame that is excluded"),
        ({"weights": (1, 2)}, "weights has 2 numbers, and the series has 4"),
        ({"weights": (0, 1, 0, 0), "exclude": 1}, "weights are 0 for all frames that are not"),
        ({"exclude": 9}, r"frames \[9\], and the series has 4"),
        ({"exclude": (0, 1, 2)}, "3 of 4 frames are excluded"),
        ({"continuous": True}, r"continuous=True needs the time of a scan line.*line_time="),
    ],
)
def test_parameters_that_do_not_fit_the_series(make_distorted, rigid, core, keywords, said):
    series, _ = make_distorted()
    rigid()
    known = core()
    with pytest.raises(ParameterError, match=said):
        series.align_nonrigid(**keywords)
    assert known.calls == 0


def test_a_reference_that_the_rigid_stage_rejected(make_distorted, rigid, core):
    series, _ = make_distorted()
    rigid(rejected=[2])
    core()
    with pytest.raises(ParameterError, match="reference=2 is a frame that is excluded"):
        series.align_nonrigid(reference=2)


def test_unknown_parameters_are_named(make_distorted):
    series, _ = make_distorted()
    with pytest.raises(TypeError, match="Did you mean 'smoothing'"):
        series.align_nonrigid(smooting=3)


def test_the_time_of_a_cropped_series_is_that_of_the_scan(make_distorted, rigid, core):
    series, _ = make_distorted()
    recording.write_scan_geometry(series, ScanGeometry(line_time=1e-3))
    rigid()
    first = series.align_rigid()
    del series
    gc.collect()
    known = core([Translation((0, 0))] * 4)
    with pytest.warns(SeriesWarning, match="second time"):
        first.align_nonrigid(continuous=True)
    assert known.scan.frame_time == pytest.approx(1e-3 * SHAPE[0])
