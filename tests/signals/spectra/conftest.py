"""Series of spectrum images with known shifts, and lazy ones that tell what is read of them."""

from __future__ import annotations

import threading
import weakref

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

MARGIN = 12
SHIFTS = np.array([(-3, 2), (0, -4), (1, 1), (2, 1), (0, 0)])


@pytest.fixture
def shifts():
    """Whole-pixel shifts of five frames."""
    return SHIFTS.copy()


@pytest.fixture
def make_spectra():
    """Spectra cut out of one scene at whole-pixel shifts, so that aligned values are exact.

    Gives the series and the scene, whose pixel (0, 0) is that of the common frame.
    """

    def make(
        shifts=SHIFTS,
        *,
        shape=(24, 20),
        channels=(16,),
        dtype=np.float32,
        navigation=None,
        signal_type="",
        seed=0,
        lazy=False,
        chunks=None,
    ):
        rng = np.random.default_rng(seed)
        height, width = shape
        native = np.dtype(dtype).newbyteorder("=")
        sizes = (height + 2 * MARGIN, width + 2 * MARGIN, *channels)
        scene = rng.integers(0, 200, sizes).astype(native)
        frames = [
            scene[MARGIN - y : MARGIN - y + height, MARGIN - x : MARGIN - x + width]
            for y, x in np.asarray(shifts)
        ]
        data = np.array(frames).astype(dtype)
        data = data.reshape(*(navigation or (len(frames),)), *data.shape[1:])
        data.flags.writeable = False
        signal = as_signal(data, len(channels), signal_type)
        if lazy:
            signal = signal.as_lazy(chunks=chunks)
        return signal, scene[MARGIN:, MARGIN:]

    return make


def as_signal(data, dimension=1, signal_type=""):
    """A calibrated signal of spectra or patterns; its data are those given."""
    kind = {1: hs.signals.Signal1D, 2: hs.signals.Signal2D}[dimension]
    signal = kind(data)
    if hasattr(data, "dask"):
        signal = signal.as_lazy()
    if signal_type:
        signal.set_signal_type(signal_type)
    x, y = signal.axes_manager.navigation_axes[:2]
    for axis, name, offset in ((x, "x", 5.0), (y, "y", -3.0)):
        axis.name, axis.scale, axis.offset, axis.units = name, 0.2, offset, "nm"
    if dimension == 1:
        (energy,) = signal.axes_manager.signal_axes
        energy.name, energy.scale, energy.offset, energy.units = "Energy", 0.5, 1.0, "keV"
    signal.metadata.General.title = "map"
    return signal


class Watch:
    """Knows which frames of a lazy series were read, and how many blocks were held at a time."""

    def __init__(self) -> None:
        self.read: list[tuple[int, ...]] = []
        self.held = 0
        self.most_held = 0
        self._lock = threading.Lock()

    def note(self, place, block) -> None:
        with self._lock:
            self.read.append(place)
            self.held += 1
            self.most_held = max(self.most_held, self.held)
        weakref.finalize(block, self._freed)

    def _freed(self) -> None:
        with self._lock:
            self.held -= 1


@pytest.fixture
def watched():
    """``watched(values, chunks)`` gives a lazy signal of the values, and its Watch."""

    def make(values, chunks, *, dimension=1, signal_type="", before=None):
        watch = Watch()
        values = np.asarray(values)

        def block_of(block_info=None):
            info = block_info[None]
            if before is not None:
                before(info["chunk-location"])
            place = tuple(slice(*ends) for ends in info["array-location"])
            block = values[place].copy()
            watch.note(info["chunk-location"], block)
            return block

        sizes = da.core.normalize_chunks(chunks, values.shape)
        data = da.map_blocks(
            block_of,
            chunks=sizes,
            dtype=values.dtype,
            meta=np.empty((0,) * values.ndim, values.dtype),
        )
        signal = as_signal(data, dimension, signal_type)
        # What making the signal may have read.
        watch.read.clear()
        return signal, watch

    return make


@pytest.fixture
def fractional(shifts):
    """Shifts by parts of a pixel."""
    return shifts + np.random.default_rng(7).uniform(-0.49, 0.49, shifts.shape)
