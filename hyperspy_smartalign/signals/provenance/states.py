"""What a signal was when a verb was given it: shape, axes, and a digest of its pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.resampling.workers import run_tasks
from hyperspy_smartalign.signals.computing import computed
from hyperspy_smartalign.signals.spectra.channels import as_dense

MOST_BYTES = 2**27
"""So much of the pixels is read for the digest; all of them up to that."""
# Frames whose mean and spread are told.
_FRAMES_TOLD = 4
# Digests of arrays by their id, with the arrays, so that no other one gets the id meanwhile.
_kept: ContextVar[dict[int, tuple[Any, dict[str, Any]]] | None] = ContextVar("kept", default=None)
# Changes of mean and spread, in parts of the spread, that are put down to rounding.
_ROUNDING = 1e-4


def state_of(signal: BaseSignal, *, pixels: bool = True) -> dict[str, Any]:
    """What tells whether another signal is the same, as types that JSON keeps.

    Parameters
    ----------
    signal : BaseSignal
        The signal.
    pixels : bool, default True
        Whether its pixels count. Those of a lazy signal do not.

    Returns
    -------
    dict
        "shape", "dtype", "lazy", "axes", and, where pixels count, "pixels"; see `pixels_of`.
    """
    state: dict[str, Any] = {
        "shape": [int(length) for length in signal.data.shape],
        "dtype": type_of(signal.data),
        "lazy": bool(signal._lazy),
        "axes": [axis_of(axis) for axis in signal.axes_manager._axes],
    }
    if not pixels or signal._lazy:
        # Who leaves pixels on disk does not want them read once more.
        return state
    kept = _kept.get()
    if kept is None:
        return {**state, "pixels": pixels_of(signal.data)}
    if id(signal.data) not in kept:
        kept[id(signal.data)] = signal.data, pixels_of(signal.data)
    return {**state, "pixels": kept[id(signal.data)][1]}


@contextmanager
def digests_kept() -> Iterator[None]:
    """Take the digest of each array once, inside a verb that is made of others."""
    token = _kept.set({} if _kept.get() is None else _kept.get())
    try:
        yield
    finally:
        _kept.reset(token)


def type_of(data: Any) -> str:
    """Type of the pixels, whatever their byte order."""
    dtype = np.dtype(data.dtype)
    return str(dtype) if dtype.names else str(dtype.newbyteorder("=").name)


def axis_of(axis: Any) -> dict[str, Any]:
    """Name, size and calibration of an axis; "" for a name or units that are not set."""
    known: dict[str, Any] = {
        "name": axis.name if isinstance(axis.name, str) else "",
        "units": axis.units if isinstance(axis.units, str) else "",
        "size": int(axis.size),
        "navigate": bool(axis.navigate),
    }
    if axis.is_uniform:
        known |= {"scale": float(axis.scale), "offset": float(axis.offset)}
    return known


def pixels_of(data: Any, frames: list[int] | None = None) -> dict[str, Any]:
    """Digest of pixels, with their mean and spread.

    Parameters
    ----------
    data : numpy or dask array
        The first axis is that of frames, where there are three or more.
    frames : list of int, optional
        Numbers of the frames that are looked at. None: all, where these are few enough bytes,
        else some from first to last; see `MOST_BYTES`.

    Returns
    -------
    dict
        "digest": BLAKE2b of those of the frames, in hexadecimal; "frames", unless all were
        looked at; and for real numbers "mean" and "std" of a few of them.
    """
    stack = data if data.ndim > 2 else data[None]
    chosen = _chosen(stack) if frames is None else frames
    numbers = range(len(stack)) if len(chosen) == len(stack) else chosen
    digests = [""] * len(numbers)
    told = set(np.unique(np.linspace(0, len(numbers) - 1, _FRAMES_TOLD).astype(int)).tolist())
    figures: dict[int, tuple[float, float, float]] = {}

    for start, block in _blocks(stack, numbers):

        def look(place: int, start: int = start, block: Any = block) -> None:
            frame = block[place]
            digests[start + place] = _digest(frame)
            if start + place in told:
                figures[start + place] = _figures(frame)

        run_tasks(look, len(block))
    found: dict[str, Any] = {"digest": hashlib.blake2b("".join(digests).encode()).hexdigest()[:32]}
    if len(numbers) < len(stack):
        found["frames"] = [int(number) for number in numbers]
    count, total, square = (sum(column) for column in zip(*figures.values(), strict=True))
    if count:
        mean = total / count
        found |= {"mean": mean, "std": max(square / count - mean**2, 0.0) ** 0.5}
    return found


def is_same(recorded: dict[str, Any], data: Any) -> bool:
    """Whether pixels are those of a digest, bit for bit."""
    frames = recorded.get("frames")
    stack_length = len(data) if data.ndim > 2 else 1
    if frames is None:
        frames = list(range(stack_length))
    if not frames or min(frames) < 0 or max(frames) >= stack_length:
        return False
    return bool(pixels_of(data, frames)["digest"] == recorded["digest"])


def is_rounded(recorded: dict[str, Any], data: Any) -> bool:
    """Whether the pixels have the mean and spread that were recorded, but for rounding."""
    if "mean" not in recorded:
        return False
    present = pixels_of(data, recorded.get("frames"))
    room = _ROUNDING * max(float(recorded["std"]), 1e-12 * abs(float(recorded["mean"])))
    return all(
        abs(float(present.get(name, np.inf)) - float(recorded[name])) <= room
        for name in ("mean", "std")
    )


def _chosen(stack: Any) -> list[int]:
    """Numbers of the frames that are looked at: all, or some from first to last."""
    n = len(stack)
    per_frame = int(np.prod(stack.shape[1:], dtype=np.int64)) * stack.dtype.itemsize
    most = MOST_BYTES // max(per_frame, 1)
    if most >= n:
        return list(range(n))
    places = np.linspace(0, n - 1, max(int(most), 1))
    return [int(place) for place in np.unique(places.astype(int))]


def _blocks(stack: Any, numbers: Any) -> Iterator[tuple[int, Any]]:
    """Frames in memory, and the place of the first of them among the numbers."""
    if not hasattr(stack, "dask"):
        # A range takes no copy.
        yield 0, stack if isinstance(numbers, range) else _Chosen(stack, numbers)
        return
    if not isinstance(numbers, range):
        for place, number in enumerate(numbers):
            yield place, [as_dense(computed_part(stack[number]))]
        return
    start = 0
    for size in stack.chunks[0]:
        yield start, as_dense(computed_part(stack[start : start + size]))
        start += size


class _Chosen:
    """Some frames of an array, without a copy."""

    def __init__(self, stack: npt.NDArray[Any], numbers: list[int]) -> None:
        self._stack, self._numbers = stack, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int) -> npt.NDArray[Any]:
        frame: npt.NDArray[Any] = self._stack[self._numbers[place]]
        return frame


def computed_part(part: Any) -> Any:
    """Part of a lazy array; one of the package sparse stays sparse."""
    return computed(part) if isinstance(part._meta, np.ndarray) else part.compute()


def _digest(frame: npt.NDArray[Any]) -> str:
    dtype = frame.dtype if frame.dtype.names else frame.dtype.newbyteorder("<")
    hasher = hashlib.blake2b(digest_size=16)
    # A type before the numbers, as 0 is 0 in every type.
    hasher.update(f"{type_of(frame)}{frame.shape}".encode())
    hasher.update(np.ascontiguousarray(frame, dtype=dtype).view(np.uint8).data)
    return hasher.hexdigest()


def _figures(frame: npt.NDArray[Any]) -> tuple[float, float, float]:
    """Number, sum, and sum of squares of the finite pixels."""
    if frame.dtype.names or frame.dtype.kind not in "biuf":
        return 0.0, 0.0, 0.0
    seen = np.asarray(frame, np.float64)
    if frame.dtype.kind == "f":
        seen = seen[np.isfinite(seen)]
    return float(seen.size), float(seen.sum()), float(np.sum(seen**2))
