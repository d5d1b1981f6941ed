"""What every transform can do."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from ._validation import FloatArray, as_pair, as_shape


class Transform(ABC):
    """Where the content of one frame is found, pixel by pixel.

    A transform is a displacement field d over the common frame, in pixels and in the order
    (y, x): what belongs at pixel p of the common frame is found at p + d(p) in the raw frame,
    so the aligned frame is ``aligned[p] = frame[p + d(p)]``. The displacement is that of the
    content, the sign of HyperSpy's ``estimate_shift2D``.

    Transforms are frozen, compare by value, and never change the arrays they are given.
    """

    kind: ClassVar[str]

    @abstractmethod
    def at(self, points: npt.ArrayLike) -> FloatArray:
        """Displacement at any points of the common frame.

        Parameters
        ----------
        points : array-like of shape (2, ...)
            Coordinates y and x in pixels; need not be whole numbers.

        Returns
        -------
        numpy.ndarray of float64, shape (2, ...)
            d(p) in pixels.
        """

    @abstractmethod
    def inverse(self) -> Transform:
        """The transform that leads back: ``q + inverse(q) = p`` where ``q = p + d(p)``."""

    @abstractmethod
    def moved(self, offset: npt.ArrayLike) -> Self:
        """The same transform after the origin of the common frame moved to `offset`.

        Parameters
        ----------
        offset : (y, x)
            Pixels; the result is d'(p) = d(p + offset).
        """

    @abstractmethod
    def plus(self, shift: npt.ArrayLike) -> Self:
        """The transform with a constant (y, x) `shift` in pixels added: d'(p) = d(p) + shift."""

    @abstractmethod
    def regridded(self, step: npt.ArrayLike, start: npt.ArrayLike) -> Self:
        """The same transform in pixels of another grid over the same area.

        Parameters
        ----------
        step : (y, x)
            Size of a pixel of the other grid, in pixels of this one; positive. Above 1 the
            other grid is coarser.
        start : (y, x)
            Where the first pixel of the other grid has its centre, in pixels of this one. It is
            ``(step - 1) / 2`` where the first pixels share their outer edges.

        Returns
        -------
        Transform
            D with ``D(P) = d(step * P + start) / step``: pixel P of the other grid lies at
            ``step * P + start``. Exact, except as the notes of `ScanLine` say.

        Raises
        ------
        ValueError
            If a step is not positive.
        """

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Dictionary of `kind`, numbers and arrays that survives in HyperSpy's metadata."""

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Transform of a dictionary made by :meth:`to_dict`.

        Raises
        ------
        AlignmentFormatError
            If the kind is unknown or another one than that of the class, or a value is corrupt.
        """
        from .storage import AlignmentFormatError, transform_from_dict

        transform = transform_from_dict(content)
        if not isinstance(transform, cls):
            raise AlignmentFormatError(
                f"key 'kind': a {transform.kind} was stored, not a {cls.__name__}; "
                "read it with Transform.from_dict"
            )
        return transform

    def displacement(
        self, shape: tuple[int, int], *, origin: tuple[float, float] = (0, 0)
    ) -> FloatArray:
        """Displacement at every pixel of a window of the common frame.

        Parameters
        ----------
        shape : (height, width)
            Size of the window.
        origin : (y, x)
            Pixel of the common frame on which the window's first pixel lies.

        Returns
        -------
        numpy.ndarray of float64, shape (2, height, width)
            d(p) in pixels at p = origin + (row, column): sample the frame at p + d(p).
        """
        return self.at(pixel_grid(shape, origin))

    def mean(self, shape: tuple[int, int], *, origin: tuple[float, float] = (0, 0)) -> FloatArray:
        """Mean (y, x) displacement over a window; arguments as for :meth:`displacement`."""
        return np.asarray(self.displacement(shape, origin=origin).mean(axis=(1, 2)))

    def compose(self, second: Transform) -> Transform:
        """One transform that does both stages, so that pixels are interpolated once.

        `self` is the first stage, found on the raw frame; `second` was found on the output of
        the first, in the same coordinates. The result is
        ``total(p) = second(p) + self(p + second(p))``.

        Parameters
        ----------
        second : Transform
            The later stage.

        Returns
        -------
        Transform
            The simplest class that holds the result. Compositions of `Translation` and `Affine`
            are exact, and so is a `Translation` with anything. See the notes of `ScanLine` and
            `Field` for what is approximate there and by how much.

        Raises
        ------
        TypeError
            If `second` is no transform.
        """
        from ._compose import compose_pair

        return compose_pair(self, second)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(
            np.array_equal(getattr(self, f.name), getattr(other, f.name))
            for f in dataclasses.fields(self)  # type: ignore[arg-type]
        )

    __hash__ = None  # type: ignore[assignment]


def pixel_grid(shape: tuple[int, int], origin: tuple[float, float] = (0, 0)) -> FloatArray:
    """Coordinates (2, height, width) of the pixels of a window of the common frame."""
    height, width = as_shape("shape", shape, 2)
    top, left = as_pair("origin", origin)
    grid = np.empty((2, height, width))
    grid[0] = (top + np.arange(height))[:, None]
    grid[1] = left + np.arange(width)
    return grid


def as_points(points: npt.ArrayLike) -> FloatArray:
    """Float64 array of coordinates, first axis (y, x)."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim < 1 or array.shape[0] != 2:
        raise ValueError(f"points must have shape (2, ...) with y first, not {array.shape}")
    return array


def as_columns(pair: FloatArray, ndim: int) -> FloatArray:
    """(y, x) pair shaped to broadcast with an array (2, ...) of `ndim` axes."""
    return pair.reshape((2,) + (1,) * (ndim - 1))
