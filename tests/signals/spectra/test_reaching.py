"""The area that holds every count, for any transform."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.resampling import pixel_map
from hyperspy_smartalign.signals.spectra.reaching import canvas_of_counts, widened
from hyperspy_smartalign.transforms import Affine, Alignment, Canvas, Field, ScanLine, Translation

SHAPE = (24, 20)


def moves():
    rng = np.random.default_rng(2)
    y, x = np.indices(SHAPE)
    return [
        Translation((1.3, -2.6)),
        Affine(np.array([[1.02, 0.03], [-0.02, 0.97]]), (0.4, -0.7)),
        ScanLine(rng.uniform(-1.2, 1.2, (44, 2)), first_row=-10),
        Field(np.stack([np.sin(x / 4.0), 0.8 * np.cos(y / 5.0 + 1)])),
    ]


def alignment_of(*transforms, excluded=()):
    return Alignment(
        transforms=transforms,
        navigation_shape=(len(transforms),),
        frame_shape=SHAPE,
        canvas=Canvas(3, 3, 5, 5),
        excluded=excluded,
    )


@pytest.mark.parametrize("counts", ["share", "whole"])
@pytest.mark.parametrize("move", moves(), ids=lambda move: type(move).__name__)
def test_nothing_falls_off_and_no_side_is_empty(move, counts):
    canvas = canvas_of_counts(alignment_of(move), counts)
    exposure = pixel_map(move, SHAPE, canvas, counts=counts).covered
    assert exposure.sum(dtype=np.float64) == pytest.approx(24 * 20, rel=1e-6)
    for side in (exposure[0], exposure[-1], exposure[:, 0], exposure[:, -1]):
        assert side.any()


def test_excluded_frames_have_no_say():
    near, far = Translation((0.0, 0.0)), Translation((9.0, 9.0))
    frame = Canvas.of_frame(SHAPE)
    assert canvas_of_counts(alignment_of(near, far, excluded=[False, True]), "share") == frame
    assert canvas_of_counts(alignment_of(near, near, excluded=[True, True]), "share") == frame


def test_a_part_that_was_chosen_stays():
    alignment = alignment_of(Translation((0.5, 0.5)), Translation((0.0, 0.0)))
    assert widened(Canvas(3, 3, 5, 5), alignment, "share") == Canvas(3, 3, 5, 5)
    union = Canvas.union([(0.5, 0.5), (0, 0)], SHAPE)
    assert widened(union, alignment, "share") == Canvas(-1, -1, 25, 21)
    larger = Canvas(-5, -5, 40, 40)
    assert widened(larger, alignment, "share") == larger
