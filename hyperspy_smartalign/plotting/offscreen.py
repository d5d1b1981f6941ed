"""Figures for files: drawn without pyplot, in matplotlib's own style, whatever the user's is."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import matplotlib.style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.layout_engine import ConstrainedLayoutEngine

_PAD = 0.05


def png_of(
    draw: Callable[[Figure], Any], size: tuple[float, float], *, dots_per_inch: float = 150
) -> tuple[bytes, tuple[int, int]]:
    """Draw a figure that no window shows, and give it as PNG.

    Parameters
    ----------
    draw : callable
        Draws into the figure that it is given, such as ``lambda fig: plot_drift(a, fig=fig)``.
    size : (width, height)
        Inches.
    dots_per_inch : float

    Returns
    -------
    png : bytes
        The same for the same drawing: neither date nor version is in it.
    pixels : (width, height)
    """
    with matplotlib.style.context("default"):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        engine = figure.get_layout_engine()
        if isinstance(engine, ConstrainedLayoutEngine):
            engine.set(w_pad=_PAD, h_pad=_PAD)
        draw(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=dots_per_inch, metadata={"Software": None})
    png = stream.getvalue()
    width, height = struct.unpack(">II", png[16:24])  # from the header of the file
    return png, (width, height)


def font_file(*, bold: bool = False, mono: bool = False) -> str:
    """Path of a font that matplotlib brings with it, and that knows Greek and mathematics."""
    wanted = FontProperties(
        family="DejaVu Sans Mono" if mono else "DejaVu Sans", weight="bold" if bold else "normal"
    )
    return str(findfont(wanted, fallback_to_default=False))
