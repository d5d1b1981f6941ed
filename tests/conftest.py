"""Fixtures shared by all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Path of a real microscope file, or a skip that says which file is absent."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"real data file ../shared/data/{name} is not on this machine")
        return path

    return find


@pytest.fixture(scope="session")
def values_of() -> Callable[[Any], st.SearchStrategy[Any]]:
    """For hypothesis: from a ParameterSpec to the values that its parameter keeps."""
    return _values_of


def _values_of(spec: Any) -> st.SearchStrategy[Any]:
    low = -1e6 if spec.low is None else spec.low
    high = 1e6 if spec.high is None else spec.high
    real = st.floats(low, high)
    above = st.floats(max(low, 0), high, exclude_min=low <= 0)
    index = st.integers(0, 10**6)
    side = st.integers(-99, 999) | st.floats(-1e6, 1e6)
    word = st.sampled_from(spec.choices) if spec.choices else st.nothing()
    mask = st.integers(1, 6).flatmap(
        lambda n: st.lists(st.floats(0.1, 9), min_size=n * n, max_size=n * n).map(
            lambda numbers: np.reshape(numbers, (n, n))
        )
    )
    kinds = {
        "flag": st.booleans(),
        "switch": st.booleans(),
        "choice": word,
        "choices": st.lists(word, min_size=1, max_size=4),
        "integer": st.integers(int(low), int(high)),
        "real": real,
        "real or pair": above | st.tuples(above, above),
        "indices": st.lists(index, max_size=4),
        "index pairs": st.lists(st.tuples(index, index).filter(lambda pair: len({*pair}) == 2)),
        "numbers": real | st.lists(real, min_size=1, max_size=4),
        "frame numbers": st.lists(real, min_size=1, max_size=4),
        "region": st.tuples(*[side] * 4),
        "crop area": st.booleans() | st.tuples(*[side] * 4),
        "signal range": st.tuples(side, side) | st.tuples(*[side] * 4),
        "path": st.text("abc/. _", min_size=1).filter(lambda text: text == text.strip()),
        "choice or array": mask,
    }
    values = kinds[spec.kind] | word
    if spec.default is None:
        values = values | st.none()
    return values.filter(lambda value: _allowed(spec, value)).map(spec.checked)


def _allowed(spec: Any, value: Any) -> bool:
    """Whether a number is above 0 where it must be; all else that is drawn is allowed."""
    return "above 0" not in spec.trait.noun or not (isinstance(value, float) and value <= 0)
