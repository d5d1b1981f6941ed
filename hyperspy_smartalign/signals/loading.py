"""Load a series from the microscope's files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hyperspy.api as hs
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.checks import (
    NoContrastError,
    StackError,
    check_stack,
)
from hyperspy_smartalign.series.ordering import expand_files
from hyperspy_smartalign.series.vendors import scan_geometry_from_metadata
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.calibrating import (
    SeriesFileError,
    image_axes,
    put_in_order,
)
from hyperspy_smartalign.signals.claiming import check_claims
from hyperspy_smartalign.signals.preparing import prepare
from hyperspy_smartalign.signals.provenance.noting import note_loaded
from hyperspy_smartalign.signals.stacking import as_series, combined
from hyperspy_smartalign.signals.telling import tell

DEFAULT_TOLERANCE = 1e-3


def load_series(
    files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    signal: str | int | None = None,
    lazy: bool = False,
    transpose: bool = False,
    stack: bool | None = None,
    calibration_tolerance: float = DEFAULT_TOLERANCE,
    **load_kwargs: Any,
) -> BaseSignal | dict[str, BaseSignal] | list[BaseSignal]:
    """Load a series of images or spectrum images from one file or many.

    Parameters
    ----------
    files : path, pattern, folder, or sequence of these
        ``"Name_*.dm4"``, a folder with files of one kind, or a list. What a pattern or folder
        gives is sorted naturally (2 before 10); the order of a list is kept. A ``.ser`` file is
        left out where its ``.emi`` file is loaded.
    signal : str or int, optional
        Detector to load where files hold several: its name (the title HyperSpy gives it; case
        does not matter) or its place, counted from 0. None loads all.
    lazy : bool
        Leave the pixels on disk until they are needed.
    transpose : bool
        Swap x and y of every frame, as some files need.
    stack : bool, optional
        None: files of single frames are stacked, files that hold series are joined end to end.
        True: each file becomes one step of a new axis, also when it holds a series itself.
        False: nothing is put together; the result is a list with an entry a file.
    calibration_tolerance : float
        Largest relative difference of pixel sizes (and energy dispersions) between files.
    **load_kwargs
        Options of HyperSpy's reader, for instance ``sum_frames=False`` for spectrum images that
        keep their frames or ``select_type="image"`` to leave spectra unread.

    Returns
    -------
    BaseSignal or dict of BaseSignal or list
        Images: Signal2D with a navigation axis named "frame" and signal axes x and y; an image
        on its own becomes a series of one frame, with a warning. Spectrum images: navigation
        axes x, y and "frame". Single spectra and spectrum images that come alone pass as they
        are. A dict of detector name to signal where files hold several and `signal` is None; a
        number in brackets sets apart detectors of one name.

    Raises
    ------
    FileNotFoundError
        A file or folder does not exist, or nothing matches a pattern.
    SeriesFileError
        A file cannot be read, lacks the detector asked for, or differs from the first file in
        size or calibration; the message has the files and both numbers.

    Warns
    -----
    SeriesWarning
        For blank frames, NaN pixels, a series of one frame, and files that were scanned at
        different rotations. Of a lazy series only the first frame is looked at.

    Notes
    -----
    Calibration is kept, and put in order where files write it in ways that later steps trip
    over:

    - Image axes are named x and y, the series axis "frame" (but one named "channel" or
      "detector" keeps its name, and so do two series axes). An axis without units, of scale 1
      and offset 0 is in pixels, ``px``.
    - Metres become nanometres. Files of one series in different units are converted to those of
      the first.
    - Where a scale is negative, scale and offset change sign. Pixels keep their order, since
      rows must stay in the order they were scanned; a coordinate v becomes -v.
    - Positions (axis offsets) of images are not compared, as the stage may move.
    - Pixels that are big-endian or read-only are copied to native, writeable ones.

    Metadata are those of the first file. What the files say about the scan is stored in
    ``metadata.Smart_align.scan_geometry``; times in which files differ are left out. The names
    of the files are recorded in ``metadata.Smart_align.steps``.

    Examples
    --------
    >>> series = load_series("session/Area3_*.dm4")  # doctest: +SKIP
    >>> detectors = load_series("map.emd", sum_frames=False)  # doctest: +SKIP
    >>> detectors["HAADF"]  # doctest: +SKIP
    """
    check_tolerance(calibration_tolerance)
    paths = expand_files(files)
    loaded = [signals_of_file(path, signal, lazy, load_kwargs) for path in paths]
    parameters = reading_parameters(
        lazy=lazy, calibration_tolerance=calibration_tolerance, signal=signal, options=load_kwargs
    )
    read = {**parameters, "stack": stack, "options": load_kwargs}
    # Plain loops: a comprehension is a frame of its own before Python 3.12, and warnings must
    # point at the caller.
    if stack is False:
        apart: list[Any] = []
        for path, entries in zip(paths, loaded, strict=True):
            for name, entry in entries.items():
                entries[name] = finished(
                    as_series(entry), [path], parameters, read, transpose=transpose, detector=name
                )
            apart.append(next(iter(entries.values())) if len(entries) == 1 else entries)
        return apart
    detectors = by_detector(paths, loaded)
    result: dict[str, BaseSignal] = {}
    for name, signals in detectors.items():
        series = combined(paths, signals, new_axis=stack is True, tolerance=calibration_tolerance)
        result[name] = finished(series, paths, parameters, read, transpose=transpose, detector=name)
    return next(iter(result.values())) if len(result) == 1 else result


def check_tolerance(calibration_tolerance: float) -> None:
    """Refuse a tolerance that is negative or no number."""
    if not calibration_tolerance >= 0:
        raise ValueError(
            f"calibration_tolerance={calibration_tolerance!r} must be 0 or a positive number; "
            "0.001 allows pixel sizes to differ by 0.1 %."
        )


def reading_parameters(
    *,
    lazy: bool,
    calibration_tolerance: float,
    signal: str | int | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """How files are read, as it is recorded."""
    parameters: dict[str, Any] = {
        "lazy": bool(lazy),
        "calibration_tolerance": float(calibration_tolerance),
    }
    if options:
        parameters["options"] = {key: _storable(value) for key, value in options.items()}
    if signal is not None:
        parameters["signal"] = signal
    return parameters


def finished(
    series: BaseSignal,
    paths: Sequence[Path],
    parameters: Mapping[str, Any],
    read: Mapping[str, Any],
    *,
    transpose: bool,
    detector: str,
    opened: Sequence[int] | None = None,
) -> BaseSignal:
    """A series that was put together, looked at, recorded, and turned where that is asked for.

    `parameters` is what the step records, and `read` all that it takes to read the files again.
    Of a lazy series the first frame that was opened is looked at. Warnings point at the caller of
    the caller.
    """
    _warn_about_frames(series, min(opened) if opened else 0, paths)
    recording.append_step(
        series, "load_series", {"files": [path.name for path in paths], **parameters}
    )
    note_loaded(
        series, paths, read, detector=detector, opened=None if opened is None else sorted(opened)
    )
    return prepare(series, transpose=True) if transpose else series


def signals_of_file(
    path: Path, wanted: str | int | None, lazy: bool, options: dict[str, Any]
) -> dict[str, BaseSignal]:
    """Signals of a file by detector name, calibrations in order."""
    check_claims(path, options)
    try:
        content = hs.load(path, lazy=lazy, **options)
    except Exception as error:  # readers raise anything on a damaged file
        raise _unreadable(path, error) from error
    signals = list(content) if isinstance(content, (list, tuple)) else [content]
    if not signals:
        raise SeriesFileError(f"{str(path)!r} holds no signal; leave it out of the series.")
    named = _named(signals)
    if wanted is not None:
        name = _choose(path, list(named), wanted)
        named = {name: named[name]}
    for entry in named.values():
        _check_pixels_there(path, entry)
        put_in_order(entry)
        _describe_scan(entry)
    return named


def _named(signals: list[BaseSignal]) -> dict[str, BaseSignal]:
    named: dict[str, BaseSignal] = {}
    for place, entry in enumerate(signals):
        title = str(entry.metadata.get_item("General.title", "")).strip() or f"signal {place}"
        name, number = title, 2
        while name in named:
            name, number = f"{title} ({number})", number + 1
        named[name] = entry
    return named


def _choose(path: Path, names: list[str], wanted: str | int) -> str:
    if isinstance(wanted, str):
        if wanted in names:
            return wanted
        alike = [name for name in names if name.casefold() == wanted.casefold()]
        if len(alike) == 1:
            return alike[0]
    elif 0 <= wanted < len(names):
        return names[wanted]
    listed = ", ".join(f"{place}: {name!r}" for place, name in enumerate(names))
    raise SeriesFileError(f"{str(path)!r} has no signal {wanted!r}; it holds {listed}.")


def _check_pixels_there(path: Path, signal: BaseSignal) -> None:
    if signal.data.size == 0:
        raise SeriesFileError(f"{str(path)!r} has no pixels (shape {signal.data.shape}).")
    if signal._lazy and signal.axes_manager.signal_dimension == 2:
        # Lazy readers notice a file that is cut short only when its last pixel is asked for.
        # Not asked of spectra: a stream of events would be read from start to end.
        try:
            signal.data[(-1,) * signal.data.ndim].compute()
        except Exception as error:  # readers raise anything on a damaged file
            raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> SeriesFileError:
    reason = f"{type(error).__name__}: {error}".strip().rstrip(":.")
    return SeriesFileError(
        f"cannot read {str(path)!r}: {reason}. The file may be truncated, still being written, or "
        "of a format HyperSpy does not know; leave it out of the series."
    )


def by_detector(
    paths: Sequence[Path], loaded: Sequence[dict[str, BaseSignal]]
) -> dict[str, list[BaseSignal]]:
    """Signals of the same detector of all files, in the order of the files."""
    names = list(loaded[0])
    for path, entries in zip(paths, loaded, strict=True):
        if len(entries) != len(names):
            raise SeriesFileError(
                f"{str(path)!r} holds {len(entries)} signals ({', '.join(entries)}), "
                f"{str(paths[0])!r} holds {len(names)} ({', '.join(names)}); choose one with "
                "signal=<name or place>."
            )
    if len(names) > 1 and all(set(entries) == set(names) for entries in loaded):
        return {name: [entries[name] for entries in loaded] for name in names}
    # DigitalMicrograph titles a signal after its file: go by their place.
    return {
        name: [list(entries.values())[place] for entries in loaded]
        for place, name in enumerate(names)
    }


def _describe_scan(signal: BaseSignal) -> None:
    """Store what the file says about the scan, unless the signal knows already."""
    axes = image_axes(signal)
    if not axes or recording.scan_geometry_of(signal) is not None:
        return
    geometry = scan_geometry_from_metadata(
        signal.original_metadata.as_dictionary(),
        signal.metadata.as_dictionary(),
        (int(axes[0].size), int(axes[1].size)),
    )
    recording.write_scan_geometry(signal, geometry)


def _warn_about_frames(series: BaseSignal, first: int, paths: Sequence[Path]) -> None:
    if series.axes_manager.signal_dimension != 2 or series.data.dtype.kind not in "biufc":
        return
    try:
        problems = list(_frame_problems(series, first))
    except (StackError, TypeError):
        raise
    except Exception as error:  # readers raise anything on a damaged file
        raise _unreadable(paths[first if first < len(paths) else 0], error) from error
    for problem in problems:
        title = series.metadata.get_item("General.title", "")
        tell(f"{title}: {problem}" if title else problem, stacklevel=4)


def _frame_problems(series: BaseSignal, first: int) -> Iterator[str]:
    frames = series.data.reshape(-1, *series.data.shape[-2:])
    if len(frames) == 1:
        yield (
            "the series has one frame, so there is nothing to align; for a series of files give "
            "a pattern such as 'Name_*.dm4'."
        )
    whole = len(frames) == 1 or not series._lazy
    looked_at = frames if whole else frames[first : first + 1]
    try:
        blank = check_stack(looked_at, least_frames=1).blank
    except NoContrastError as problem:
        if whole:
            yield str(problem)
            return
        blank = (first,)
    except (StackError, TypeError) as problem:
        yield str(problem)
        return
    if blank:
        listed = ", ".join(str(frame) for frame in blank)
        yield (
            f"{'frame' if len(blank) == 1 else 'frames'} {listed} (counted from 0) of "
            f"{len(frames)} {'is' if len(blank) == 1 else 'are'} blank; leave out with "
            f"signal.smartalign.prepare(skip=[{listed}])."
        )


def _storable(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float, str)) else repr(value)
