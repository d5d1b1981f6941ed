"""The results as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.contestants import CONTESTANTS, OWN
from benchmarks.targets import Results

ERROR_FIGURE = "benchmarks_error.png"
SECONDS_FIGURE = "benchmarks_seconds.png"
DPI = 110
MARKERS = "osD^v<>P"


def write_figures(results: Results, folder: Path) -> list[Path]:
    """Write both figures; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in (
        (ERROR_FIGURE, error_figure(results)),
        (SECONDS_FIGURE, seconds_figure(results)),
    ):
        path = folder / name
        figure.savefig(path, dpi=DPI)
        paths.append(path)
    return paths


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
    for axes in (left, right):
        axes.set(xscale="log", xlabel="peak counts a pixel")
        _tick(axes, sorted({row["dose"] for row in rows}))
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


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
    _tick(axes, sorted({row["frames"] for row in rows}))
    axes.legend(fontsize=8, frameon=False)
    return figure


def _dose(row: Any) -> float:
    return float(row["dose"])


def _style(name: str) -> dict[str, Any]:
    """The same line for the same method in every figure."""
    own = name == OWN
    index = [contestant.name for contestant in CONTESTANTS].index(name)
    return {
        "label": name,
        "color": "black" if own else f"C{index - 1}",
        "linewidth": 2.4 if own else 1.2,
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 6 if own else 4,
        "zorder": 3 if own else 2,
    }


def _tick(axes: Axes, values: list[float]) -> None:
    axes.set_xticks(values, [f"{value:g}" for value in values], fontsize=8)
    axes.minorticks_off()
    axes.grid(alpha=0.25)
