"""The results as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.command import Results
from benchmarks.contestants import CONTESTANTS

ERROR_FIGURE = "benchmarks_error.png"
SECONDS_FIGURE = "benchmarks_seconds.png"
MARKERS = "osD^v<>P"


def figures(results: Results) -> dict[str, Figure]:
    """Both figures by the names of their files."""
    return {ERROR_FIGURE: error_figure(results), SECONDS_FIGURE: seconds_figure(results)}


def error_figure(results: Results) -> Figure:
    """Error over bound and wrong cells against dose, side by side."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    rows = [row for row in results["accuracy"] if row["recipe"] == "lattice"]
    names = dict.fromkeys(row["contestant"] for row in rows)
    for name in names:
        mine = sorted((row for row in rows if row["contestant"] == name), key=_dose)
        style = _style(name)
        # An error means something only where most frames are in the right cell.
        shown = [row for row in mine if row["rms"] is not None and row["hops"] < row["frames"] / 2]
        left.plot(list(map(_dose, shown)), [row["rms"] / row["bound"] for row in shown], **style)
        wrong = [100 * row["hops"] / row["frames"] for row in mine]
        right.plot(list(map(_dose, mine)), wrong, **style)
    left.axhline(1, color="0.5", linestyle="--", linewidth=1, zorder=0)
    left.set(yscale="log", ylabel="rms error / Cramér-Rao bound", title="Frames in the right cell")
    right.set(ylabel="frames in a wrong unit cell (%)", title="Unit-cell hops", ylim=(-3, 103))
    finish_panels(figure, sorted({row["dose"] for row in rows}))
    return figure


def finish_panels(figure: Figure, doses: Sequence[float]) -> None:
    """Doses below all panels, and one legend, as all show the same methods."""
    for axes in figure.axes:
        axes.set(xscale="log", xlabel="peak counts a pixel")
        tick(axes, doses)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)


def seconds_figure(results: Results) -> Figure:
    """Seconds against the number of frames."""
    figure = Figure(figsize=(6.2, 4.4), layout="constrained")
    axes = figure.subplots()
    rows = results["growth"]
    for name in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == name]
        frames = [row["frames"] for row in mine]
        axes.plot(frames, [row["seconds"] for row in mine], **_style(name))
    height, width = results["settings"]["growth_shape"]
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=f"frames of {height} x {width}",
        ylabel="seconds to find all shifts",
    )
    tick(axes, sorted({row["frames"] for row in rows}))
    axes.legend(fontsize=8, frameon=False)
    return figure


def _dose(row: Any) -> float:
    return float(row["dose"])


def _style(name: str) -> dict[str, Any]:
    return line_style(name, [contestant.name for contestant in CONTESTANTS])


def line_style(name: str, names: Sequence[str]) -> dict[str, Any]:
    """The same line for the same method in every figure; the first of the names is our own."""
    index = list(names).index(name)
    own = not index
    return {
        "label": name,
        "color": "black" if own else f"C{index - 1}",
        "linewidth": 2.4 if own else 1.2,
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 6 if own else 4,
        "zorder": 3 if own else 2,
    }


def tick(axes: Axes, values: Sequence[float]) -> None:
    """Label the values measured at, and no others."""
    axes.set_xticks(values, [f"{value:g}" for value in values], fontsize=8)
    axes.minorticks_off()
    axes.grid(alpha=0.25)
