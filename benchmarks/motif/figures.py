"""The results as pictures."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.command import Results
from benchmarks.figures import MARKERS, tick

ERROR_FIGURE = "benchmarks_motif_error.png"
SCORE_FIGURE = "benchmarks_motif_scores.png"


def figures(results: Results) -> dict[str, Figure]:
    """Both figures by the names of their files."""
    return {ERROR_FIGURE: error_figure(results), SCORE_FIGURE: score_figure(results)}


def error_figure(results: Results) -> Figure:
    """Error over bound, and repeats that were lost, against dose."""
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True)
    for number, (name, rows) in enumerate(_by_motif(results).items()):
        style = {"label": name, "marker": MARKERS[number % len(MARKERS)], "markersize": 5}
        shown = [row for row in rows if row["error"] is not None]
        doses = [row["dose"] for row in shown]
        left.plot(doses, [row["error"] / row["bound"] for row in shown], **style)
        right.plot(
            [row["dose"] for row in rows], [100 * (1 - row["recall"]) for row in rows], **style
        )
    left.axhline(1, color="0.5", linestyle="--", linewidth=1, zorder=0)
    left.set(ylabel="rms error / Cramér-Rao bound", title="Positions of tiles", yscale="log")
    highest = max(
        (row["error"] / row["bound"] for row in results["trials"] if row["error"]), default=1
    )
    left.set_ylim(0.85, 1.1 * max(highest, 1.5))
    left.yaxis.set_major_locator(LogLocator(subs=(1, 1.2, 1.5, 2, 3, 5)))
    left.yaxis.set_major_formatter("{x:g}")
    left.yaxis.set_minor_locator(NullLocator())
    right.set(ylabel="repeats lost (%)", title="Recall")
    right.set_ylim(-0.3, max(10.0, right.get_ylim()[1]))
    for axes in (left, right):
        axes.set(xscale="log", xlabel="peak counts a pixel")
        tick(axes, sorted({row["dose"] for row in results["trials"]}))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def score_figure(results: Results) -> Figure:
    """Median score of the matches of each search, against dose, one panel a motif."""
    motifs = _by_motif(results)
    figure = Figure(figsize=(1.4 + 2.4 * len(motifs), 3.4), layout="constrained")
    panels = figure.subplots(1, len(motifs), sharey=True, squeeze=False)[0]
    doses = sorted({row["dose"] for row in results["trials"]})
    for axes, (name, rows) in zip(panels, motifs.items(), strict=True):
        searches = max((len(row["peak_scores"]) for row in rows), default=0)
        for number in range(searches):
            shown = [row for row in rows if len(row["peak_scores"]) > number]
            axes.plot(
                [row["dose"] for row in shown],
                [row["peak_scores"][number] for row in shown],
                label="region as it is" if number == 0 else f"refined, search {number + 1}",
                color="0.6" if number == 0 else f"C{number - 1}",
                marker=MARKERS[number % len(MARKERS)],
                markersize=5,
            )
        axes.set(xscale="log", xlabel="peak counts a pixel", ylim=(0, 1))
        axes.set_title(name, fontsize=9)
        tick(axes, doses)
    panels[0].set_ylabel("median score of the matches")
    panels[0].legend(fontsize=8, frameon=False)
    return figure


def _by_motif(results: Results) -> dict[str, list[dict]]:  # type: ignore[type-arg]
    rows: dict[str, list[dict]] = {}  # type: ignore[type-arg]
    for row in sorted(results["trials"], key=lambda row: float(row["dose"])):
        rows.setdefault(row["motif"], []).append(row)
    order = dict.fromkeys(row["motif"] for row in results["trials"])
    return {name: rows[name] for name in order}
