"""The results as reStructuredText."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.command import Results
from benchmarks.quality.figures import CALIBRATION_FIGURE, MOTION_FIGURE
from benchmarks.quality.summaries import LEAST, LEFT, NONE_LEFT, SHARE
from benchmarks.quality.targets import TARGETS
from benchmarks.rst import figure, list_table, machine_words, significant, targets_table


def render(results: Results) -> str:
    """All tables, as a page fragment without a title."""
    parts = [
        machine_words(results),
        targets_table(results, TARGETS),
        _errors(results["shifts"], "Standard errors of shifts, px rms per axis", hops=True),
        _errors(results["lines"], "Standard errors of scan lines, px rms per axis", hops=False),
        figure(
            CALIBRATION_FIGURE,
            "Left, reported over actual error against dose. Right, share of the frames that "
            "hopped against the probability that was reported, with intervals of 95 %.",
        ),
        _hops(results),
        _help(results),
        _limits(results),
        figure(
            MOTION_FIGURE,
            "Motion that is said to be left in the frames, with intervals of 95 %, against the "
            "true error of their lines.",
        ),
    ]
    return ".. Written by python -m benchmarks.quality.\n\n" + "\n".join(filter(None, parts))


def _errors(rows: Sequence[Any], title: str, *, hops: bool) -> str:
    header = ("Peak counts a pixel", "Series", "Reported", "Actual", "Reported / actual")
    cells = [
        (
            f"{row['dose']:g}",
            str(row["series"]),
            significant(row["predicted"]),
            significant(row["actual"]),
            f"{row['ratio']:.2f}",
            f"{row['expected_hops']:.1f}, {row['hops']}",
        )
        for row in rows
    ]
    if hops:
        return list_table(title, (*header, "Hops reported, actual"), cells)
    return list_table(title, header, [row[:-1] for row in cells])


def _hops(results: Results) -> str:
    cells = [
        (
            f"{row['low']:g} to {row['high']:g}",
            str(row["frames"]),
            f"{100 * row['reported']:.2g} %",
            f"{100 * row['hops'] / row['frames']:.2g} % "
            f"({100 * row['rate_low']:.2g} to {100 * row['rate_high']:.2g})",
        )
        for row in results["hops"]
    ]
    header = ("Probability of a hop", "Frames", "Reported, mean", "Hopped")
    return list_table("Hop probabilities near the lowest dose that works", header, cells)


def _help(results: Results) -> str:
    cells = [
        (row["solver"], row["truth"], *(str(row[key]) for key in
         ("series", "helped", "worse", "none", "unknown")))
        for row in results["help"]
    ]  # fmt: skip
    header = ("Non-rigid alignment", "Truth", "Series", 'Said "helped"', '"worse"',
              '"no difference"', "nothing")  # fmt: skip
    title = (
        "Did it help: what is true against what is said. It matters where the rms error of the "
        f"lines changes by more than {100 * SHARE:g} % and {LEAST:g} px"
    )
    return list_table(title, header, cells)


def _limits(results: Results) -> str:
    cells = [
        (row["stage"], row["truth"], *(str(row[key]) for key in
         ("series", "instability", "dose", "unknown")))
        for row in results["limits"]
    ]  # fmt: skip
    header = ("Alignment", "Truth", "Series", 'Said "instability"', '"dose"', '"unknown"')
    title = (
        f"What limits a result: instability where lines are off by more than {LEFT:g} times what "
        f"the errors explain, dose where by less than {NONE_LEFT:g} times"
    )
    return list_table(title, header, cells)
