"""One frame and averages side by side, over their spectra."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from hyperspy_smartalign.plotting.stages import plot_stages, stages_size


@pytest.fixture
def images():
    y, x = np.mgrid[:40, :60]
    lattice = np.sin(x / 2) + np.cos(y / 3)
    return {"one": 5 * lattice, "before": 0.5 * lattice, "after": lattice}


def test_images_stand_over_their_spectra(images) -> None:
    made = plot_stages(images, alone=["one"], scale=(0.1, 0.1), units=("nm", "nm"), fig=Figure())
    assert made.shape == (2, 3)
    assert [ax.get_title() for ax in made[0]] == ["one", "before", "after"]
    one, before, after = (ax.images[0].get_clim() for ax in made[0])
    assert before == after
    assert one[1] > 2 * after[1]
    assert len({ax.images[0].get_clim() for ax in made[1]}) == 1
    assert len({ax.get_xlim() for ax in made[1]}) == 1
    assert made[1, 0].get_xlabel() == "$k_x$ (1/nm)"


def test_the_size_keeps_to_the_room() -> None:
    width, height = stages_size(4, (100, 100), widest=6.0)
    assert width == 6.0
    assert stages_size(4, (200, 100), widest=6.0)[1] > height
    assert stages_size(2, (100, 100))[0] < 6.0


def test_images_may_have_gaps(images) -> None:
    images["after"][:5] = np.nan
    made = plot_stages(images, fig=Figure())
    assert np.isfinite(made[0, 2].images[0].get_clim()).all()
