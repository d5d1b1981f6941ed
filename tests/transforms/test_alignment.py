"""Alignments: fitting together, composing with canvases, refusing what does not fit."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

from hyperspy_smartalign import __version__
from hyperspy_smartalign.transforms import (
    Affine,
    Alignment,
    AlignmentMismatchError,
    Canvas,
    Field,
    NoAlignmentError,
    ScanLine,
    Translation,
)

SHIFTS = np.array([[0.0, 0.0], [1.5, -2.25], [-3.0, 4.0], [0.5, 0.5]])
SHAPE = (24, 31)


def rigid(**details) -> Alignment:
    return Alignment.from_shifts(SHIFTS, frame_shape=SHAPE, **details)


def test_table_of_shifts() -> None:
    alignment = rigid()
    np.testing.assert_array_equal(alignment.shifts, SHIFTS)
    assert alignment.navigation_shape == (4,)
    assert alignment.n_frames == 4
    assert alignment.is_rigid
    assert alignment.canvas == Canvas.common(SHIFTS, SHAPE)
    assert alignment.package_version == __version__
    assert not alignment.excluded.any()
    assert not alignment.shifts.flags.writeable


def test_table_with_two_navigation_axes_is_in_c_order() -> None:
    alignment = Alignment.from_shifts(SHIFTS.reshape(2, 2, 2), frame_shape=SHAPE)
    assert alignment.navigation_shape == (2, 2)
    np.testing.assert_array_equal(alignment.shifts, SHIFTS)
    flat = Alignment.from_shifts(SHIFTS, navigation_shape=(2, 2), frame_shape=SHAPE)
    assert flat == alignment


def test_default_canvas_leaves_excluded_frames_out() -> None:
    shifts = np.vstack([SHIFTS, [[500.0, 0.0]]])
    excluded = [False] * 4 + [True]
    alignment = Alignment.from_shifts(shifts, frame_shape=SHAPE, excluded=excluded)
    assert alignment.canvas == Canvas.common(SHIFTS, SHAPE)
    with pytest.raises(ValueError, match=r"exclude frame\(s\) 4"):
        Alignment.from_shifts(shifts, frame_shape=SHAPE)


@pytest.mark.parametrize(
    ("shifts", "keywords", "words"),
    [
        (SHIFTS[:, :1], {}, r"y before x, not \(4, 1\)"),
        (SHIFTS[0], {}, r"not \(2,\)"),
        (SHIFTS, {"navigation_shape": (3,)}, r"give \(3, 2\)"),
        (np.full((2, 2), np.nan), {}, "4 of 4 values are NaN"),
        ([[1, 2], [3]], {}, "not a regular array"),
    ],
)
def test_tables_that_do_not_fit(shifts, keywords, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Alignment.from_shifts(shifts, frame_shape=SHAPE, **keywords)


@pytest.mark.parametrize(
    ("details", "error", "words"),
    [
        ({"precision": np.zeros((3, 2))}, ValueError, r"precision must have shape \(4, 2\)"),
        ({"precision": -np.ones((4, 2))}, ValueError, "not be negative"),
        ({"hop_margin": np.ones(5)}, ValueError, r"hop_margin must have shape \(4,\)"),
        ({"excluded": [True]}, ValueError, "one bool for each of 4 frames"),
        ({"excluded": [0, 1, 2, 3]}, ValueError, "one bool"),
        ({"exclusion_reasons": ("blank",)}, ValueError, "4 texts, not 1"),
        ({"exclusion_reasons": "blank"}, TypeError, "sequence of str"),
        ({"frame_scale": (0.0, 1.0)}, ValueError, "frame_scale must not be zero"),
        ({"frame_units": ("nm",)}, ValueError, "frame_units must hold 2"),
        ({"steps": [{"parameters": {}}]}, TypeError, r"steps\[0\] must be a mapping with a name"),
        ({"steps": [{"name": "x", "p": {1: 2}}]}, TypeError, "key 1; only text"),
        ({"steps": [{"name": "x", "p": {"a": object()}}]}, TypeError, r"steps\[0\].p.a is a obj"),
        ({"canvas": (0, 0, 1, 1)}, TypeError, "canvas must be a Canvas, not tuple"),
    ],
)
def test_details_that_do_not_fit(details, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        rigid(**details)


def test_number_of_transforms_must_fit() -> None:
    keywords = {"frame_shape": SHAPE, "canvas": Canvas.of_frame(SHAPE)}
    with pytest.raises(ValueError, match="1 transforms do not fit navigation shape"):
        Alignment((Translation((0, 0)),), (2,), **keywords)
    with pytest.raises(TypeError, match=r"transforms\[0\] is a tuple"):
        Alignment(((0, 0),), (1,), **keywords)


def test_steps_are_an_own_copy_in_plain_types() -> None:
    parameters = {"roi": (1, 2), "n": np.int64(3), "on": np.True_, "none": None}
    alignment = rigid(steps=[{"name": "align_rigid", "parameters": parameters}])
    parameters["n"] = 99
    assert alignment.steps == (
        {"name": "align_rigid", "parameters": {"roi": [1, 2], "n": 3, "on": True}},
    )
    assert type(alignment.steps[0]["parameters"]["on"]) is bool


def test_displacement_field_is_on_the_canvas() -> None:
    rows = np.arange(48.0).reshape(24, 2) / 20
    canvas = Canvas(top=-2, left=3, height=10, width=5)
    alignment = Alignment((ScanLine(rows),), (1,), frame_shape=SHAPE, canvas=canvas)
    d = alignment.displacement_field(0)
    assert d.shape == (2, 10, 5)
    np.testing.assert_array_equal(d[0, :, 0], rows[[0, 0, *range(8)], 0])
    np.testing.assert_allclose(alignment.shifts[0], d.mean(axis=(1, 2)))
    with pytest.raises(IndexError, match="frame 1 does not exist: the alignment has 1"):
        alignment.displacement_field(1)


def sampled(alignment: Alignment, i: int) -> np.ndarray:
    """Where in the frame each output pixel is taken from."""
    height, width = alignment.canvas.shape
    top, left = alignment.canvas.origin
    pixels = np.array(np.mgrid[top : top + height, left : left + width], dtype=float)
    return pixels + alignment.displacement_field(i)


def second_stage(shape: tuple[int, int]) -> Alignment:
    rng = np.random.default_rng(1)
    lines = tuple(ScanLine(rng.normal(0, 0.4, (shape[0], 2))) for _ in SHIFTS)
    return Alignment(
        lines, (4,), frame_shape=shape, canvas=Canvas.of_frame(shape).intersect(Canvas(1, 2, 9, 7))
    )


def test_second_stage_lives_in_the_pixels_of_the_first_output() -> None:
    first = rigid()
    assert first.canvas.origin != (0, 0)
    second = second_stage(first.canvas.shape)
    total = first.compose(second)
    assert total.frame_shape == SHAPE
    assert total.canvas.shape == second.canvas.shape
    for i, shift in enumerate(SHIFTS):
        # An output pixel reads the first output at sampled(second), and that the raw frame.
        expected = sampled(second, i) + np.add(first.canvas.origin, shift)[:, None, None]
        np.testing.assert_allclose(sampled(total, i), expected, atol=1e-9)


def test_what_is_known_of_two_stages() -> None:
    first = rigid(
        precision=np.full((4, 2), 0.5),
        excluded=[True, False, False, False],
        exclusion_reasons=("blank", "", "", ""),
        steps=[{"name": "align_rigid"}],
    )
    precision = np.full((4, 2), 0.1)
    precision[2] = np.nan
    second = dataclasses.replace(
        second_stage(first.canvas.shape),
        precision=precision,
        hop_margin=np.ones(4),
        excluded=[False, True, False, False],
        exclusion_reasons=("", "blurred", "", ""),
        steps=[{"name": "align_nonrigid"}],
    )
    total = first.compose(second)
    np.testing.assert_array_equal(total.precision[:, 0], [0.1, 0.1, 0.5, 0.1])
    np.testing.assert_array_equal(total.hop_margin, 1)
    np.testing.assert_array_equal(total.excluded, [True, True, False, False])
    assert total.exclusion_reasons == ("blank", "blurred", "", "")
    assert [step["name"] for step in total.steps] == ["align_rigid", "align_nonrigid"]


def test_stages_that_do_not_fit_are_refused() -> None:
    first = rigid()
    with pytest.raises(AlignmentMismatchError, match="frames of 24 x 31 px"):
        first.compose(rigid())


def test_inverse_leads_back_onto_the_raw_frame() -> None:
    alignment = rigid(frame_scale=(0.1, -0.2), frame_offset=(5, 6), frame_units=("nm", "nm"))
    back = alignment.inverse()
    assert back.frame_shape == alignment.canvas.shape
    assert back.canvas == Canvas.of_frame(SHAPE)
    top, left = alignment.canvas.origin
    np.testing.assert_allclose(back.frame_offset, (5 + 0.1 * top, 6 - 0.2 * left))
    # Back and forth reads the aligned frame at each of its own pixels.
    there_and_back = back.compose(alignment)
    for i in range(4):
        own = np.array(np.mgrid[: back.frame_shape[0], : back.frame_shape[1]])
        np.testing.assert_allclose(sampled(there_and_back, i), own, atol=1e-9)
    identity = alignment.compose(back)
    np.testing.assert_allclose(sampled(identity, 1), np.array(np.mgrid[:24, :31]), atol=1e-9)


def test_inverse_names_the_frame_that_folds() -> None:
    folded = ScanLine([[2.0, 0], [0.0, 0]])
    alignment = Alignment(
        (Translation((0, 0)), folded), (2,), frame_shape=SHAPE, canvas=Canvas.of_frame(SHAPE)
    )
    with pytest.raises(ValueError, match="frame 1: no inverse"):
        alignment.inverse()


def test_inverse_of_distorted_frames() -> None:
    rng = np.random.default_rng(0)
    shape = (24, 24)
    transforms = (
        ScanLine(rng.uniform(-0.4, 0.4, (24, 2))).plus((2, -1)),
        ScanLine(rng.uniform(-0.4, 0.4, (24, 2)), axis=1),
        Affine([[1.02, 0.01], [-0.03, 0.99]], (0.5, 1), (12, 12)),
        Field(rng.uniform(-0.1, 0.1, (2, 24, 24))),
    )
    canvas = Canvas(3, 4, 16, 15)
    alignment = Alignment(transforms, (4,), frame_shape=shape, canvas=canvas)
    back = alignment.inverse()
    for transform, reverse in zip(transforms, back.transforms, strict=True):
        # On whole pixels of the raw frame the way back is exact but for lines and nodes that
        # the inverse places between pixels.
        q = np.array(np.mgrid[:24, :24], dtype=float)
        p = q + reverse.at(q) + np.reshape(canvas.origin, (2, 1, 1))
        np.testing.assert_allclose(p + transform.at(p), q, atol=1e-8)


def test_check_says_both_numbers_and_the_fix() -> None:
    alignment = rigid(frame_scale=(0.1, 0.1), frame_units=("nm", "nm"))
    alignment.check_applies_to((4,), SHAPE)
    alignment.check_applies_to([4], list(SHAPE), scale=(-0.10005, 0.1))
    with pytest.raises(AlignmentMismatchError, match=r"for 4 frames.*has 3.*inav.*slice the res"):
        alignment.check_applies_to((3,), SHAPE)
    with pytest.raises(AlignmentMismatchError, match=r"24 x 31 px.*12 x 31 px.*rebinning"):
        alignment.check_applies_to((4,), (12, 31))
    with pytest.raises(AlignmentMismatchError, match=r"\(0\.1, 0\.1\) nm.*\(0\.2, 0\.1\)"):
        alignment.check_applies_to((4,), SHAPE, scale=(0.2, 0.1))
    rigid().check_applies_to((4,), SHAPE, scale=(0.2, 0.1))


def test_equality_knows_arrays_and_nan() -> None:
    precision = np.full((4, 2), np.nan)
    alignment = rigid(precision=precision, steps=[{"name": "x", "w": np.array([1.0, np.nan])}])
    assert alignment == copy.deepcopy(alignment)
    assert alignment != rigid()
    assert alignment != alignment.with_canvas(Canvas(0, 0, 5, 5))
    assert alignment != "an alignment"
    assert precision.flags.writeable


def test_repr_is_short_and_says_what_matters() -> None:
    text = repr(rigid(excluded=[0, 0, 1, 0], steps=[{"name": "align_rigid"}]))
    assert text == (
        "<Alignment: 4 Translation, 1 excluded; frames 24 x 31 px; canvas 22 x 27 px at (0, 3); "
        "shifts y -3.00 to 1.50, x -2.25 to 4.00 px; steps: align_rigid>"
    )


class Metadata:
    def __init__(self, content) -> None:
        self.content = content

    def get_item(self, name: str, default=None):
        assert name == "Smart_align"
        return default if self.content is None else self.content


class Signal:
    def __init__(self, content=None) -> None:
        self.metadata = Metadata(content)


def test_from_signal() -> None:
    alignment = rigid()
    assert Alignment.from_signal(Signal(alignment.to_dict())) == alignment


@pytest.mark.parametrize("content", [None, {}, {"steps": [{"name": "prepare"}]}])
def test_signal_without_alignment(content) -> None:
    with pytest.raises(NoAlignmentError, match=r"align it first.*signal\.align_rigid\(\)"):
        Alignment.from_signal(Signal(content))
    with pytest.raises(LookupError):
        Alignment.from_signal(Signal(content))


def test_from_something_else() -> None:
    with pytest.raises(TypeError, match="HyperSpy signal, not ndarray"):
        Alignment.from_signal(np.zeros(3))
