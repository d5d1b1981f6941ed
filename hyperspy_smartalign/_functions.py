"""Functions of the package that are no methods of signals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import numpy.typing as npt
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.transforms.alignment import Alignment

    Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def apply_alignment(
    alignment: Alignment | BaseSignal | npt.ArrayLike,
    target: BaseSignal | Sequence[BaseSignal] | Files,
    *,
    signal: str | int | None = None,
    reader: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Apply an alignment to a signal, or to files that are read one at a time.

    Parameters
    ----------
    alignment : Alignment, signal or array of shape (n, 2) or (navigation shape, 2)
        The alignment, an aligned signal that carries one, or a table of shifts: the measured
        displacement (y, x) of each frame's content in pixels.
    target : signal, file, pattern, folder, or list of files or signals
        What it is applied to: the series, or its frames in natural order, each a file or a
        signal. Files are opened as they are needed.
    signal : str or int or None, default None
        Which signal to take where files hold several: its name, or its place from 0. None takes
        the only one that holds spectra, else the only one there is.
    reader : mapping or None, default None
        Options of HyperSpy's reader, such as ``{"sum_frames": False}``.
    **keywords
        As those of the method: `area`, `crop`, `fill`, `interpolation`, `counts`, `output`,
        `variance`, `signal_range`, `binning`, `file`, `resume`, `overwrite`,
        `show_progressbar`, `num_workers`, `lazy_output`.

    Returns
    -------
    BaseSignal
        As ``target.apply_alignment(alignment, ...)``, which see.

    Raises
    ------
    TypeError
        Unknown keyword, or alignment and target in the wrong order.
    ValueError
        Files hold several signals and it is not clear which is meant, and as the method.
    """
    from hyperspy_smartalign.signals import targets

    result: BaseSignal = targets.apply_alignment(
        alignment, target, signal=signal, reader=reader, **keywords
    )
    return result
