"""Convergence: every iteration once, every cycle with its gain, nothing lost on the way."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hyperspy_smartalign.nonrigid.result import Cycle
from hyperspy_smartalign.plotting import plot_convergence

pytestmark = pytest.mark.filterwarnings("error")


def cycle(model="scan_locked", shifts=(0.1, 0.01), gain=5.0, kept=True) -> Cycle:
    return Cycle(model, tuple(shifts), gain, np.full(4, 0.5), kept)


def lines(ax) -> dict:
    return {line.get_label(): line for line in ax.lines}


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_iterations_are_counted_over_all_cycles() -> None:
    cycles = [cycle("affine", (0.4, 0.03, 0.001)), cycle(), cycle("row_fitting", (), kept=False)]
    left, _ = plot_convergence(cycles, target=1e-4)
    assert left.get_yscale() == "log"
    np.testing.assert_array_equal(lines(left)["_cycle 1"].get_xdata(), [1, 2, 3])
    np.testing.assert_allclose(lines(left)["_cycle 1"].get_ydata(), [0.4, 0.03, 0.001])
    np.testing.assert_array_equal(lines(left)["_cycle 2"].get_xdata(), [4, 5])
    assert not len(lines(left)["_cycle 3"].get_xdata())
    assert lines(left)["_cycle 1"].get_color() != lines(left)["_cycle 2"].get_color()
    assert left.get_xlim() == (0.5, 5.5)
    assert 1e-4 in [line.get_ydata()[0] for line in left.lines if len(line.get_ydata()) == 2]


def test_the_legend_names_what_is_there() -> None:
    plot_convergence([cycle("affine"), cycle(kept=False), cycle()], target=1e-4)
    (legend,) = plt.gcf().legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["affine", "scan locked", "not kept", "target 0.0001 px"]
    plt.close()
    plot_convergence([cycle()])
    (legend,) = plt.gcf().legends
    assert [text.get_text() for text in legend.get_texts()] == ["scan locked"]


def test_a_cycle_that_was_dropped_is_open() -> None:
    left, right = plot_convergence([cycle(), cycle(gain=-2.0, kept=False)])
    kept, dropped = lines(left)["_cycle 1"], lines(left)["_cycle 2"]
    assert kept.get_linestyle() == "-"
    assert kept.get_markerfacecolor() == kept.get_color()
    assert dropped.get_linestyle() == "--"
    assert dropped.get_markerfacecolor() == "white"
    assert right.patches[1].get_facecolor() == (1, 1, 1, 1)
    assert [bar.get_height() for bar in right.patches] == [5.0, -2.0]
    assert texts(right) == ["+5", "\N{MINUS SIGN}2"]


def test_no_shift_at_all_is_marked_on_the_edge() -> None:
    left, _ = plot_convergence([cycle(shifts=(0.1, 0.0))])
    nothing = lines(left)["_no shift in cycle 1"]
    np.testing.assert_array_equal(nothing.get_xdata(), [2])
    assert nothing.get_marker() == "v"
    assert 0 < nothing.get_ydata()[0] < 0.1
    # Nothing moved anywhere: the axis is still one that can be drawn.
    left, _ = plot_convergence([cycle(shifts=(0.0, 0.0))])
    assert left.get_ylim()[0] > 0


def test_gains_that_were_not_scored_say_so() -> None:
    _, right = plot_convergence([cycle(gain=np.nan), cycle(gain=3.0)])
    assert texts(right) == ["not scored", "+3"]
    assert len(right.patches) == 1
    _, right = plot_convergence([cycle(gain=np.nan)])
    assert texts(right) == ["not scored"]


def test_small_gains_show_beside_large_ones() -> None:
    _, right = plot_convergence([cycle(gain=2310.0), cycle(gain=3.4), cycle(gain=-0.5)])
    assert right.get_yscale() == "symlog"
    assert texts(right)[0] == "+2,310"
    _, right = plot_convergence([cycle(gain=10.0), cycle(gain=3.4)])
    assert right.get_yscale() == "linear"


@pytest.mark.parametrize("count", [1, 6, 40])
def test_few_and_many_cycles(count) -> None:
    left, right = plot_convergence([cycle("free")] * count)
    plt.gcf().canvas.draw()
    assert left.get_xlim()[1] == 2 * count + 0.5
    assert len(right.patches) == count
    assert len(texts(right)) == (count if count < 17 else 0)


def test_given_axes_are_used_and_nonsense_is_refused() -> None:
    _, given = plt.subplots(1, 2)
    np.testing.assert_array_equal(plot_convergence([cycle()], axes=given), given)
    assert given[0].get_legend() is not None
    with pytest.raises(ValueError, match="no cycles"):
        plot_convergence([])
    for target in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="target="):
            plot_convergence([cycle()], target=target)
