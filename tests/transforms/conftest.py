"""Strategies for random transforms, as fixtures because tests do not import each other."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

from hyperspy_smartalign.transforms import Affine, Field, ScanLine, Transform, Translation

numbers = st.floats(-20, 20, allow_nan=False, width=32)
pairs = st.tuples(numbers, numbers)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def translations(draw: st.DrawFn) -> Translation:
    return Translation(draw(pairs))


@st.composite
def affines(draw: st.DrawFn) -> Affine:
    rng = np.random.default_rng(draw(seeds))
    # Far from singular: a microscope distorts by per cents.
    return Affine(np.eye(2) + rng.uniform(-0.2, 0.2, (2, 2)), draw(pairs), centre=draw(pairs))


@st.composite
def scan_lines(
    draw: st.DrawFn, *, axis: int | None = None, rotation: bool = True, whole: bool = False
) -> ScanLine:
    rng = np.random.default_rng(draw(seeds))
    rows = draw(st.integers(1, 23))
    # Neighbouring lines differ by less than a pixel, so that an inverse exists.
    offsets = np.cumsum(rng.uniform(-0.4, 0.4, (rows, 2)), axis=0) + draw(pairs)
    slope = rng.uniform(-0.05, 0.05, (rows, 2)) if rotation and draw(st.booleans()) else 0.0
    return ScanLine(
        offsets,
        rotation=slope,
        axis=draw(st.sampled_from((0, 1))) if axis is None else axis,
        first_row=draw(st.integers(-5, 5)) if whole else draw(numbers),
        line_centre=draw(numbers),
    )


@st.composite
def fields(draw: st.DrawFn, *, dense: bool = False) -> Field:
    rng = np.random.default_rng(draw(seeds))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    spacing = 1.0 if dense else draw(st.sampled_from((1.0, 4.0, (3.0, 7.5))))
    # Small against the spacing: no folds.
    values = rng.uniform(-0.1, 0.1, (2, *shape)) + np.reshape(draw(pairs), (2, 1, 1))
    return Field(values, origin=draw(pairs), spacing=spacing)


@st.composite
def any_transforms(draw: st.DrawFn) -> Transform:
    return draw(st.one_of(translations(), affines(), scan_lines(), fields()))


@pytest.fixture(scope="session")
def strategies() -> SimpleNamespace:
    """Hypothesis strategies of every kind of transform."""
    return SimpleNamespace(
        pairs=pairs,
        translations=translations,
        affines=affines,
        scan_lines=scan_lines,
        fields=fields,
        any_transforms=any_transforms,
    )
