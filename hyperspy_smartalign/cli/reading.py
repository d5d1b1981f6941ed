"""Input files: which, in which order, and which of the signals they hold."""

from __future__ import annotations

import ast
import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
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


def loading_options(*, lazy_spectra: bool = False) -> list[SectionOption]:
    """Options that say how files become a series.

    Parameters
    ----------
    lazy_spectra : bool
        Leave the pixels of spectrum images on disk if nothing else is asked for.
    """
    if lazy_spectra:
        lazy = SectionOption(
            ["--lazy/--in-memory"],
            default=None,
            section=_SECTION,
            help="Leave pixels on disk until they are needed, or read them all at once. Not "
            "given: spectra are left, images are read.",
        )
    else:
        lazy = SectionOption(
            ["--lazy"],
            is_flag=True,
            section=_SECTION,
            help="Leave pixels on disk until they are needed, for series larger than memory.",
        )
    return [
        SectionOption(
            ["--signal"],
            metavar="NAME|INDEX",
            section=_SECTION,
            help="Detector to take where files hold several: its name, or its place from 0.",
        ),
        lazy,
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
        reader_option("--reader", section=_SECTION),
    ]


def reader_option(name: str, *, section: str, of: str = "HyperSpy's reader") -> SectionOption:
    """Option for what a reader of files is told."""
    return SectionOption(
        [name],
        type=_setting,
        multiple=True,
        metavar="KEY=VALUE",
        section=section,
        help=f"Option of {of}, such as sum_frames=False. Can be repeated.",
    )


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

    report.progress(f"Reading {_listed(paths)}")
    with report.working():
        loaded = load_series(
            paths,
            signal=_name_or_place(given["signal"]),
            lazy=given["lazy"],
            stack=True if given["stack"] else None,
            **dict(given["reader"]),
        )
    return _only_image(loaded) if isinstance(loaded, dict) else loaded


def load_image(path: Path, *, report: Reporter) -> Any:
    """The one image in a file: a signal, or the array in an .npy file.

    Raises
    ------
    ValueError
        The file cannot be read, or holds several images.
    """
    from hyperspy_smartalign.signals.loading import load_series

    report.progress(f"Reading {path}")
    if path.suffix.lower() == ".npy":
        from hyperspy_smartalign.series.array_file import read_array

        return read_array(path)
    with report.working():
        (loaded,) = load_series(path, stack=False)
    return _only_image(loaded) if isinstance(loaded, dict) else loaded


def load_other(
    paths: Sequence[Path],
    given: Mapping[str, Any],
    *,
    n_frames: int,
    report: Reporter,
) -> BaseSignal:
    """The series in some files that an alignment is to be applied to.

    Spectra stay on disk, and images are read, if the options do not say.

    Parameters
    ----------
    paths : sequence of Path
        The files, in order.
    given : mapping
        Values of the loading options.
    n_frames : int
        Number of frames of the alignment.
    report : Reporter

    Raises
    ------
    ValueError
        The files hold several signals, and it is not clear which one is meant; or one spectrum
        image, where the alignment has more frames.
    """
    from hyperspy_smartalign.signals.targets import load_target

    report.progress(f"Reading {_listed(paths)}")
    with report.working():
        return load_target(
            paths,
            n_frames=n_frames,
            signal=_name_or_place(given["signal"]),
            lazy=given["lazy"],
            stack=True if given["stack"] else None,
            reader=dict(given["reader"]),
        )


def load_alignment(path: Path) -> Alignment | BaseSignal:
    """The alignment in an .npz file, or the signal in a file that carries one; or a stack of tiles.

    Raises
    ------
    ValueError
        The file cannot be read, holds several signals, or carries no alignment and no tiles.
    """
    from hyperspy_smartalign.signals import recording
    from hyperspy_smartalign.signals.loading import load_series
    from hyperspy_smartalign.transforms.alignment import Alignment

    if path.suffix.lower() == ".npz":
        return Alignment.load(path)
    (signal,) = load_series(path, lazy=True, stack=False)
    if isinstance(signal, dict):
        raise ValueError(
            f"{str(path)!r} holds {len(signal)} signals; give a file that smartalign rigid wrote."
        )
    if not recording.has_matches(signal):
        Alignment.from_signal(signal)
    # The signal itself knows how its alignment was found.
    return signal


@contextlib.contextmanager
def single_images_allowed() -> Iterator[None]:
    """Say nothing of series of one frame, which cannot be aligned, but searched."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*the series has one frame")
        yield


def _setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE, with a value as Python writes it; other text stays text."""
    key, equals, value = text.partition("=")
    if not (equals and key.isidentifier()):
        raise click.BadParameter(f"{text!r} is not KEY=VALUE, such as sum_frames=False.")
    try:
        return key, ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        # Text that is no value, or that is nested too deeply to be one.
        return key, value


def _name_or_place(signal: str | None) -> str | int | None:
    return int(signal) if signal is not None and signal.isdecimal() else signal


def _only_image(signals: Mapping[str, BaseSignal]) -> BaseSignal:
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
