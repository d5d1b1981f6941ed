"""Jumps of the rows of one image, against what is known of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.special import erf

from hyperspy_smartalign.data import SimulatedStack, simulate_stack
from hyperspy_smartalign.nonrigid.row_jumps import straighten_rows
from hyperspy_smartalign.resampling import warp_rows
from hyperspy_smartalign.transforms import Canvas

JITTER = 0.7
SMOOTHING = 48.0


def simulated(*, dose: float, jitter: float = JITTER, **keywords) -> SimulatedStack:
    """One frame of a perovskite turned by 10 degrees; the rows jump one by one."""
    settings = {
        "shape": (256, 256),
        "crystal": "perovskite",
        "drift": (0.0, 0.0),
        "drift_walk": 0.0,
        "row_correlation": 0.5,
        "row_process": "exponential",
        "seed": 3,
    } | keywords
    return simulate_stack(frames=1, dose=dose, row_jitter=jitter, **settings)


def deviation(path: np.ndarray) -> np.ndarray:
    """What is not smooth."""
    return path - gaussian_filter1d(path, SMOOTHING / 2, mode="nearest")


def jumped(image: np.ndarray, path: np.ndarray) -> np.ndarray:
    """The image with the content of each row displaced, around the ends of the row."""
    waves = 2j * np.pi * np.fft.rfftfreq(image.shape[1])
    turned = np.fft.rfft(image, axis=1) * np.exp(-waves * path[:, None])
    return np.fft.irfft(turned, image.shape[1], axis=1)


# Measured 0.35 / 0.25 / 0.18 px, with standard errors of 0.30 / 0.20 / 0.15 px. Half of the jitter
# is along the slow direction, where it cannot be seen and changes what the rows show.
@pytest.mark.parametrize(("dose", "limit"), [(5, 0.40), (20, 0.29), (50, 0.22)])
def test_jitter_of_a_lattice(dose, limit) -> None:
    made = simulated(dose=dose)
    truth = made.truth.path.row_offsets[0, :, 1]
    found = straighten_rows(made.stack[0])
    rest = deviation(truth) - deviation(found.offsets[:, 1])
    assert deviation(truth).std() == pytest.approx(0.72, abs=0.02)
    assert rest.std() < limit
    assert found.steps == ()
    assert found.rms == pytest.approx(JITTER, rel=0.15)
    # Errors do not know what motion along the slow direction did: 1.2 times on this recipe.
    assert 0.9 < np.std(rest / found.errors[:, 1]) < 1.4
    assert (found.offsets[:, 0] == 0).all()
    assert np.isinf(found.errors[:, 0]).all()


def test_the_straight_image_is_nearer_to_the_truth() -> None:
    made, straight = simulated(dose=20), simulated(dose=np.inf, jitter=0.0)
    found = straighten_rows(made.stack[0])
    after = warp_rows(
        made.stack[0], found.transform.offsets, Canvas.of_frame((256, 256)), fill=np.nan
    ).pixels
    inner = np.s_[8:-8, 8:-8]
    truth = straight.stack[0][inner].ravel()
    before = np.corrcoef(made.stack[0][inner].ravel(), truth)[0, 1]
    assert np.corrcoef(after[inner].ravel(), truth)[0, 1] > before + 0.02


def test_vertical_scan_lines() -> None:
    made = simulated(dose=20, shape=(200, 256), scan_rotation=90)
    truth = made.truth.path.row_offsets[0, :, 0]
    found = straighten_rows(made.stack[0], axis=1)
    assert found.transform.axis == 1
    assert found.offsets.shape == (256, 2)
    assert (found.offsets[:, 1] == 0).all()
    assert (deviation(truth) - deviation(found.offsets[:, 0])).std() < 0.29
    transposed = straighten_rows(made.stack[0].T)
    np.testing.assert_allclose(transposed.offsets[:, ::-1], found.offsets)


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_jumps(seed) -> None:
    noise = np.random.default_rng(seed).poisson(5, (256, 200))
    found = straighten_rows(noise)
    assert (found.offsets == 0).all()
    assert (found.rms, found.steps) == (0.0, ())
    assert "nothing is corrected" in found.messages[0]
    # Nothing is known, rather than known to be zero.
    assert np.isinf(found.errors).all()


@pytest.mark.parametrize("dose", [5, 20, 50, np.inf])
@pytest.mark.parametrize("crystal", ["perovskite", "square", "nanoparticle"])
def test_a_straight_image_stays_as_it_is(crystal, dose) -> None:
    found = straighten_rows(simulated(dose=dose, jitter=0.0, crystal=crystal).stack[0])
    assert (found.offsets == 0).all()
    assert found.steps == ()
    # What could have been there unseen.
    assert (found.errors[:, 1] > 0).all()
    assert np.median(found.errors[:, 1]) < 0.35


@pytest.mark.parametrize("slope", [0.06, 0.3, 0.6])
@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_tilted_edge_is_not_sheared(slope, noise) -> None:
    y, x = np.mgrid[:200, :180]
    rng = np.random.default_rng(0)
    image = 10 * (1 + erf((x - 30 - slope * y) / 3)) + noise * rng.normal(size=x.shape)
    path = straighten_rows(image).offsets[:, 1]
    assert path.std() < 0.03
    assert abs(np.polyfit(np.arange(200), path, 1)[0]) < 1e-3


def test_a_step_and_a_lone_row() -> None:
    image = simulated(dose=20, jitter=0.0).stack[0]
    path = np.zeros(256)
    path[100:] = 5.0
    path[180] += -4.0
    found = straighten_rows(jumped(image, path))
    # To the error of two groups of rows on one another, of which a step has the nearest few.
    ((row, shift),) = found.steps
    assert row == 100
    assert shift == pytest.approx(5.0, abs=0.5)
    relative = found.offsets[:, 1] - found.offsets[50, 1]
    assert relative[180] == pytest.approx(1.0, abs=0.6)
    np.testing.assert_allclose(relative[[20, 99]], 0.0, atol=0.3)
    np.testing.assert_allclose(relative[[100, 150, 179, 181, 250]], 5.0, atol=0.5)


def test_a_smooth_path_is_kept() -> None:
    image = simulated(dose=50, jitter=0.0).stack[0]
    path = 3 * np.sin(2 * np.pi * np.arange(256) / 200)
    found = straighten_rows(jumped(image, path), smoothing=24)
    assert found.offsets[:, 1].std() < 0.2


def test_jumps_of_a_lattice_are_looked_for_within_half_a_period() -> None:
    image = simulated(dose=50, jitter=0.0).stack[0]
    path = np.zeros(256)
    path[128:] = 12.0  # of a period of 16.5 px along the rows
    ((row, shift),) = straighten_rows(jumped(image, path)).steps
    assert row == 128
    # The next row of columns fits, one period along the rows and 0.18 of one across: -4.5 + 1 px.
    assert -6 < shift < -3


def test_bad_rows_do_not_pull() -> None:
    made = simulated(dose=50)
    image = made.stack[0].astype(float)
    image[60] = np.nan
    image[61, 5] = np.nan
    image[120] = 0.0
    found = straighten_rows(image)
    assert np.isfinite(found.offsets).all()
    assert any("3 rows" in message for message in found.messages)
    truth = deviation(made.truth.path.row_offsets[0, :, 1])
    good = np.ones(256, bool)
    good[[60, 61, 120]] = False
    assert (truth - deviation(found.offsets[:, 1]))[good].std() < 0.25


@pytest.mark.parametrize("kind", [">u2", "u1", "i4", "f4"])
def test_kinds_of_pixels(kind) -> None:
    image = simulated(dose=20, shape=(97, 131)).stack[0].astype(kind)
    image.setflags(write=False)
    expected = straighten_rows(image.astype(np.float64))
    np.testing.assert_array_equal(straighten_rows(image).offsets, expected.offsets)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"image": np.ones((64, 64), complex)}, TypeError, "modulus"),
        ({"image": np.ones((3, 64, 64))}, ValueError, "two axes"),
        ({"image": np.ones((64, 8))}, ValueError, "16 x 16"),
        ({"image": np.ones((64, 64))}, ValueError, "only 0 of 64 rows"),
        ({"axis": 2}, ValueError, "axis"),
        ({"neighbours": 0}, ValueError, "neighbours=0"),
        ({"neighbours": 2.5}, ValueError, "neighbours=2.5"),
        ({"neighbours": 16}, ValueError, "neighbours=15 or less"),
        ({"max_shift": 40}, ValueError, "32 px"),
        ({"smoothing": 1}, ValueError, "smoothing=1"),
    ],
)
def test_what_cannot_be_is_refused(change, error, words) -> None:
    arguments = {"image": np.random.default_rng(0).normal(size=(64, 64))} | change
    with pytest.raises(error, match=words):
        straighten_rows(arguments.pop("image"), **arguments)


def test_the_real_lattice_scan(shared_data) -> None:
    hs = pytest.importorskip("hyperspy.api")
    image = hs.load(shared_data("tem-carbon-6frames/scan-image.hspy")).data.astype(float)
    found = straighten_rows(image)
    assert found.steps == ()
    assert 0.1 < found.offsets[:, 1].std() < 0.3
    # Two halves of the image tell the same jumps, each with as much noise as jitter: 0.49 measured.
    left, right = (straighten_rows(part).offsets[:, 1] for part in (image[:, :128], image[:, 128:]))
    assert np.corrcoef(left, right)[0, 1] > 0.35
