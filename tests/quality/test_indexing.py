"""Reduced bases and the propagation of errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.quality.indexing import choose_basis, reduced
from hyperspy_smartalign.quality.propagation import propagate
from hyperspy_smartalign.quality.spots import Spots

numbers = st.floats(-20, 20).map(lambda v: round(v, 3))


@settings(max_examples=60, deadline=None)
@given(st.tuples(numbers, numbers, numbers, numbers))
def test_reduced_vectors_are_the_shortest(values) -> None:
    vectors = np.array(values).reshape(2, 2)
    lengths = np.linalg.norm(vectors, axis=1)
    if abs(np.linalg.det(vectors)) < 0.05 * lengths.prod() or lengths.min() < 0.1:
        return
    a, b = reduced(vectors)
    found = np.array([a, b])
    whole = found @ np.linalg.inv(vectors)
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-6)
    assert abs(np.linalg.det(whole)) == pytest.approx(1)
    assert abs(a @ b) <= min(a @ a, b @ b) / 2 * (1 + 1e-9)
    assert a[1] * b[0] - a[0] * b[1] > 0
    assert a[1] >= 0


def test_a_denser_lattice_needs_spots_of_its_own() -> None:
    index = np.array([(1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (2, 1), (1, 2)])
    basis = np.array([[0.02, 0.07], [0.06, -0.01]])
    spots = Spots(index @ basis, np.full(len(index), 1e3))
    found = choose_basis(spots, (256, 256))
    assert found is not None
    assert abs(np.linalg.det(found)) == pytest.approx(abs(np.linalg.det(basis)))
    half = np.concatenate([index @ basis, [[0.03, 0.03], [0.05, 0.095]]])
    half[-2:] = np.array([(0.5, 0.5), (1.5, 0.5)]) @ basis
    denser = choose_basis(Spots(half, np.full(len(half), 1e3)), (256, 256))
    assert denser is not None
    assert abs(np.linalg.det(denser)) == pytest.approx(abs(np.linalg.det(basis)) / 2)
    planes = Spots(np.outer([1, 2, 3], basis[0]), np.full(3, 1e3))
    assert choose_basis(planes, (256, 256)) is None


def test_propagation_of_a_product() -> None:
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    found = propagate(lambda v: [v[0] * v[1], v[0]], np.array([2.0, 5.0]), covariance)
    slopes = np.array([[5.0, 2.0], [1.0, 0.0]])
    np.testing.assert_allclose(found, slopes @ covariance @ slopes.T, rtol=1e-6)
