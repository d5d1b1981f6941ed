"""Test images whose value is known everywhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

Image = Callable[..., npt.NDArray[np.float64]]


@pytest.fixture(scope="session")
def waves() -> Image:
    """``waves(y, x)``: 12 plane waves of at least 5 px period around 10, anywhere in the plane."""
    rng = np.random.default_rng(7)
    angle = rng.uniform(0, np.pi, 12)
    frequency = rng.uniform(0.02, 0.2, 12)
    phase = rng.uniform(0, 2 * np.pi, 12)

    def image(y: npt.ArrayLike, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        y, x = np.asarray(y, float), np.asarray(x, float)
        total = np.full(np.broadcast(y, x).shape, 10.0)
        for a, f, p in zip(angle, frequency, phase, strict=True):
            total += np.cos(2 * np.pi * f * (np.sin(a) * y + np.cos(a) * x) + p)
        return total

    return image


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
