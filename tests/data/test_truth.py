from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import Truth, lattice, probe_path, row_covariance


def make_truth(shape=(48, 60), *, dose=10.0, **scan) -> Truth:
    crystal = lattice("perovskite", spacing=15.0, field=shape, margin=20).with_blobs(2)
    return Truth(crystal=crystal, path=probe_path(2, shape, **scan), dose=dose)


def test_fisher_is_the_curvature_of_the_expected_likelihood():
    truth = make_truth()
    counts = 10.0 * truth.image()
    step = 1e-3

    def log_likelihood(y: float, x: float) -> float:
        model = 10.0 * truth.image(origin=(y, x))
        return float(np.sum(counts * np.log(model) - model))

    curvature = np.empty((2, 2))
    for a in (0, 1):
        for b in (0, 1):
            up, across = np.eye(2)[a] * step, np.eye(2)[b] * step
            curvature[a, b] = -(
                log_likelihood(*(up + across))
                - log_likelihood(*(up - across))
                - log_likelihood(*(across - up))
                + log_likelihood(*(-up - across))
            ) / (4 * step**2)
    # Tails cut at 1e-6 make the numerical likelihood rough at the level of 1e-2 of the curvature's
    # scale divided by step^2; half a per cent is what remains.
    np.testing.assert_allclose(truth.fisher(), curvature, atol=0.005 * np.trace(curvature))


def test_the_bound_is_reached_by_maximum_likelihood():
    truth = make_truth(dose=30.0)
    rng = np.random.default_rng(2)
    image = truth.image()
    step = 1e-3
    slopes = np.stack(
        [
            (truth.image(origin=(step, 0)) - truth.image(origin=(-step, 0))) / (2 * step),
            (truth.image(origin=(0, step)) - truth.image(origin=(0, -step))) / (2 * step),
        ]
    ).reshape(2, -1)
    weighted = slopes / image.ravel()
    normal = weighted @ slopes.T
    noisy = rng.poisson(30.0 * image, (800, *image.shape)).reshape(800, -1)
    found = np.linalg.solve(normal, weighted @ (noisy / 30.0 - image.ravel()).T)
    # 800 trials: each rms is known to 2.5 %.
    np.testing.assert_allclose(found.std(axis=1), truth.cramer_rao_shift(), rtol=0.1)


def test_the_bound_goes_with_the_root_of_the_dose():
    truth = make_truth()
    np.testing.assert_allclose(
        truth.cramer_rao_shift(2.5), 2 * truth.cramer_rao_shift(10.0), rtol=1e-9
    )
    np.testing.assert_allclose(truth.cramer_rao_shift(), truth.cramer_rao_shift(10.0))


def test_read_noise_widens_the_bound():
    truth = make_truth()
    assert np.all(truth.cramer_rao_shift(read_noise=2.0) > 1.05 * truth.cramer_rao_shift())
    np.testing.assert_allclose(truth.cramer_rao_shift(read_noise=0.0), truth.cramer_rao_shift())


@pytest.mark.parametrize("rotation", [0, 90, 180])
def test_the_lines_share_the_information_of_the_frame(rotation):
    truth = make_truth(row_jitter=0.3, scan_rotation=rotation)
    rows = truth.fisher_rows(1)
    assert rows.shape == (48 if rotation != 90 else 60, 2, 2)
    np.testing.assert_allclose(rows.sum(axis=0), truth.fisher(frame=1), rtol=1e-10)


def test_the_row_bound_lies_between_prior_and_data():
    truth = make_truth(row_jitter=0.3)
    keywords = {"rms": 0.3, "correlation": 4.0}
    np.testing.assert_allclose(truth.cramer_rao_rows(0, 1e-9, **keywords), 0.3, rtol=1e-5)
    bound = truth.cramer_rao_rows(0, 50.0, **keywords)
    alone = np.sqrt(
        np.diagonal(np.linalg.inv(truth.fisher_rows(0, 50.0) + 1e-9 * np.eye(2)), axis1=1, axis2=2)
    )
    assert np.all(bound < 0.3)
    assert np.all(bound <= alone)


def test_the_row_bound_is_the_posterior_covariance():
    truth = make_truth(shape=(12, 60), row_jitter=0.3)
    information = truth.fisher_rows(0, 5.0)
    prior = row_covariance(12, rms=0.4, correlation=3.0, process="exponential")
    joint = np.zeros((12, 2, 12, 2))
    for line in range(12):
        joint[line, :, line] = information[line]
    inverse = np.linalg.inv(joint.reshape(24, 24) + np.kron(np.linalg.inv(prior), np.eye(2)))
    found = truth.cramer_rao_rows(0, 5.0, rms=0.4, correlation=3.0, process="exponential")
    np.testing.assert_allclose(found.ravel(), np.sqrt(np.diag(inverse)), rtol=1e-8)


def test_it_hands_on_what_the_path_knows():
    truth = make_truth(drift=(1.0, 2.0), row_jitter=0.3)
    np.testing.assert_array_equal(truth.shifts, truth.path.shifts)
    np.testing.assert_array_equal(truth.row_offsets, truth.path.row_offsets)
    np.testing.assert_array_equal(truth.displacement(1), truth.path.displacement(1))
    total = truth.probe_positions(1) + truth.frame_displacement(1)
    np.testing.assert_allclose(total, np.indices((48, 60)), atol=1e-12)
    np.testing.assert_allclose(
        truth.noise_free(1), truth.crystal.intensity(truth.probe_positions(1)), atol=1e-5
    )


def test_images_of_a_canvas_overlap():
    truth = make_truth()
    np.testing.assert_allclose(
        truth.image((20, 20), origin=(-4, 6))[4:, :14], truth.image()[:16, 6:20], atol=1e-5
    )


def test_no_bound_without_noise_contrast_or_light():
    truth = make_truth(dose=np.inf)
    with pytest.raises(ValueError, match="Give dose="):
        truth.cramer_rao_shift()
    flat = Truth(crystal=truth.crystal.featureless(), path=truth.path, dose=5.0)
    with pytest.raises(ValueError, match="featureless"):
        flat.cramer_rao_shift()
    dark = truth.crystal.with_background(0.0).nanoparticle(5.0)
    with pytest.raises(ValueError, match="background above 0"):
        Truth(
            crystal=lattice(field=(200, 200), background=0.0).nanoparticle(5.0),
            path=probe_path(1, (200, 200)),
            dose=5.0,
        ).fisher()
    assert len(dark.positions) >= 1
    with pytest.raises(ValueError, match="dose is 0"):
        Truth(crystal=truth.crystal, path=truth.path, dose=0.0)
