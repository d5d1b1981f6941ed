"""Input files: which, in which order, and which of the signals they hold."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperspy_smartalign.cli.command import Reporter
from hyperspy_smartalign.cli.options import SectionOption

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.transforms.alignment import Alignment

_SECTION = "Files"


def files_argument() -> click.Argument:
    """Files, patterns or folders."""
    return click.Argument(["files"], nargs=-1, required=True, metavar="FILE...")


def loading_options() -> list[SectionOption]:
    """Options that say how files become a series."""
    return [
        SectionOption(
            ["--signal"],
            metavar="NAME|INDEX",
            section=_SECTION,
            help="Detector to take where files hold several: its name, or its place from 0.",
        ),
        SectionOption(
            ["--lazy"],
            is_flag=True,
            section=_SECTION,
            help="Leave pixels on disk until they are needed, for series larger than memory.",
        ),
        SectionOption(
            ["--stack"],
            is_flag=True,
            section=_SECTION,
            help="Make each file one step of a new axis, also where files hold series.",
        ),
        SectionOption(
            ["--sort/--no-sort"],
            default=True,
            show_default=True,
            section=_SECTION,
            help="Sort files by name, numbers as numbers (2 before 10), not as a shell does. "
            "Otherwise they are taken in the order given.",
        ),
        SectionOption(
            ["--reader", "reader"],
            type=_setting,
            multiple=True,
            metavar="KEY=VALUE",
            section=_SECTION,
            help="Option of HyperSpy's reader, such as sum_frames=False. Can be repeated.",
        ),
    ]


def paths_of(files: Sequence[str], *, sort: bool = True) -> list[Path]:
    """Files that names, patterns and folders stand for, in the order of the series."""
    from hyperspy_smartalign.series.ordering import expand_files, natural_order

    paths = expand_files(list(files))
    return natural_order(paths) if sort else paths


def load(paths: Sequence[Path], given: Mapping[str, Any], *, report: Reporter) -> BaseSignal:
    """The series in some files.

    Parameters
    ----------
    paths : sequence of Path
        The files, in order.
    given : mapping
        Values of the loading options.
    report : Reporter

    Raises
    ------
    ValueError
        The files hold several signals, and it is not clear which one is meant.
    """
    from hyperspy_smartalign.signals.loading import load_series

    wanted = given["signal"]
    if wanted is not None and wanted.isdecimal():
        wanted = int(wanted)
    report.progress(f"Reading {_listed(paths)}")
    with report.working():
        loaded = load_series(
            paths,
            signal=wanted,
            lazy=given["lazy"],
            stack=True if given["stack"] else None,
            **dict(given["reader"]),
        )
    return _only_one(loaded) if isinstance(loaded, dict) else loaded


def load_alignment(path: Path) -> Alignment:
    """The alignment in an .npz file, or the one that the signal in a file carries.

    Raises
    ------
    ValueError
        The file cannot be read, holds several signals, or carries no alignment.
    """
    from hyperspy_smartalign.signals.loading import load_series
    from hyperspy_smartalign.transforms.alignment import Alignment

    if path.suffix.lower() == ".npz":
        return Alignment.load(path)
    (signal,) = load_series(path, lazy=True, stack=False)
    if isinstance(signal, dict):
        raise ValueError(
            f"{str(path)!r} holds {len(signal)} signals; give a file that smartalign rigid wrote."
        )
    return Alignment.from_signal(signal)


def _setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE, with a value as Python writes it; other text stays text."""
    key, equals, value = text.partition("=")
    if not (equals and key.isidentifier()):
        raise click.BadParameter(f"{text!r} is not KEY=VALUE, such as sum_frames=False.")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return key, value


def _only_one(signals: Mapping[str, BaseSignal]) -> BaseSignal:
    images = [signal for signal in signals.values() if signal.axes_manager.signal_dimension == 2]
    if len(images) == 1:
        return images[0]
    listed = ", ".join(f"{place}: {name!r}" for place, name in enumerate(signals))
    raise ValueError(
        f"the files hold {len(signals)} signals ({listed}); choose one with --signal NAME or its "
        "number."
    )


def _listed(paths: Sequence[Path]) -> str:
    if len(paths) == 1:
        return str(paths[0])
    return f"{len(paths)} files, {paths[0].name} to {paths[-1].name}"
