"""The results as reStructuredText."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.contestants import OWN
from benchmarks.targets import TARGETS, Results, accuracy_row, method_row

MISSING = "–"
# A method that puts fewer frames than this in the right cell has no error worth a number.
FEWEST_RIGHT = 0.5
# Load before the start above which other work slows the run down.
BUSY = 0.7


def render(results: Results) -> str:
    """All tables, as a page fragment without a title."""
    parts = [
        _machine(results),
        _targets(results),
        *(_errors(results, recipe) for recipe in ("lattice", "tilt boundary")),
        _hops(results),
        _figure(
            "benchmarks_error.png",
            "Left, error over the Cramér-Rao bound, lattice, where at least half of the frames are "
            "in the right cell. Right, frames in a wrong cell.",
        ),
        _precision(results),
        _calibration(results),
        _sizes(results, "sizes", "Seconds", _seconds),
        _sizes(
            results,
            "memory",
            "Peak memory beyond input and output, MB (in brackets times the input in float32)",
            _megabytes,
        ),
        _sizes(results, "growth", "Seconds against the number of frames", _seconds),
        _figure("benchmarks_seconds.png", "Seconds against the number of frames."),
        _imports(results),
    ]
    return ".. Written by python -m benchmarks.rigid.\n\n" + "\n".join(filter(None, parts))


def list_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A reStructuredText list-table; every cell one line."""
    lines = [f".. list-table:: {title}", "   :header-rows: 1", "   :stub-columns: 1", ""]
    for row in (header, *rows):
        lines += [f"   {'* -' if not index else '  -'} {cell}" for index, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def _machine(results: Results) -> str:
    machine = results["machine"]
    versions = ", ".join(
        f"{name} {version}" for name, version in machine["versions"].items() if version
    )
    minutes = results["seconds"] / 60
    words = [
        f"Measured on {machine['day']} on {machine['cores']} cores of {machine['processor']}, "
        f"{machine['system']}, Python {machine['python']}; {versions}. "
        f"The {results['settings']['name']} run, {minutes:.0f} minutes; all methods "
        "in one run, taking turns."
    ]
    load = machine["load_at_start"]
    if load is not None and load > BUSY:
        words.append(f"The machine was busy (load {load:g}), so seconds are too long.")
    words += [f"{name} took no part: {reason}." for name, reason in results["absent"].items()]
    return "\n".join(words) + "\n"


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        value = target.measured(results)
        if value is None:
            continue
        unit = f" {target.unit}" if target.unit else ""
        met = "yes" if value <= target.limit else "no"
        rows.append((target.what, f"≤ {target.limit:g}{unit}", f"{value:.3g}{unit}", met))
    return list_table("Targets", ("What", "Target", "Measured", "Met"), rows) if rows else ""


def _figure(name: str, caption: str) -> str:
    # From the root of the documentation, wherever the page is that includes this.
    return f".. figure:: /_static/{name}\n   :alt: {caption}\n\n   {caption}\n"


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
    return f"{_significant(row['rms'])} ({row['rms'] / row['bound']:.2f}){wrong}"


def _significant(value: float) -> str:
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 1 else f"{value:.2f}"


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


def _seconds(row: Any) -> str:
    value = row["seconds"]
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _megabytes(row: Any) -> str:
    return f"{row['megabytes']:.0f} ({row['stacks']:.2f})"


def _sizes(results: Results, table: str, title: str, words: Callable[[Any], str]) -> str:
    rows = results[table]
    if not rows:
        return ""
    sizes = list(dict.fromkeys((row["frames"], tuple(row["shape"])) for row in rows))
    cells = []
    for name in dict.fromkeys(row["method"] for row in rows):
        found = [method_row(results, table, name, n, list(shape)) for n, shape in sizes]
        cells.append((name, *(MISSING if row is None else words(row) for row in found)))
    header = ("Frames", *(f"{n} of {h} x {w}" for n, (h, w) in sizes))
    return list_table(title, header, cells)


def _imports(results: Results) -> str:
    rows = [(name, f"{seconds:.3f}") for name, seconds in results["imports"].items()]
    return list_table("Seconds of an import in a fresh process", ("Import", "Seconds"), rows)
