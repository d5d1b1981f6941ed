"""The group of commands, and the entry point."""

from __future__ import annotations

import os

import click

from hyperspy_smartalign import __version__
from hyperspy_smartalign.cli.apply import apply
from hyperspy_smartalign.cli.cleaning import clean_up
from hyperspy_smartalign.cli.demo import demo
from hyperspy_smartalign.cli.info import info
from hyperspy_smartalign.cli.motif import motif
from hyperspy_smartalign.cli.nonrigid import nonrigid
from hyperspy_smartalign.cli.quality import quality
from hyperspy_smartalign.cli.report import report
from hyperspy_smartalign.cli.rerun import rerun
from hyperspy_smartalign.cli.rigid import rigid

_EPILOG = """\
Exit codes: 0 done, 1 failed (one line says why), 2 wrong usage. Results go to the standard
output, progress and warnings to the standard error.
"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="smartalign")
def smartalign() -> None:
    """Align series of microscope images, gather repeats of a motif, and look at the result.

    "smartalign demo" shows on a simulated series what the package does.
    """


for _command in (demo, info, rigid, nonrigid, motif, apply, rerun, quality, report, clean_up):
    smartalign.add_command(_command)


def main() -> None:
    """Run the command line; does not return."""
    # No window is ever opened, so figures need no display.
    os.environ.setdefault("MPLBACKEND", "Agg")
    smartalign(prog_name="smartalign")
