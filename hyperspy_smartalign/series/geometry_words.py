"""The geometry of a scan in words."""

from __future__ import annotations

from collections.abc import Sequence

from hyperspy_smartalign.series.geometry import ScanGeometry

_TIMES = {
    "dwell_time": "dwell",
    "line_time": "line",
    "flyback_time": "flyback",
    "frame_time": "frame",
    "frame_gap": "gap between frames",
}
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def geometry_text(geometry: ScanGeometry) -> str:
    """Directions, rotations and times of a scan."""
    parts = [f"lines {geometry.fast_direction}"]
    if any(geometry.rotation):
        parts.append(f"rotation {_repeated(geometry.rotation)}")
    parts += [
        f"{word} {time_text(getattr(geometry, name))}"
        for name, word in _TIMES.items()
        if getattr(geometry, name) is not None
    ]
    if geometry.source:
        parts.append(f"from {geometry.source}")
    return ", ".join(parts)


def _repeated(angles: Sequence[float]) -> str:
    distinct = sorted(set(angles))
    text = "/".join(f"{angle:g}" for angle in distinct[:4])
    return f"{text}{'/...' if len(distinct) > 4 else ''} degrees"


def time_text(seconds: float) -> str:
    """A time in the unit that fits."""
    for factor, unit in _UNITS:
        if seconds >= factor:
            return f"{seconds / factor:.4g} {unit}"
    return f"{seconds:.4g} s"
