"""The results as reStructuredText."""

from __future__ import annotations

from typing import Any

from benchmarks.command import Results
from benchmarks.rst import (
    MISSING,
    figure,
    list_table,
    machine_words,
    seconds_words,
    targets_table,
)
from benchmarks.spectra.contestants import PLAIN
from benchmarks.spectra.figures import MEMORY_FIGURE, SECONDS_FIGURE
from benchmarks.spectra.passes import ADD
from benchmarks.spectra.targets import TARGETS, pass_row, speed_row


def render(results: Results) -> str:
    """All tables, as a page fragment without a title."""
    parts = [
        machine_words(results),
        _libraries(results),
        targets_table(results, TARGETS),
        *(_speed(results, dtype) for dtype in _of(results["speed"], "dtype")),
        _scaled(results),
        figure(
            SECONDS_FIGURE, "Seconds to align and add a series in memory, over a plain addition."
        ),
        _file_words(results),
        _passes(results),
        _memory_figure(results),
        _workers(results),
    ]
    return ".. Written by python -m benchmarks.spectra.\n\n" + "\n".join(filter(None, parts))


def _of(rows: list[Any], key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


def _libraries(results: Results) -> str:
    versions = (f"{name} {version}" for name, version in results["libraries"].items() if version)
    return f"Files and clusters: {', '.join(versions)}.\n"


def _size_words(size: Any) -> str:
    (height, width), channels = size["shape"], size["channels"]
    return f"{size['frames']} frames of {height} x {width} x {channels} channels"


def _speed(results: Results, dtype: str) -> str:
    motions = _of(results["speed"], "motion")
    rows = []
    for method in _of(results["speed"], "method"):
        found = [speed_row(results, method, motion, dtype) for motion in motions]
        plain = [speed_row(results, PLAIN, motion, dtype) for motion in motions]
        cells = [
            MISSING
            if row is None
            else f"{seconds_words(row)} ({_times(row['seconds'] / other['seconds'])})"
            for row, other in zip(found, plain, strict=True)
        ]
        rows.append((method, *cells))
    title = (
        f"Seconds to align and add {_size_words(results['settings']['memory_series'])} in memory, "
        f"{dtype} (in brackets times the plain addition)"
    )
    return list_table(title, ("Displacements", *motions), rows)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def _scaled(results: Results) -> str:
    channels = results["settings"]["memory_series"]["channels"]
    timed = {row["timed_channels"] for row in results["speed"] if row["timed_channels"] != channels}
    if not timed:
        return ""
    words = " or ".join(map(str, sorted(timed)))
    return (
        f"What works channel by channel was timed on the first {words} channels, and scaled "
        f"to {channels}.\n"
    )


def _file_words(results: Results) -> str:
    file = results["file"]
    return (
        f"The file: a simulated EDS series of {_size_words(results['settings']['file_series'])}, "
        f"float32, {file['gigabytes']:.3g} GB, compressed by HyperSpy (.zspy) to "
        f"{file['on_disk']:.2g} GB, one chunk a frame. The system held it in its cache, so seconds "
        "are those of unpacking, not of the disk. Each pass was made once, in a process of its "
        "own, whose peak memory with all that it imports is given.\n"
    )


def _passes(results: Results) -> str:
    plain = pass_row(results, ADD)["seconds"]
    rows = [
        (
            row["method"],
            seconds_words(row),
            f"{row['frames'] / row['seconds']:.2f}",
            _times(row["seconds"] / plain),
            _gigabytes(row["peak"]),
        )
        for row in results["passes"]
    ]
    header = ("Pass", "Seconds", "Frames a second", "Times reading and adding", "Peak memory, GB")
    return list_table(f"{results['file']['gigabytes']:.3g} GB in a file", header, rows)


def _gigabytes(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}"


def _memory_figure(results: Results) -> str:
    if not any(row["samples"] for row in results["passes"]):
        return ""
    return figure(MEMORY_FIGURE, "Resident memory while the file is read.")


def _workers(results: Results) -> str:
    found = results["workers"]
    one = next((row["seconds"] for row in found if row["workers"] == 1), None)
    rows = [
        (
            _place(row["workers"]),
            seconds_words(row),
            MISSING if one is None else f"{one / row['seconds']:.2f}",
            _gigabytes(row["peak"]),
            _gigabytes(row["worker_peak"]),
        )
        for row in found
    ]
    header = (
        "Where",
        "Seconds",
        "Times as fast as one worker",
        "Peak here, GB",
        "Peak of a worker, GB",
    )
    title = (
        f"The first {found[0]['frames']} frames of the file, spline, with the processes of a "
        "dask.distributed LocalCluster, of one thread each (its start not counted)"
    )
    return list_table(title, header, rows)


def _place(workers: int) -> str:
    if not workers:
        return "no cluster, all cores"
    return "1 worker" if workers == 1 else f"{workers} workers"
