"""Simulated image stacks, arrays only."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import above_zero, image_shape, one_of
from hyperspy_smartalign.data.cells import LATTICE_KINDS
from hyperspy_smartalign.data.crystal import Crystal
from hyperspy_smartalign.data.damage import Damage
from hyperspy_smartalign.data.detector import Detector
from hyperspy_smartalign.data.lattices import lattice
from hyperspy_smartalign.data.path import ProbePath
from hyperspy_smartalign.data.render import render_frame
from hyperspy_smartalign.data.scan import RowProcess, probe_path
from hyperspy_smartalign.data.truth import Truth
from hyperspy_smartalign.resampling.workers import run_tasks

# Specimens that are made of a lattice, and which.
_CUT_FROM = {"nanoparticle": "square", "featureless": "square", "interface": "perovskite"}
CRYSTALS = (*LATTICE_KINDS, *_CUT_FROM)

# Independent streams of random numbers that are made from one seed.
_STREAMS = ("crystal", "path", "detector", "second detector", "spectra", "more spectra")


@dataclass(frozen=True, eq=False)
class SimulatedStack:
    """A stack of frames and what is true of it.

    Parameters
    ----------
    stack : (n, h, w) array
        Grey levels as the detector records them.
    truth : Truth
        Specimen, path of the probe and dose.
    """

    stack: npt.NDArray[Any]
    truth: Truth

    def __repr__(self) -> str:
        return f"SimulatedStack({self.stack.shape} {self.stack.dtype}, dose {self.truth.dose:g})"


def random_stream(seed: int, stream: str, frame: int = 0) -> np.random.SeedSequence:
    """Seed of one stream of random numbers; another one for each stream and each frame."""
    return np.random.SeedSequence(seed, spawn_key=(_STREAMS.index(stream), frame))


def named_crystal(
    name: str, *, field: Sequence[int] = (256, 256), reach: float = 0.0, seed: int = 0
) -> Crystal:
    """A crystal by name, with a few flaws, so that its cells are not all alike.

    Parameters
    ----------
    name : {"square", "perovskite", "hexagonal", "dumbbell", "nanoparticle", "featureless", \
"interface"}
        A lattice of 16.3 px spacing turned by 10 degrees, with 1 % of the columns 70 % weaker, 1 %
        30 % weaker, and 4 slow bright blobs. "nanoparticle" is a square one cut to a disc over a
        background. "featureless" is the background alone. "interface" is the perovskite whose weak
        columns change their element, from left to right, across an upright plane in the middle,
        along an error function of sigma 3 px; see `Crystal.with_interface`.
    field : (int, int)
        Rows and columns of the area of interest.
    reach : float
        Largest displacement of the probe, in pixels; the crystal goes on beyond it.
    seed : int
        Seed of the flaws.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    one_of(name, CRYSTALS, name="crystal")
    size = image_shape(field, name="field")
    kind = {"nanoparticle": "square", "featureless": "square", "interface": "perovskite"}.get(
        name, name
    )
    # In steps of 32 px, so that slightly different paths see the same flaws.
    margin = 32.0 * math.ceil((reach + 16) / 32)
    perfect = lattice(kind, spacing=16.3, angle=10.0, field=size, margin=margin)
    if name == "featureless":
        return perfect.featureless()
    flawed = with_flaws(perfect, seed=seed)
    if name == "interface":
        return flawed.with_interface()
    return flawed.nanoparticle(0.3 * min(size)) if name == "nanoparticle" else flawed


def with_flaws(crystal: Crystal, *, seed: int) -> Crystal:
    """Make cells differ: 1 % of the columns 70 % weaker, 1 % 30 % weaker, 4 slow weak blobs."""
    seeds = [int(word) for word in random_stream(seed, "crystal").generate_state(3)]
    weak = crystal.with_vacancies(0.01, depth=0.7, seed=seeds[0])
    return weak.with_vacancies(0.01, depth=0.3, seed=seeds[1]).with_blobs(4, seed=seeds[2])


def simulate_stack(
    *,
    shape: Sequence[int] = (256, 256),
    frames: int = 16,
    crystal: str | Crystal = "perovskite",
    dose: float = 20.0,
    drift: Literal["walk"] | npt.ArrayLike = (0.5, -1.0),
    drift_walk: float = 0.3,
    row_jitter: float = 0.0,
    row_correlation: float = 6.0,
    row_process: RowProcess = "gaussian",
    in_frame_drift: bool = False,
    scan_rotation: str | float | Sequence[float] = 0,
    dwell_time: float = 1e-6,
    flyback_time: float = 60e-6,
    frame_gap: float = 0.0,
    detector: Detector | None = None,
    damage: Damage | None = None,
    seed: int = 0,
) -> SimulatedStack:
    """Simulate a series of images of one area.

    Every pixel is the analytic intensity of the specimen where the probe was, passed through a
    detector. No frame is ever interpolated.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of a frame.
    frames : int
        How many.
    crystal : str or Crystal
        A name (see `named_crystal`) or a specimen made by `lattice` and its methods. Your own one
        should reach beyond the frame by the largest displacement of the probe (its `margin`).
    dose : float
        Counts a pixel at intensity 1, that of the strongest column over no background. A pixel of
        intensity I receives dose * I counts on average. ``inf`` for no noise.
    drift, drift_walk, row_jitter, row_correlation, row_process, in_frame_drift, scan_rotation
        The path of the probe; see `probe_path`.
    dwell_time, flyback_time, frame_gap : float
        Seconds a pixel, between two lines, and between two frames.
    detector : Detector, optional
        Gain, offset, read noise, bits, flaws. By default counts as float32.
    damage : Damage, optional
        Damage that grows from frame to frame. By default the specimen does not change.
    seed : int
        Seed of everything. Flaws, drift, and the noise of each frame come from streams of their
        own: a longer series starts with the same noise, and another dose has the same drift.

    Returns
    -------
    SimulatedStack

    Examples
    --------
    >>> from hyperspy_smartalign.data import simulate_stack
    >>> simulated = simulate_stack(shape=(64, 48), frames=3, drift=(1.0, 0.0), drift_walk=0)
    >>> simulated.stack.shape
    (3, 64, 48)
    >>> simulated.truth.shifts[:, 0].tolist()
    [-1.0, 0.0, 1.0]
    """
    truth = make_truth(
        shape=shape,
        frames=frames,
        crystal=crystal,
        dose=dose,
        drift=drift,
        drift_walk=drift_walk,
        row_jitter=row_jitter,
        row_correlation=row_correlation,
        row_process=row_process,
        in_frame_drift=in_frame_drift,
        scan_rotation=scan_rotation,
        dwell_time=dwell_time,
        flyback_time=flyback_time,
        frame_gap=frame_gap,
        damage=damage,
        seed=seed,
    )
    detector = Detector() if detector is None else detector
    record = frame_recorder(truth, detector, seed=seed)
    stack = record_frames(record, len(truth.path), truth.path.shape, detector.pixel_type)
    return SimulatedStack(stack=stack, truth=truth)


def make_truth(
    *,
    shape: Sequence[int],
    frames: int,
    crystal: str | Crystal,
    dose: float,
    damage: Damage | None,
    seed: int,
    **scan: Any,
) -> Truth:
    """Specimen and path of a simulation; `scan` goes to `probe_path`."""
    above_zero(dose, name="dose", allow_infinite=True)
    path: ProbePath = probe_path(frames, shape, seed=random_stream(seed, "path"), **scan)
    if isinstance(crystal, str):
        crystal = named_crystal(crystal, field=path.shape, reach=path.reach, seed=seed)
    elif not isinstance(crystal, Crystal):
        raise TypeError(
            f"crystal is a {type(crystal).__name__}; give one of the names {', '.join(CRYSTALS)} "
            "or a Crystal made by lattice(...)."
        )
    if damage is not None and not isinstance(damage, Damage):
        raise TypeError(f"damage is {damage!r}; give hyperspy_smartalign.data.Damage(...).")
    return Truth(crystal=crystal, path=path, dose=dose, damage=damage)


def frame_recorder(
    truth: Truth,
    detector: Detector,
    *,
    seed: int,
    stream: str = "detector",
    crystal: Crystal | None = None,
) -> Callable[[int], npt.NDArray[Any]]:
    """Function that records frame i, the same whenever and in whatever order it is asked for."""

    def record(frame: int) -> npt.NDArray[Any]:
        rng = np.random.default_rng(random_stream(seed, stream, frame))
        specimen = truth.crystal_at(frame) if crystal is None else crystal
        intensity = render_frame(specimen, truth.path, frame)
        return detector.record(intensity, dose=truth.dose, rng=rng)

    return record


def record_frames(
    record: Callable[[int], npt.NDArray[Any]],
    frames: int,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> npt.NDArray[Any]:
    """(frames, *shape) array of all frames, recorded in threads."""
    stack = np.empty((frames, *shape), dtype=dtype)

    def fill(frame: int) -> None:
        stack[frame] = record(frame)

    run_tasks(fill, frames)
    return stack
