"""One page that says how good an aligned series is."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    ORANGE,
    SMALL,
    TITLE,
    VERMILION,
    FigureLike,
    new_figure,
)

if TYPE_CHECKING:
    from hyperspy_smartalign.quality.verdicts import Verdict

Draw = Callable[[Sequence[Axes]], Any]

_COLOURS = {"good": BLUE, "caution": ORANGE, "bad": VERMILION, "unknown": GREY}
# Panels abreast; rows of one or two are as wide. Heights of a row, and of one with a single panel.
_COLUMNS = 3
_ROW, _WIDE = 3.5, 2.8
_LINE = 170


def plot_quality(
    drawings: Mapping[str, tuple[int, Draw]],
    verdicts: Sequence[Verdict] = (),
    *,
    title: str = "",
    fig: FigureLike | None = None,
) -> dict[str, Axes]:
    """Draw panels three abreast, over the verdicts in words.

    Parameters
    ----------
    drawings : mapping of str to (int, callable)
        For each group of panels its name, their number, and what draws them: it is called with
        that many axes.
    verdicts : sequence of Verdict
        What is written below: a mark in the colour of the level, then the words.
    title : str
        Title of the figure.
    fig : Figure or SubFigure, optional
        Where to draw; by default a new figure.

    Returns
    -------
    dict of str to Axes
        By the name of the group, those of several panels with their number: "information 2"; and
        "verdicts".
    """
    names = [
        name if count == 1 else f"{name} {number + 1}"
        for name, (count, _) in drawings.items()
        for number in range(count)
    ]
    rows = [names[at : at + _COLUMNS] for at in range(0, len(names), _COLUMNS)]
    lines = [textwrap.wrap(verdict.words, _LINE) for verdict in verdicts]
    heights = [_WIDE if len(row) == 1 else _ROW for row in rows]
    if lines:
        heights.append(0.35 + 0.19 * sum(len(line) for line in lines))
    figure = new_figure((13.0, sum(heights))) if fig is None else fig
    # A figure for each row, so that labels of one do not narrow the panels of another.
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    made: dict[str, Axes] = {}
    for part, row in zip(parts, rows, strict=False):
        made |= zip(row, np.ravel(part.subplots(1, len(row), squeeze=False)), strict=True)
    for name, (count, draw) in drawings.items():
        mine = [name] if count == 1 else [f"{name} {number + 1}" for number in range(count)]
        draw([made[each] for each in mine])
    if lines:
        made["verdicts"] = parts[-1].subplots()
        _write(made["verdicts"], verdicts, lines)
    if title:
        # A $ in a title is no formula.
        figure.suptitle(title, fontsize=TITLE + 2, parse_math=False)
    return made


def _write(ax: Axes, verdicts: Sequence[Verdict], lines: Sequence[Sequence[str]]) -> None:
    """The verdicts, one below the other."""
    total = sum(len(line) for line in lines)
    ax.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(total, 0)
    place = 0
    for verdict, words in zip(verdicts, lines, strict=True):
        ax.plot(0.008, place + 0.5, "o", color=_COLOURS.get(verdict.level, GREY), markersize=7)
        for number, line in enumerate(words):
            ax.text(0.02, place + number + 0.5, line, fontsize=SMALL + 1, va="center")
        place += len(words)
