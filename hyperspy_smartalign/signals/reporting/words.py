"""Numbers, frames and texts as a report writes them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence

import numpy as np

from hyperspy_smartalign.plotting.units import is_calibrated, readable
from hyperspy_smartalign.series.checks import listed
from hyperspy_smartalign.transforms import Alignment

NOTHING = "–"
"""What a cell says where nothing is known."""

# Numbers up to this are written without a power of ten.
_MOST = 1e6
# Characters that some files have in their names and titles, and no page can show.
_KEPT = {"\n", "\t"}


def printable(text: object) -> str:
    """A text without control characters, and without halves of characters."""
    whole = str(text).encode("utf-8", "replace").decode("utf-8")
    return "".join(
        letter if letter in _KEPT or unicodedata.category(letter) not in ("Cc", "Cf") else " "
        for letter in whole
    )


def short(text: str, longest: int = 160) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(printable(text).split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def number(value: float | None, figures: int = 3) -> str:
    """A number with a few figures and a true minus sign; a dash for none."""
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    whole = 10**figures <= abs(value) < _MOST
    return (f"{value:.0f}" if whole else f"{value:.{figures}g}").replace("-", "−")


def fixed(value: float | None, decimals: int) -> str:
    """A number with fixed decimals, for columns."""
    if value is None or not math.isfinite(value):
        return number(value)
    return f"{value:.{decimals}f}".replace("-", "−")


def count(amount: int, thing: str) -> str:
    """So many things."""
    return f"{amount} {thing}{'' if amount == 1 else 's'}"


def numbered(frames: Sequence[int], thing: str = "frame") -> str:
    """Frames by their numbers, such as "frames 3, 4 and 9"."""
    return f"{thing}{'' if len(frames) == 1 else 's'} {listed(list(frames))}"


def length(pixels: float, alignment: Alignment, axis: int) -> str:
    """A length in pixels, and in the units of the frames where they have some."""
    units = alignment.frame_units[axis]
    text = f"{number(pixels)} px"
    if not is_calibrated(units):
        return text
    size = pixels * abs(alignment.frame_scale[axis])
    factor, shown = readable(size, units)
    return f"{text} ({number(size * factor)} {shown})"


def pixel_text(alignment: Alignment) -> str:
    """Size of a pixel."""
    units = alignment.frame_units
    if not any(map(is_calibrated, units)):
        return "not calibrated"
    parts = []
    for scale, unit in zip(alignment.frame_scale, units, strict=True):
        size, shown = (abs(scale), unit) if is_calibrated(unit) else (1.0, "px")
        factor, shown = readable(size, shown)
        parts.append(f"{number(size * factor, 4)} {shown}")
    return parts[0] if parts[0] == parts[1] else f"{parts[1]} along x, {parts[0]} along y"


def field_text(alignment: Alignment, shape: tuple[int, int]) -> str:
    """Size of an image in the units of its axes; empty where it has none."""
    parts = []
    for pixels, scale, unit in zip(
        shape, alignment.frame_scale, alignment.frame_units, strict=True
    ):
        if not is_calibrated(unit):
            return ""
        size = pixels * abs(scale)
        factor, shown = readable(size, unit)
        parts.append((number(size * factor), shown))
    (y, y_unit), (x, x_unit) = parts
    return f"{y} × {x} {x_unit}" if y_unit == x_unit else f"{y} {y_unit} × {x} {x_unit}"


def reasons(alignment: Alignment, thing: str = "frame") -> tuple[str, ...]:
    """Excluded frames, gathered by the reason for it."""
    by_reason: dict[str, list[int]] = {}
    for place in np.flatnonzero(alignment.excluded).tolist():
        reason = alignment.exclusion_reasons[place] or "no reason recorded"
        by_reason.setdefault(reason, []).append(place)
    return tuple(f"{numbered(places, thing)}: {why}" for why, places in by_reason.items())
