"""What a non-rigid alignment must not do to a specimen: move, blur, fade or bend it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import least_squares

from hyperspy_smartalign.data import Crystal, lattice, scan_recipe, simulate_stack
from hyperspy_smartalign.nonrigid.lines import lines_of
from hyperspy_smartalign.resampling import Accumulator, resample_frame
from hyperspy_smartalign.transforms import Canvas, Translation

pytestmark = pytest.mark.slow

DOSE, SHAPE, FRAMES = 150.0, (112, 112), 10


def rms(values) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def average(stack, transforms, shape=SHAPE):
    """Mean of the frames on the common frame, interpolated once."""
    accumulator = Accumulator(shape)
    for pixels, transform in zip(stack, transforms, strict=True):
        accumulator.add(resample_frame(pixels.astype(np.float32), transform, Canvas(0, 0, *shape)))
    return accumulator.result().mean()


def with_defect(field, place) -> tuple[Crystal, int]:
    """A lattice in which the column nearest to `place` is half as bright again."""
    crystal = lattice("square", spacing=14.2, angle=7.0, field=field, margin=60.0, width=2.6)
    index = int(np.linalg.norm(crystal.positions - place, axis=1).argmin())
    heights = crystal.heights.copy()
    heights[index] *= 1.5
    return replace(crystal, heights=heights), index


def peak(image, guess, *, sigma=2.6, half=5):
    """Position, width and height of a column over a constant background, fitted."""
    top, left = (round(each) - half for each in guess)
    y, x = np.indices((2 * half + 1, 2 * half + 1)) + np.array([top, left])[:, None, None]
    patch = image[top : top + 2 * half + 1, left : left + 2 * half + 1]
    scale = float(np.ptp(patch))

    def residual(p):
        shape = np.exp(-((y - p[0]) ** 2 + (x - p[1]) ** 2) / (2 * p[2] ** 2))
        return ((p[3] * shape + p[4]) * scale - patch).ravel() / scale

    start = [guess[0], guess[1], sigma, 1.0, patch.min() / scale]
    found = least_squares(residual, start).x
    return found[:2], abs(found[2]), found[3] * scale


@pytest.fixture(scope="module")
def defect(align):
    """A bright column in a jittering series: simulation, transforms, average and truth."""
    crystal, index = with_defect(SHAPE, (50.0, 60.0))
    simulated = simulate_stack(
        shape=SHAPE, frames=FRAMES, crystal=crystal, dose=DOSE, drift=(0.3, -0.4), drift_walk=0,
        row_jitter=0.5, seed=3,
    )  # fmt: skip
    result = align(simulated.stack, simulated.truth.shifts)
    return simulated, result, average(simulated.stack, result.transforms), index


def common_displacement(simulated, result):
    """(lines, 2) what is common to all frames and nothing can tell, at lines of the frame."""
    truth = simulated.truth
    left = []
    for i, transform in enumerate(result.transforms):
        path = lines_of(transform, truth.path.shape, 0)
        left.append(path.offsets - truth.shifts[i] - truth.row_offsets[i])
    return np.mean(left, axis=0)


def test_a_defect_does_not_move_or_blur(defect):
    simulated, _, image, index = defect
    crystal = simulated.truth.crystal
    places = crystal.positions
    inside = np.flatnonzero(np.all((places > 14) & (places < np.array(SHAPE) - 15), axis=1))
    ideal = DOSE * simulated.truth.image(SHAPE)
    moved, widths, true_widths = {}, {}, {}
    for k in inside:
        at, width, _ = peak(image, places[k])
        true, true_width, _ = peak(ideal, places[k])
        moved[k], widths[k], true_widths[k] = at - true, width, true_width
    # The mean wobble of the scan lines moves whole rows alike, defect or none: compare the defect
    # with the columns of its own row.
    row = [k for k in inside if abs(places[k, 0] - places[index, 0]) < 4 and k != index]
    assert len(row) >= 2
    beside = np.mean([moved[k] for k in row], axis=0)
    assert np.abs(moved[index] - beside).max() < 0.05
    # 10 frames of 150 counts tell a width within 0.5 %.
    assert widths[index] == pytest.approx(true_widths[index], rel=0.03)
    assert np.mean(list(widths.values())) == pytest.approx(
        np.mean(list(true_widths.values())), rel=0.03
    )


def test_the_image_is_blurred_without(defect):
    """The test above can fail: rigid alignment leaves the jitter in the widths."""
    simulated, _, image, _ = defect
    blurred = average(simulated.stack, [Translation(shift) for shift in simulated.truth.shifts])
    places = simulated.truth.crystal.positions
    inside = places[np.all((places > 14) & (places < np.array(SHAPE) - 15), axis=1)]
    wide, sharp = (np.mean([peak(each, p)[1] for p in inside]) for each in (blurred, image))
    assert wide > 1.01 * sharp


def test_column_intensities_are_conserved(defect):
    simulated, _, image, _ = defect
    ideal = DOSE * simulated.truth.image(SHAPE)
    places = simulated.truth.crystal.positions
    inside = places[np.all((places > 16) & (places < np.array(SHAPE) - 17), axis=1)]
    y, x = np.indices(SHAPE)
    found, true = [], []
    for row, column in inside:
        near = np.hypot(y - row, x - column) < 6.5
        found.append(image[near].sum())
        true.append(ideal[near].sum())
    found, true = np.array(found), np.array(true)
    # Counts of a column, 133 pixels of 10 frames, have a shot noise of 0.4 % themselves.
    assert found.sum() / true.sum() == pytest.approx(1.0, abs=0.005)
    shot = np.sqrt(1 / (FRAMES * true.mean()))
    assert rms(found / true - 1) < np.hypot(0.01, shot)


@pytest.mark.parametrize(
    "dose",
    [40.0, 150.0],
)
def test_rows_along_the_fast_scan_are_not_bent(align, line_errors, dose):
    """Lattice rows parallel to the scan lines: between them only noise tells the slow offset."""
    crystal = lattice("square", spacing=14.0, angle=0.0, field=SHAPE, margin=60.0, width=2.4)
    simulated = simulate_stack(
        shape=SHAPE, frames=8, crystal=crystal, dose=dose, drift=(0.4, 0.3), drift_walk=0,
        row_jitter=0.4, seed=5,
    )  # fmt: skip
    result = align(simulated.stack, simulated.truth.shifts)
    relative, _ = line_errors(result.transforms, simulated)
    before, _ = line_errors([Translation(s) for s in simulated.truth.shifts], simulated)
    limit = simulated.truth.cramer_rao_rows(0, rms=0.4, correlation=6.0)[12:-12]
    assert (relative < 0.5 * before).all()
    # 1.2 to 1.3 on the average over seeds, 0.1 more or less on one.
    assert (relative < 1.4 * np.sqrt(np.mean(limit**2, axis=0))).all()


@pytest.mark.parametrize(
    "dose",
    [40.0, 150.0],
)
def test_perfect_rows_stay_evenly_spaced(align, dose):
    """No jitter at all: the spacing of the rows in the average is that of the lattice."""
    crystal = lattice("square", spacing=14.0, angle=0.0, field=SHAPE, margin=60.0, width=2.4)
    simulated = simulate_stack(
        shape=SHAPE, frames=8, crystal=crystal, dose=dose, drift=(0.37, 0.31), drift_walk=0, seed=5
    )
    result = align(simulated.stack, simulated.truth.shifts)
    image = average(simulated.stack, result.transforms)
    places = crystal.positions
    inside = places[np.all((places > 14) & (places < np.array(SHAPE) - 15), axis=1)]
    found = np.array([peak(image, place, sigma=2.4)[0] for place in inside])
    left = found - inside
    # 8 frames of 40 counts know a column within about 0.03 px.
    assert rms(left - left.mean(0)) < 0.04
    assert np.abs(left - left.mean(0)).max() < 0.1
    for row in np.unique(np.round(inside[:, 0])):
        assert abs(left[np.round(inside[:, 0]) == row].mean(0)[0] - left.mean(0)[0]) < 0.03


@pytest.mark.parametrize(
    "along",
    ["scan lines", "slow scan"],
)
@pytest.mark.parametrize("seed", range(2))
def test_a_step_edge_makes_no_wobble(align, along, seed):
    """Frames that differ by noise alone. A step tells one component, and only where it is."""
    y, x = np.indices((80, 88))
    across = y - 40.0 if along == "scan lines" else x - 44.0
    ideal = 20 + 20 / (1 + np.exp(-across / 1.5))
    frames = np.random.default_rng(seed).poisson(ideal, (6, 80, 88)).astype(np.float32)
    result = align(frames)
    found = np.array([each.displacement((80, 88)) for each in result.transforms])
    # The component along the edge is not known at all.
    component = 0 if along == "scan lines" else 1
    assert np.abs(found[:, 1 - component]).max() < 0.05
    errors = result.line_errors[..., component]
    profile = np.abs(found[:, component].mean(-1))
    assert (profile < np.maximum(4 * errors, 0.02)).all()
    # A straight drift or none: nothing that wobbles from line to line.
    assert np.abs(np.diff(found[:, component].mean(-1), 2, axis=-1)).max() < 0.02


def test_a_moving_object_stays_where_it_is_in_a_local_movie(align, line_errors):
    """An adatom as bright as the columns walks over them: frame by frame it stays in its place."""
    frames, shape, dose = 8, (96, 96), 40.0
    crystal = lattice("square", spacing=13.0, angle=8.0, field=shape, margin=50.0, width=2.4)
    path = np.stack([30.0 + 4.0 * np.arange(frames), 34.0 + 3.0 * np.arange(frames)], axis=1)
    still = simulate_stack(
        shape=shape, frames=frames, crystal=crystal, dose=dose, drift=(0.2, -0.3), drift_walk=0,
        row_jitter=0.3, seed=2,
    )  # fmt: skip
    stack = still.stack.copy()
    rng = np.random.default_rng(0)
    for i in range(frames):
        y, x = still.truth.probe_positions(i)
        away = (y - path[i, 0]) ** 2 + (x - path[i, 1]) ** 2
        stack[i] += rng.poisson(dose * np.exp(-away / (2 * 3.0**2)))
    result = align(stack, still.truth.shifts, reference="local", reference_width=2)
    found, _ = line_errors(result.transforms, still)
    rigid, _ = line_errors([Translation(shift) for shift in still.truth.shifts], still)
    # It pulls the lines that it crosses by their own error, 0.07 px, but makes none worse.
    assert (found < 0.55 * rigid).all()
    canvas = Canvas(0, 0, *shape)
    for i, transform in enumerate(result.transforms):
        drawn = resample_frame(stack[i], transform, canvas).pixels
        background = resample_frame(still.stack[i], transform, canvas).pixels
        at, width, _ = peak(drawn - background, path[i], sigma=3.0, half=7)
        # It moves by 5 px a frame. The wobble common to all frames is 0.1 to 0.2 px.
        assert np.abs(at - path[i]).max() < 0.5, i
        assert width == pytest.approx(3.0, rel=0.12), i


@pytest.mark.parametrize(
    ("height", "factor"),
    [
        (20.0, 1.25),
        pytest.param(
            200.0, 1.25, marks=pytest.mark.xfail(reason="it enters the mean of all other frames")
        ),
    ],
)
def test_an_object_in_one_frame_alone_does_not_bend_lines(align, line_errors, height, factor):
    """Of 5 px sigma; the columns are 30 counts high."""
    simulated = scan_recipe(30, frames=6, shape=(80, 88), seed=6)
    stack = simulated.stack.copy()
    y, x = np.indices((80, 88))
    stack[2] += height * np.exp(-((y - 40) ** 2 + (x - 50) ** 2) / 50).astype(np.float32)
    clean, spoilt = (
        rms(line_errors(align(each, simulated.truth.shifts).transforms, simulated)[0])
        for each in (simulated.stack, stack)
    )
    assert spoilt < factor * clean
