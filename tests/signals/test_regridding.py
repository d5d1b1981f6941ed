"""An alignment carried over to a series with other pixels of the same scan."""

from __future__ import annotations

import re

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.resampling import resample_stack
from hyperspy_smartalign.signals.matching import check_fits
from hyperspy_smartalign.signals.regridding import carried_to
from hyperspy_smartalign.signals.validating import Layout, layout_of
from hyperspy_smartalign.transforms import (
    Affine,
    Alignment,
    AlignmentMismatchError,
    Canvas,
    Field,
    ScanLine,
    Translation,
)

SHIFTS = np.array([[0.0, 0.0], [8.0, -4.0], [-6.0, 10.0]])


def make_layout(
    shape=(16, 12), *, scale=(0.8, 0.8), offset=(0.0, 0.0), units=("nm", "nm"), series=(3,)
) -> Layout:
    return Layout(
        series_shape=series,
        frame_shape=shape,
        channel_shape=(),
        scale=scale,
        offset=offset,
        units=units,
    )


def make_alignment(
    shifts=SHIFTS,
    *,
    shape=(64, 48),
    scale=(0.2, 0.2),
    offset=(0.0, 0.0),
    units=("nm", "nm"),
    **more,
) -> Alignment:
    return Alignment.from_shifts(
        shifts, frame_shape=shape, frame_scale=scale, frame_offset=offset, frame_units=units, **more
    )


def grid_of(alignment: Alignment) -> tuple[list[float], list[float]]:
    taken = alignment.steps[-1]["parameters"]
    return taken["step"], taken["start"]


def test_frames_of_as_many_pixels_need_no_carrying() -> None:
    alignment = make_alignment()
    assert carried_to(alignment, make_layout((64, 48), scale=(0.2, 0.2))) is alignment
    # Another scale on as many pixels is another image, and refused as ever.
    other = make_layout((64, 48), scale=(0.1, 0.1))
    with pytest.raises(AlignmentMismatchError, match="correct the scale"):
        check_fits(carried_to(alignment, other), other)


@pytest.mark.parametrize(
    ("offset", "why"),
    [((0.0, 0.0), "edge of the first pixel"), ((0.3, 0.3), "middle, as HyperSpy's rebin has it")],
)
def test_one_area_is_put_edge_on_edge(offset, why) -> None:
    layout = make_layout(offset=offset)
    carried = carried_to(make_alignment(), layout)
    assert grid_of(carried) == ([4, 4], [1.5, 1.5]), why
    np.testing.assert_array_equal(carried.shifts, SHIFTS / 4)
    assert (carried.frame_shape, carried.frame_scale) == (layout.frame_shape, layout.scale)
    assert (carried.frame_offset, carried.frame_units) == (layout.offset, layout.units)
    # Of rows 6 to 55 and columns 4 to 37, whole pixels of four.
    assert carried.canvas == Canvas(2, 1, 12, 8)
    check_fits(carried, layout)


def test_what_hyperspy_rebins_is_one_area(make_series) -> None:
    series, _ = make_series([(0, 0), (0, 0)], shape=(32, 48))
    binned = series.rebin(scale=(1, 4, 2))
    alignment = make_alignment(
        np.zeros((2, 2)), shape=(32, 48), scale=(0.2, 0.2), offset=(-3.0, 5.0)
    )
    assert grid_of(carried_to(alignment, layout_of(binned))) == ([2, 4], [0.5, 1.5])


def test_extents_count_where_scales_were_rounded() -> None:
    # 64 x 0.2 = 12.8 nm and 15 x 0.85 = 12.75 nm: the number of pixels says 64 / 15.
    layout = make_layout((15, 12), scale=(0.85, 0.8))
    step, start = grid_of(carried_to(make_alignment(), layout))
    np.testing.assert_allclose(step, [64 / 15, 4], rtol=1e-15)
    np.testing.assert_allclose(start, [(64 / 15 - 1) / 2, 1.5], rtol=1e-15)


def test_the_other_way_round() -> None:
    coarse = make_alignment(SHIFTS / 4, shape=(16, 12), scale=(0.8, 0.8), precision=np.ones((3, 2)))
    fine = carried_to(coarse, make_layout((64, 48), scale=(0.2, 0.2)))
    assert grid_of(fine) == ([0.25, 0.25], [-0.375, -0.375])
    np.testing.assert_array_equal(fine.shifts, SHIFTS)
    np.testing.assert_array_equal(fine.precision, np.full((3, 2), 4.0))
    assert fine.canvas == Canvas(
        *(4 * np.array([coarse.canvas.top, coarse.canvas.left, *coarse.canvas.shape]))
    )


def test_units_of_one_kind_are_converted() -> None:
    layout = make_layout(scale=(8e-4, 8.0), units=("um", "Å"))
    carried = carried_to(make_alignment(), layout)
    assert grid_of(carried) == ([4, 4], [1.5, 1.5])
    assert carried.frame_units == ("um", "Å")
    check_fits(carried, layout)


def test_without_units_one_extent_is_enough() -> None:
    bare = ("px", "px")
    alignment = make_alignment(units=bare, scale=(1.0, 1.0))
    carried = carried_to(alignment, make_layout(units=bare, scale=(4.0, 4.0)))
    assert grid_of(carried) == ([4, 4], [1.5, 1.5])


def test_negative_scales_on_both_sides() -> None:
    alignment = make_alignment(scale=(-0.2, 0.2), offset=(6.0, 1.0))
    carried = carried_to(alignment, make_layout(scale=(-0.8, 0.8), offset=(5.7, 1.3)))
    assert grid_of(carried) == ([4, 4], [1.5, 1.5])
    # A part: rows from 6.0 - 0.2 * 20 nm on.
    part = carried_to(alignment, make_layout((20, 12), scale=(-0.2, 0.8), offset=(2.0, 1.0)))
    step, start = grid_of(part)
    np.testing.assert_allclose([step[0], start[0]], [1, 20], rtol=1e-12)


def test_a_cropped_series_is_placed_by_its_coordinates() -> None:
    layout = make_layout((30, 20), scale=(0.2, 0.2), offset=(2.0, 3.0))
    carried = carried_to(make_alignment(), layout)
    step, start = grid_of(carried)
    np.testing.assert_allclose(step, [1, 1], rtol=1e-12)
    np.testing.assert_allclose(start, [10, 15], rtol=1e-12)
    np.testing.assert_allclose(carried.shifts, SHIFTS, rtol=1e-12)
    # All of the old canvas was seen by all frames, so pixels that a crop took from one are out.
    assert carried.canvas == Canvas(6, 4, 16, 6)


def test_a_larger_series_is_placed_by_its_coordinates() -> None:
    layout = make_layout((100, 90), scale=(0.2, 0.2), offset=(-2.0, -3.0))
    carried = carried_to(make_alignment(), layout)
    assert carried.canvas == Canvas(16, 19, 50, 34)


def test_a_canvas_that_was_not_cropped_is_not_cropped() -> None:
    union = Canvas.union(SHIFTS, (64, 48))
    alignment = make_alignment(canvas=union)
    same_area = carried_to(alignment, make_layout())
    # Rows -8 to 69 and columns -10 to 51.
    assert same_area.canvas == Canvas(-2, -2, 19, 15)
    part = carried_to(alignment, make_layout((30, 20), scale=(0.2, 0.2), offset=(2.0, 3.0)))
    # As much as any of the cropped frames saw.
    assert part.canvas == Canvas.union(SHIFTS, (30, 20)).intersect(union.moved((-10, -15)))


def test_the_region_goes_along() -> None:
    found = {
        "name": "align_rigid",
        "parameters": {"area": "image", "crop": True},
        "results": {"region": [7, 41, 8, 40]},
    }
    carried = carried_to(make_alignment(steps=(found,)), make_layout())
    # Whole pixels of four inside columns 7 to 40 and rows 8 to 39.
    assert carried.steps[-1]["results"] == {"region": [2, 10, 2, 10]}
    assert carried.steps[0] == found


def both(ours: str, theirs: str) -> str:
    """Start of a message that names both calibrations."""
    return re.escape(
        f"the alignment is for frames of {ours}; the series has frames of {theirs} (y, x). The "
        "alignment cannot be carried over: "
    )


OURS = "64 x 48 px with scale 0.2 x 0.2, offset 0 and 0, units 'nm'"
BARE = "64 x 48 px with scale 1 x 1, offset 0 and 0, units none"


@pytest.mark.parametrize(
    ("alignment", "layout", "calibrations", "reason"),
    [
        (
            {},
            {"units": ("1/nm", "1/nm")},
            (OURS, "16 x 12 px with scale 0.8 x 0.8, offset 0 and 0, units '1/nm'"),
            "their units along y, 'nm' and '1/nm', are not of one kind. If both show the same "
            "area, give the image axes of the series scale 0.8 x 0.8, offset 0 and 0, units 'nm'; "
            "else align this series",
        ),
        (
            {},
            {"units": ("nm", "px"), "scale": (0.8, 1.0)},
            (OURS, "16 x 12 px with scale 0.8 x 1, offset 0 and 0, units 'nm' and none"),
            "their units along x, 'nm' and none, are not of one kind. If both show the same area, "
            "give the image axes of the series scale 0.8 x 0.8, offset 0 and 0, units 'nm'; else "
            "align this series",
        ),
        (
            {"units": ("px", "px"), "scale": (1.0, 1.0)},
            {"units": ("px", "px"), "scale": (1.0, 1.0)},
            (BARE, "16 x 12 px with scale 1 x 1, offset 0 and 0, units none"),
            "their extents along y differ, and without units it is not known which part of one "
            "the other shows. If both show the same area, give the image axes of the series "
            "scale 4 x 4, offset 0 and 0, units none; else align this series",
        ),
        (
            {},
            {"scale": (0.8, -0.8)},
            (OURS, "16 x 12 px with scale 0.8 x -0.8, offset 0 and 0, units 'nm'"),
            "one is mirrored along x, as the signs of the scales differ. If the order of their "
            "pixels is the same, change the signs of the scale and the offset of the negative "
            "axis; if it is not, flip the data along that axis",
        ),
        (
            {},
            {"offset": (50.0, 0.0)},
            (OURS, "16 x 12 px with scale 0.8 x 0.8, offset 50 and 0, units 'nm'"),
            "they show areas that do not overlap along y. If both show the same area, give the "
            "image axes of the series scale 0.8 x 0.8, offset 0 and 0, units 'nm'; else align "
            "this series",
        ),
        (
            {"canvas": Canvas(1, 1, 3, 3)},
            {},
            (OURS, "16 x 12 px with scale 0.8 x 0.8, offset 0 and 0, units 'nm'"),
            "the canvas of 3 x 3 px holds no whole pixel of a grid whose pixels are 4 x 4 px "
            "large. Keep more of the common frame when aligning, with crop=False",
        ),
    ],
)
def test_what_cannot_be_carried_is_refused_in_words(
    alignment, layout, calibrations, reason
) -> None:
    with pytest.raises(AlignmentMismatchError, match=both(*calibrations) + re.escape(reason) + "$"):
        carried_to(make_alignment(**alignment), make_layout(**layout))


def test_a_part_that_no_two_frames_share_is_refused() -> None:
    # Four rows of the bottom, which the second frame has in its last rows only.
    layout = make_layout((4, 48), scale=(0.2, 0.2), offset=(10.0, 0.0))
    with pytest.raises(AlignmentMismatchError, match="see nothing of what the alignment keeps"):
        carried_to(make_alignment(), layout)


def test_the_advice_works() -> None:
    alignment = make_alignment(scale=(-0.2, 0.2), offset=(6.0, 1.0))
    with pytest.raises(AlignmentMismatchError, match=r"scale -0\.8 x 0\.8, offset 6 and 1, units"):
        carried_to(alignment, make_layout(scale=(1.0, 1.0), units=("px", "px")))
    followed = carried_to(alignment, make_layout(scale=(-0.8, 0.8), offset=(6.0, 1.0)))
    assert grid_of(followed) == ([4, 4], [1.5, 1.5])


def test_another_number_of_frames_is_refused_as_ever() -> None:
    with pytest.raises(AlignmentMismatchError, match=r"3 frames .* the series has 2"):
        carried_to(make_alignment(), make_layout(series=(2,)))


BIN = 4
FINE = (96, 128)


def scene(points: np.ndarray) -> np.ndarray:
    """Waves of 40 px and more on the fine grid, so of 10 px and more on the coarse one."""
    y, x = points
    return (
        2
        + np.cos(2 * np.pi * y / 44)
        + np.cos(2 * np.pi * x / 40 + 1)
        + np.cos(2 * np.pi * (y + 2 * x) / 110)
    )


def smooth_lines(seed: int) -> np.ndarray:
    """Offsets (lines, 2) of about 1 px that wander over 30 lines and more."""
    rng = np.random.default_rng(seed)
    lines = np.arange(FINE[0])[:, None]
    waves = [np.sin(2 * np.pi * lines / period + rng.uniform(0, 6, 2)) for period in (31, 67)]
    return np.sum(waves, axis=0) * rng.uniform(0.25, 0.75, 2) + rng.uniform(-3, 3, 2)


def binned(stack: np.ndarray) -> np.ndarray:
    n, height, width = stack.shape
    return stack.reshape(n, height // BIN, BIN, width // BIN, BIN).mean(axis=(2, 4))


TRANSFORMS = {
    "shifted": [Translation((3.3, -5.2)), Translation((-7.1, 2.6))],
    "distorted": [
        Affine([[1.01, 0.02], [-0.015, 0.99]], (2.3, -4.1), (47.5, 63.5)),
        Affine([[0.985, -0.01], [0.02, 1.01]], (-3.7, 1.2), (47.5, 63.5)),
    ],
    "scan lines": [ScanLine(smooth_lines(1)), ScanLine(smooth_lines(2), rotation=0.004)],
    "field": [
        Field(2 * np.random.default_rng(seed).normal(size=(2, 5, 6)), (-16, -16), 32)
        for seed in (3, 4)
    ],
}
# Coarse pixels are interpolated at 10 px a period, where cubic splines miss a wave by 1e-3 of its
# amplitude. Where displacements change within a coarse pixel, its content was also spread over
# more or less than one pixel: an error that is of second order in the change (0.6 px over the
# four lines of a pixel here; half the change makes a quarter of the error).
TOLERANCE = {"shifted": 2e-3, "distorted": 2e-3, "scan lines": 0.015, "field": 0.02}


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_an_image_and_its_binned_copy_agree(kind: str) -> None:
    transforms = tuple(TRANSFORMS[kind])
    pixels = np.mgrid[: FINE[0], : FINE[1]].astype(np.float64)
    # Content at p is found at q = p + d(p), so the raw pixel q shows the scene at q + inverse(q).
    raw = np.stack([scene(pixels + t.inverse().at(pixels)) for t in transforms])
    alignment = Alignment(
        transforms,
        navigation_shape=(2,),
        frame_shape=FINE,
        canvas=Canvas(24, 24, 48, 80),
        frame_scale=(0.1, 0.1),
        frame_units=("nm", "nm"),
    )
    coarse = make_layout(
        (FINE[0] // BIN, FINE[1] // BIN), scale=(0.1 * BIN, 0.1 * BIN), series=(2,)
    )
    carried = carried_to(alignment, coarse)
    assert carried.canvas == Canvas(6, 6, 12, 20)
    fine = binned(resample_stack(raw, transforms, alignment.canvas))
    found = resample_stack(binned(raw), carried.transforms, carried.canvas)
    assert np.abs(found - fine).max() < TOLERANCE[kind]
    # Without carrying, nothing agrees.
    naive = resample_stack(binned(raw), transforms, carried.canvas)
    assert np.nanmax(np.abs(naive - fine)) > 0.3


def test_survey_and_spectrum_image_of_a_real_file(shared_data) -> None:
    pytest.importorskip("exspy")
    folder = shared_data("eels-si-sto-interface-dm3")
    image = hs.load(folder / "DMReader_SI-HAADF.dm3")
    spectra = hs.load(folder / "DMReader_SpectrumImage_SI-EELS.dm3")
    # One frame each; a second one that has moved by two rows and a column of the spectrum image.
    survey = layout_of(hs.stack([image, image]))
    series = layout_of(hs.stack([spectra, spectra]))
    alignment = make_alignment(
        [[0.0, 0.0], [64.0, -32.0]],
        shape=survey.frame_shape,
        scale=survey.scale,
        offset=survey.offset,
        units=survey.units,
    )
    carried = carried_to(alignment, series)
    assert grid_of(carried) == ([32, 32], [15.5, 15.5])
    np.testing.assert_array_equal(carried.shifts, [[0, 0], [2, -1]])
    assert carried.canvas == Canvas(0, 1, 47, 5)
    # The grids do lie on each other: what the dark field and the loss spectra say of a pixel is
    # related, and much less so one row further.
    dark = image.data.reshape(49, 32, 6, 32).mean(axis=(1, 3))
    loss = spectra.data.sum(axis=-1)
    here = abs(np.corrcoef(dark.ravel(), loss.ravel())[0, 1])
    for moved in (1, -1):
        away = abs(np.corrcoef(np.roll(dark, moved, axis=0).ravel(), loss.ravel())[0, 1])
        assert here > 2 * away
