"""``smartalign apply``: give other signals of the same scan the alignment of the first."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.options import SectionOption, chosen, options
from hyperspy_smartalign.cli.preparing import prepared_alike
from hyperspy_smartalign.cli.reading import (
    files_argument,
    load_alignment,
    load_other,
    loading_options,
    paths_of,
    single_images_allowed,
)
from hyperspy_smartalign.cli.results import (
    applying_options,
    navigator_of,
    outputs_of,
    save,
    write_results,
)
from hyperspy_smartalign.cli.writing import written_aside
from hyperspy_smartalign.parameters import ApplyParameters
from hyperspy_smartalign.signals.writing import check_outputs

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.transforms.alignment import Alignment


@click.pass_obj
def _apply(report: Reporter, /, aligned: str, files: tuple[str, ...], **given: Any) -> None:
    from hyperspy_smartalign.signals.targets import holds_spectra

    chosen(ApplyParameters, given)
    paths = paths_of(files, sort=given["sort"])
    (source,) = paths_of([aligned])
    inputs = [source, *paths]
    outputs = outputs_of(given)
    check_outputs(outputs, overwrite=given["overwrite"], inputs=inputs)
    report.progress(f"Reading the alignment in {source}")
    with report.working():
        alignment = load_alignment(Path(source))
    n_frames, steps = _frames_and_steps(alignment)
    one = single_images_allowed() if n_frames == 1 else contextlib.nullcontext()
    with one:
        series = load_other(paths, given, n_frames=n_frames, report=report)
    if given["as_aligned"]:
        series = prepared_alike(series, steps, report=report)
    if holds_spectra(series):
        _apply_to_spectra(series, alignment, given, inputs=inputs, report=report)
    else:
        _apply_to_images(series, alignment, given, inputs=inputs, report=report)
    for path in outputs:
        report.progress(f"Wrote {path}")


def _frames_and_steps(alignment: Alignment | BaseSignal) -> tuple[int, Sequence[Mapping[str, Any]]]:
    """Number of frames that were aligned or searched, and what was done before."""
    from hyperspy_smartalign.signals import recording
    from hyperspy_smartalign.transforms.alignment import Alignment

    if isinstance(alignment, Alignment):
        return alignment.n_frames, alignment.steps
    if not recording.has_matches(alignment):
        known = recording.alignment_of(alignment)
        return known.n_frames, known.steps
    return alignment.smartalign.matches.parent.n_frames, recording.steps_of(alignment)


def _apply_to_images(
    series: BaseSignal,
    alignment: Alignment | BaseSignal,
    given: Mapping[str, Any],
    *,
    inputs: list[Path],
    report: Reporter,
) -> None:
    for option in ("navigator", "resume"):
        if given[option]:
            raise click.UsageError(f"--{option} is for spectra, and {series!r} holds images.")
    outputs = outputs_of(given)
    with written_aside(outputs, overwrite=given["overwrite"], inputs=inputs) as aside:
        report.progress("Applying the alignment")
        with report.working():
            result = series.apply_alignment(alignment, **_keywords(given, report))
        write_results(result, given, aside, report=report)


def _apply_to_spectra(
    series: BaseSignal,
    alignment: Alignment | BaseSignal,
    given: Mapping[str, Any],
    *,
    inputs: list[Path],
    report: Reporter,
) -> None:
    if given["average"] is not None:
        raise click.UsageError(
            f"--average is for images, and {series!r} holds spectra; use --output average for "
            "spectra, --navigator FILE for an image."
        )
    images = [] if given["navigator"] is None else [given["navigator"]]
    with written_aside(images, overwrite=given["overwrite"], inputs=inputs) as aside:
        report.progress(f"Applying the alignment to {series!r}")
        with report.working():
            result = _into_file(series, alignment, given, report=report)
        for path in images:
            report.progress("Writing the navigator")
            with report.working():
                save(
                    navigator_of(result),
                    aside(path),
                    show_progressbar=report.show_progressbar,
                )


def _into_file(
    series: BaseSignal,
    alignment: Alignment | BaseSignal,
    given: Mapping[str, Any],
    *,
    report: Reporter,
) -> BaseSignal:
    """The verb, which writes aside, renames when all is done, and keeps its state meanwhile."""
    from hyperspy_smartalign.signals.spectra.checkpoints import working_folder

    try:
        return series.apply_alignment(
            alignment,
            **_keywords(given, report),
            file=given["out"],
            resume=given["resume"],
            overwrite=given["overwrite"],
        )
    except KeyboardInterrupt:
        if working_folder(given["out"]).exists():
            report.progress("Cancelled. What is done is kept: go on with --resume.")
        raise


def _keywords(given: Mapping[str, Any], report: Reporter) -> dict[str, Any]:
    return {
        **chosen(ApplyParameters, given).keywords(),
        "show_progressbar": report.show_progressbar,
        "num_workers": given["workers"],
    }


apply = Command(
    "apply",
    callback=_apply,
    params=[
        click.Argument(["aligned"], metavar="ALIGNED"),
        files_argument(),
        *applying_options(),
        *loading_options(lazy_spectra=True),
        SectionOption(
            ["--as-aligned/--as-stored"],
            default=True,
            show_default=True,
            section="Frames",
            help="Choose, turn and resample the frames as was done before ALIGNED was aligned, "
            "or take them as they are stored. Files that record such a step are left alone.",
        ),
        *options(ApplyParameters),
    ],
    short_help="Align another detector likewise.",
    help="""Apply an alignment to images or spectra that were recorded in the same scan.

    ALIGNED is what smartalign rigid or nonrigid wrote: the aligned series or the alignment
    (.npz); or what smartalign motif wrote: the same tiles are then cut out of FILE. FILE is the
    series of the other detector: images as for smartalign rigid, or spectrum images, in one file
    or a file a frame. Spectra are read frame by frame, and added up. Where files hold several
    signals, the one series of spectra is taken, else the one of images; --signal chooses.
    """,
)
