"""Resident memory of this process, as Linux tells it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

STATUS = Path("/proc/self/status")
# Samples that are kept; with more, every second one is dropped, and the next come half as often.
MOST_SAMPLES = 200
INTERVAL = 0.02


def peak_gigabytes() -> float | None:
    """Largest resident memory of this process since its start, GB; None if it is not known."""
    return _gigabytes("VmHWM")


def _gigabytes(name: str) -> float | None:
    if not STATUS.exists():
        return None
    for line in STATUS.read_text().splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return 1024e-9 * int(value.split()[0])
    return None


class MemoryWatch:
    """Looks at the resident memory in a thread of its own, while inside ``with``.

    Attributes
    ----------
    samples : list of (float, float)
        Seconds since the start, and GB.
    """

    def __init__(self) -> None:
        self.samples: list[tuple[float, float]] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        start, interval = time.perf_counter(), INTERVAL
        while not self._done.wait(interval):
            found = _gigabytes("VmRSS")
            if found is None:
                return
            self.samples.append((round(time.perf_counter() - start, 3), round(found, 4)))
            if len(self.samples) > MOST_SAMPLES:
                del self.samples[::2]
                interval *= 2
