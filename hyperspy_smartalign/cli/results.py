"""Options for what commands write, and the writing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperspy_smartalign.cli.command import Reporter
from hyperspy_smartalign.cli.options import SectionOption
from hyperspy_smartalign.cli.writing import AVERAGE_SUFFIXES, SERIES_SUFFIXES, OutputPath

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

RESULTS = "Results"
"""Heading of the options for what is written."""


def output_options() -> list[SectionOption]:
    """Files that align commands write, and whether they may replace others."""
    return [
        out_option("The aligned series, with its alignment"),
        _average(f"The average of the aligned frames ({', '.join(AVERAGE_SUFFIXES)})."),
        SectionOption(
            ["--average-weights"],
            type=click.Choice(["quality", "damage"]),
            section=RESULTS,
            help="Weights of the frames in --average: by their quality, or at each spatial "
            "frequency by what damage has left of it. All alike if not given.",
        ),
        *working_options(),
    ]


def applying_options() -> list[SectionOption]:
    """Files that apply writes, of images or of spectra."""
    return [
        out_option(
            "The aligned series; of spectra the sum of the aligned frames, if --output says "
            "nothing else. With the alignment"
        ),
        _average(f"For images: the average of the aligned frames ({', '.join(AVERAGE_SUFFIXES)})."),
        SectionOption(
            ["--navigator"],
            type=OutputPath(AVERAGE_SUFFIXES),
            metavar="FILE",
            section=RESULTS,
            help="For spectra: the image of the sums over the channels "
            f"({', '.join(AVERAGE_SUFFIXES)}).",
        ),
        SectionOption(
            ["--resume"],
            is_flag=True,
            section=RESULTS,
            help="For spectra: go on from the last finished frame, if the same command was broken "
            "off before.",
        ),
        *working_options(),
    ]


def out_option(description: str) -> SectionOption:
    """The file that a command writes, of a format that keeps everything a signal knows."""
    return SectionOption(
        ["-o", "--out"],
        required=True,
        type=OutputPath(SERIES_SUFFIXES),
        metavar="FILE",
        section=RESULTS,
        help=f"{description} ({', '.join(SERIES_SUFFIXES)}).",
    )


def _average(description: str) -> SectionOption:
    return SectionOption(
        ["--average"],
        type=OutputPath(AVERAGE_SUFFIXES),
        metavar="FILE",
        section=RESULTS,
        help=description,
    )


def working_options() -> list[SectionOption]:
    """Whether files may be replaced, and how many threads work."""
    return [
        SectionOption(
            ["--overwrite"],
            is_flag=True,
            section=RESULTS,
            help="Replace output files that exist.",
        ),
        SectionOption(
            ["--workers"],
            type=click.IntRange(min=1),
            metavar="INTEGER",
            section="Working",
            help="Number of threads. All cores if not given.",
        ),
    ]


def outputs_of(given: Mapping[str, Any]) -> list[Path]:
    """The files with signals that the options of a command ask for."""
    paths = (given[name] for name in ("out", "average", "navigator") if name in given)
    return [path for path in paths if path is not None]


def write_results(
    aligned: BaseSignal,
    given: Mapping[str, Any],
    aside: Callable[[Path], Path],
    *,
    report: Reporter,
) -> None:
    """Write the aligned series and its average.

    Parameters
    ----------
    aligned : BaseSignal
        Result of a verb.
    given : mapping
        Values of the options.
    aside : callable
        Path to write under, from the path of an output.
    report : Reporter
    """
    report.progress("Writing")
    with report.working():
        save(aligned, aside(given["out"]), show_progressbar=report.show_progressbar)
        if given["average"] is not None:
            save(
                average_of(aligned, given["output"], weights=given.get("average_weights")),
                aside(given["average"]),
                show_progressbar=report.show_progressbar,
            )


def check_weights(given: Mapping[str, Any]) -> None:
    """Refuse weights of an average that is not made.

    Raises
    ------
    click.UsageError
        There is no average of frames to write.
    """
    weights = given["average_weights"]
    if weights is None:
        return
    if given["average"] is None:
        raise click.UsageError(f"--average-weights {weights} needs --average FILE to write to.")
    if given["output"] not in ("auto", "series"):
        raise click.UsageError(
            f"--average-weights {weights} weights aligned frames, and --output {given['output']} "
            "keeps none. Leave --output out."
        )


def average_of(aligned: BaseSignal, output: str, *, weights: str | None = None) -> BaseSignal:
    """The average of the frames that were not excluded.

    Parameters
    ----------
    aligned : BaseSignal
        Result of a verb.
    output : {"auto", "series", "average", "sum"}
        What the verb was asked for.
    weights : {"quality", "damage"}, optional
        Of a series; see ``signal.smartalign.average``.
    """
    if output in ("auto", "series"):
        return aligned.smartalign.average(weights=weights)
    if output == "average":
        return aligned
    from hyperspy_smartalign.signals.averaging import average_of_sum
    from hyperspy_smartalign.signals.provenance.noting import note

    average = average_of_sum(aligned)
    note(average, "average_of_sum", {"signal": aligned}, {})
    return average


def navigator_of(result: BaseSignal) -> BaseSignal:
    """The image of a signal with channels: the sums over them.

    Parameters
    ----------
    result : BaseSignal
        Sum, average or series of spectrum images. It may be lazy.
    """
    if result.navigator is not None:
        return result.navigator
    image = result.sum(axis=result.axes_manager.signal_axes)
    return image.as_signal2D((0, 1))


def save(signal: BaseSignal, path: Path, *, show_progressbar: bool = False) -> None:
    """Save a signal; asks nothing, and shows progress only of what is computed meanwhile."""
    from hyperspy_smartalign.signals.saving import save_signal

    options: dict[str, bool] = {}
    if signal._lazy:
        if path.suffix.lower() in SERIES_SUFFIXES:
            options["show_progressbar"] = show_progressbar
        else:
            # This writer takes no such option, so the pixels are computed before.
            signal = signal.deepcopy()
            signal.compute(show_progressbar=show_progressbar)
    save_signal(signal, path, **options)
