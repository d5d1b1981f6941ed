"""The verbs: plain functions of a signal, which are also the methods of HyperSpy's signals.

This module is light. The implementation is imported at the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.parameters import ApplyParameters, RigidParameters, documented

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.transforms.alignment import Alignment


@documented(RigidParameters)
def align_rigid(
    signal: BaseSignal,
    *,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Find the shift of every frame of an image series, and return the aligned series.

    The shifts of many pairs of frames are measured by correlation, made consistent with each
    other, and refined against the mean of the other frames. The signal itself stays as it is.

    Parameters
    ----------
    {parameters}
    show_progressbar : bool or None, default None
        Show progress. None does as HyperSpy's preferences say.
    num_workers : int or None, default None
        Number of threads. None uses all cores.
    lazy_output : bool or None, default None
        Whether the result is lazy. None does as the input is.

    Returns
    -------
    Signal2D
        The aligned series, or its average or sum. It carries its alignment:
        ``result.smartalign.alignment``. A frame's shift is the measured displacement of its
        content in pixels (y, x): ``aligned[p] = frame[p + shift]``.

    Raises
    ------
    TypeError
        Unknown parameter.
    ValueError
        A parameter has a value that it cannot have, the signal is not a series of images, its
        pixels cannot be used, or no area is left to align.
    NotImplementedError
        The axes are not uniform.
    """
    from hyperspy_smartalign.signals import rigid

    aligned: BaseSignal = rigid.align_rigid(
        signal,
        show_progressbar=show_progressbar,
        num_workers=num_workers,
        lazy_output=lazy_output,
        **keywords,
    )
    return aligned


@documented(ApplyParameters)
def apply_alignment(
    signal: BaseSignal,
    alignment: Alignment | BaseSignal,
    *,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Apply an alignment that was found on another signal with the same probe path.

    Works on image series of a second detector and on series of spectrum images. The signal
    itself stays as it is.

    Parameters
    ----------
    alignment : Alignment or signal
        The alignment, or an aligned signal that carries one.
    {parameters}
    show_progressbar : bool or None, default None
        Show progress. None does as HyperSpy's preferences say.
    num_workers : int or None, default None
        Number of threads. None uses all cores.
    lazy_output : bool or None, default None
        Whether the result is lazy. None does as the input is.

    Returns
    -------
    BaseSignal
        The aligned signal, of the class of the input; or its average or sum.

    Raises
    ------
    TypeError
        Unknown parameter.
    ValueError
        A parameter has a value that it cannot have, or the alignment was found on frames of
        another shape, number or scale.
    NotImplementedError
        The axes are not uniform.
    """
    from hyperspy_smartalign.signals import applying

    aligned: BaseSignal = applying.apply_alignment(
        signal,
        alignment,
        show_progressbar=show_progressbar,
        num_workers=num_workers,
        lazy_output=lazy_output,
        **keywords,
    )
    return aligned
