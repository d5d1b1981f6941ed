from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import SpectrumModel, Truth, lattice, probe_path, spectrum_model

MIXED = ("Sr", "Ti", "Mn")


def at(model: SpectrumModel, energy: float) -> int:
    return int(np.argmin(np.abs(model.energies - energy)))


@pytest.mark.parametrize("kind", ["EELS", "EDS"])
def test_spectra_are_positive_and_normalised(kind):
    model = spectrum_model(kind, channels=50)
    assert model.elements.shape == (2, 50)
    assert model.continuum.sum() == pytest.approx(1)
    assert (model.continuum > 0).all()
    assert (model.elements >= 0).all()


def test_edges_start_and_lines_stand_where_the_elements_say():
    eels = spectrum_model("EELS", channels=180)
    for element, onset in zip(eels.elements, (1940.0, 456.0), strict=True):
        assert element[at(eels, onset + 30)] > 100 * element[at(eels, onset - 30)]
    eds = spectrum_model("EDS", channels=100)
    for element, line in zip(eds.elements, (1.806, 4.511), strict=True):
        assert abs(eds.energies[np.argmax(element)] - line) < 0.06


def test_counts_follow_the_columns():
    crystal = lattice("perovskite", spacing=16.0, angle=0.0, field=(33, 33), margin=32)
    truth = Truth(crystal=crystal, path=probe_path(1, (33, 33)))
    model = spectrum_model("EDS")
    counts = model.counts(truth, 0, dose=200.0)
    assert counts.shape == (33, 33, 64)
    # A strontium column at the middle of the field, a titanium one half a cell beside it.
    strontium, titanium = (at(model, line) for line in (1.806, 4.511))
    assert counts[16, 16, strontium] > 5 * counts[24, 24, strontium]
    assert counts[24, 24, titanium] > 5 * counts[16, 16, titanium]
    expected = 200.0 * (
        crystal.intensity([16.0, 16.0]) * model.continuum
        + crystal.only_species(0).intensity([16.0, 16.0]) * model.elements[0]
        + crystal.only_species(1).intensity([16.0, 16.0]) * model.elements[1]
    )
    np.testing.assert_allclose(counts[16, 16], expected, atol=1e-3)


def test_records_are_poisson_counts():
    crystal = lattice(field=(64, 64), background=1.0).featureless()
    truth = Truth(crystal=crystal, path=probe_path(1, (64, 64)))
    model = spectrum_model("EELS", channels=16)
    counts = model.record(truth, 0, dose=160.0, rng=np.random.default_rng(0))
    assert counts.dtype == np.uint16
    expected = 160.0 * model.continuum
    flat = counts.reshape(-1, 16).astype(float)
    # 4,096 pixels: five standard errors of the mean; the variance is known to 2.2 %.
    np.testing.assert_array_less(np.abs(flat.mean(axis=0) - expected), 5 * np.sqrt(expected) / 64)
    np.testing.assert_allclose(flat.var(axis=0), expected, rtol=0.15)


@pytest.mark.parametrize(("kind", "onset"), [("EELS", 640.0), ("EDS", 5.899)])
def test_a_third_element_joins_the_two(kind, onset):
    two, three = (spectrum_model(kind, channels=200, elements=e) for e in (("Sr", "Ti"), MIXED))
    assert three.symbols == MIXED
    assert three.species("Mn") == 2
    assert three.elements.shape == (3, 200)
    np.testing.assert_array_equal(two.components[1:], two.elements)
    manganese = three.elements[2]
    assert manganese[at(three, onset) + 2] > 20 * manganese[at(three, 0.9 * onset)]


@pytest.mark.parametrize("kind", ["EELS", "EDS"])
def test_maps_are_those_of_the_specimen(kind):
    crystal = lattice("perovskite", spacing=14.0, field=(30, 34), margin=32).with_interface(2.0)
    truth = Truth(crystal=crystal, path=probe_path(1, (30, 34)))
    model = spectrum_model(kind, channels=90, elements=MIXED)
    spectra = model.undistorted_counts(truth, (20, 25), dose=40.0, origin=(3.5, 6.0))
    assert spectra.shape == (20, 25, 90)
    maps = model.maps(spectra)
    whole = truth.image((20, 25), origin=(3.5, 6.0))
    np.testing.assert_allclose(maps[0], 40.0 * whole, rtol=1e-9)
    for species in range(3):
        image = truth.species_image(species, (20, 25), origin=(3.5, 6.0))
        strength = model.elements[species].sum()
        np.testing.assert_allclose(maps[1 + species], 40 * strength * image, atol=1e-9)


def test_undistorted_counts_are_those_of_a_frame_without_motion():
    crystal = lattice("perovskite", spacing=14.0, field=(30, 34), margin=32).with_interface(2.0)
    truth = Truth(crystal=crystal, path=probe_path(1, (30, 34), drift=np.zeros((1, 2))))
    model = spectrum_model("EDS", elements=MIXED)
    frame = model.counts(truth, 0, dose=3.0)
    np.testing.assert_allclose(model.undistorted_counts(truth, dose=3.0), frame, rtol=1e-6)


def test_maps_of_another_number_of_channels_are_refused():
    with pytest.raises(ValueError, match="32 channels and the model 64"):
        spectrum_model("EDS").maps(np.zeros((3, 3, 32)))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"kind": "XPS"}, "'EELS', 'EDS'"),
        ({"kind": "EDS", "channels": 4}, "channels is 4"),
        ({"kind": "EDS", "elements": ("Sr", "Au")}, "elements is 'Au'"),
        ({"kind": "EDS", "elements": ("Sr", "Sr")}, "each once"),
        ({"kind": "EDS", "elements": ()}, "one or more"),
    ],
)
def test_bad_models_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        spectrum_model(**keywords)
