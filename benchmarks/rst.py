"""Parts of a page of results, as reStructuredText."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from benchmarks.command import Results
from benchmarks.targets import Target, method_row

MISSING = "–"
# Load before the start above which other work slows the run down.
BUSY = 0.7


def list_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A reStructuredText list-table; every cell one line."""
    lines = [f".. list-table:: {title}", "   :header-rows: 1", "   :stub-columns: 1", ""]
    for row in (header, *rows):
        lines += [f"   {'* -' if not index else '  -'} {cell}" for index, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def machine_words(results: Results) -> str:
    """What the results were measured on, and how."""
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


def targets_table(results: Results, targets: Iterable[Target]) -> str:
    """Promised and measured; empty if nothing was measured."""
    rows = []
    for target in targets:
        value = target.measured(results)
        if value is None:
            continue
        unit = f" {target.unit}" if target.unit else ""
        met = "yes" if value <= target.limit else "no"
        rows.append((target.what, f"≤ {target.limit:g}{unit}", f"{value:.3g}{unit}", met))
    return list_table("Targets", ("What", "Target", "Measured", "Met"), rows) if rows else ""


def figure(name: str, caption: str) -> str:
    """A figure of the documentation with its caption."""
    # From the root of the documentation, wherever the page is that includes this.
    return f".. figure:: /_static/{name}\n   :alt: {caption}\n\n   {caption}\n"


def sizes_table(results: Results, table: str, title: str, words: Callable[[Any], str]) -> str:
    """One row a method and one column a size of series; empty if nothing was measured."""
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


def seconds_words(row: Any) -> str:
    """Seconds in three digits."""
    value = row["seconds"]
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def megabytes_words(row: Any) -> str:
    """Megabytes, and the multiple of the input."""
    return f"{row['megabytes']:.0f} ({row['stacks']:.2f})"


def significant(value: float) -> str:
    """Pixels in three digits or so."""
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 1 else f"{value:.2f}"
