"""Places of matches on an image: where, in which colour, and how they are told apart."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from hyperspy_smartalign.plotting import plot_matches
from hyperspy_smartalign.plotting.matches import ACCEPTED, REJECTED

pytestmark = pytest.mark.filterwarnings("error")

IMAGE = np.random.default_rng(0).poisson(20, (40, 61)).astype(">i4")
PLACES = np.array([[5.5, 10.0], [20.0, 30.25], [33.0, 50.0]])
GOOD = np.array([True, False, True])


def lines(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_accepted_and_rejected_places() -> None:
    ax = plot_matches(IMAGE, PLACES, accepted=GOOD)
    np.testing.assert_array_equal(ax.images[0].get_array(), IMAGE)
    drawn = lines(ax)
    np.testing.assert_array_equal(drawn["accepted"].get_xydata(), PLACES[GOOD][:, ::-1])
    np.testing.assert_array_equal(drawn["rejected"].get_xydata(), PLACES[~GOOD][:, ::-1])
    assert drawn["accepted"].get_markerfacecolor() == ACCEPTED
    assert drawn["rejected"].get_color() == REJECTED
    # Told apart without colours as well.
    assert drawn["accepted"].get_marker() != drawn["rejected"].get_marker()
    # The light halo lies where the rejected ones do, below them.
    halo = ax.lines[0]
    np.testing.assert_array_equal(halo.get_xydata(), drawn["rejected"].get_xydata())
    assert halo.get_color() == "white"
    assert halo.get_markeredgewidth() > drawn["rejected"].get_markeredgewidth()
    assert ax.get_title() == "2 matches, 1 rejected"
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == [
        "accepted",
        "rejected",
    ]


def test_without_rejected_ones_there_is_no_legend() -> None:
    ax = plot_matches(IMAGE, PLACES[:1])
    assert ax.get_title() == "1 match"
    assert not ax.figure.legends


def test_places_beside_the_image_do_not_widen_it() -> None:
    ax = plot_matches(IMAGE, [[-30.0, 200.0]])
    assert ax.get_xlim() == (-0.5, 60.5)
    assert ax.get_ylim() == (39.5, -0.5)


def test_none_at_all() -> None:
    ax = plot_matches(np.full((8, 9), np.nan), [])
    assert ax.get_title() == "0 matches"


def test_outlines_of_accepted_tiles_turn_with_them() -> None:
    ax = plot_matches(IMAGE, PLACES, accepted=GOOD, tile_shape=(4, 8), angles=[0.0, 0.0, 90.0])
    (outlines,) = (c for c in ax.collections if isinstance(c, PolyCollection))
    first, turned = (path.vertices[:4] for path in outlines.get_paths())
    np.testing.assert_allclose(first.min(axis=0), PLACES[0, ::-1] - (4, 2))
    np.testing.assert_allclose(first.max(axis=0), PLACES[0, ::-1] + (4, 2))
    np.testing.assert_allclose(turned.max(axis=0), PLACES[2, ::-1] + (2, 4))
    # Counter-clockwise on the screen, where y points down: what was at the top is at the left.
    np.testing.assert_allclose(turned[0] - PLACES[2, ::-1], (-2, 4), atol=1e-12)
    np.testing.assert_allclose(turned[1] - PLACES[2, ::-1], (-2, -4), atol=1e-12)


def test_markers_shrink_where_they_are_dense_but_stay_visible() -> None:
    rng = np.random.default_rng(1)
    sizes = []
    for n in (3, 800, 20_000):
        ax = plot_matches(IMAGE, rng.uniform(0, 40, (n, 2)))
        sizes.append(lines(ax)["accepted"].get_markersize())
    assert sizes[0] == 6.0
    assert sizes[0] > sizes[1] >= sizes[2] == 3.0
    given = plot_matches(IMAGE, PLACES, size=4.5)
    assert lines(given)["accepted"].get_markersize() == 4.5


def test_figures_are_larger_where_markers_are_many() -> None:
    few = plot_matches(IMAGE, PLACES).figure.get_size_inches()
    many = plot_matches(IMAGE, np.zeros((4000, 2))).figure.get_size_inches()
    assert many[0] > few[0]


def test_own_axes_title_limits_and_scale() -> None:
    _, axes = plt.subplots()
    ax = plot_matches(
        IMAGE,
        PLACES,
        accepted=GOOD,
        axes=axes,
        title="gold",
        limits=(3.0, 30.0),
        scale=(0.1, 0.05),
        units=("nm", "nm"),
    )
    assert ax is axes
    assert ax.get_title() == "gold"
    assert ax.images[0].get_clim() == (3.0, 30.0)
    assert ax.get_aspect() == 2.0
    assert ax.get_legend() is not None
    figure = plt.figure()
    assert plot_matches(IMAGE, PLACES, fig=figure).figure is figure


@pytest.mark.parametrize(
    ("image", "places", "keywords", "message"),
    [
        (IMAGE[None], PLACES, {}, "one real image"),
        (IMAGE * 1j, PLACES, {}, "one real image"),
        (IMAGE, PLACES.T, {}, r"one row \(y, x\)"),
        (IMAGE, PLACES, {"accepted": [True]}, "each of 3 places"),
        (IMAGE, PLACES, {"angles": [1.0, 2.0]}, "each of 3 places"),
    ],
)
def test_what_does_not_fit_is_refused(image, places, keywords, message) -> None:
    before = plt.get_fignums()
    with pytest.raises(ValueError, match=message):
        plot_matches(image, places, **keywords)
    assert plt.get_fignums() == before
