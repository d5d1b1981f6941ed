"""The figure of a lattice: vectors and spots where they are."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image
from hyperspy_smartalign.plotting.lattice import plot_lattice
from hyperspy_smartalign.quality.lattice import find_lattice

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    clean = render_image(lattice("square", spacing=12.0, angle=10, field=(96, 120)))
    return np.random.default_rng(0).poisson(20 * clean).astype(float)


def test_vectors_and_spots_are_marked(image) -> None:
    found = find_lattice(image).calibrated((0.02, 0.02), "nm")
    picture, spectrum = plot_lattice(image, found)
    np.testing.assert_array_equal(picture.images[0].get_array(), image)
    middle = (np.array(image.shape) - 1) / 2
    arrows = [text for text in picture.texts if getattr(text, "arrow_patch", None) is not None]
    assert len(arrows) == 2
    for arrow, vector in zip(arrows, found.vectors, strict=True):
        x, y = arrow.xy
        cells = (np.array([y, x]) - middle) @ vector / (vector @ vector)
        assert cells == pytest.approx(round(cells))
        assert cells >= 1
        np.testing.assert_allclose([y, x], middle + cells * vector)
    marked = spectrum.lines[0].get_xydata()
    places = found.spots @ found.reciprocal / 0.02
    for y, x in np.concatenate([places, -places]):
        assert np.abs(marked - (x, y)).max(axis=1).min() < 1e-9
    # 12 px of 0.02 nm: the first order lies at 1/0.24.
    assert np.hypot(*marked.T).min() == pytest.approx(1 / 0.24, rel=0.01)
    assert spectrum.get_xlabel() == "$k_x$ (1/nm)"
    assert "nm" in picture.get_title()
    assert any(text.get_text() == "10" for text in spectrum.texts)
    assert any("overline" in text.get_text() for text in spectrum.texts)


def test_own_axes_title_and_frequency(image) -> None:
    found = find_lattice(image)
    _, axes = plt.subplots(1, 2)
    given = plot_lattice(image, found, axes=axes, title="gold", max_frequency=0.1)
    assert list(given) == list(axes)
    assert axes[0].get_title() == "gold"
    assert axes[1].get_xlim() == (-0.1, 0.1)


def test_what_is_no_image_is_refused(image) -> None:
    with pytest.raises(ValueError, match="one real image"):
        plot_lattice(image[None], find_lattice(image))
