"""Units that make numbers readable on an axis."""

from __future__ import annotations

import math

# Powers of ten of a metre. The micro sign has two code points, and files know both.
_LENGTHS = {"pm": -12, "Å": -10, "nm": -9, "µm": -6, "μm": -6, "um": -6, "mm": -3, "m": 0}
_STEPS = ("pm", "nm", "µm", "mm", "m")
_PIXELS = frozenset({"", "px", "pixel", "pixels", "<undefined>"})


def is_calibrated(units: str) -> bool:
    """Whether the unit of an axis is a physical one, and not the pixel."""
    return units.strip().lower() not in _PIXELS


def pixel_size(scale: tuple[float, float], units: tuple[str, str]) -> tuple[float, float]:
    """Scale (y, x) of the pixels, 1 where they have no physical unit."""
    y, x = (size if is_calibrated(unit) else 1.0 for size, unit in zip(scale, units, strict=True))
    return y, x


def readable(size: float, units: str) -> tuple[float, str]:
    """Unit in which a size is a number without many zeros.

    Parameters
    ----------
    size : float
        Largest size to be shown, in `units`; its sign does not matter.
    units : str
        Unit it is in. Lengths from pm to m are known; others are left as they are.

    Returns
    -------
    factor : float
        Multiply numbers in `units` by it.
    units : str
        Unit that they have then. The given one stays where the number is between 0.1 and 1000.
    """
    size = abs(size)
    power = _LENGTHS.get(units)
    if power is None or not math.isfinite(size) or size == 0 or 0.1 <= size < 1000:
        return 1.0, units
    for unit in _STEPS:
        factor = 10.0 ** (power - _LENGTHS[unit])
        if size * factor < 1000:
            break
    return factor, unit


def readable_time(seconds: float) -> tuple[float, str]:
    """Factor and unit (ms, s, min or h) for a time axis that is this long."""
    for limit, factor, unit in ((1.0, 1e3, "ms"), (300.0, 1.0, "s"), (18_000.0, 1 / 60, "min")):
        if abs(seconds) < limit:
            return factor, unit
    return 1 / 3600, "h"


def round_length(length: float) -> float:
    """The longest of 1, 2 and 5 times a power of ten that is not longer than `length`."""
    decade = 10.0 ** math.floor(math.log10(length))
    # What is 5 but for rounding counts as 5.
    return max(step for step in (1.0, 2.0, 5.0) if step <= length / decade * (1 + 1e-9)) * decade


def with_error(value: float, error: float) -> str:
    """A value and its standard error, both rounded to two figures of the error."""
    if not (math.isfinite(error) and error > 0):
        text = f"{value:.3g}"
    else:
        decimals = max(0, 1 - math.floor(math.log10(error)))
        text = f"{value:.{decimals}f} ± {error:.{decimals}f}"
    return text.replace("-", "\N{MINUS SIGN}")
