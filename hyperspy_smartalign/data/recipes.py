"""The series behind the project's figures of accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperspy_smartalign.data._checks import image_shape, whole
from hyperspy_smartalign.data.crystal import Crystal
from hyperspy_smartalign.data.lattices import lattice
from hyperspy_smartalign.data.simulate import (
    SimulatedStack,
    random_stream,
    simulate_stack,
    with_flaws,
)

# (y, x) drift over a whole series, 57 px long.
_LONG_DRIFT = 57 * np.array([0.8, -0.6])


def lattice_recipe(
    dose: float, *, frames: int = 40, shape: Sequence[int] = (256, 256), seed: int = 0
) -> SimulatedStack:
    """Perovskite lattice with flaws, drifting by 57 px in all: the test of unit-cell hops.

    Two columns a cell of 16.3 px, sigma 3.6 px, background 0.25, 4 % of the columns 70 % weaker,
    10 % 30 % weaker, four slow weak blobs. The drift is linear, 57 px from first to last frame,
    plus a random walk of 0.6 px a frame. Lines are straight and the drift stops during a frame. At
    20 counts and 256x256 the Cramer-Rao standard error of a shift is 0.013 px along each axis; the
    highest maximum of the plain cross-correlation is wrong for about 3, 8 and 60 % of the pairs at
    20, 2 and 0.5 counts.

    Parameters
    ----------
    dose : float
        Counts a pixel at the peak of the strongest column over no background.
    frames : int
        How many, 2 or more.
    shape : (int, int)
        Rows and columns of a frame.
    seed : int
        Seed of flaws, drift and noise.
    """
    frames = whole(frames, 2, name="frames")
    size = image_shape(shape)
    seeds = [int(word) for word in random_stream(seed, "crystal").generate_state(3)]
    crystal = (
        _perovskite(size, width=3.6)
        .with_vacancies(0.04, depth=0.7, seed=seeds[0])
        .with_vacancies(0.1, depth=0.3, seed=seeds[1])
        .with_blobs(4, height=0.2, seed=seeds[2])
    )
    return simulate_stack(
        shape=size,
        frames=frames,
        crystal=crystal,
        dose=dose,
        drift=_LONG_DRIFT / (frames - 1),
        drift_walk=0.6,
        seed=seed,
    )


def tilt_boundary_recipe(
    dose: float, *, frames: int = 40, shape: Sequence[int] = (256, 256), seed: int = 0
) -> SimulatedStack:
    """Two grains with blobs: features that no lattice vector repeats.

    Perovskite lattices of 16 px, turned by +9 and -9 degrees, meet in the middle; dark background,
    1 % of the columns missing, six bright blobs. Drift and parameters are those of
    `lattice_recipe`.
    """
    frames = whole(frames, 2, name="frames")
    size = image_shape(shape)
    seeds = [int(word) for word in random_stream(seed, "crystal").generate_state(2)]
    crystal = (
        lattice("perovskite", spacing=16.0, angle=9.0, field=size, margin=96.0, background=0.05)
        .with_grain_boundary(-18.0, angle=90.0)
        .with_vacancies(0.01, seed=seeds[0])
        .with_blobs(6, height=0.3, width=(15.0, 35.0), seed=seeds[1])
    )
    return simulate_stack(
        shape=size,
        frames=frames,
        crystal=crystal,
        dose=dose,
        drift=_LONG_DRIFT / (frames - 1),
        drift_walk=0.6,
        seed=seed,
    )


def scan_recipe(
    dose: float = 50.0,
    *,
    frames: int = 16,
    shape: Sequence[int] = (256, 256),
    scan_rotation: str | float | Sequence[float] = 0,
    seed: int = 0,
) -> SimulatedStack:
    """Perovskite lattice with few flaws whose scan lines are off by 0.5 px rms over 6 lines.

    The jitter is smooth (``row_process="gaussian"``). The drift is 1 px a frame, (0.6, -0.8),
    between frames and within them. At 50 and 10 counts and 256x256 the bound on a line's offset,
    `Truth.cramer_rao_rows`, is 0.046 and 0.093 px.

    Parameters
    ----------
    dose : float
        Counts a pixel at the peak of the strongest column over no background.
    frames : int
        How many.
    shape : (int, int)
        Rows and columns of a frame.
    scan_rotation : {"none", "pairs", "set"}, float or sequence of float
        As for `probe_path`; "pairs" makes the test of what is common to all frames.
    seed : int
        Seed of flaws, jitter and noise.
    """
    size = image_shape(shape)
    return simulate_stack(
        shape=size,
        frames=frames,
        crystal=with_flaws(_perovskite(size, width=3.2), seed=seed),
        dose=dose,
        drift=(0.6, -0.8),
        drift_walk=0.0,
        row_jitter=0.5,
        row_correlation=6.0,
        row_process="gaussian",
        in_frame_drift=True,
        scan_rotation=scan_rotation,
        seed=seed,
    )


def _perovskite(size: tuple[int, int], *, width: float) -> Crystal:
    return lattice(
        "perovskite",
        spacing=16.3,
        angle=10.0,
        field=size,
        margin=96.0,
        width=width,
        background=0.25,
    )
