"""By how much two signals differ."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.provenance.comparing import compared
from hyperspy_smartalign.signals.provenance.history import History, versions

DATA = np.random.default_rng(0).normal(100, 5, (3, 8, 9))


def signal(
    data: np.ndarray, *, noise: float | None = None, lazy: bool = False
) -> hs.signals.Signal2D:
    result = hs.signals.Signal2D(data.copy())
    if noise is not None:
        recording.write_measurements(result, None, NoiseModel(noise**2, 0.0, 0.0))
    return result.as_lazy() if lazy else result


@pytest.mark.parametrize("lazy", [False, True])
def test_equal_pixels_with_gaps(lazy: bool) -> None:
    data = DATA.copy()
    data[1, 2] = np.nan
    found = compared(signal(data, lazy=lazy), signal(data))
    assert found.equal
    assert found.same
    assert found.words == "same pixels, bit for bit"


def test_rounding_is_judged_by_the_noise() -> None:
    other = DATA.copy()
    other[2, 3, 4] += 0.01
    rounded = compared(signal(other), signal(DATA, noise=20))
    assert (rounded.differing, rounded.pixels) == (1, DATA.size)
    assert rounded.largest == pytest.approx(0.01)
    assert rounded.same
    assert not rounded.equal
    assert "within rounding: 1 of 216 pixels differ, by 0.01 at most" in rounded.words
    assert not compared(signal(other), signal(DATA, noise=5)).same


def test_without_noise_the_spread_counts() -> None:
    found = compared(signal(DATA + 1e-6), signal(DATA))
    assert found.noise == pytest.approx(DATA.std(), rel=1e-6)
    assert "of the spread of the pixels" in found.words
    assert found.same


def test_a_gap_in_one_only_is_no_rounding() -> None:
    other = DATA.copy()
    other[0, 0, 0] = np.nan
    found = compared(signal(other), signal(DATA))
    assert found.unlike == 1
    assert not found.same
    assert "1 are NaN in one of both only" in found.words


def test_whole_numbers_do_not_wrap_round() -> None:
    found = compared(signal(np.zeros((2, 4, 4), np.uint8)), signal(np.full((2, 4, 4), 3, np.uint8)))
    assert found.largest == 3


def test_one_image() -> None:
    assert compared(signal(DATA[0]), signal(DATA[0])).equal


def test_changed_versions_are_told() -> None:
    now = versions()
    assert "numpy" in now
    history = History((), ({**now, "numpy": "1.0", "old": "2"}, now))
    assert history.version_changes() == [
        f"numpy 1.0 then, {now['numpy']} now",
        "old 2 then, none now",
    ]
