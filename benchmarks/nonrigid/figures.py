"""The results as pictures."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.command import Results
from benchmarks.figures import finish_panels, line_style
from benchmarks.nonrigid.contestants import CONTESTANTS

ERROR_FIGURE = "benchmarks_nonrigid_error.png"
SECONDS_FIGURE = "benchmarks_nonrigid_seconds.png"
NAMES = [contestant.name for contestant in CONTESTANTS]


def figures(results: Results) -> dict[str, Figure]:
    """Both figures by the names of their files."""
    return {ERROR_FIGURE: error_figure(results), SECONDS_FIGURE: seconds_figure(results)}


def error_figure(results: Results) -> Figure:
    """Error of the lines over their bound, and of the whole field, against dose."""
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    rows = sorted(results["accuracy"], key=lambda row: float(row["dose"]))
    for name in dict.fromkeys(row["contestant"] for row in results["accuracy"]):
        mine = [row for row in rows if row["contestant"] == name]
        doses, style = [row["dose"] for row in mine], line_style(name, NAMES)
        left.plot(doses, [row["ratio"] for row in mine], **style)
        right.plot(doses, [row["field"] for row in mine], **style)
    left.axhline(1, color="0.5", linestyle="--", linewidth=1, zorder=0)
    left.set(yscale="log", ylabel="rms error / bound with prior", title="Mean of each scan line")
    right.set(yscale="log", ylabel="rms error (px an axis)", title="Displacement of every pixel")
    for axes in (left, right):
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    finish_panels(figure, sorted({row["dose"] for row in rows}))
    return figure


def seconds_figure(results: Results) -> Figure:
    """Seconds of every method, one row of points a size of series."""
    figure = Figure(figsize=(6.8, 3.6), layout="constrained")
    axes = figure.subplots()
    sizes = [(frames, *shape) for frames, shape, _ in results["settings"]["sizes"]]
    for name in dict.fromkeys(row["method"] for row in results["sizes"]):
        mine = [row for row in results["sizes"] if row["method"] == name]
        places = [sizes.index((row["frames"], *row["shape"])) for row in mine]
        style = line_style(name, NAMES) | {"linestyle": "", "markersize": 8}
        axes.plot([row["seconds"] for row in mine], places, **style)
    axes.set_yticks(range(len(sizes)), [f"{frames} of\n{h} x {w}" for frames, h, w in sizes])
    axes.set(
        xscale="log",
        xlabel="seconds from rigid shifts to displacements",
        ylim=(len(sizes) - 0.5, -0.5),
    )
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure
