"""Figures without a screen, none left open, and an alignment to plot."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from hyperspy_smartalign.rigid import PairTable
from hyperspy_smartalign.transforms import Alignment


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    """Draw what a test made last, as labels and layout fail only then, and close all it made."""
    before = set(plt.get_fignums())
    yield
    made = sorted(set(plt.get_fignums()) - before)
    if made:
        plt.figure(made[-1]).canvas.draw()
    for number in made:
        plt.close(number)


@pytest.fixture
def make_alignment() -> Callable[..., Alignment]:
    """Alignment of n frames that drift along a curve; keywords are fields of the class."""

    def make(n: int = 7, *, shape: tuple[int, int] = (48, 64), **fields: object) -> Alignment:
        # However many frames, they keep an area in common.
        steps = np.arange(n) * min(1.0, 6 / max(1, n - 1))
        shifts = np.stack([0.5 * steps + np.sin(steps), -0.25 * steps], axis=1)
        return Alignment.from_shifts(shifts - shifts.mean(axis=0), frame_shape=shape, **fields)

    return make


@pytest.fixture
def make_pairs() -> Callable[..., PairTable]:
    """All pairs of an alignment, measured exactly, except that each fifth hopped by 16 px in x."""

    def make(alignment: Alignment, *, reach: int | None = None) -> PairTable:
        n = alignment.n_frames
        used = ~alignment.excluded
        indices = np.array(
            [
                (i, j)
                for i in range(n)
                for j in range(i + 1, n)
                if used[i] and used[j] and j - i <= (reach or n)
            ]
        )
        shifts = alignment.shifts[indices[:, 0]] - alignment.shifts[indices[:, 1]]
        hopped = np.arange(len(indices)) % 5 == 4
        shifts[hopped, 1] += 16.0
        return PairTable(indices, shifts, np.linspace(0.2, 0.9, len(indices)), ~hopped)

    return make
