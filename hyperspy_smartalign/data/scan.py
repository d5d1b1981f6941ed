"""Make the path of the probe: linear drift, random walk, row jitter, scan rotation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.data._checks import (
    FloatArray,
    above_zero,
    at_least,
    image_shape,
    one_of,
    whole,
)
from hyperspy_smartalign.data.path import SCAN_DIRECTIONS, ProbePath, line_shape, right_angles
from hyperspy_smartalign.series.geometry import ScanGeometry

Seed = int | np.random.SeedSequence
RowProcess = Literal["exponential", "gaussian"]
ROW_PROCESSES = ("exponential", "gaussian")


def probe_path(
    frames: int,
    shape: Sequence[int],
    *,
    drift: Literal["walk"] | npt.ArrayLike = (0.0, 0.0),
    drift_walk: float = 0.0,
    row_jitter: float = 0.0,
    row_correlation: float = 6.0,
    row_process: RowProcess = "gaussian",
    in_frame_drift: bool = False,
    scan_rotation: str | float | Sequence[float] = 0,
    dwell_time: float = 1e-6,
    flyback_time: float = 60e-6,
    frame_gap: float = 0.0,
    seed: Seed = 0,
) -> ProbePath:
    """Make the path of the probe over a series.

    Parameters
    ----------
    frames : int
        How many.
    shape : (int, int)
        Rows and columns of a frame.
    drift : (float, float), "walk" or (n, 2) array
        A pair is the (y, x) motion of the content in pixels a frame. "walk" is a random walk alone.
        An array holds the shift of every frame and is used as it is. Otherwise the shifts are
        given with a mean over the frames of zero.
    drift_walk : float
        Step of a random walk on top, rms pixels a frame along each axis. Its mean is zero.
    row_jitter : float
        Random offset of the scan lines, rms pixels along each axis, before the mean of each frame
        is taken off (so that the frame's shift stays what it is).
    row_correlation : float
        Length r in lines over which the jitter is correlated.
    row_process : {"gaussian", "exponential"}
        Its correlation at k lines apart: exp(-k^2 / (2 r^2)), smooth as of vibrations, or
        exp(-k / r), rough as of electronics. See `row_covariance`.
    in_frame_drift : bool
        Let the drift go on during the frame, pixel by pixel, through lines and flyback. The
        velocity in a frame is that of its neighbours' shifts (central difference).
    scan_rotation : {"none", "pairs", "set"}, float or sequence of float
        "pairs": 0 and 90 degrees in turn; "set": 0, 90, 180, 270; a number for all; one a frame; or
        2 or 4 angles that repeat. Multiples of 90 degrees.
    dwell_time, flyback_time, frame_gap : float
        Seconds a pixel, between two lines, and between two frames.
    seed : int
        The same seed gives the same drift, with or without row jitter.

    Returns
    -------
    ProbePath

    Raises
    ------
    ValueError
        If sizes or times are not positive, the drift does not fit the frames, or an angle is not a
        multiple of 90 degrees.
    """
    frames = whole(frames, 1, name="frames")
    size = image_shape(shape)
    rotation = right_angles(ScanGeometry.rotations(scan_rotation, frames))
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    # Children made by key, not by spawn(), which would change the caller's sequence.
    walk_rng, row_rng = (
        np.random.default_rng(
            np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, key))
        )
        for key in (0, 1)
    )
    shifts, velocity = _drift(frames, drift, at_least(drift_walk, 0.0, name="drift_walk"), walk_rng)
    row_jitter = at_least(row_jitter, 0.0, name="row_jitter")
    most_lines = max(line_shape(size, angle)[0] for angle in rotation)
    offsets = np.full((frames, most_lines, 2), np.nan)
    slopes = np.zeros((frames, 2))
    for frame, angle in enumerate(rotation):
        count, length = line_shape(size, angle)
        _, slow, fast = SCAN_DIRECTIONS[angle]
        jitter = row_jitter * _row_noise(row_rng, count, row_correlation, row_process)
        moved = jitter - jitter.mean(axis=0)
        if in_frame_drift:
            line_time = length * dwell_time + flyback_time
            per_second = velocity[frame] / (count * line_time + frame_gap)
            line_middle = (np.arange(count) - (count - 1) / 2) * line_time
            moved = moved + line_middle[:, np.newaxis] * per_second
            slopes[frame] = per_second * dwell_time * fast
        offsets[frame, :count] = moved[::slow]
    return ProbePath(
        shape=size,
        shifts=shifts,
        row_offsets=offsets,
        line_slopes=slopes,
        rotation=rotation,
        dwell_time=dwell_time,
        flyback_time=flyback_time,
        frame_gap=frame_gap,
    )


def row_covariance(
    lines: int, *, rms: float, correlation: float, process: RowProcess = "gaussian"
) -> FloatArray:
    """(lines, lines) covariance of the row jitter along one axis, in px^2.

    That of the process before the mean of the frame is taken off; see `probe_path`.
    """
    lag = np.abs(np.subtract.outer(np.arange(lines), np.arange(lines)))
    length = above_zero(correlation, name="correlation")
    one_of(process, ROW_PROCESSES, name="process")
    reduced = lag / length if process == "exponential" else lag**2 / (2 * length**2)
    return np.asarray(rms**2 * np.exp(-reduced), dtype=np.float64)


def _drift(
    frames: int,
    drift: Literal["walk"] | npt.ArrayLike,
    walk: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Shift of every frame, and its velocity in pixels a frame; both (n, 2)."""
    if isinstance(drift, str):
        if one_of(drift, ("walk",), name="drift") == "walk" and walk == 0:
            raise ValueError('drift is "walk" but drift_walk is 0; give its rms step in pixels.')
        given = np.zeros(2)
    else:
        given = np.asarray(drift, dtype=np.float64)
    if given.shape not in ((2,), (frames, 2)) or not np.isfinite(given).all():
        raise ValueError(
            f"drift has shape {given.shape} for {frames} frames; give a finite (y, x) pair of "
            f'pixels a frame, an array of shape ({frames}, 2), or "walk".'
        )
    if given.ndim == 1:
        linear = given * (np.arange(frames) - (frames - 1) / 2)[:, np.newaxis]
    else:
        linear = given
    steps = rng.standard_normal((frames, 2))
    wander = walk * np.cumsum(steps, axis=0)
    shifts = linear + wander - wander.mean(axis=0)
    if frames > 1:
        return shifts, np.gradient(shifts, axis=0)
    return shifts, np.broadcast_to(given if given.ndim == 1 else np.zeros(2), (1, 2))


def _row_noise(
    rng: np.random.Generator, lines: int, correlation: float, process: RowProcess
) -> FloatArray:
    """(lines, 2) stationary Gaussian noise of unit variance, in the order of scanning."""
    length = above_zero(correlation, name="row_correlation")
    one_of(process, ROW_PROCESSES, name="row_process")
    if process == "exponential":
        keep = np.exp(-1 / length)
        white = rng.standard_normal((lines, 2))
        noise = np.empty((lines, 2))
        noise[0] = white[0]
        for line in range(1, lines):
            noise[line] = keep * noise[line - 1] + np.sqrt(1 - keep**2) * white[line]
        return noise
    # White noise smoothed with a Gaussian of length / sqrt(2) has the correlation asked for.
    half = int(np.ceil(4 * length))
    kernel = np.exp(-(np.arange(-half, half + 1) ** 2) / length**2)
    kernel /= np.sqrt(np.sum(kernel**2))
    white = rng.standard_normal((lines + 2 * half, 2))
    return np.stack([np.convolve(white[:, axis], kernel, mode="valid") for axis in (0, 1)], axis=1)
