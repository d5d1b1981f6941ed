"""What an alignment is applied to: a signal, signals of a frame each, or files."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.ordering import expand_files
from hyperspy_smartalign.signals import applying, recording
from hyperspy_smartalign.signals.calibrating import FRAME
from hyperspy_smartalign.signals.loading import load_series
from hyperspy_smartalign.signals.loading_some import load_some
from hyperspy_smartalign.signals.motif.belonging import GivenTiles
from hyperspy_smartalign.signals.motif.match_table import matches_of
from hyperspy_smartalign.signals.provenance.noting import note
from hyperspy_smartalign.signals.retelling import retold
from hyperspy_smartalign.signals.spectra.applying import file_of
from hyperspy_smartalign.signals.telling import gathered, tell
from hyperspy_smartalign.signals.writing import check_outputs, signal_path
from hyperspy_smartalign.transforms import Alignment

# From apply_alignment here, up to the caller of the function in _functions.py.
_USER = 3
# In the words of load_series.
_ONE_FRAME = "the series has one frame"


def apply_alignment(
    alignment: Alignment | BaseSignal | npt.ArrayLike,
    target: Any,
    *,
    signal: str | int | None = None,
    reader: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Apply an alignment to a signal or to files.

    The parameters are those of `hyperspy_smartalign.apply_alignment`.
    """
    if _wrong_way_round(alignment, target):
        raise TypeError(
            "apply_alignment(alignment, target) takes the alignment first. Turn the two round, "
            "or call target.apply_alignment(alignment)."
        )
    with retold(_USER):
        if isinstance(target, BaseSignal) or are_signals(target):
            for name, value in (("signal", signal), ("reader", reader)):
                if value is not None:
                    raise TypeError(f"{name}= says how files are read, and the target is no file.")
            paths = []
            signals = [target] if isinstance(target, BaseSignal) else list(target)
            _check_output(keywords, [file_of(each) for each in signals])
            series = target if isinstance(target, BaseSignal) else stacked(target)
        else:
            paths = expand_files(target)
            _check_output(keywords, paths)
            series = load_target(
                paths,
                signal=signal,
                n_frames=_number_of_frames(alignment),
                needed=_frames_with_tiles(alignment),
                reader=reader or {},
            )
        return applying.apply_alignment(series, alignment, inputs=paths, **keywords)


def load_target(
    paths: Sequence[Path],
    *,
    n_frames: int,
    needed: Collection[int] | None = None,
    signal: str | int | None = None,
    lazy: bool | None = None,
    stack: bool | None = None,
    reader: Mapping[str, Any] | None = None,
) -> BaseSignal:
    """The series in some files that an alignment is to be applied to.

    Parameters
    ----------
    paths : sequence of Path
        The files, in order.
    n_frames : int
        Number of frames of the alignment.
    needed : collection of int, optional
        Numbers of the frames that are cut into tiles. Where each file holds one frame, the others
        are not opened. None: all.
    signal : str or int, optional
        Which signal to take where files hold several. None takes the only series of spectra (of
        several, the one with as many frames as the alignment), else the only one of images.
    lazy : bool, optional
        None leaves spectra on disk, and reads images.
    stack, reader
        As `load_series` and its options.

    Returns
    -------
    BaseSignal

    Raises
    ------
    ValueError
        The files hold several signals, and it is not clear which one is meant; or one spectrum
        image, where the alignment has more frames.
    """
    options: dict[str, Any] = {"stack": stack, **(reader or {})}
    if needed is not None and not len(needed) < n_frames == len(paths):
        needed = None
    series: Any
    with gathered() as caught:
        if lazy is not None:
            series = _read(paths, needed, signal=signal, lazy=lazy, **options)
        else:
            try:
                series = _read(paths, needed, signal=signal, lazy=True, **options)
            except ValueError:  # also formats whose readers cannot do that
                series = _read(paths, needed, signal=signal, lazy=False, **options)
        others: tuple[str, ...] = ()
        if isinstance(series, dict):
            signal = _fitting(series, n_frames)
            others = tuple(f"{name}: " for name in series if name != signal)
            series = series[signal]
    for warning in caught:
        said = str(warning.message)
        # What is wrong with signals that are not used does not matter, nor that one frame is one.
        if not said.startswith(others) and not (n_frames == 1 and _ONE_FRAME in said):
            tell(warning.message, warning.category, stacklevel=_USER)
    if lazy is None and series._lazy and not holds_spectra(series):
        series = _read(paths, needed, signal=signal, lazy=False, **options)
    if n_frames > 1 and _frames_of_spectra(series) == 1:
        files = paths[0].name if len(paths) == 1 else f"{paths[0].name} to {paths[-1].name}"
        raise ValueError(
            f"{files}: one spectrum image, and the alignment has {n_frames} frames. Where the "
            "file holds the frames apart, read it with sum_frames=False (reader= of the function, "
            "--reader on the command line); else give a file a frame."
        )
    return series


def _read(
    paths: Sequence[Path], needed: Collection[int] | None, *, lazy: bool, **options: Any
) -> Any:
    """The series in some files, with those opened that are needed."""
    some = load_some(paths, needed, lazy=lazy, **options) if needed else None
    if some is None:
        return load_series(paths, lazy=lazy, **options)
    if not lazy:
        for series in some.values() if isinstance(some, dict) else (some,):
            series.compute(show_progressbar=False)
    return some


def holds_spectra(signal: BaseSignal) -> bool:
    """Whether the pixels of a signal hold spectra or patterns: x and y are navigation axes."""
    manager = signal.axes_manager
    names = [axis.name for axis in manager.navigation_axes]
    return len(manager.signal_axes) == 1 or {"x", "y"} <= set(names)


def _fitting(signals: Mapping[str, BaseSignal], n_frames: int) -> str:
    """Name of the one series of spectra, else of the one series of images."""
    spectra = [name for name, signal in signals.items() if _frames_of_spectra(signal)]
    fitting = [name for name in spectra if _frames_of_spectra(signals[name]) == n_frames]
    images = [
        name
        for name, signal in signals.items()
        if len(signal.axes_manager.signal_axes) == 2 and not holds_spectra(signal)
    ]
    for names in (spectra, fitting, [] if spectra else images):
        if len(names) == 1:
            return names[0]
    listed = ", ".join(f"{place}: {name!r}" for place, name in enumerate(signals))
    raise ValueError(
        f"the files hold {len(signals)} signals ({listed}); choose one by its name or number, "
        "with signal= (--signal on the command line)."
    )


def _frames_of_spectra(signal: BaseSignal) -> int:
    """Number of spectrum images that a signal holds, 0 for anything else."""
    if not holds_spectra(signal) or signal.axes_manager.navigation_dimension < 2:
        return 0
    return math.prod(axis.size for axis in signal.axes_manager.navigation_axes[2:])


def _wrong_way_round(alignment: Any, target: Any) -> bool:
    if isinstance(target, Alignment):
        return True
    if not isinstance(alignment, BaseSignal) or _leads(alignment):
        return False
    return _is_table(target) or (isinstance(target, BaseSignal) and _leads(target))


def _leads(signal: BaseSignal) -> bool:
    """Whether a signal carries an alignment or a table of tiles."""
    return recording.has_alignment(signal) or recording.has_matches(signal)


def _is_table(target: Any) -> bool:
    """Whether a target is a table of numbers."""
    try:
        return np.asarray(target).dtype.kind in "iuf"
    except ValueError:  # entries of different lengths
        return False


def are_signals(target: Any) -> bool:
    """Whether a target is a list of signals."""
    return (
        isinstance(target, Sequence)
        and not isinstance(target, str)
        and len(target) > 0
        and all(isinstance(entry, BaseSignal) for entry in target)
    )


def _check_output(keywords: Mapping[str, Any], inputs: Sequence[Path | None]) -> None:
    """Refuse to write over what is read, before anything is read.

    A series that was put together does not know all of its files.
    """
    if keywords.get("file") is not None:
        check_outputs(
            [signal_path(keywords["file"])],
            overwrite=bool(keywords.get("overwrite", False)),
            inputs=[path for path in inputs if path is not None],
        )


def stacked(signals: Sequence[BaseSignal]) -> BaseSignal:
    """Signals of a frame each as a series; each stays where it is, and is read when needed.

    Raises
    ------
    ValueError
        Their shapes differ.
    """
    shapes = {signal.data.shape for signal in signals}
    if len(shapes) > 1:
        raise ValueError(
            f"the signals have {len(shapes)} shapes, {' and '.join(map(str, sorted(shapes)))}; "
            "give spectrum images, or images, of one shape: crop them with isig and inav."
        )
    lazy = [signal if signal._lazy else signal.as_lazy() for signal in signals]
    result = hs.stack(lazy, new_axis_name=FRAME, stack_metadata=0, show_progressbar=False)
    note(result, "stack", {f"signal {number}": each for number, each in enumerate(signals)}, {})
    return result


def _frames_with_tiles(alignment: Any) -> list[int] | None:
    """Numbers of the frames that tiles were found in; None where all frames are needed."""
    if not isinstance(alignment, BaseSignal) or not recording.has_matches(alignment):
        return None
    given = GivenTiles.of(alignment)
    return None if given.of_one_image else np.unique(given.table.frame).tolist()


def _number_of_frames(alignment: Any) -> int:
    if isinstance(alignment, BaseSignal):
        if recording.has_matches(alignment):
            return matches_of(alignment).parent.n_frames
        return recording.alignment_of(alignment).n_frames
    return (
        alignment.n_frames if isinstance(alignment, Alignment) else np.asarray(alignment).size // 2
    )
