"""Reports on series with known shifts, without drawing and without measuring."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hyperspy_smartalign.quality.ring_correlation import CRITERIA
from hyperspy_smartalign.quality.verdicts import Verdict


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(bytes(8)))
    + _chunk(b"IEND", b"")
)


class Ring:
    """A ring correlation that knows its resolution in px."""

    frequency = np.array([0.25, 0.5])

    def __init__(self, period: float) -> None:
        self.period = period

    def resolution(self, criterion: str = "1/7") -> float:
        assert criterion in CRITERIA
        return self.period

    def beyond_nyquist(self, criterion: str = "1/7") -> bool:
        return False


@dataclass
class KnownQuality:
    """Stands in for what ``signal.smartalign.quality()`` measures."""

    n: int
    verdicts: tuple[Verdict, ...] = (
        Verdict("resolution", "good", "Halves agree down to 0.8 nm."),
        Verdict("unit cells", "caution", "Frame 2 may lie a unit cell off."),
    )
    messages: tuple[str, ...] = ("The frames are small.",)
    rings: dict[str, Ring] = field(
        default_factory=lambda: {"raw": Ring(float("nan")), "rigid": Ring(4.0)}
    )
    scale: tuple[float, float] = (0.2, 0.2)
    pixel: float = 0.2
    units: str = "nm"
    spots: Any = True
    precision: Any = True
    closure: Any = True
    drawn: list[str] = field(default_factory=list)

    @property
    def frames(self) -> SimpleNamespace:
        return SimpleNamespace(
            similarity=np.linspace(0.7, 0.9, self.n), weight=np.linspace(0.5, 1.5, self.n)
        )

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("plot_"):
            raise AttributeError(name)

        def plot(*, fig: Any) -> Any:
            self.drawn.append(name)
            return fig.subplots()

        return plot


@pytest.fixture
def known_quality():
    """``known_quality(n, verdicts=...)`` makes a quality of n frames."""
    return KnownQuality


@pytest.fixture
def undrawn(monkeypatch):
    """Pictures of 3 x 2 px, and how many were asked for, so that nothing has to be drawn."""
    asked: list[Any] = []

    def png_of(draw, size, *, dots_per_inch=150.0):
        asked.append(draw)
        return PNG, (3, 2)

    monkeypatch.setattr("hyperspy_smartalign.signals.reporting.pictures.png_of", png_of)
    return asked


@pytest.fixture
def measured(monkeypatch):
    """Put a known quality, or an error, in the place of the measurement."""

    def put(result):
        def quality(signal, *, source=None, show_progressbar=None):
            if isinstance(result, Exception):
                raise result
            return result

        monkeypatch.setattr("hyperspy_smartalign.signals.quality.measuring.quality", quality)

    return put


@pytest.fixture
def aligned(make_series, known_shifts):
    """A series of six frames with known shifts, aligned, of which frame 4 is left out; and raw."""
    shifts = [(0, 0), (1, -2), (2, -4), (3, -6), (4, -8), (5, -10)]
    raw, _ = make_series(shifts)
    known_shifts(shifts, rejected=[4])
    raw.metadata.General.title = "gold"
    return raw.align_rigid(exponent=0.5), raw
