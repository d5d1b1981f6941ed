from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.data import SpectrumModel, Truth, lattice, probe_path, spectrum_model


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


@pytest.mark.parametrize(
    ("keywords", "message"),
    [({"kind": "XPS"}, "'EELS', 'EDS'"), ({"kind": "EDS", "channels": 4}, "channels is 4")],
)
def test_bad_models_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        spectrum_model(**keywords)
