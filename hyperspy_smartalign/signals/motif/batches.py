"""template_match over files, or over signals of a frame each."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.ordering import expand_files
from hyperspy_smartalign.signals.loading import load_series
from hyperspy_smartalign.signals.motif import finding
from hyperspy_smartalign.signals.motif.searched_frames import FrameFiles
from hyperspy_smartalign.signals.motif.searching import images_of
from hyperspy_smartalign.signals.retelling import retold
from hyperspy_smartalign.signals.targets import are_signals, holds_spectra, stacked

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
        series, files = load_images(paths, signal=signal, reader=reader)
        return finding.template_match(series, template, files=files, **keywords)


def load_images(
    paths: Sequence[Path],
    *,
    signal: str | int | None = None,
    reader: Mapping[str, Any] | None = None,
) -> tuple[BaseSignal, FrameFiles]:
    """The images in some files as one series, on disk until they are needed.

    Parameters
    ----------
    paths : sequence of Path
        The files, in order.
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
    options = dict(reader or {})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            loaded = load_series(paths, signal=signal, lazy=True, **options)
        except ValueError:  # also formats whose readers cannot do that
            loaded = load_series(paths, signal=signal, lazy=False, **options)
        series = _images_among(loaded) if isinstance(loaded, dict) else loaded
    for warning in caught:
        if _ONE_FRAME not in str(warning.message):
            warnings.warn(warning.message, warning.category, stacklevel=_USER)
    n_frames = len(images_of(series))
    return series, FrameFiles(tuple(paths), n_frames, {"signal": signal, **options})


def _images_among(signals: Mapping[str, BaseSignal]) -> BaseSignal:
    """The one series of images."""
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
