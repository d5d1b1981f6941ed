"""What pictures show before there is anything, and while cycles run."""

from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.gui.pictures.applied import AppliedPicture
from hyperspy_smartalign.gui.pictures.cycles import RunningAveragePicture
from hyperspy_smartalign.gui.pictures.pairs import PairPicture, ShownPair
from hyperspy_smartalign.gui.pictures.prepared import BeforeAfterPicture
from hyperspy_smartalign.gui.pictures.reference import ReferencePicture
from hyperspy_smartalign.nonrigid.result import CycleDone
from hyperspy_smartalign.plotting.image import grey_limits
from hyperspy_smartalign.rigid.preview import PairPreview

PIXEL = (1.0, 1.0), ("px", "px")


@pytest.mark.parametrize(
    "kind", [AppliedPicture, BeforeAfterPicture, PairPicture, ReferencePicture]
)
def test_a_preview_says_that_it_is_being_computed(kind):
    assert [text.get_text() for text in kind().figure.texts] == ["Computing ..."]


@pytest.fixture
def images():
    return np.random.default_rng(3).normal(size=(3, 24, 32)).astype(np.float32)


def test_the_average_follows_the_cycles_in_the_same_axes(images):
    picture = RunningAveragePicture(seen=True)
    for number, image in enumerate(images):
        picture.add(CycleDone(number, 2, None, image), *PIXEL)
        if number == 0:
            axes = list(picture.figure.axes)
    assert picture.figure.axes == axes
    assert picture.figure.get_layout_engine() is not None
    assert not type(picture.figure.get_layout_engine()).__name__.startswith("Constrained")
    before, after, spectrum_before, spectrum = (ax.images[0] for ax in axes)
    np.testing.assert_array_equal(before.get_array(), images[0])
    np.testing.assert_array_equal(after.get_array(), images[2])
    assert after.get_clim() == before.get_clim() == grey_limits(images[0], images[2])
    assert spectrum.get_clim() == spectrum_before.get_clim()
    assert axes[1].get_title() == "average after cycle 2 of 2"
    # What is drawn anew is the same.
    other = RunningAveragePicture(seen=True)
    other.set_averages(images[0], images[2], (0, 0), *PIXEL)
    np.testing.assert_allclose(
        spectrum.get_array(), other.figure.axes[3].images[0].get_array(), rtol=1e-12
    )
    assert spectrum.get_clim() == pytest.approx(other.figure.axes[3].images[0].get_clim())


def test_another_run_and_the_end_begin_anew(images):
    picture = RunningAveragePicture(seen=True)
    for number in range(2):
        picture.add(CycleDone(number, 2, None, images[number]), *PIXEL)
    picture.begin()
    assert not picture.figure.axes
    picture.add(CycleDone(0, 2, None, images[2][:16]), *PIXEL)
    assert picture.figure.axes[0].images[0].get_array().shape == (16, 32)
    picture.set_averages(images[0], images[1], (0, 0), *PIXEL)
    assert len(picture.figure.axes) == 4
    assert picture.figure.axes[1].get_title() == "average after"
    assert type(picture.figure.get_layout_engine()).__name__.startswith("Constrained")


def test_no_shift_has_no_sign(images):
    frame = images[0]
    preview = PairPreview(frame, frame, frame, frame, (1.0, 1.0), (-0.001, 0.031), 0.72)
    words = ShownPair(0, 1, frame, None, preview, *PIXEL).words
    assert "y  +0.00 px" in words
    assert "x  +0.03 px" in words
