"""Parameters of the resampling: how aligned pixels are made, and the apply_alignment tool."""

from __future__ import annotations

import math
from typing import Any

from hyperspy_smartalign.parameters._base import Parameters
from hyperspy_smartalign.parameters._kinds import Choice, Flag, Kind, Real


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


def fill() -> Kind:
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
    )


def interpolation() -> Kind:
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
    )


def output() -> Kind:
    """The parameter `output`, shared by the tools that make aligned pixels."""
    return Choice(
        "series",
        words=("series", "average", "sum"),
        label="Output",
        desc="'series' returns all frames; 'average' and 'sum' return one accumulated frame.",
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
    output = output()
