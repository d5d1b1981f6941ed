"""Areas that frames saw, against the coverage that resampling tells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.resampling import resample_frame
from hyperspy_smartalign.signals.covering import common_canvas, seen_by, union_canvas
from hyperspy_smartalign.signals.cropping import choose_canvas
from hyperspy_smartalign.transforms import Affine, Canvas, Field, ScanLine, Translation

SHAPE = (29, 41)
WIDE = Canvas(-40, -40, 29 + 80, 41 + 80)


def random_transform(rng: np.random.Generator, kind: str):
    shift = rng.uniform(-6, 6, 2)
    if kind == "translation":
        return Translation(shift)
    if kind == "affine":
        return Affine(np.eye(2) + rng.normal(0, 0.03, (2, 2)), shift=shift, centre=(14, 20))
    if kind == "field":
        return Field(shift[:, None, None] + rng.normal(0, 1, (2, 5, 6)), (0, 0), (7, 8))
    axis = int(rng.integers(2))
    offsets = shift + rng.normal(0, 1, (SHAPE[axis], 2))
    rotation = 0.02 if kind == "turned lines" else 0.0
    return ScanLine(offsets, rotation=rotation, axis=axis, line_centre=15)


KINDS = ["translation", "affine", "field", "lines", "turned lines"]


def covered(transform, canvas: Canvas):
    return resample_frame(np.ones(SHAPE, np.float32), transform, canvas, fill=np.nan).covered


@pytest.mark.parametrize("kind", KINDS)
def test_seen_is_what_resampling_covers(kind):
    rng = np.random.default_rng(2)
    for _ in range(5):
        transform = random_transform(rng, kind)
        np.testing.assert_array_equal(
            seen_by(transform, SHAPE, WIDE), covered(transform, WIDE), err_msg=repr(transform)
        )


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
def test_common_is_covered_and_cannot_grow(seed, kinds):
    rng = np.random.default_rng(seed)
    transforms = [random_transform(rng, kind) for kind in kinds]
    common = common_canvas(transforms, SHAPE)
    everywhere = np.all([covered(transform, WIDE) for transform in transforms], axis=0)

    def all_covered(canvas: Canvas) -> bool:
        return bool(everywhere[canvas.moved((40, 40)).slices].all())

    assert all_covered(common)
    top, left, height, width = common.top, common.left, common.height, common.width
    for larger in (
        Canvas(top - 1, left, height + 1, width),
        Canvas(top, left, height + 1, width),
        Canvas(top, left - 1, height, width + 1),
        Canvas(top, left, height, width + 1),
    ):
        assert not all_covered(larger)
    # Most of what is common lies in it: these distortions are a few pixels.
    assert common.height * common.width > 0.5 * everywhere.sum()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
def test_union_is_the_box_around_all_that_was_seen(seed, kinds):
    rng = np.random.default_rng(seed)
    transforms = [random_transform(rng, kind) for kind in kinds]
    seen = np.any([covered(transform, WIDE) for transform in transforms], axis=0)
    rows, columns = np.flatnonzero(seen.any(axis=1)) - 40, np.flatnonzero(seen.any(axis=0)) - 40
    assert union_canvas(transforms, SHAPE) == Canvas.from_roi(
        int(columns[0]), int(columns[-1]) + 1, int(rows[0]), int(rows[-1]) + 1
    )


def test_shifts_have_the_canvases_of_shifts():
    shifts = np.array([(0.3, -2.0), (4.0, 1.5), (-3.2, 0.0)])
    transforms = [Translation(shift) for shift in shifts]
    assert common_canvas(transforms, SHAPE) == Canvas.common(shifts, SHAPE)
    assert union_canvas(transforms, SHAPE) == Canvas.union(shifts, SHAPE)


def test_one_line_that_jumped_far_costs_that_line_only():
    offsets = np.zeros((29, 2))
    offsets[2, 1] = 30.0
    common = common_canvas([Translation((0, 0)), ScanLine(offsets)], SHAPE)
    assert common == Canvas(3, 0, 26, 41)


def test_excluded_frames_have_no_say():
    near, far = ScanLine(np.zeros((29, 2))), Translation((50, 50))
    excluded = np.array([False, True])
    for crop in (True, False):
        canvas = choose_canvas([near, far], excluded, SHAPE, crop=crop)
        assert canvas == Canvas.of_frame(SHAPE)


def test_nothing_in_common_names_the_frames():
    lines = ScanLine(np.zeros((29, 2)))
    with pytest.raises(
        ValueError, match=r"no area is common to all 3 frames.*exclude frame\(s\) 2"
    ):
        common_canvas([lines, lines, Translation((0, 60))], SHAPE)
    jumping = np.zeros((29, 2))
    jumping[:, 1] = np.where(np.arange(29) % 2, 50, -50)
    with pytest.raises(ValueError, match="distortions are too large; exclude frames or use crop"):
        common_canvas([lines, ScanLine(jumping)], SHAPE)
