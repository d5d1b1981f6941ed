"""The results as reStructuredText."""

from __future__ import annotations

from typing import Any

from benchmarks.command import Results
from benchmarks.contestants import OWN
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
from benchmarks.targets import TARGETS, accuracy_row

# A method that puts fewer frames than this in the right cell has no error worth a number.
FEWEST_RIGHT = 0.5


def render(results: Results) -> str:
    """All tables, as a page fragment without a title."""
    parts = [
        machine_words(results),
        targets_table(results, TARGETS),
        *(_errors(results, recipe) for recipe in ("lattice", "tilt boundary")),
        _hops(results),
        figure(
            "benchmarks_error.png",
            "Left, error over the Cramér-Rao bound, lattice, where at least half of the frames are "
            "in the right cell. Right, frames in a wrong cell.",
        ),
        _precision(results),
        _calibration(results),
        sizes_table(results, "sizes", "Seconds", seconds_words),
        sizes_table(
            results,
            "memory",
            "Peak memory beyond input and output, MB (in brackets times the input in float32)",
            megabytes_words,
        ),
        sizes_table(results, "growth", "Seconds against the number of frames", seconds_words),
        figure("benchmarks_seconds.png", "Seconds against the number of frames."),
        _imports(results),
    ]
    return ".. Written by python -m benchmarks.rigid.\n\n" + "\n".join(filter(None, parts))


def _contestants(results: Results, recipe: str) -> list[str]:
    names = (row["contestant"] for row in results["accuracy"] if row["recipe"] == recipe)
    return list(dict.fromkeys(names))


def _errors(results: Results, recipe: str) -> str:
    key = "doses" if recipe == "lattice" else "tilt_doses"
    doses = results["settings"][key]
    bounds = [accuracy_row(results, recipe, OWN, dose)["bound"] for dose in doses]
    rows = [("Cramér-Rao bound", *(f"{bound:.4f}" for bound in bounds))]
    for name in _contestants(results, recipe):
        found = [accuracy_row(results, recipe, name, dose) for dose in doses]
        rows.append((name, *(_error(row) for row in found)))
    title = (
        f"Error of the shifts, {recipe}: rms px an axis of the frames in the right cell "
        "(in brackets times the bound); frames in a wrong cell per series, if any"
    )
    return list_table(title, ("Peak counts a pixel", *(f"{dose:g}" for dose in doses)), rows)


def _error(row: Any) -> str:
    if row is None:
        return MISSING
    per_series = row["frames"] / row["series"]
    hops = row["hops"] / row["series"]
    if row["rms"] is None or hops > (1 - FEWEST_RIGHT) * per_series:
        return f"{hops:.3g} of {per_series:.0f} wrong"
    wrong = f"; {hops:.3g} wrong" if hops else ""
    return f"{significant(row['rms'])} ({row['rms'] / row['bound']:.2f}){wrong}"


def _hops(results: Results) -> str:
    doses = results["settings"]["hop_doses"]
    rows = []
    for name in _contestants(results, "lattice"):
        found = [accuracy_row(results, "lattice", name, dose) for dose in doses]
        rows.append((name, *(_hop_count(row) for row in found)))
    title = "Frames in a wrong unit cell, lattice: mean per series (worst series)"
    return list_table(title, ("Peak counts a pixel", *(f"{dose:g}" for dose in doses)), rows)


def _hop_count(row: Any) -> str:
    if row is None:
        return MISSING
    left_out = f"; {row['excluded'] / row['series']:.3g} left out" if row["excluded"] else ""
    return f"{row['hops'] / row['series']:.3g} ({row['worst_hops']}){left_out}"


def _precision(results: Results) -> str:
    rows = [
        (
            f"{row['recipe']}, {row['dose']:g}",
            f"{row['predicted']:.4f}",
            MISSING if row["rms"] is None else f"{row['rms']:.4f}",
            f"{row['normalised']:.2f}",
        )
        for row in results["accuracy"]
        if row["predicted"] is not None
    ]
    header = ("Series, counts", "Predicted, px", "Actual, px", "Rms of actual / predicted")
    return list_table("Predicted standard errors (1 is honest)", header, rows) if rows else ""


def _calibration(results: Results) -> str:
    rows = [
        (
            f"{row['low']:g} to {row['high']:g}",
            str(row["frames"]),
            f"{row['reported']:.2g}",
            f"{row['hops'] / row['frames']:.2g}",
            f"{row['rate_low']:.2g} to {row['rate_high']:.2g}",
        )
        for row in results["calibration"]
    ]
    header = ("Reported", "Frames", "Mean reported", "Observed", "95 % interval")
    return list_table("Hop probability: reported and observed", header, rows) if rows else ""


def _imports(results: Results) -> str:
    rows = [(name, f"{seconds:.3f}") for name, seconds in results["imports"].items()]
    return list_table("Seconds of an import in a fresh process", ("Import", "Seconds"), rows)
