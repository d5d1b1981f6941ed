"""The image that HyperSpy shows beside the spectra."""

from __future__ import annotations

from hyperspy.signals import BaseSignal, Signal2D

from hyperspy_smartalign.signals.spectra.integrating import sum_of_channels


def attach_navigator(result: BaseSignal, *, num_workers: int | None = None) -> None:
    """Give a spectrum image its image, summed over the channels, as navigator.

    ``result.plot()`` then shows it, and files keep it. Give results, never inputs.

    Parameters
    ----------
    result : BaseSignal
        Signal with channels and the navigation axes x and y, or more. A lazy one is left as it
        is, as the sum would have to be computed.
    num_workers : int or None
        Threads; None: one per processor.

    Notes
    -----
    HyperSpy drops the navigator of slices, sums and rebinned signals. It keeps one that does
    not fit any more where a signal is stacked, split or cropped in place; those plot again
    after ``signal.navigator = None``.
    """
    manager = result.axes_manager
    if result._lazy or manager.navigation_dimension < 2 or not manager.signal_axes:
        return
    image = sum_of_channels(result.data, len(manager.signal_axes), num_workers=num_workers)
    axes = [axis.get_axis_dictionary() for axis in manager.navigation_axes[::-1]]
    for axis in axes:
        axis["navigate"] = False
    kind = Signal2D if len(axes) == 2 else BaseSignal
    title = result.metadata.get_item("General.title", "")
    result.navigator = kind(image, axes=axes, metadata={"General": {"title": title}})
