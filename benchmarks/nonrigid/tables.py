"""The results as reStructuredText."""

from __future__ import annotations

from typing import Any

from benchmarks.command import Results
from benchmarks.contestants import OWN
from benchmarks.nonrigid.contestants import RIGID
from benchmarks.nonrigid.figures import ERROR_FIGURE, SECONDS_FIGURE
from benchmarks.nonrigid.targets import TARGETS, accuracy_row
from benchmarks.rst import (
    MISSING,
    figure,
    list_table,
    machine_words,
    megabytes_words,
    seconds_words,
    significant,
    sizes_table,
    targets_table,
)


def render(results: Results) -> str:
    """All tables, as a page fragment without a title."""
    parts = [
        machine_words(results),
        targets_table(results, TARGETS),
        _lines(results),
        _fields(results),
        figure(
            ERROR_FIGURE,
            "Left, error of the mean displacement of the scan lines over its bound. Right, error "
            "of the displacement of every pixel. Above rigid only, frames got worse.",
        ),
        _precision(results),
        _common(results),
        _still(results),
        sizes_table(results, "sizes", _seconds_title(results), seconds_words),
        figure(SECONDS_FIGURE, "Seconds from rigid shifts to the displacement of every line."),
        sizes_table(
            results,
            "memory",
            "Peak memory beyond input and output, MB (in brackets times the input in float32)",
            megabytes_words,
        ),
    ]
    return ".. Written by python -m benchmarks.nonrigid.\n\n" + "\n".join(filter(None, parts))


def _contestants(results: Results) -> list[str]:
    return list(dict.fromkeys(row["contestant"] for row in results["accuracy"]))


def _dose_header(results: Results) -> tuple[str, ...]:
    return ("Peak counts a pixel", *(f"{dose:g}" for dose in results["settings"]["doses"]))


def _lines(results: Results) -> str:
    doses = results["settings"]["doses"]
    bounds = [accuracy_row(results, OWN, dose)["bound"] for dose in doses]
    rows = [("Bound with prior", *map(significant, bounds))]
    for name in _contestants(results):
        found = [accuracy_row(results, name, dose) for dose in doses]
        rows.append((name, *map(_error, found)))
    title = (
        "Error of the scan lines, less what is common to all frames: rms px an axis (in brackets "
        "times the bound); of dense fields, that of their means over the lines"
    )
    return list_table(title, _dose_header(results), rows)


def _error(row: Any) -> str:
    hops = f"; {row['hops']} frames in a wrong cell" if row["hops"] else ""
    if row["rms"] is None:
        return MISSING + hops
    return f"{significant(row['rms'])} ({row['ratio']:.2f}){hops}"


def _fields(results: Results) -> str:
    doses = results["settings"]["doses"]
    rows = []
    for name in _contestants(results):
        found = [accuracy_row(results, name, dose) for dose in doses]
        rigid = [accuracy_row(results, RIGID, dose) for dose in doses]
        cells = [
            f"{significant(row['field'])} ({row['field'] / start['field']:.2f})"
            for row, start in zip(found, rigid, strict=True)
        ]
        rows.append((name, *cells))
    title = (
        "Error of the displacement of every pixel, less what is common to all frames: rms px an "
        "axis (in brackets times that of rigid only)"
    )
    return list_table(title, _dose_header(results), rows)


def _precision(results: Results) -> str:
    rows = [
        (
            f"{row['contestant']}, {row['dose']:g}",
            significant(row["predicted"]),
            significant(row["rms"]),
            f"{row['normalised']:.2f}",
        )
        for row in results["accuracy"]
        if row["predicted"] is not None and row["normalised"] is not None
    ]
    header = ("Method, counts", "Predicted, px", "Actual, px", "Rms of actual / predicted")
    title = "Predicted standard errors of the scan lines (1 is honest)"
    return list_table(title, header, rows) if rows else ""


def _common(results: Results) -> str:
    settings = results["settings"]
    kinds = ("common", "beyond", "relative")
    first = results["common"][0]
    bounds = [first[key] for key in ("bound", "beyond_bound", "relative_bound")]
    rows = [("Bound with prior", *map(significant, bounds))]
    for row in results["common"]:
        # Of the rigid start, the common part is the scan's own and no error of estimates.
        cells = [significant(row[key]) for key in kinds]
        if row["contestant"] == RIGID:
            cells[1] = MISSING
        rows.append((row["contestant"], *cells))
    title = (
        f"Part common to all frames, {settings['pair_frames']} frames at 0 and 90 degrees in turn, "
        f"{settings['pair_dose']:g} counts: rms px an axis"
    )
    header = ("Method", "Common", "Less what independent errors leave in a mean", "Relative")
    return list_table(title, header, rows)


def _still(results: Results) -> str:
    series = list(dict.fromkeys(row["series"] for row in results["still"]))
    rows = []
    for name in dict.fromkeys(row["contestant"] for row in results["still"]):
        found = {row["series"]: row for row in results["still"] if row["contestant"] == name}
        rows.append((name, *(_found(found[words]) for words in series)))
    title = "Found where there is nothing to find: rms px an axis (predicted standard error)"
    return list_table(title, ("Series", *series), rows)


def _found(row: Any) -> str:
    found, predicted = row["found"], row["predicted"]
    words = significant(found) if found else "0"
    return words + (f" ({significant(predicted)})" if predicted else "")


def _seconds_title(results: Results) -> str:
    fewer = [
        f"{count} of {frames} frames of {shape[0]} x {shape[1]}"
        for frames, shape, count in results["settings"]["sizes"]
        if count < frames
    ]
    scaled = f" (rivals: scaled from {', '.join(fewer)})" if fewer else ""
    return f"Seconds from rigid shifts to fields{scaled}"
