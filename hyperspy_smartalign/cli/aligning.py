"""What the commands that align a series share."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.cli.command import Reporter
from hyperspy_smartalign.cli.options import SectionOption
from hyperspy_smartalign.cli.reading import paths_of
from hyperspy_smartalign.cli.results import (
    RESULTS,
    average_of,
    check_weights,
    output_options,
    outputs_of,
    write_results,
)
from hyperspy_smartalign.cli.writing import (
    ALIGNMENT_SUFFIXES,
    FIGURE_SUFFIXES,
    OutputPath,
    written_aside,
)

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal


def result_options() -> list[SectionOption]:
    """Files to write: aligned series, average, figure and alignment."""
    return [
        *output_options(),
        SectionOption(
            ["--figure"],
            type=OutputPath(FIGURE_SUFFIXES),
            metavar="FILE",
            section=RESULTS,
            help="Figure with the averages before and after, and what was found "
            f"({', '.join(FIGURE_SUFFIXES)}).",
        ),
        SectionOption(
            ["--alignment"],
            type=OutputPath(ALIGNMENT_SUFFIXES),
            metavar="FILE",
            section=RESULTS,
            help="The alignment on its own (.npz), for smartalign apply or Alignment.load.",
        ),
    ]


def align_files(
    files: tuple[str, ...],
    given: Mapping[str, Any],
    align: Callable[[list[Path]], tuple[BaseSignal, BaseSignal]],
    *,
    report: Reporter,
    others: tuple[Path, ...] = (),
) -> None:
    """Align what files hold, write the results and say what was found.

    Parameters
    ----------
    files : tuple of str
        Files of the series.
    given : mapping
        Values of all options.
    align : callable
        Makes, from the paths of the files, the series that pixels were taken from and the result.
    report : Reporter
    others : tuple of Path
        Further files that are read, which no output may replace.
    """
    check_weights(given)
    paths = paths_of(files, sort=given["sort"])
    figure: Path | None = given["figure"]
    table: Path | None = given["alignment"]
    outputs = [*outputs_of(given), *(path for path in (figure, table) if path is not None)]
    inputs = [*paths, *others]
    with written_aside(outputs, overwrite=given["overwrite"], inputs=inputs) as aside:
        series, aligned = align(paths)
        write_results(aligned, given, aside, report=report)
        if table is not None:
            aligned.smartalign.alignment.save(aside(table))
        if figure is not None:
            from hyperspy_smartalign.cli.figures import save_summary

            report.progress("Drawing")
            with report.working():
                average = average_of(aligned, given["output"])
                save_summary(series, aligned, average, aside(figure))
    from hyperspy_smartalign.cli.describing import alignment_lines
    from hyperspy_smartalign.signals.recording import has_matches

    lines = alignment_lines(aligned.smartalign.alignment, of_tiles=has_matches(aligned))
    report.result("\n".join(lines))
    for path in outputs:
        report.progress(f"Wrote {path}")


@contextlib.contextmanager
def log_told(report: Reporter) -> Iterator[None]:
    """Pass on as progress what the package logs meanwhile."""
    logger = logging.getLogger("hyperspy_smartalign")
    handler = _Telling(report)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class _Telling(logging.Handler):
    def __init__(self, report: Reporter) -> None:
        super().__init__(logging.INFO)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report.progress(record.getMessage())
