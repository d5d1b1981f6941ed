"""Load some frames of a series whose files hold a frame each, and leave the others unopened."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import dask.array as da
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.loading import (
    DEFAULT_TOLERANCE,
    by_detector,
    check_tolerance,
    finished,
    reading_parameters,
    signals_of_file,
)
from hyperspy_smartalign.signals.stacking import combined


def load_some(
    paths: Sequence[Path],
    numbers: Collection[int],
    *,
    signal: str | int | None = None,
    lazy: bool = True,
    transpose: bool = False,
    stack: bool | None = None,
    calibration_tolerance: float = DEFAULT_TOLERANCE,
    **load_kwargs: Any,
) -> BaseSignal | dict[str, BaseSignal] | None:
    """The series in some files, of which only those of the frames that are needed are opened.

    Parameters
    ----------
    paths : sequence of Path
        The files of all frames, in order.
    numbers : collection of int
        Numbers of the frames that are needed, at least one, counted from 0.
    lazy : bool
        Whether the reader leaves the pixels on disk. The series is lazy in any case.
    signal, transpose, stack, calibration_tolerance, **load_kwargs
        As of `load_series`.

    Returns
    -------
    LazySignal or dict of LazySignal or None
        As `load_series` gives it, with all frames: those of files that were not opened are 0, to
        be left alone. Metadata are those of the first file that was opened. None where that file
        holds more than a frame, or with ``stack=False``.

    Raises
    ------
    SeriesFileError
        As `load_series`, of the files that are opened.
    """
    check_tolerance(calibration_tolerance)
    first, *others = sorted(set(numbers))
    model = signals_of_file(paths[first], signal, lazy, load_kwargs)
    if stack is False or any(_n_frames(entry) != 1 for entry in model.values()):
        return None
    known = {first: {name: _lazily(entry) for name, entry in model.items()}}
    for number in others:
        entries = signals_of_file(paths[number], signal, lazy, load_kwargs)
        known[number] = {name: _lazily(entry) for name, entry in entries.items()}
    unopened = {name: _unopened(entry) for name, entry in known[first].items()}
    # What is wrong is told of files that were opened.
    names = [paths[number if number in known else first] for number in range(len(paths))]
    loaded = [known.get(number, unopened) for number in range(len(paths))]
    parameters = reading_parameters(
        lazy=lazy, calibration_tolerance=calibration_tolerance, signal=signal, options=load_kwargs
    )
    read = {**parameters, "stack": stack, "options": load_kwargs}
    result: dict[str, BaseSignal] = {}
    for name, signals in by_detector(names, loaded).items():
        series = combined(names, signals, new_axis=stack is True, tolerance=calibration_tolerance)
        result[name] = finished(
            series,
            paths,
            parameters,
            read,
            transpose=transpose,
            detector=name,
            opened=[first, *others],
        )
    return next(iter(result.values())) if len(result) == 1 else result


def _n_frames(signal: BaseSignal) -> int:
    """Number of images, or of spectrum images, that a signal holds."""
    manager = signal.axes_manager
    inner = 0 if len(manager.signal_axes) == 2 else 2
    return math.prod(axis.size for axis in manager.navigation_axes[inner:])


def _lazily(signal: BaseSignal) -> BaseSignal:
    return signal if signal._lazy else signal.as_lazy()


def _unopened(model: BaseSignal) -> BaseSignal:
    """A stand-in for the signal of a file that is not opened; its pixels are 0."""
    pixels = model.data
    result = model.deepcopy()
    result.data = da.zeros(pixels.shape, dtype=pixels.dtype, chunks=pixels.chunks)
    return result
