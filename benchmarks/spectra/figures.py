"""The results as pictures."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.command import Results
from benchmarks.figures import line_style
from benchmarks.spectra.contestants import CONTESTANTS, PLAIN
from benchmarks.spectra.passes import METHODS, SPLINE

SECONDS_FIGURE = "benchmarks_spectra_seconds.png"
MEMORY_FIGURE = "benchmarks_spectra_memory.png"
NAMES = [contestant.name for contestant in CONTESTANTS]


def figures(results: Results) -> dict[str, Figure]:
    """Both figures by the names of their files."""
    return {SECONDS_FIGURE: seconds_figure(results), MEMORY_FIGURE: memory_figure(results)}


def seconds_figure(results: Results) -> Figure:
    """Seconds over those of the plain addition, one row of points a kind of displacement."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    rows = results["speed"]
    cases = list(dict.fromkeys((row["dtype"], row["motion"]) for row in rows))
    plain = {
        (row["dtype"], row["motion"]): row["seconds"] for row in rows if row["method"] == PLAIN
    }
    for name in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == name]
        keys = [(row["dtype"], row["motion"]) for row in mine]
        ratios = [row["seconds"] / plain[key] for row, key in zip(mine, keys, strict=True)]
        style = line_style(name, NAMES) | {"linestyle": "", "markersize": 7}
        axes.plot(ratios, [cases.index(key) for key in keys], **style)
    axes.set_yticks(range(len(cases)), [f"{motion}\n{dtype}" for dtype, motion in cases])
    axes.set(
        xscale="log",
        xlabel="seconds / seconds of the plain addition",
        ylim=(len(cases) - 0.5, -0.5),
    )
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def memory_figure(results: Results) -> Figure:
    """Resident memory against time, for every pass over the file."""
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    axes = figure.subplots()
    names = sorted(METHODS, key=lambda name: name != SPLINE)
    watched = [row for row in results["passes"] if row["samples"]]
    for row in watched:
        style = line_style(row["method"], names) | {"marker": ""}
        axes.plot(*zip(*row["samples"], strict=True), **style)
    axes.axhline(2, color="0.5", linestyle="--", linewidth=1, zorder=0)
    axes.set(
        xlabel="seconds",
        ylabel="resident memory (GB)",
        ylim=(0, None),
        title=f"{results['file']['gigabytes']:.3g} GB in a file; dashed: promised",
    )
    axes.grid(alpha=0.25)
    if watched:
        axes.legend(fontsize=8, frameon=False)
    return figure
