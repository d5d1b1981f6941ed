"""What the gradient matching moves: the lines of a scan, all alike, or the nodes of a grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy import fft

from .free_path import FreePath
from .gradient_descent import FULL_STEP, View
from .gradient_frame import MatchedFrame
from .lines import LinePath

__all__ = ["LineProblem", "NodeProblem"]

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

#: Share of the lines at either edge over which `constrain_edges` lets the displacement go.
EDGE = 1 / 16
#: The Gaussian is not told from 0 below this.
FAINTEST = 1e-6


def _transfer(sigma: float, shape: tuple[int, ...]) -> DoubleArray:
    """Gaussian of `sigma` samples, for the cosine transform along the axes of `shape`."""
    frequency = sum(
        np.expand_dims((np.pi * np.arange(n) / n) ** 2, tuple(set(range(len(shape))) - {axis}))
        for axis, n in enumerate(shape)
    )
    return np.asarray(np.exp(-0.5 * sigma**2 * frequency))


def _scaled(gaussian: DoubleArray, step: float) -> DoubleArray:
    """Filter after a share `step` of the full step that leaves the fixed point where it is."""
    return gaussian / (gaussian + step * (1 - gaussian))


def _ramp(n: int) -> DoubleArray:
    """Weights that rise from 0 at the edges to 1."""
    width = max(1.0, EDGE * n)
    inside = np.minimum(np.arange(n), np.arange(n)[::-1]) / width
    return np.asarray(np.sin(0.5 * np.pi * np.minimum(inside, 1.0)) ** 2)


def _roughness(gaussian: DoubleArray, waves: DoubleArray) -> float:
    """Sum of squares whose slope the smoothing balances."""
    return float(((1 / np.maximum(gaussian, FAINTEST) - 1) * waves**2).sum())


def _stiffness(energy: float, sums: DoubleArray) -> float:
    """Weight of the roughness in the misfit, from the mean energy of a pixel.

    Pixels that the noise constant makes weaker pull less against it.
    """
    pull = sums[8] / sums[9] if sums[9] > 0 else 1.0
    return energy / (4 * max(float(pull), 1e-3))


class LineProblem:
    """Offsets (slow, fast) of all lines, and last the slope over half a line added to the start."""

    def __init__(
        self,
        frame: MatchedFrame,
        path: LinePath,
        *,
        smoothing: float,
        affine: bool,
        tilted: bool,
        constrain_edges: bool,
    ) -> None:
        self._frame = frame
        self._path = path
        self._affine = affine
        self._tilted = tilted
        self._half = max((path.length - 1) / 2, 1.0)
        self._place = path.place()
        self._line = np.stack([np.ones_like(self._place), self._place], axis=1)
        self.start = np.concatenate([path.offsets, np.zeros((1, 2))])
        self._hold = np.ones(len(self.start))
        if constrain_edges and not affine:
            self._hold[:-1] = _ramp(path.lines)
            self._hold[-1] = 0.0
        self._gaussian = None
        self._stiffness = 0.0
        if smoothing > 0 and not affine:
            self._gaussian = _transfer(smoothing, (path.lines,))[:, None]
            energy, _, sums = frame.along(path)
            self._stiffness = _stiffness(float(energy[:, 0].mean()) / path.length, sums)

    def path(self, values: DoubleArray) -> LinePath:
        """The path that values stand for."""
        slopes = self._path.slopes
        if values[-1].any():
            slopes = slopes + values[-1] / self._half
        return replace(self._path, offsets=values[:-1].copy(), slopes=slopes)

    def view(self, values: DoubleArray) -> View:
        """The frame at these values, and the update that its pixels ask for."""
        energy, force, sums = self._frame.along(self.path(values))
        update = np.zeros_like(values)
        if sums[9] > 0:
            # Along each axis a pixel sees but half of its gradient energy.
            force = FULL_STEP * force
            if self._affine:
                update = self._affine_update(energy, force)
            else:
                update = self._line_update(energy, force)
        return self._frame.view(sums, update)

    def _line_update(self, energy: DoubleArray, force: DoubleArray) -> DoubleArray:
        update = np.zeros((len(energy) + 1, 2))
        weight = np.maximum(energy[:, :1], energy[:, 0].mean())
        push = force[:, 0]
        if self._tilted:
            # Offsets of the lines eliminated from the least squares: what is left is the slope's.
            lever = energy[:, 1:2] / np.maximum(energy[:, :1], 1e-300)
            known = float((energy[:, 2:] - lever * energy[:, 1:2]).sum())
            if known > 0:
                update[-1] = (force[:, 1] - lever * push).sum(0) / known
                push = push - energy[:, 1:2] * update[-1]
        update[:-1] = push / weight
        return update

    def _affine_update(self, energy: DoubleArray, force: DoubleArray) -> DoubleArray:
        """Least squares of the pixels' updates over shift, drift and slope along the lines."""
        place, e0, e1 = self._place, energy[:, 0], energy[:, 1]
        shared = (place * e0).sum(), e1.sum(), (place * e1).sum()
        normal = np.array(
            [
                [e0.sum(), shared[0], shared[1]],
                [shared[0], (place**2 * e0).sum(), shared[2]],
                [shared[1], shared[2], energy[:, 2].sum()],
            ]
        )
        asked = np.stack([force[:, 0].sum(0), place @ force[:, 0], force[:, 1].sum(0)])
        found = np.linalg.solve(normal + 1e-9 * np.trace(normal) * np.eye(3), asked)
        return np.concatenate([self._line @ found[:2], found[2:]])

    def advance(self, values: DoubleArray, update: DoubleArray, step: float) -> DoubleArray:
        """Values after a step."""
        moved = values + step * update
        if self._gaussian is not None:
            trend, rest = self._parts(moved)
            rest = _scaled(self._gaussian, step) * rest
            moved[:-1] = trend + fft.idct(rest, axis=0, norm="ortho")
        return np.asarray(self.start + self._hold[:, None] * (moved - self.start))

    def penalty(self, values: DoubleArray) -> float:
        """What roughness adds to the misfit."""
        if self._gaussian is None:
            return 0.0
        rough = _roughness(self._gaussian, self._parts(values)[1])
        return self._stiffness * rough / self._path.lines

    def _parts(self, values: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Mean and drift of the lines, and the cosine transform of what is left."""
        offsets = values[:-1]
        trend = self._line @ np.linalg.lstsq(self._line, offsets, rcond=None)[0]
        return trend, fft.dct(offsets - trend, axis=0, norm="ortho")

    def mean_shift(self, change: DoubleArray) -> float:
        """Mean over the pixels of the length of a change, px."""
        along = np.linspace(-0.8, 0.8, 5) if change[-1].any() else np.zeros(1)
        moved = change[:-1, None] + along[:, None] * change[-1]
        return float(np.hypot(moved[..., 0], moved[..., 1]).mean())


class NodeProblem:
    """Displacement (2, rows, columns) of the nodes of a free path."""

    def __init__(
        self, frame: MatchedFrame, path: FreePath, *, smoothing: float, constrain_edges: bool
    ) -> None:
        self._frame = frame
        self._path = path
        self.start = path.values
        rows, columns = path.values.shape[1:]
        # Each node hears the pixels around it: the Gaussian, read at the nodes.
        reach = max(smoothing, 0.5 * path.spacing)
        nodes = path.nodes
        self._down = _listening(nodes[0, :, 0], path.shape[0], reach)
        self._across = _listening(nodes[1, 0, :], path.shape[1], reach)
        self._plane = np.stack(
            [
                np.ones(rows * columns),
                np.repeat(np.linspace(-1, 1, rows), columns),
                np.tile(np.linspace(-1, 1, columns), rows),
            ],
            axis=1,
        )
        self._hold = np.ones((rows, columns))
        if constrain_edges:
            self._hold = np.outer(_ramp(rows), _ramp(columns))
        self._gaussian = None
        self._stiffness = 0.0
        if smoothing > 0:
            self._gaussian = _transfer(smoothing / path.spacing, (rows, columns))
            sums = frame.everywhere(path)[2]
            self._stiffness = _stiffness(float(sums[9]) / frame.pixels.size, sums)

    def path(self, values: DoubleArray) -> FreePath:
        """The path that values stand for."""
        return replace(self._path, values=values.copy())

    def view(self, values: DoubleArray) -> View:
        """The frame at these values, and the update that its pixels ask for."""
        energy, force, sums = self._frame.everywhere(self.path(values))
        update = np.zeros_like(values)
        if sums[9] > 0:
            heard = self._down @ energy @ self._across.T
            push = FULL_STEP * (self._down @ force @ self._across.T)
            update = np.asarray(push / np.maximum(heard, heard.mean()))
        return self._frame.view(sums, update)

    def advance(self, values: DoubleArray, update: DoubleArray, step: float) -> DoubleArray:
        """Values after a step."""
        moved = values + step * update
        if self._gaussian is not None:
            trend, rest = self._parts(moved)
            rest = _scaled(self._gaussian, step) * rest
            moved = trend + fft.idctn(rest, axes=(1, 2), norm="ortho")
        return self.start + self._hold * (moved - self.start)

    def penalty(self, values: DoubleArray) -> float:
        """What roughness adds to the misfit."""
        if self._gaussian is None:
            return 0.0
        rough = _roughness(self._gaussian, self._parts(values)[1])
        return self._stiffness * rough / self._gaussian.size

    def _parts(self, values: DoubleArray) -> tuple[DoubleArray, DoubleArray]:
        """Affine part of the displacement, and the cosine transform of what is left."""
        flat = values.reshape(2, -1).T
        trend = (self._plane @ np.linalg.lstsq(self._plane, flat, rcond=None)[0]).T
        trend = trend.reshape(values.shape)
        return trend, fft.dctn(values - trend, axes=(1, 2), norm="ortho")

    def mean_shift(self, change: DoubleArray) -> float:
        """Mean over the nodes of the length of a change, px."""
        return float(np.hypot(change[0], change[1]).mean())


def _listening(nodes: DoubleArray, pixels: int, sigma: float) -> FloatArray:
    """Weights (nodes, pixels) of a Gaussian about each node, of sum 1."""
    distance = (np.arange(pixels) - nodes[:, None]) / sigma
    weights = np.exp(-0.5 * distance**2)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
