"""The figure of the command line: all parts, for lines and for free displacements."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.nonrigid.result import Cycle, ScanPrior
from hyperspy_smartalign.plotting import plot_nonrigid_summary
from hyperspy_smartalign.transforms import Alignment, Canvas, Field, ScanLine, Translation

pytestmark = pytest.mark.filterwarnings("error")

SHAPE = (40, 60)
CANVAS = Canvas(3, 2, 34, 56)
PARTS = {
    "before",
    "after",
    "before spectrum",
    "after spectrum",
    "y",
    "x",
    "convergence",
    "gain",
    "similarity",
}


@pytest.fixture
def images() -> dict:
    rng = np.random.default_rng(0)
    return {"before": rng.random(CANVAS.shape), "after": rng.random(CANVAS.shape)}


def make_record(n, *, undetermined="", errors=None) -> NonrigidRecord:
    values = np.linspace(0.4, 0.6, n)
    cycles = (
        Cycle("affine", (0.1, 0.01), 12.0, values, True),
        Cycle("scan_locked", (0.05, 0.001), -1.0, values, False),
    )
    prior = ScanPrior(np.array([0.5, 0.4]), np.array([6.0, 5.0]), 1.5)
    return NonrigidRecord(cycles, values, values + 0.1, errors, prior, undetermined)


def test_scan_lines(images) -> None:
    rng = np.random.default_rng(1)
    transforms = tuple(ScanLine(rng.normal(0, 0.1, (40, 2))) for _ in range(3))
    alignment = Alignment(transforms, (3,), SHAPE, CANVAS)
    record = make_record(
        3, undetermined="The mean of all is not known.", errors=np.ones((3, 40, 2))
    )
    axes = plot_nonrigid_summary(alignment, record, target=1e-3, title="a title", **images)
    assert set(axes) == PARTS
    np.testing.assert_array_equal(axes["before"].images[0].get_array(), images["before"])
    np.testing.assert_array_equal(axes["after"].images[0].get_array(), images["after"])
    assert axes["before"].images[0].get_clim() == axes["after"].images[0].get_clim()
    assert axes["y"].collections
    assert "0.5 px rms" in axes["y"].get_title()
    assert axes["similarity"].get_title().endswith("0.500 before, 0.600 after")
    assert len(axes["gain"].patches) == 2
    figure = plt.gcf()
    assert figure.get_suptitle() == "a title"
    assert figure.subfigs[2].get_supxlabel() == "The mean of all is not known."


def test_a_free_displacement_shows_the_worst_frame(images) -> None:
    field = np.zeros((2, 5, 7))
    field[0, 2, 3] = 2.0
    transforms = (Translation((9.0, 9.0)), Field(0.5 * field, spacing=10), Field(field, spacing=10))
    excluded = np.array([False, False, False, True])
    alignment = Alignment(
        (*transforms, Field(3 * field, spacing=10)), (4,), SHAPE, CANVAS, excluded=excluded
    )
    fig = Figure(layout="constrained", figsize=(12, 11))
    axes = plot_nonrigid_summary(alignment, make_record(4), fig=fig, **images)
    fig.canvas.draw()
    assert set(axes) == PARTS | {"arrows"}
    assert axes["y"].get_title().startswith("frame 2:")
    np.testing.assert_array_equal(axes["arrows"].images[0].get_array(), images["after"])
