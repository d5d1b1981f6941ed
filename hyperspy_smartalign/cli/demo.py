"""``smartalign demo``: a simulated series from beginning to end, against the truth."""

from __future__ import annotations

from pathlib import Path

import click

from hyperspy_smartalign.cli.command import Command, Reporter
from hyperspy_smartalign.cli.writing import check_folder, written_aside

FILES = (
    "series.hspy",
    "second.hspy",
    "aligned.hspy",
    "second_aligned.hspy",
    "average.tif",
    "summary.png",
)


@click.pass_obj
def _demo(
    report: Reporter,
    /,
    output: Path,
    frames: int,
    dose: float,
    size: int,
    seed: int,
    overwrite: bool,
) -> None:
    from hyperspy_smartalign.cli import trial
    from hyperspy_smartalign.cli.figures import save_summary
    from hyperspy_smartalign.cli.results import save

    check_folder(output.parent)
    output.mkdir(exist_ok=True)
    paths = [output / name for name in FILES]
    with written_aside(paths, overwrite=overwrite) as aside:
        hidden = [aside(path) for path in paths]
        report.progress(f"Simulating {frames} frames of {size} x {size} px, {dose:g} counts/px")
        simulated = trial.simulate(frames=frames, dose=dose, size=size, seed=seed)
        with report.working():
            save(simulated.series, hidden[0])
            save(simulated.second, hidden[1])
        report.progress("Aligning")
        with report.working():
            aligned = simulated.series.align_rigid(show_progressbar=report.show_progressbar)
        report.progress("Giving the second detector the same alignment")
        with report.working():
            second = simulated.second.apply_alignment(aligned, show_progressbar=False)
            save(aligned, hidden[2])
            save(second, hidden[3])
            average = aligned.smartalign.average()
            save(average, hidden[4])
        report.progress("Drawing")
        with report.working():
            save_summary(simulated.series, aligned, average, hidden[5])
        outcome = trial.Outcome.of(simulated.truth, aligned.smartalign.alignment)
    report.result(outcome.table())
    report.result(outcome.summary())
    for path in paths:
        report.progress(f"Wrote {path}")
    if outcome.verdict:
        raise click.ClickException(outcome.verdict)


demo = Command(
    "demo",
    callback=_demo,
    params=[
        click.Option(
            ["-o", "--output"],
            type=click.Path(file_okay=False, path_type=Path),
            default=Path("smartalign_demo"),
            show_default=True,
            help="Folder for the files; made if it does not exist, but not its parents.",
        ),
        click.Option(
            ["--frames"],
            type=click.IntRange(2, 1000),
            default=40,
            show_default=True,
            help="Number of frames.",
        ),
        click.Option(
            ["--dose"],
            type=click.FloatRange(0, 1e5, min_open=True),
            default=2.0,
            show_default=True,
            help="Counts a pixel on the strongest column. Unit cells are lost below about 0.2.",
        ),
        click.Option(
            ["--size"],
            type=click.IntRange(64, 4096),
            default=256,
            show_default=True,
            help="Rows and columns of a frame.",
        ),
        click.Option(
            ["--seed"],
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="Seed of flaws, drift and noise.",
        ),
        click.Option(["--overwrite"], is_flag=True, help="Replace files of an earlier demo."),
    ],
    short_help="Try it on a simulated series.",
    help="""Simulate a drifting low-dose series, align it, and compare with the truth.

    Writes the series of two detectors, both aligned series, the average and a figure, and prints
    the shifts found next to the true ones, their error and the smallest error that the noise
    allows (the Cramer-Rao bound). Fails if a frame is off by a lattice vector, or if the error is
    more than 1.5 times the bound.
    """,
)
