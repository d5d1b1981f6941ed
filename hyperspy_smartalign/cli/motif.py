"""``smartalign motif``: all repeats of a motif as a stack of tiles, of images and of spectra."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperspy_smartalign.cli.aligning import log_told
from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.describing import tiles_lines
from hyperspy_smartalign.cli.motif_inputs import Inputs, Loaded, load_all
from hyperspy_smartalign.cli.motif_options import (
    Outputs,
    motif_options,
    nonrigid_keywords,
    spectra_keywords,
)
from hyperspy_smartalign.cli.options import chosen, options
from hyperspy_smartalign.cli.preparing import check_options, preparing_options
from hyperspy_smartalign.cli.reading import (
    files_argument,
    load_alignment,
    loading_options,
    single_images_allowed,
)
from hyperspy_smartalign.cli.results import save
from hyperspy_smartalign.cli.writing import written_aside
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.signals.writing import check_outputs

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal


@click.pass_obj
def _motif(report: Reporter, /, files: tuple[str, ...], **given: Any) -> None:
    from hyperspy_smartalign.cli.figures import save_motif

    parameters = chosen(TemplateParameters, given)
    check_options(given)
    nonrigid = nonrigid_keywords(given)
    applying = spectra_keywords(given)
    if given["align"] and given["source"] is not None:
        raise click.UsageError(
            "--source is the raw series of one that is aligned already; leave --align out, or "
            "give the raw series as FILE."
        )
    inputs, outputs = Inputs.of(files, given), Outputs.beside(given["out"])
    check_outputs(outputs.wanted(given), overwrite=given["overwrite"], inputs=inputs.every)
    with _kept_if_cancelled(given["working_folder"], report):
        with single_images_allowed():
            loaded = load_all(inputs, given, report=report)
        with _written(outputs.of_tiles, inputs, given, report=report) as aside:
            tiles = _tiles(loaded, parameters, nonrigid, given, report=report)
            report.progress("Writing")
            with report.working():
                _write(tiles, aside(outputs.tiles), aside(outputs.average), report=report)
                tiles.smartalign.matches.to_csv(aside(outputs.matches))
                save_motif(tiles, loaded.searched, aside(outputs.figure))
    report.result("\n".join(tiles_lines(tiles)))
    if loaded.second is not None:
        with _written(outputs.of_second, inputs, given, report=report) as aside:
            second = _of_second(loaded.second, tiles, given, report=report)
            with report.working():
                paths = aside(outputs.second), aside(outputs.second_average)
                _write(second, *paths, report=report)
    if loaded.spectra is not None:
        _of_spectra(loaded.spectra, applying, given, outputs, report=report)
        report.progress(f"Wrote {outputs.spectra}")
    folder = given["working_folder"]
    if folder is not None:
        report.progress(
            f"What was found on the way is in {folder}; smartalign clean-up {folder} removes it."
        )


@contextlib.contextmanager
def _written(
    paths: Sequence[Path], inputs: Inputs, given: Mapping[str, Any], *, report: Reporter
) -> Iterator[Callable[[Path], Path]]:
    """Let files be written aside, put them in place, and say their names."""
    with written_aside(paths, overwrite=given["overwrite"], inputs=inputs.every) as aside:
        yield aside
    for path in paths:
        report.progress(f"Wrote {path}")


def _tiles(
    loaded: Loaded,
    parameters: TemplateParameters,
    nonrigid: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    report: Reporter,
) -> BaseSignal:
    working = {"show_progressbar": report.show_progressbar, "num_workers": given["workers"]}
    report.progress(f"Searching {loaded.searched!r}")
    with report.working(), log_told(report):
        tiles: BaseSignal = loaded.searched.template_match(
            loaded.template,
            **parameters.keywords(),
            search=given["search"],
            source=loaded.source,
            frames=given["frames"],
            working_folder=given["working_folder"],
            lazy_output=True if given["lazy"] else None,
            **working,
        )
        if len(tiles.smartalign.matches) == 1:
            raise ValueError(
                "the motif was found once only, so there is nothing to average. Lower "
                "--threshold, or give a smaller motif or more frames."
            )
        if given["nonrigid"]:
            report.progress(f"Aligning {len(tiles.smartalign.matches)} tiles")
            tiles = tiles.align_nonrigid(**nonrigid, **working)
    return tiles


def _of_second(
    second: BaseSignal, tiles: BaseSignal, given: Mapping[str, Any], *, report: Reporter
) -> BaseSignal:
    """The same tiles of a second detector."""
    report.progress(f"Cutting the same tiles out of {second!r}")
    with report.working():
        return second.apply_alignment(
            tiles,
            interpolation=given["interpolation"],
            show_progressbar=report.show_progressbar,
            num_workers=given["workers"],
        )


def _of_spectra(
    spectra: BaseSignal,
    applying: Mapping[str, Any],
    given: Mapping[str, Any],
    outputs: Outputs,
    *,
    report: Reporter,
) -> None:
    """Add up the tiles of spectra; this writes aside, and renames when all is done."""
    from hyperspy_smartalign.signals.spectra.checkpoints import working_folder

    # Read back, so that smartalign apply finds that its tiles are the same, and can go on.
    tiles = load_alignment(outputs.tiles)
    report.progress(f"Adding up the tiles of {spectra!r}")
    try:
        with report.working():
            spectra.apply_alignment(
                tiles,
                **applying,
                file=outputs.spectra,
                overwrite=given["overwrite"],
                show_progressbar=report.show_progressbar,
                num_workers=given["workers"],
            )
    except KeyboardInterrupt:
        if working_folder(outputs.spectra).exists():
            files = " ".join(map(shlex.quote, given["spectra"]))
            report.progress(
                "Cancelled. The tiles are written, and what was added up is kept. Go on with the "
                f"same options for spectra: smartalign apply {outputs.tiles} {files} "
                f"--out {outputs.spectra} --resume"
            )
        raise


def _write(tiles: BaseSignal, path: Path, average: Path, *, report: Reporter) -> None:
    """Write tiles and their average."""
    save(tiles, path, show_progressbar=report.show_progressbar)
    save(tiles.smartalign.average(), average, show_progressbar=report.show_progressbar)


@contextlib.contextmanager
def _kept_if_cancelled(folder: Path | None, report: Reporter) -> Iterator[None]:
    """Say how to go on after the user broke off."""
    try:
        yield
    except KeyboardInterrupt:
        if folder is not None and folder.exists():
            report.progress(
                f"Cancelled. What was found is kept in {folder}: the same command goes on there."
            )
        raise


motif = Command(
    "motif",
    callback=_motif,
    params=[
        files_argument(),
        *motif_options(),
        *loading_options(),
        *preparing_options(),
        *options(TemplateParameters),
    ],
    short_help="Gather all repeats of a motif.",
    help="""Find all repeats of a motif, and write them as a stack of tiles with its average.

    FILE is an image or a series: a stack, or single frames, a pattern or a folder, of any format
    HyperSpy reads. Series are searched frame by frame, or with --align in the average of their
    aligned frames. The same tiles are cut out of the images of a second detector, and out of
    spectrum images, whose tiles are added up. Frames are counted from 0. Where a description says
    None, leave the option out.

    smartalign motif Area3_*.dm4 --template 40,90,60,110 --out area3_tiles.hspy
    """,
)
