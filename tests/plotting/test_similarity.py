"""Similarity before and after: every frame once, excluded ones apart."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.plotting import plot_similarity
from hyperspy_smartalign.plotting.style import BLUE, VERMILION

pytestmark = pytest.mark.filterwarnings("error")

BEFORE = np.array([0.5, 0.4, np.nan, 0.6, 0.55])
AFTER = np.array([0.7, 0.65, np.nan, 0.58, 0.8])


def lines(ax) -> dict:
    return {line.get_label(): line for line in ax.lines}


def test_frames_and_their_values() -> None:
    ax = plot_similarity(BEFORE, AFTER, excluded=[False, False, True, False, False])
    np.testing.assert_array_equal(lines(ax)["before"].get_xdata(), [0, 1, 3, 4])
    np.testing.assert_array_equal(lines(ax)["before"].get_ydata(), BEFORE[[0, 1, 3, 4]])
    np.testing.assert_array_equal(lines(ax)["after"].get_ydata(), AFTER[[0, 1, 3, 4]])
    # Nothing is known of the excluded frame: it is on the edge, in the height of the axes.
    np.testing.assert_array_equal(lines(ax)["excluded"].get_xdata(), [2])
    assert 0 < lines(ax)["excluded"].get_ydata()[0] < 0.1
    assert ax.get_title() == "similarity: mean 0.512 before, 0.683 after"


def test_frames_that_became_less_alike_stand_out() -> None:
    ax = plot_similarity(BEFORE, AFTER)
    (joined,) = ax.collections
    ends = np.array(joined.get_segments())
    np.testing.assert_allclose(ends[:, :, 1], np.stack([BEFORE, AFTER], 1)[[0, 1, 3, 4]])
    from matplotlib.colors import to_rgba_array

    wanted = to_rgba_array([BLUE, BLUE, VERMILION, BLUE])
    np.testing.assert_allclose(joined.get_colors(), wanted)
    assert "less alike" in lines(ax)
    assert "less alike" not in lines(plot_similarity(BEFORE, BEFORE))


def test_what_is_known_of_an_excluded_frame_is_shown() -> None:
    before, after = np.array([0.5, 0.2, 0.6]), np.array([0.6, np.nan, 0.7])
    ax = plot_similarity(before, after, excluded=[False, True, False])
    np.testing.assert_allclose(lines(ax)["excluded"].get_xydata(), [[1, 0.2]])


@pytest.mark.parametrize("n", [1, 2000])
def test_few_and_many_frames(n) -> None:
    values = np.linspace(0.2, 0.9, n)
    ax = plot_similarity(values, values[::-1])
    assert ax.get_xlim() == (-0.6, n - 0.4)


def test_nothing_known() -> None:
    ax = plot_similarity(np.full(3, np.nan), np.full(3, np.nan), excluded=np.ones(3, bool))
    assert ax.get_title() == "similarity"
    assert len(lines(ax)["excluded"].get_xdata()) == 3


def test_given_axes_and_nonsense() -> None:
    _, given = plt.subplots()
    assert plot_similarity(BEFORE, AFTER, axes=given) is given
    fig = plt.figure()
    assert plot_similarity(BEFORE, AFTER, fig=fig).figure is fig
    for before, after, excluded in (
        (BEFORE, AFTER[:4], None),
        (BEFORE, AFTER, [True]),
        (BEFORE[None], AFTER[None], None),
        ([], [], None),
    ):
        with pytest.raises(ValueError, match="one value a frame"):
            plot_similarity(before, after, excluded=excluded)
