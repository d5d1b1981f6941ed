"""The results as pictures."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.command import Results
from benchmarks.figures import tick

CALIBRATION_FIGURE = "benchmarks_quality_calibration.png"
MOTION_FIGURE = "benchmarks_quality_motion.png"


def figures(results: Results) -> dict[str, Figure]:
    """Both figures by the names of their files."""
    return {
        CALIBRATION_FIGURE: calibration_figure(results),
        MOTION_FIGURE: motion_figure(results),
    }


def calibration_figure(results: Results) -> Figure:
    """Reported over actual errors, and hops against their probability."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.axhspan(0.9, 1.1, color="0.92", zorder=0)
    left.axhline(1.0, color="0.5", linestyle="--", linewidth=1)
    for key, label, marker in (("shifts", "shifts", "o"), ("lines", "scan lines", "s")):
        rows = results[key]
        left.errorbar(
            [row["dose"] for row in rows],
            [row["ratio"] for row in rows],
            yerr=[2 * (row["error"] or 0.0) for row in rows],
            marker=marker,
            capsize=3,
            label=label,
        )
    left.set(xscale="log", xlabel="peak counts a pixel", ylabel="reported / actual error")
    left.set_title("Standard errors")
    tick(left, sorted({row["dose"] for key in ("shifts", "lines") for row in results[key]}))
    left.legend(frameon=False)
    rows = results["hops"]
    rate = [row["hops"] / row["frames"] for row in rows]
    right.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1)
    right.errorbar(
        [row["reported"] for row in rows],
        rate,
        yerr=[
            [value - row["rate_low"] for value, row in zip(rate, rows, strict=True)],
            [row["rate_high"] - value for value, row in zip(rate, rows, strict=True)],
        ],
        marker="o",
        linestyle="none",
        capsize=3,
    )
    right.set(xlabel="reported probability of a hop", ylabel="share of frames that hopped")
    right.set_title("Hops")
    right.set_xscale("symlog", linthresh=0.01)
    right.set_yscale("symlog", linthresh=0.01)
    for axis in (right.xaxis, right.yaxis):
        axis.set_major_formatter("{x:g}")
    return figure


def motion_figure(results: Results) -> Figure:
    """Motion that is said to be left against the true error of the lines."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    colours = {"dose": "#0072B2", "instability": "#D55E00", "unknown": "#767676"}
    stages = (
        ("Shifts alone", "before", "rigid_left", "rigid_limit"),
        ("Non-rigid, by default", "after", "left", "limit"),
    )
    for axes, (title, truth, left, limit) in zip(panels, stages, strict=True):
        for name, colour in colours.items():
            shown = [
                row
                for row in results["help_trials"]
                if row["solver"] == "default" and row[limit] == name
            ]
            if not shown:
                continue
            low, middle, high = np.array([row[left] for row in shown], float).T
            axes.errorbar(
                [row[truth] for row in shown],
                middle,
                yerr=[middle - low, high - middle],
                color=colour,
                marker="o",
                markersize=4,
                linestyle="none",
                elinewidth=0.8,
                label=f'said "{name}"',
            )
        axes.axline((0.1, 0.1), (0.2, 0.2), color="0.5", linestyle="--", linewidth=1)
        axes.set(xscale="log", yscale="log", title=title, xlabel="true rms error of lines, px")
        axes.legend(frameon=False, fontsize=8)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_locator(NullLocator())
    panels[0].set_ylabel("said to be left, rms px")
    return figure
