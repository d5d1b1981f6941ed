"""The verbs align_rigid and align_nonrigid on spectrum images, by their own integrated counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.signals import nonrigid, recording, rigid
from hyperspy_smartalign.signals.applying import apply_alignment
from hyperspy_smartalign.signals.computing import compute_options
from hyperspy_smartalign.signals.cropping import Window
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.provenance.states import digests_kept
from hyperspy_smartalign.signals.retelling import retold
from hyperspy_smartalign.signals.spectra.integrating import integrate

# What says how the aligned pixels are made, which here are those of the spectra.
_OF_SPECTRA = ("fill", "interpolation", "output")
# From _aligned here, up to the caller of the verb in _verbs.py.
_USER = 4


def has_channels(signal: BaseSignal, signal_range: Any) -> bool:
    """Whether a verb that finds an alignment has to make images of a signal first.

    Spectra have channels. Images have not, but with a signal range they are the diffraction
    patterns of a series of scans.
    """
    return len(signal.axes_manager.signal_axes) == 1 or signal_range is not None


def align_rigid(signal: BaseSignal, **keywords: Any) -> BaseSignal:
    """Find the shifts on the integrated counts of a series, and apply them to the series.

    The parameters are those of `hyperspy_smartalign.align_rigid`.
    """
    return _aligned(signal, rigid.align_rigid, **keywords)


def align_nonrigid(signal: BaseSignal, **keywords: Any) -> BaseSignal:
    """Find the distortions on the integrated counts of a series, and apply them to the series.

    The parameters are those of `hyperspy_smartalign.align_nonrigid`.
    """
    return _aligned(signal, nonrigid.align_nonrigid, **keywords)


def check_no_source(source: BaseSignal | None) -> None:
    """Raise ParameterError if there is a source: spectra are aligned by images of their own."""
    if source is not None:
        raise ParameterError(
            "source= is for images. For spectra, align the images that were made of them: "
            "images = signal.smartalign.integrate(...), aligned = images.align_rigid(...), and "
            "then signal.apply_alignment(aligned)."
        )


def _aligned(
    signal: BaseSignal,
    estimate: Callable[..., BaseSignal],
    *,
    source: BaseSignal | None,
    signal_range: Any,
    show_progressbar: bool | None,
    num_workers: int | None,
    lazy_output: bool | None,
    **keywords: Any,
) -> BaseSignal:
    check_no_source(source)
    # None where there are no series axes: that is for integrate to say.
    dimension = max(signal.axes_manager.navigation_dimension - 2, 0) or None
    of_spectra = {name: keywords.pop(name) for name in _OF_SPECTRA if name in keywords}
    with retold(_USER), digests_kept():
        images = integrate(
            signal, signal_range, series_dimension=dimension, num_workers=num_workers
        )
        if images._lazy:
            # They are small, and asked for many times.
            with progress_bar(show_progressbar) as progress:
                options = compute_options("integrating", progress)
                images.compute(show_progressbar=False, **options)
        found = estimate(
            images,
            output="average",
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            # Nobody looks at these pixels.
            lazy_output=True,
            **keywords,
        )
        aligned = apply_alignment(
            signal,
            found,
            show_progressbar=show_progressbar,
            num_workers=num_workers,
            lazy_output=lazy_output,
            area=Window.of_steps(recording.alignment_of(found).steps).area,
            **of_spectra,
        )
    recording.copy_measurements(found, aligned)
    return aligned
