"""Convergence of a non-rigid registration: how far each iteration moved, what each cycle gained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from hyperspy_smartalign.plotting.legends import legend_of
from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    ORANGE,
    SMALL,
    TITLE,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
    whole_numbers,
)

if TYPE_CHECKING:
    from hyperspy_smartalign.nonrigid.result import Cycle

# Also from the palette of Okabe and Ito (2008).
_COLOURS = {
    "affine": ORANGE,
    "scan_locked": BLUE,
    "row_fitting": "#009E73",
    "free": "#CC79A7",
}
# With more cycles their labels have to be turned, and then to go.
_MOST_LEVEL_LABELS = 5
_MOST_LABELS = 16
# Room for a legend inside the axes, as a part of their height.
_BELOW = 0.4
# Gains this many times apart are shown on a logarithmic axis, through zero.
_WIDE = 50.0


def plot_convergence(
    cycles: Sequence[Cycle],
    *,
    target: float | None = None,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot how far each iteration moved the frames, and by how much each cycle fitted better.

    Colours are those of the models. A cycle that was not kept is drawn dashed and open. Iterations
    that moved nothing are triangles at the lower edge, as a logarithmic axis has no zero.

    Parameters
    ----------
    cycles : sequence of Cycle
        The cycles in the order in which they ran.
    target : float, optional
        Mean shift at which a cycle was to end, px; drawn as a line.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : two Axes, optional
        Axes to use instead: mean shift, gain.

    Returns
    -------
    (2,) array of Axes
        Mean shift against iteration, counted over all cycles from 1; gain of held-out data a cycle.

    Raises
    ------
    ValueError
        If there are no cycles, `target` is not positive, or `axes` do not fit.
    """
    cycles = tuple(cycles)
    if not cycles:
        raise ValueError("there are no cycles to plot; align with one cycle or more.")
    if target is not None and not target > 0:
        raise ValueError(f"target={target!r} must be a mean shift in pixels above 0, or None.")
    made: AxesArray
    made = panels((1, 2), fig=fig, axes=axes, size=(9.6, 3.9), width_ratios=(1.5, 1.0))[0]
    _draw_shifts(made[0], cycles, target)
    _draw_gains(made[1], cycles)
    if axes is not None:
        # The lines fall again and again over the whole height: the legend gets room below.
        low, high = made[0].get_ylim()
        made[0].set_ylim(low * (low / high) ** _BELOW, high)
    legend_of(made[0], _key(cycles, target), outside=axes is None, loc="lower center")
    return made


def _draw_shifts(ax: Axes, cycles: tuple[Cycle, ...], target: float | None) -> None:
    ax.set_yscale("log")
    moved = [shift for cycle in cycles for shift in cycle.mean_shifts if shift > 0]
    floor = 0.5 * min([*moved, target or np.inf]) if moved or target else 1e-6
    first = 1
    for number, cycle in enumerate(cycles, start=1):
        shifts = np.array(cycle.mean_shifts, np.float64)
        iterations = first + np.arange(shifts.size)
        nothing = ~(shifts > 0)
        colour = _COLOURS.get(cycle.model, GREY)
        ax.plot(
            iterations,
            np.where(nothing, floor, shifts),
            color=colour,
            linewidth=1.3,
            linestyle="-" if cycle.kept else "--",
            marker="o",
            markersize=4.5,
            markerfacecolor=colour if cycle.kept else "white",
            label=f"_cycle {number}",
            zorder=3,
        )
        ax.plot(
            iterations[nothing],
            np.full(np.count_nonzero(nothing), floor),
            linestyle="none",
            marker="v",
            markersize=7,
            color=colour,
            label=f"_no shift in cycle {number}",
            zorder=4,
        )
        if number % 2 == 0:
            ax.axvspan(first - 0.5, first - 0.5 + shifts.size, color="0.94", linewidth=0, zorder=0)
        first += shifts.size
    if target is not None:
        ax.axhline(target, color="black", linestyle=":", linewidth=1.2, zorder=2)
    ax.set_xlim(0.5, max(first, 2) - 0.5)
    _number_cycles(ax, cycles)
    ax.set_xlabel("iteration", fontsize=SMALL + 1)
    ax.set_ylabel("mean shift (px)", fontsize=SMALL + 1)
    ax.set_title("mean shift of an iteration", fontsize=TITLE)
    ax.grid(axis="y", color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    whole_numbers(ax, y=False)
    small_ticks(ax)


def _number_cycles(ax: Axes, cycles: tuple[Cycle, ...]) -> None:
    """Numbers of the cycles, on top, in the middle of their iterations."""
    ends = np.cumsum([len(cycle.mean_shifts) for cycle in cycles])
    starts = np.concatenate([[0], ends[:-1]])
    shown = [
        k for k in range(0, len(cycles), -(-len(cycles) // _MOST_LABELS)) if cycles[k].mean_shifts
    ]
    top = ax.secondary_xaxis("top")
    top.set_xticks(
        [0.5 + (starts[k] + ends[k]) / 2 for k in shown], [f"cycle {k + 1}" for k in shown]
    )
    if len(shown) > _MOST_LEVEL_LABELS:
        top.set_xticklabels([str(k + 1) for k in shown])
        top.set_xlabel("cycle", fontsize=SMALL)
    top.tick_params(labelsize=SMALL, length=0)


def _key(cycles: tuple[Cycle, ...], target: float | None) -> list[Line2D]:
    models = dict.fromkeys(cycle.model for cycle in cycles)
    handles = [
        Line2D([], [], color=_COLOURS.get(model, GREY), marker="o", markersize=4.5, label=name)
        for model, name in ((model, _words(model)) for model in models)
    ]
    if not all(cycle.kept for cycle in cycles):
        handles.append(
            Line2D(
                [],
                [],
                color=GREY,
                linestyle="--",
                marker="o",
                markersize=4.5,
                markerfacecolor="white",
                label="not kept",
            )
        )
    if target is not None:
        handles.append(
            Line2D([], [], color="black", linestyle=":", label=f"target {target:.3g} px")
        )
    return handles


def _draw_gains(ax: Axes, cycles: tuple[Cycle, ...]) -> None:
    gains = np.array([cycle.gain for cycle in cycles], np.float64)
    known = np.isfinite(gains)
    places = np.arange(1, len(cycles) + 1)
    for place, cycle in zip(places[known], [c for c in cycles if np.isfinite(c.gain)], strict=True):
        colour = _COLOURS.get(cycle.model, GREY)
        ax.bar(
            place,
            cycle.gain,
            width=0.7,
            facecolor=colour if cycle.kept else "white",
            edgecolor=colour,
            linestyle="-" if cycle.kept else "--",
            linewidth=1.3,
            zorder=3,
        )
    sizes = np.abs(gains[known & (gains != 0)])
    if sizes.size and sizes.max() > _WIDE * sizes.min():
        ax.set_yscale("symlog", linthresh=float(10 ** np.floor(np.log10(sizes.min()))))
    ax.axhline(0, color="black", linewidth=0.8, zorder=4)
    # Room for the figures beyond the bars, which stand upright where there are many.
    ax.margins(y=0.18 if len(cycles) <= _MOST_LEVEL_LABELS else 0.5)
    if not known.any():
        ax.set_yticks([])
    if len(cycles) <= _MOST_LABELS:
        for place, cycle in zip(places, cycles, strict=True):
            _write_gain(ax, int(place), cycle, crowded=len(cycles) > _MOST_LEVEL_LABELS)
    ax.set_xlim(0.4, len(cycles) + 0.6)
    _label_cycles(ax, cycles)
    ax.set_ylabel("log-likelihood a frame", fontsize=SMALL + 1)
    ax.set_title("gain on held-out data", fontsize=TITLE)
    ax.grid(axis="y", color="0.88", linewidth=0.6)
    ax.set_axisbelow(True)
    small_ticks(ax)


def _write_gain(ax: Axes, place: int, cycle: Cycle, *, crowded: bool) -> None:
    """The gain in figures, beyond the end of its bar; in words where there is none."""
    scored = bool(np.isfinite(cycle.gain))
    text = _signed(cycle.gain) if scored else "not scored"
    above = not scored or cycle.gain >= 0
    turned = not scored or crowded
    ax.annotate(
        text.replace("-", "\N{MINUS SIGN}"),
        (place, cycle.gain if scored else 0.0),
        xytext=(0, 3 if above else -3),
        textcoords="offset points",
        ha="center",
        va="bottom" if above else "top",
        rotation=90 if turned else 0,
        fontsize=SMALL,
        color=GREY if not scored else "black" if cycle.gain >= 0 else VERMILION,
        zorder=5,
    )


def _label_cycles(ax: Axes, cycles: tuple[Cycle, ...]) -> None:
    """Number and model of each cycle under its bar."""
    if len(cycles) > _MOST_LABELS:
        ax.set_xlabel("cycle", fontsize=SMALL + 1)
        whole_numbers(ax, y=False)
        return
    level = len(cycles) <= _MOST_LEVEL_LABELS
    names = [f"{k} {_words(cycle.model)}" for k, cycle in enumerate(cycles, 1)]
    if level:
        names = [name.replace(" ", "\n") for name in names]
    ax.set_xticks(range(1, len(cycles) + 1), names)
    if level:
        ax.set_xlabel("cycle", fontsize=SMALL + 1)
    else:
        ax.tick_params(axis="x", rotation=90)


def _signed(gain: float) -> str:
    return f"{gain:+,.0f}" if abs(gain) >= 100 else f"{gain:+.3g}"


def _words(model: str) -> str:
    return model.replace("_", " ")
