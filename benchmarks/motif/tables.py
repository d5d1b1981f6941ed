"""The results as reStructuredText."""

from __future__ import annotations

from typing import Any

from benchmarks.command import Results
from benchmarks.motif.figures import ERROR_FIGURE, SCORE_FIGURE
from benchmarks.motif.speed import DOSE
from benchmarks.motif.targets import TARGETS
from benchmarks.rst import (
    MISSING,
    figure,
    list_table,
    machine_words,
    megabytes_words,
    seconds_words,
    significant,
    targets_table,
)


def render(results: Results) -> str:
    """All tables, as a page fragment without a title."""
    parts = [
        machine_words(results),
        targets_table(results, TARGETS),
        _speed(results),
        _recall(results),
        _errors(results),
        figure(
            ERROR_FIGURE,
            "Left, error of the positions of tiles over its bound. Right, repeats that were not "
            "found.",
        ),
        figure(
            SCORE_FIGURE,
            "Median score of the matches: a region of one noisy frame as motif, and the motif "
            "refined by averaging its repeats.",
        ),
        _distortions(results),
        _memory(results),
    ]
    return ".. Written by python -m benchmarks.motif.\n\n" + "\n".join(filter(None, parts))


def _speed(results: Results) -> str:
    rows = []
    first = results["speed"][0]
    for row in results["speed"]:
        rows.append(
            (
                row["method"],
                f"{seconds_words(row)} ({row['seconds'] / first['seconds']:.2f})",
                seconds_words({"seconds": row["processor_seconds"]}),
                MISSING if row["threshold"] is None else f"{row['threshold']:.2f}",
                str(row["tiles"]),
                f"{100 * row['recall']:.1f} %",
                str(row["false"]),
                _error(row),
            )
        )
    height, width = first["shape"]
    motif = results["settings"]["speed_motif"]["shape"]
    title = (
        f"From {first['frames']} frames of {height} x {width} px to all tiles of {motif[0]} x "
        f"{motif[1]} px like a region of the first frame, {DOSE:g} counts a pixel"
    )
    header = (
        "Method",
        "Seconds (times the first)",
        "Of all threads",
        "Threshold",
        "Tiles",
        "Recall",
        "False",
        "Error, px (times the bound)",
    )
    return list_table(title, header, rows)


def _error(row: Any) -> str:
    if row["error"] is None:
        return MISSING
    return f"{significant(row['error'])} ({row['error'] / row['bound']:.2f})"


def _over_dose(results: Results, title: str, words: Any) -> str:
    doses = sorted({row["dose"] for row in results["trials"]}, reverse=True)
    found = {(row["motif"], row["dose"]): row for row in results["trials"]}
    motifs = dict.fromkeys(row["motif"] for row in results["trials"])
    rows = [(name, *(words(found[name, dose]) for dose in doses)) for name in motifs]
    header = ("Peak counts a pixel", *(f"{dose:g}" for dose in doses))
    return list_table(title, header, rows)


def _recall(results: Results) -> str:
    settings = results["settings"]
    title = (
        f"Recall in {settings['frames']} frames of {settings['shape'][0]} x "
        f"{settings['shape'][1]} px, worst of {settings['seeds']} series (false matches among all "
        "tiles)"
    )
    return _over_dose(
        results, title, lambda row: f"{100 * row['recall']:.1f} % ({row['false']} / {row['tiles']})"
    )


def _errors(results: Results) -> str:
    title = "Error of the position of a tile: rms px an axis (times the Cramér-Rao bound)"
    return _over_dose(results, title, _error)


def _distortions(results: Results) -> str:
    rows = [
        (
            f"{row['dose']:g}",
            str(row["tiles"]),
            significant(row["before"]),
            significant(row["after"]),
            significant(row["bound"]),
            f"{row['ratio']:.2f}",
            MISSING if row["predicted"] is None else significant(row["predicted"]),
        )
        for row in results["distortions"]
    ]
    header = (
        "Peak counts a pixel",
        "Tiles",
        "Rows before, px",
        "After, px",
        "Bound with prior, px",
        "After / bound",
        "Predicted, px",
    )
    height, width = results["settings"]["tile_motif"]["shape"]
    title = (
        f"Non-rigid alignment of tiles of {height} x {width} px from one frame whose rows are off "
        "by 0.5 px rms: error of the rows, less what is common to all tiles, rms px an axis"
    )
    return list_table(title, header, rows) if rows else ""


def _memory(results: Results) -> str:
    rows = [
        (
            row["method"],
            str(row["frames"]),
            f"{row['shape'][0]} x {row['shape'][1]}",
            megabytes_words(row),
        )
        for row in results["memory"]
    ]
    header = ("Motif", "Frames", "Shape", "MB (times the series)")
    title = "Peak memory of template_match on a series that stays in its file, beyond the tiles"
    return list_table(title, header, rows) if rows else ""
