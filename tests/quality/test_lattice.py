"""Base vectors against the known lattice of the simulator, its noise and its bound."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hyperspy_smartalign.data import image_gradient, lattice, render_image
from hyperspy_smartalign.quality.lattice import Lattice, NoLatticeError, find_lattice

KINDS = ("square", "perovskite", "hexagonal", "dumbbell")


def on_vectors(found: Lattice, vectors) -> Lattice:
    """The lattice on the base vectors nearest to known ones."""
    return found.combined(np.rint(np.asarray(vectors) @ np.linalg.inv(found.vectors)))


def bound(crystal, image, dose) -> np.ndarray:
    """(4, 4) Cramer-Rao bound of the base vectors: columns known, place and vectors not."""
    slope = image_gradient(crystal, image.shape).reshape(2, -1)
    h, w = image.shape
    away = np.indices(image.shape).reshape(2, -1) - np.array([[h - 1], [w - 1]]) / 2
    cells = np.linalg.inv(crystal.cell.vectors).T @ away
    design = np.array([slope[k] * cells[i] for i in (0, 1) for k in (0, 1)] + list(slope))
    return np.linalg.inv((design * (dose / image.ravel())) @ design.T)[:4, :4]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(256, 256), (131, 211)])
def test_perfect_lattices_are_found_exactly(kind, shape) -> None:
    crystal = lattice(kind, spacing=16.3, angle=10, field=shape)
    found = find_lattice(render_image(crystal))
    vectors = crystal.cell.vectors
    # The dumbbell's cell is centred: its primitive vectors are half of the sums.
    if kind == "dumbbell":
        vectors = np.array([vectors[0] + vectors[1], vectors[0] - vectors[1]]) / 2
    assert abs(np.linalg.det(found.vectors)) == pytest.approx(abs(np.linalg.det(vectors)), rel=1e-4)
    # Harmonics beyond the spectrum are what is missing.
    np.testing.assert_allclose(on_vectors(found, vectors).vectors, vectors, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "dose"), [("perovskite", 0.5), ("perovskite", 20), ("hexagonal", 2)]
)
def test_errors_reach_the_bound_and_are_reported(kind, dose) -> None:
    shape, runs = (160, 192), 12
    crystal = lattice(kind, spacing=16.3, angle=10, field=shape)
    image = render_image(crystal)
    rng = np.random.default_rng(11)
    errors, scores, reported = [], [], []
    for _ in range(runs):
        found = on_vectors(find_lattice(rng.poisson(dose * image)), crystal.cell.vectors)
        error = found.vectors - crystal.cell.vectors
        errors.append(error.ravel())
        scores.append((error / found.errors).ravel())
        ideal = np.sqrt(np.diag(bound(crystal, image, dose)))
        reported.append(found.errors.ravel() / ideal)
    # Slow residuals enlarge the reported error, by chance too.
    assert 0.9 < np.mean(reported) < 1.25
    # 48 numbers, not all independent, scatter about their spread by 10 % or more.
    rms = np.sqrt(np.mean(np.square(errors)) / np.mean(ideal**2))
    assert rms < 1.3
    # 3 sigma in 48 tries: a chance of one in eight; 4 sigma: one in 300.
    assert np.abs(scores).max() < 4
    assert 0.6 < np.sqrt(np.mean(np.square(scores))) < 1.4


def test_flaws_gaps_and_other_types_of_pixels() -> None:
    crystal = lattice("perovskite", spacing=14.2, angle=-23, field=(201, 163)).with_defects(9)
    image = np.random.default_rng(1).poisson(10 * render_image(crystal)).astype(">f4")
    image[40:90, 30:80] = np.nan
    image[:, :7] = np.nan
    image.flags.writeable = False
    found = on_vectors(find_lattice(image), crystal.cell.vectors)
    assert np.all(np.abs(found.vectors - crystal.cell.vectors) < 4 * found.errors)
    whole = np.nan_to_num(image, nan=2).astype(np.uint16)
    assert find_lattice(whole).lengths == pytest.approx([14.2, 14.2], abs=0.1)


@pytest.mark.slow
def test_row_jitter_enlarges_the_errors() -> None:
    crystal = lattice("square", spacing=13.0, angle=7, field=(256, 192))
    image = render_image(crystal)
    rng = np.random.default_rng(5)
    scores = []
    for _ in range(8):
        wander = gaussian_filter(rng.normal(size=256), 12, mode="wrap")
        offsets = 0.6 * wander / wander.std()
        rows = [
            np.interp(np.arange(192) + d, np.arange(192), row)
            for d, row in zip(offsets, image, strict=True)
        ]
        found = on_vectors(find_lattice(rng.poisson(30 * np.array(rows))), crystal.cell.vectors)
        scores.append((found.vectors - crystal.cell.vectors) / found.errors)
    # Without the correction they exceed 10.
    assert np.sqrt(np.mean(np.square(scores))) < 2.0


@pytest.mark.slow
def test_order_and_sense() -> None:
    for angle in (0, 30, 44, 60, 100, 170):
        image = render_image(lattice("square", spacing=12.0, angle=angle, field=(96, 120)))
        a, b = find_lattice(image).vectors
        assert a[1] >= abs(b[1]) - 1e-6
        assert a[1] * b[0] - a[0] * b[1] > 0


def test_figures_and_calibration() -> None:
    image = render_image(lattice("square", spacing=12.0, angle=0, field=(96, 120)))
    found = find_lattice(image).calibrated((-0.02, 0.01), "nm")
    np.testing.assert_allclose(found.lengths, [0.12, 0.24], rtol=1e-4)
    assert found.ratio == pytest.approx(2.0, rel=1e-4)
    assert found.angle == pytest.approx(90, abs=0.01)
    np.testing.assert_allclose(found.vectors @ found.reciprocal.T, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(found.physical_vectors, found.vectors * (0.02, 0.01))
    twice = found.combined([[1, 1], [1, -1]])
    assert twice.lengths[0] == pytest.approx(np.hypot(0.12, 0.24), rel=1e-4)
    # A spot stays where it is, whatever the base vectors are.
    np.testing.assert_allclose(
        twice.spots @ twice.reciprocal, found.spots @ found.reciprocal, atol=1e-9
    )
    assert "nm" in repr(found)
    assert found.significance > 1e3
    with pytest.raises(ValueError, match="sizes of a pixel"):
        found.calibrated((0.0, 1.0), "nm")
    with pytest.raises(ValueError, match="whole numbers"):
        found.combined([[1, 0.5], [0, 1]])


def test_given_vectors_are_refined_and_kept() -> None:
    crystal = lattice("dumbbell", spacing=22.0, angle=15, field=(200, 220))
    image = np.random.default_rng(2).poisson(10 * render_image(crystal))
    vectors = crystal.cell.vectors
    for known in (vectors, vectors[::-1], [vectors[0] + vectors[1], -vectors[1]]):
        start = np.asarray(known) * 1.06 + 0.3
        found = find_lattice(image, vectors=start)
        assert found.given
        assert np.all(np.abs(found.vectors - known) < 4 * found.errors)
    with pytest.raises(NoLatticeError, match="near the vectors"):
        find_lattice(image, vectors=[[1.9, 0], [0, 1.7]])


def nothing(name: str) -> np.ndarray:
    rng = np.random.default_rng(7)
    white = rng.normal(size=(150, 170))
    if name == "white":
        return white
    if name == "smooth":
        return gaussian_filter(white, 3)
    if name == "amorphous":
        return gaussian_filter(white, 2) - gaussian_filter(white, 4)
    if name == "row noise":
        return 3 * white[:, :1] + 0.2 * white
    y, x = np.indices(white.shape)
    if name == "edge":
        return (y > 0.3 * x + 50) * 2.0 + 0.2 * white
    if name == "square":
        inside = (np.abs(0.9 * y + 0.3 * x - 95) < 35) & (np.abs(0.9 * x - 0.3 * y - 55) < 40)
        return 3.0 * inside + 0.2 * white
    if name == "columns at random":
        image = np.zeros(white.shape)
        np.add.at(image, (rng.integers(0, 150, 60), rng.integers(0, 170, 60)), 100.0)
        return rng.poisson(gaussian_filter(image, 2.5) + 1.0)
    if name == "planes":
        return np.cos(0.5 * y + 0.2 * x) + 0.2 * white
    return y * 0.1 + x * 0.3


@pytest.mark.parametrize(
    "name",
    [
        "white",
        "smooth",
        "amorphous",
        "row noise",
        "edge",
        "square",
        "columns at random",
        "planes",
        "ramp",
    ],
)
def test_where_there_is_no_lattice(name) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NoLatticeError, match="No lattice found"):
            find_lattice(nothing(name))


def test_what_is_no_image() -> None:
    with pytest.raises(NoLatticeError, match="all pixels"):
        find_lattice(np.full((40, 50), 3))
    for wrong, message in (
        (np.ones((3, 40, 40)), "give one image"),
        (np.ones((40, 40), complex), "real numbers"),
        (np.ones((40, 20)), "24 x 24"),
        (np.full((40, 40), np.nan), "no finite pixel"),
    ):
        with pytest.raises(ValueError, match=message):
            find_lattice(wrong)
    image = np.eye(40)
    with pytest.raises(ValueError, match="parallel"):
        find_lattice(image, vectors=[[1, 2], [2, 4]])
    with pytest.raises(ValueError, match="two finite rows"):
        find_lattice(image, vectors=[1, 2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "angle", "ratio", "spread"),
    [
        # Si[110]: primitive vectors at 109.47 degrees, equally long; the scan distorts them.
        ("stem-sto-ser-and-si110/si110_frame.hspy", 109.47, 1.0, (1.5, 0.02)),
        # MoS2: 120 degrees; one slow scan, clearly sheared.
        ("stem-atomic-single-images/Se_implanted_MoS2.dm3", 120.0, 1.0, (4.0, 0.04)),
        # SrTiO3 along [110]: rectangular, sqrt(2).
        ("stem-atomic-single-images/STO_ADF_crop512.hspy", 90.0, 2**0.5, (0.3, 0.012)),
    ],
)
def test_real_crystals(shared_data, file, angle, ratio, spread) -> None:
    import hyperspy.api as hs

    path = shared_data(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal = hs.load(path)
    found = find_lattice(signal.data)
    assert found.angle == pytest.approx(angle, abs=spread[0])
    assert found.ratio == pytest.approx(ratio, abs=spread[1])
    assert found.angle_error < 0.05
    assert len(found.spots) > 10
