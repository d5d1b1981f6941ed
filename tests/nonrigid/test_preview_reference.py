"""What a frame is going to be compared with, for frames cut out of a known scene."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hyperspy_smartalign.nonrigid.preview import preview_reference
from hyperspy_smartalign.parameters import NonrigidParameters

SHIFTS = np.array([(0, 0), (2, -3), (4, -6), (5, -8), (7, -9), (8, -11)])
SHAPE = (64, 72)
MARGIN = 20


class Scene:
    """Frames whose content is displaced by whole pixels, with noise."""

    def __init__(self, noise=0.0, seed=0):
        rng = np.random.default_rng(seed)
        size = [length + 2 * MARGIN for length in SHAPE]
        self.scene = 40 * ndimage.gaussian_filter(rng.standard_normal(size), 2.0) + 50
        self.pixels = [
            self._at(shift) + noise * rng.standard_normal(SHAPE).astype(np.float32)
            for shift in SHIFTS
        ]

    def _at(self, shift):
        y, x = MARGIN - np.asarray(shift)
        return self.scene[y : y + SHAPE[0], x : x + SHAPE[1]].astype(np.float32)

    def __len__(self):
        return len(self.pixels)

    def frame(self, index):
        return self.pixels[index]


@pytest.mark.parametrize("shifts", [SHIFTS.astype(float), None])
@pytest.mark.parametrize("keywords", [{}, {"reference": "local"}, {"reference": 5}])
def test_the_reference_lies_on_the_frame(shifts, keywords):
    scene = Scene(noise=0.5)
    found = preview_reference(scene, 2, NonrigidParameters(**keywords), shifts=shifts)
    np.testing.assert_array_equal(found.frame, scene.frame(2))
    seen = np.isfinite(found.reference)
    assert seen.mean() > 0.75
    assert found.similarity > 0.99
    inner = np.s_[16:-16, 16:-16]
    error = (found.reference - scene._at(SHIFTS[2]))[inner]
    # The brightness of a frame is fitted, and does not count.
    assert np.nanstd(error) < (0.5 if shifts is not None else 1.0)


def test_more_frames_make_a_cleaner_reference():
    scene = Scene(noise=4.0)
    truth = scene._at(SHIFTS[2])
    errors = []
    for keywords in ({"reference": 3}, {"reference": "local"}, {}):
        found = preview_reference(
            scene, 2, NonrigidParameters(smooth_reference=0.0, **keywords), shifts=SHIFTS
        )
        errors.append(np.nanstd((found.reference - truth)[16:-16, 16:-16]))
    np.testing.assert_allclose(errors, 4.0 / np.sqrt([1, 2, 5]), rtol=0.1)


@pytest.mark.parametrize(
    ("keywords", "members"),
    [
        ({}, (0, 1, 3, 4, 5)),
        ({"reference": "local"}, (1, 3)),
        ({"reference": "local", "reference_width": 2}, (0, 1, 3, 4)),
        ({"reference": "local", "local_cycles": 1}, (1, 3)),
        ({"reference": 0}, (0,)),
        ({"weights": (0, 1, 1, 0, 2, 0)}, (1, 4)),
    ],
)
def test_which_frames_make_it(keywords, members):
    found = preview_reference(Scene(), 2, NonrigidParameters(**keywords), shifts=SHIFTS)
    assert found.members == members
    assert found.others == len(members)


def test_excluded_frames_take_no_part_and_far_ones_are_not_read():
    scene = Scene()
    scene.pixels[4] = None
    parameters = NonrigidParameters(exclude=(4,))
    found = preview_reference(scene, 0, parameters, shifts=SHIFTS, excluded=(4,), most=2)
    assert found.members == (1, 2)
    assert found.others == 4


def test_weights_count():
    scene = Scene()
    scene.pixels[1] = scene.pixels[1] + 30
    flat = preview_reference(
        scene,
        0,
        NonrigidParameters(weights=(1, 0, 1, 0, 0, 0), smooth_reference=0.0),
        shifts=SHIFTS,
    )
    mixed = preview_reference(
        scene,
        0,
        NonrigidParameters(weights=(1, 1, 2, 0, 0, 0), smooth_reference=0.0),
        shifts=SHIFTS,
    )
    raised = np.nanmean((mixed.reference - flat.reference)[16:-16, 16:-16])
    assert raised == pytest.approx(10, rel=0.05)


def test_the_frame_is_smoothed_and_cut():
    scene = Scene(noise=4.0)
    scene.pixels[1][20, 30] = 1e6
    plain = preview_reference(scene, 1, NonrigidParameters(), shifts=SHIFTS)
    assert np.isnan(plain.frame[20, 30])
    smooth = preview_reference(
        scene,
        1,
        NonrigidParameters(smooth_frames=1.5),
        shifts=SHIFTS,
        region=(10, 60, 8, 50),
    )
    assert smooth.frame.shape == smooth.reference.shape == (42, 50)
    truth = scene._at(SHIFTS[1])[8:50, 10:60]
    assert np.nanstd(smooth.frame - truth) < 0.6 * np.nanstd(plain.frame[8:50, 10:60] - truth)


def test_counts_without_contrast_have_no_similarity():
    scene = Scene()
    scene.pixels = [np.full(SHAPE, 7, np.uint8)] * 6
    found = preview_reference(scene, 2, NonrigidParameters(), shifts=SHIFTS)
    assert np.isnan(found.similarity)


@pytest.mark.parametrize(
    ("index", "keywords", "excluded", "words"),
    [
        (2, {"reference": 2}, (), "the reference itself"),
        (2, {"reference": 6}, (), "counted from 0"),
        (2, {"reference": 1}, (1,), "excluded ones cannot be"),
        (2, {"weights": (1, 1)}, (), "2 numbers"),
        (0, {"reference": "local"}, (1,), "no frame to compare"),
    ],
)
def test_what_there_is_no_reference_for(index, keywords, excluded, words):
    with pytest.raises(ValueError, match=words):
        preview_reference(
            Scene(), index, NonrigidParameters(**keywords), shifts=SHIFTS, excluded=excluded
        )
