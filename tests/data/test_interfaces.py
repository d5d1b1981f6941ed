from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from hyperspy_smartalign.data import Interface, Truth, lattice, named_crystal, probe_path
from hyperspy_smartalign.data.simulated_series import simulate_series
from hyperspy_smartalign.quality.edges import edge_width


def interface_truth(shape=(45, 61), *, frames=2, sigma=3.0, angle=90.0, **scan) -> Truth:
    crystal = lattice("perovskite", spacing=13.0, field=shape, margin=32)
    crystal = crystal.with_interface(sigma, angle=angle)
    return Truth(crystal=crystal, path=probe_path(frames, shape, seed=1, **scan))


def test_the_share_is_an_error_function_of_the_distance():
    interface = Interface((10.0, 20.0), angle=90.0, sigma=2.5)
    points = np.array([(3.0, 3.0, 3.0), (20.0, 22.5, 15.0)])
    np.testing.assert_allclose(interface.distance(points), (0, 2.5, -5), atol=1e-12)
    np.testing.assert_allclose(interface.share(points), ndtr([0, 1, -2]))


@pytest.mark.parametrize(("angle", "beyond"), [(90, (0, 1)), (0, (1, 0)), (180, (-1, 0))])
def test_the_second_side_lies_on_the_right_of_the_direction(angle, beyond):
    interface = Interface((10.0, 20.0), angle=angle)
    np.testing.assert_allclose(interface.normal, beyond, atol=1e-12)


def test_an_abrupt_interface_is_a_step():
    interface = Interface((0.0, 4.0), sigma=0)
    points = np.stack([np.zeros(3), [3.0, 4.0, 5.0]])
    assert interface.share(points).tolist() == [0, 0.5, 1]


def test_images_do_not_show_it_and_the_elements_add_up_to_the_columns():
    truth = interface_truth(row_jitter=0.5)
    plain = lattice("perovskite", spacing=13.0, field=(45, 61), margin=32)
    points = np.indices((45, 61))
    np.testing.assert_array_equal(truth.crystal.intensity(points), plain.intensity(points))
    both = truth.species_image(1) + truth.species_image(2)
    # Tails of the columns are cut at 1e-6 of their peak.
    np.testing.assert_allclose(both, plain.only_species(1).intensity(points), atol=1e-5)
    frame = truth.species_noise_free(0, 1)
    for species in (1, 2):
        frame = frame + truth.species_noise_free(species, 1)
    np.testing.assert_allclose(frame + 0.25, truth.noise_free(1), atol=1e-5)


def test_the_undistorted_maps_show_the_exact_width():
    truth = interface_truth(sigma=3.0)
    titanium, manganese = (truth.species_image(k, (45, 50), origin=(1.5, 6.25)) for k in (1, 2))
    edge = edge_width(manganese.sum(0) / (titanium + manganese).sum(0))
    assert edge.sigma == pytest.approx(3.0, rel=1e-5)
    assert edge.centre == pytest.approx(30.0 - 6.25, abs=1e-5)


def test_a_frame_records_the_share_where_the_probe_is():
    truth = interface_truth(scan_rotation=[0, 90], row_jitter=0.8, drift=(3.0, -4.0))
    for frame in (0, 1):
        p = truth.probe_positions(frame)
        expected = ndtr((p[1] - 30.0) / 3.0)
        titanium, manganese = (truth.species_noise_free(k, frame) for k in (1, 2))
        seen = titanium + manganese > 1e-3
        share = (manganese / np.where(seen, titanium + manganese, 1))[seen]
        np.testing.assert_allclose(share, expected[seen], atol=1e-9)


def test_without_an_interface_a_species_is_its_columns():
    crystal = lattice("perovskite", spacing=13.0, field=(30, 40), margin=32)
    truth = Truth(crystal=crystal, path=probe_path(1, (30, 40)))
    expected = crystal.only_species(1).intensity(np.indices((30, 40)))
    np.testing.assert_allclose(truth.species_image(1), expected, atol=1e-5)
    assert not truth.species_image(2).any()


def test_drift_that_is_not_corrected_widens_the_profile_by_its_variance():
    drift = 2.0 * ndtri((np.arange(9) + 0.5) / 9)
    crystal = lattice("perovskite", spacing=11.3, field=(128, 96), margin=32).with_interface(3.0)
    shifts = np.stack([np.zeros(9), drift], axis=1)
    truth = Truth(crystal=crystal, path=probe_path(9, (128, 96), drift=shifts, drift_walk=0))
    maps = [sum(truth.species_noise_free(k, i) for i in range(9)) for k in (1, 2)]
    edge = edge_width(maps[1].sum(0) / (maps[0] + maps[1]).sum(0))
    # The share is seen only where columns are, more on one side of the plane than on the other.
    assert edge.sigma == pytest.approx(np.sqrt(9 + drift.var()), rel=0.03)


def test_the_named_crystal_has_flaws_and_an_interface_in_the_middle():
    crystal = named_crystal("interface", field=(64, 80), seed=3)
    flawed = named_crystal("perovskite", field=(64, 80), seed=3)
    np.testing.assert_array_equal(crystal.heights, flawed.heights)
    assert crystal.interface.point.tolist() == [31.5, 39.5]
    assert crystal.interface.species == (1, 2)
    assert crystal.nanoparticle(10.0).interface is crystal.interface
    assert flawed.interface is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Interface((0, 0), sigma=-1), "sigma is -1"),
        (lambda: Interface((0, 0), angle=np.nan), "angle holds NaN"),
        (lambda: Interface((0, 0, 0)), "point has shape"),
        (lambda: Interface((0, 0)).share(np.zeros((3, 4))), "points has shape"),
        (lambda: lattice("square", field=(20, 20)).with_interface(), "no column is of species 1"),
        (lambda: lattice("perovskite", field=(20, 20)).with_interface(-2.0), "sigma is -2"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_spectra_of_a_series_show_the_known_width():
    simulated = simulate_series(
        shape=(48, 64),
        frames=4,
        crystal="interface",
        spectrum_image=("EELS", "EDS"),
        spectrum_dose=2000.0,
        drift=np.zeros((4, 2)),
        drift_walk=0,
    )
    for kind, spectra in simulated.spectra.items():
        counts = spectra.signal.data.sum(axis=0, dtype=np.float64)
        _, _, titanium, manganese = spectra.model.maps(counts)
        manganese = manganese / spectra.model.elements[2].sum()
        titanium = titanium / spectra.model.elements[1].sum()
        edge = edge_width(manganese.sum(0) / (titanium + manganese).sum(0))
        assert edge.sigma == pytest.approx(3.0, abs=4 * edge.sigma_error), kind
        assert edge.sigma_error < (0.05 if kind == "EDS" else 0.3)
        assert edge.centre == pytest.approx(31.5, abs=4 * edge.centre_error)
