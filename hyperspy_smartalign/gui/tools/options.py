"""Arguments of the verbs that are no parameters of the alignment: threads, laziness, channels."""

from __future__ import annotations

from hyperspy_smartalign.parameters import Parameters
from hyperspy_smartalign.parameters._kinds import Flag, Integer, SignalRange


class NoOptions(Parameters):
    """For verbs without such arguments."""


class WorkOptions(Parameters):
    """How the work is done."""

    num_workers = Integer(
        None,
        low=1,
        rare=True,
        label="Threads",
        desc="Number of threads. None uses all cores.",
        group="work",
    )
    lazy_output = Flag(
        None,
        rare=True,
        label="Lazy result",
        desc="Whether the result is lazy. None does as the input is.",
        group="work",
    )


class ChannelOptions(WorkOptions):
    """How the work is done, and which channels make the images that are aligned."""

    signal_range = SignalRange(
        None,
        label="Channels",
        desc=(
            "Channels whose counts are added to the images that the alignment is found on: "
            "(start, stop), int for channels and float for energies. For 4D data the region "
            "(left, right, top, bottom) of the pattern. None adds all channels of spectra, and "
            "takes patterns for images."
        ),
        group="channels",
    )
