"""Series with known shifts, and a registration that knows them."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.rigid import PairTable, RigidResult

MARGIN = 40


@pytest.fixture(autouse=True)
def _no_progress_bars():
    before = hs.preferences.General.show_progressbar
    hs.preferences.General.show_progressbar = False
    yield
    hs.preferences.General.show_progressbar = before


@pytest.fixture
def make_series():
    """Images cut out of one scene at whole-pixel shifts, so that aligned pixels are exact.

    Gives the signal and the scene, whose pixel (0, 0) is that of the common frame.
    """

    def make(
        shifts, *, shape=(33, 47), dtype=np.float32, navigation=None, seed=0, lazy=False, lowest=0
    ):
        shifts = np.asarray(shifts)
        rng = np.random.default_rng(seed)
        size = [length + 2 * MARGIN for length in shape]
        native = np.dtype(dtype).newbyteorder("=")
        scene = rng.integers(lowest, 200, size).astype(native)
        frames = [
            scene[MARGIN - y : MARGIN - y + shape[0], MARGIN - x : MARGIN - x + shape[1]]
            for y, x in shifts
        ]
        data = np.array(frames).astype(dtype)
        data = data.reshape(*(navigation or (len(shifts),)), *shape)
        data.flags.writeable = False
        signal = hs.signals.Signal2D(data)
        x, y = signal.axes_manager.signal_axes
        for axis, name, scale, offset in ((x, "x", 0.2, 5.0), (y, "y", 0.2, -3.0)):
            axis.name, axis.scale, axis.offset, axis.units = name, scale, offset, "nm"
        signal.metadata.General.title = "gold"
        return (signal.as_lazy() if lazy else signal), scene[MARGIN:, MARGIN:]

    return make


class KnownShifts:
    """Stands in for the registration: tells the shifts it was given, and notes what it saw."""

    def __init__(self, shifts, *, rejected=(), messages=()) -> None:
        self.shifts = np.asarray(shifts, np.float64)
        self.rejected = tuple(rejected)
        self.messages = tuple(messages)
        self.frames = []
        self.parameters = None
        self.region = None

    def __call__(
        self, frames, parameters, *, region=None, num_workers=None, progress=None, watch=None
    ):
        n = len(frames)
        for index in range(n):
            self.frames.append(np.array(frames.frame(index)))
            if progress is not None:
                progress("pairs", index + 1, n)
        self.parameters, self.region = parameters, region
        out = np.isin(np.arange(n), (*parameters.exclude, *self.rejected))
        first, second = np.triu_indices(n, 1)
        return RigidResult(
            shifts=self.shifts,
            precision=np.where(out[:, None], np.nan, 0.125) * np.ones(2),
            hop_margin=np.where(out, np.nan, 6.0),
            excluded=out,
            reasons=tuple("bad" if bad else "" for bad in out),
            pairs=PairTable(
                np.stack([first, second], axis=1),
                self.shifts[first] - self.shifts[second],
                np.full(len(first), 0.75),
                ~(out[first] | out[second]),
            ),
            noise=NoiseModel(offset=1.5, gain=2.5, floor=0.5),
            messages=self.messages,
        )


@pytest.fixture
def known_shifts(monkeypatch):
    """``known_shifts(shifts, rejected=, messages=)`` puts KnownShifts in place."""

    def put(shifts, **keywords):
        core = KnownShifts(shifts, **keywords)
        monkeypatch.setattr("hyperspy_smartalign.signals.rigid.align_frames", core)
        return core

    return put
