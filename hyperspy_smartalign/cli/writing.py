"""Paths of files to write, as options of commands."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

from hyperspy_smartalign.signals.writing import (
    SIGNAL_SUFFIXES,
    check_folder,
    check_outputs,
    written_aside,
)

__all__ = [
    "ALIGNMENT_SUFFIXES",
    "AVERAGE_SUFFIXES",
    "FIGURE_SUFFIXES",
    "SERIES_SUFFIXES",
    "OutputPath",
    "check_folder",
    "check_outputs",
    "written_aside",
]

SERIES_SUFFIXES = SIGNAL_SUFFIXES
AVERAGE_SUFFIXES = (*SIGNAL_SUFFIXES, ".tif", ".tiff")
FIGURE_SUFFIXES = (".png", ".pdf", ".svg")
ALIGNMENT_SUFFIXES = (".npz",)


class OutputPath(click.Path):
    """Path of a file to write, of one of a few suffixes."""

    def __init__(self, suffixes: Sequence[str]) -> None:
        super().__init__(path_type=Path)
        self.suffixes = tuple(suffixes)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """The path, if its suffix is one of those allowed."""
        path = Path(value)
        if path.suffix.lower() not in self.suffixes:
            self.fail(f"{str(path)!r} must end in {' or '.join(self.suffixes)}.", param, ctx)
        return path
