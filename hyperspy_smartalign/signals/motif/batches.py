"""template_match over files, or over signals of a frame each."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.ordering import expand_files
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.loading import load_series
from hyperspy_smartalign.signals.loading_some import load_some
from hyperspy_smartalign.signals.motif import finding
from hyperspy_smartalign.signals.motif.searched_frames import FrameFiles
from hyperspy_smartalign.signals.motif.searching import images_of
from hyperspy_smartalign.signals.motif.straining import unit_cell
from hyperspy_smartalign.signals.motif.templates import UNIT_CELL
from hyperspy_smartalign.signals.retelling import retold
from hyperspy_smartalign.signals.targets import are_signals, holds_spectra, stacked
from hyperspy_smartalign.signals.telling import gathered, tell

# From template_match here, up to the caller of the function in _functions.py.
_USER = 3
# What load_series says of one image, in which a motif can be searched all the same.
_ONE_FRAME = "the series has one frame"


def template_match(
    target: Any,
    template: Any,
    *,
    frames: Sequence[int] | None = None,
    working_folder: str | os.PathLike[str] | None = None,
    signal: str | int | None = None,
    reader: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Find the repeats of a motif in a signal or in files.

    The parameters are those of `hyperspy_smartalign.template_match`.
    """
    keywords |= {"frames": frames, "working_folder": working_folder}
    with retold(_USER):
        if isinstance(target, BaseSignal) or are_signals(target):
            for name, value in (("signal", signal), ("reader", reader)):
                if value is not None:
                    raise TypeError(f"{name}= says how files are read, and the target is no file.")
            series = target if isinstance(target, BaseSignal) else stacked(target)
            return finding.template_match(series, template, **keywords)
        paths = expand_files(target)
        needed = None if keywords.get("search") == "average" else _numbers(frames, len(paths))
        series, files = load_images(paths, needed=needed, signal=signal, reader=reader)
        if needed and isinstance(template, str) and template == UNIT_CELL:
            template = _unit_cell(series, min(needed), len(paths))
        return finding.template_match(series, template, files=files, **keywords)


def load_images(
    paths: Sequence[Path],
    *,
    needed: Collection[int] | None = None,
    signal: str | int | None = None,
    reader: Mapping[str, Any] | None = None,
) -> tuple[BaseSignal, FrameFiles]:
    """The images in some files as one series, on disk until they are needed.

    Parameters
    ----------
    paths : sequence of Path
        The files, in order.
    needed : collection of int, optional
        Numbers of the frames that take part. Where each file holds one frame, and the series was
        not aligned before, the files of the others are not opened. None: all.
    signal : str or int, optional
        Which signal to take where files hold several. None takes the only one of images.
    reader : mapping, optional
        Options of `load_series` and of HyperSpy's reader.

    Returns
    -------
    series : Signal2D
    files : FrameFiles
        Where its frames are from.

    Raises
    ------
    ValueError
        The files hold several series of images, and it is not clear which one is meant.
    NotASeriesError
        They hold no images.
    """
    options: dict[str, Any] = {"signal": signal, **(reader or {})}
    with gathered() as caught:
        try:
            series = _loaded(paths, needed, lazy=True, **options)
        except ValueError:  # also formats whose readers cannot do that
            series = _loaded(paths, needed, lazy=False, **options)
    for warning in caught:
        if _ONE_FRAME not in str(warning.message):
            tell(warning.message, warning.category, stacklevel=_USER)
    n_frames = len(images_of(series))
    return series, FrameFiles(tuple(paths), n_frames, options)


def _loaded(
    paths: Sequence[Path], needed: Collection[int] | None, *, lazy: bool, **options: Any
) -> BaseSignal:
    """The images in some files, with those opened that are needed."""
    if needed:
        some = load_some(paths, needed, lazy=lazy, **options)
        if some is not None:
            series = _images_among(some)
            # The average of an aligned series is that of all frames.
            if not recording.has_alignment(series):
                return series
    return _images_among(load_series(paths, lazy=lazy, **options))


def _numbers(frames: Any, n_files: int) -> list[int] | None:
    """Those of the given numbers that can be numbers of files; None where all are needed.

    Whether they are right is for the search to say, which knows how many frames there are.
    """
    if frames is None:
        return None
    numbers = np.atleast_1d(np.asarray(frames))
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
        return None
    return [number for number in numbers.tolist() if 0 <= number < n_files] or None


def _unit_cell(series: BaseSignal, number: int, n_files: int) -> BaseSignal:
    """One unit cell, of the first frame that takes part where each file holds one frame."""
    alone = len(images_of(series)) == n_files > 1 and not recording.has_alignment(series)
    return unit_cell(series.inav[number] if alone else series)


def _images_among(loaded: Any) -> BaseSignal:
    """The one series of images, of one or several detectors."""
    if not isinstance(loaded, dict):
        series: BaseSignal = loaded
        return series
    signals: dict[str, BaseSignal] = loaded
    images = [
        each
        for each in signals.values()
        if len(each.axes_manager.signal_axes) == 2 and not holds_spectra(each)
    ]
    if len(images) != 1:
        listed = ", ".join(f"{place}: {name!r}" for place, name in enumerate(signals))
        raise ValueError(
            f"the files hold {len(signals)} signals ({listed}), of which {len(images)} are images; "
            "choose one by its name or number, with signal= (--signal on the command line)."
        )
    return images[0]
