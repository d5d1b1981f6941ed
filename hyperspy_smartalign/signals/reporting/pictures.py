"""Figures of the package as pictures in a report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hyperspy_smartalign.plotting.offscreen import png_of
from hyperspy_smartalign.signals.reporting.content import Picture

_DOTS_PER_INCH = 160
# Width of the text of a page, in inches: a figure as wide as this keeps its letters' size.
TEXT_WIDTH = 6.9


def picture(
    draw: Callable[[Any], Any],
    size: tuple[float, float],
    *,
    alt: str,
    caption: str = "",
) -> Picture:
    """Draw a figure for a report.

    Parameters
    ----------
    draw : callable
        Draws into the figure it is given.
    size : (width, height)
        Inches. Wider than the text, it is made smaller; narrower, it stays as it is.
    alt : str
        What it shows, for readers who cannot see it.
    caption : str
        What stands under it.
    """
    png, pixels = png_of(draw, size, dots_per_inch=_DOTS_PER_INCH)
    return Picture(png, pixels, alt, caption, share=min(1.0, size[0] / TEXT_WIDTH))
