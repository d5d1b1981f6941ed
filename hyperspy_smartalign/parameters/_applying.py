"""Parameters of the resampling: how aligned pixels are made, and the apply_alignment tool."""

from __future__ import annotations

import math
from typing import Any

from hyperspy_smartalign.parameters._base import Parameters
from hyperspy_smartalign.parameters._kinds import Choice, Flag, Integer, Kind, Real, SignalRange


class Fill(Real):
    """A finite number or a word; the number NaN is the word "nan"."""

    def convert(self, value: Any) -> Any:
        return "nan" if isinstance(value, float) and math.isnan(value) else super().convert(value)


def area(group: str) -> Kind:
    """The parameter `area`, shared by the tools that make aligned pixels."""
    return Choice(
        "image",
        words=("image", "roi"),
        label="Apply to",
        desc="'image' aligns the whole image; 'roi' returns the region of interest only.",
        group=group,
    )


def fill(*, rare: bool = False) -> Kind:
    """The parameter `fill`, shared by the tools that make aligned pixels."""
    return Fill(
        "nan",
        words=("nan", "zero", "mean"),
        label="Fill",
        desc=(
            "What pixels get that a frame did not see: nan, zero, the mean of the frames that "
            "saw the place, or a number."
        ),
        group="output",
        rare=rare,
    )


def interpolation(*, rare: bool = False) -> Kind:
    """The parameter `interpolation`, shared by the tools that make aligned pixels."""
    return Choice(
        "spline",
        words=("spline", "linear", "nearest", "fourier"),
        label="Interpolation",
        desc=(
            "Kernel of the one interpolation: cubic B-spline, linear, nearest (keeps counts and "
            "dtype) or Fourier (band-limited, constant shifts only)."
        ),
        group="output",
        rare=rare,
    )


def output() -> Kind:
    """The parameter `output`, shared by the tools that make aligned pixels."""
    return Choice(
        "auto",
        words=("auto", "series", "average", "sum"),
        label="Output",
        desc=(
            "'series' returns all frames; 'average' and 'sum' return one accumulated frame. "
            "'auto' is 'series' for images and 'sum' for spectra, whose aligned series is often "
            "larger than memory."
        ),
        group="output",
    )


class ApplyParameters(Parameters):
    """Parameters of apply_alignment."""

    area = area("output")
    crop = Flag(
        None,
        label="Crop output to common area",
        desc=(
            "True crops to the area common to all frames, False expands to all that any frame "
            "saw. None does as the alignment did."
        ),
        group="output",
    )
    fill = fill()
    interpolation = interpolation()
    counts = Choice(
        "interpolate",
        words=("interpolate", "share", "whole"),
        label="Counts",
        desc=(
            "'interpolate' reads each frame between its pixels. For data that are counts, "
            "'share' gives the counts of a pixel to the up to four pixels that they belong to, "
            "and 'whole' gives them undivided to the nearest one; then none is lost or made up, "
            "and integers stay integers with 'whole'."
        ),
        group="output",
        rare=True,
    )
    output = output()
    variance = Choice(
        "none",
        words=("none", "poisson", "spread"),
        label="Variance map",
        desc=(
            "Variance of every value of an average or sum, put where HyperSpy keeps noise "
            "(metadata.Signal.Noise_properties.variance): 'poisson' takes the data as counts, "
            "'spread' looks at how the frames differ."
        ),
        group="output",
        rare=True,
    )
    signal_range = SignalRange(
        None,
        label="Channels",
        desc=(
            "Channels of the spectra that take part, chosen before any work: (start, stop), int "
            "for channels and float for energies. For 4D data a region of the pattern. None "
            "takes all."
        ),
        group="channels",
    )
    binning = Integer(
        1,
        low=1,
        label="Binning",
        desc="Number of neighbouring channels that are added together before any work.",
        group="channels",
    )

    def idle(self) -> dict[str, str]:
        """Parameters that nothing would use with the present values, and why."""
        idle = {}
        if self.counts != "interpolate":
            idle["interpolation"] = f"counts={self.counts!r} does not interpolate"
        if self.output == "series":
            idle["variance"] = "it belongs to an average or sum"
        return idle
