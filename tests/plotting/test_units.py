"""Units, scale bars and rounded numbers."""

from __future__ import annotations

import pytest

from hyperspy_smartalign.plotting.units import (
    is_calibrated,
    readable,
    readable_time,
    round_length,
    with_error,
)


@pytest.mark.parametrize("units", ["px", "", "pixels", "<undefined>", "Pixel"])
def test_pixels_are_no_calibration(units: str) -> None:
    assert not is_calibrated(units)
    assert is_calibrated("nm")


@pytest.mark.parametrize(
    ("size", "units", "number", "shown"),
    [
        (0.012, "nm", 12.0, "pm"),
        (-0.012, "nm", -12.0, "pm"),
        (12.0, "nm", 12.0, "nm"),
        (2500.0, "nm", 2.5, "µm"),
        (3e-9, "m", 3.0, "nm"),
        (4.0, "Å", 4.0, "Å"),
        (4000.0, "Å", 400.0, "nm"),
        (0.02, "um", 20.0, "nm"),
        (0.02, "furlong", 0.02, "furlong"),
        (0.0, "nm", 0.0, "nm"),
        (float("nan"), "nm", None, "nm"),
        (1e7, "m", 1e7, "m"),
    ],
)
def test_sizes_become_readable(size, units, number, shown) -> None:
    factor, found = readable(size, units)
    assert found == shown
    if number is not None:
        assert size * factor == pytest.approx(number)


@pytest.mark.parametrize(
    ("seconds", "number", "shown"),
    [(0.02, 20.0, "ms"), (37.0, 37.0, "s"), (600.0, 10.0, "min"), (36_000.0, 10.0, "h")],
)
def test_times_become_readable(seconds, number, shown) -> None:
    factor, units = readable_time(seconds)
    assert (seconds * factor, units) == (pytest.approx(number), shown)


@pytest.mark.parametrize(
    ("length", "bar"), [(1.0, 1.0), (1.99, 1.0), (0.3, 0.2), (0.5, 0.5), (70.0, 50.0), (1e-3, 1e-3)]
)
def test_scale_bars_are_round(length: float, bar: float) -> None:
    assert round_length(length) == pytest.approx(bar)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (12.345, 0.123, "12.35 ± 0.12"),
        (-0.5, 0.04, "−0.500 ± 0.040"),
        (1234.0, 56.0, "1234 ± 56"),
        (1.23456, float("nan"), "1.23"),
        (1.23456, 0.0, "1.23"),
    ],
)
def test_numbers_are_rounded_by_their_error(value, error, text) -> None:
    assert with_error(value, error) == text
