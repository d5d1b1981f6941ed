"""The running sum of a series of spectra, portion by portion, here or by a cluster's workers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.resampling import SpectrumSum
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.spectra import distributing
from hyperspy_smartalign.signals.spectra.checkpoints import Checkpoint
from hyperspy_smartalign.signals.spectra.frames import Portion, SpectrumFrames, in_memory
from hyperspy_smartalign.signals.spectra.partial_sums import (
    Arrays,
    Finished,
    Moves,
    Summing,
    Told,
    add_frames,
)

_STAGE = "summing frames"
_FINISHED = "finished_"
_RUNNING = "running_"


def sum_series(
    frames: SpectrumFrames,
    moves: Sequence[Moves],
    how: Summing,
    *,
    num_workers: int | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> Finished:
    """Sum or average of a series; held are a portion of the frames, and the sum.

    The workers of a dask.distributed client that is active do the work for a lazy series. One
    in memory is summed here, as sending it would take longer.

    Parameters
    ----------
    frames : SpectrumFrames
        The series.
    moves : sequence of collections of Transform
        One a frame; a frame without any is left out, and need not be read.
    how : Summing
        Kernel, canvas and output.
    num_workers : int or None
        Threads, where the work is done here.
    progress : callable or None
        Told about the portions; of tiles, which frame and tile is in work.
    checkpoint : Checkpoint or None
        Keeps what is done, and knows what was done before.

    Returns
    -------
    Finished
    """
    client = distributing.active_client() if frames.lazy else None
    at_a_time = 1 if client is None else distributing.portions_at_a_time(client)
    groups = frames.groups()
    total = sum(len(group.portions) for group in groups)
    done, kept = (0, {}) if checkpoint is None else checkpoint.start()
    state = _State(how, sum(frames.width_of(group.channels) for group in groups), kept)
    start = 0
    for group in groups:
        end = start + len(group.portions)
        while done < end:
            running = state.running(frames.width_of(group.channels))
            batch = group.portions[done - start : done - start + at_a_time]
            used = [portion for portion in batch if any(len(moves[i]) for i in portion.frames)]
            parts = [frames.part(portion) for portion in used]
            theirs = [[moves[i] for i in portion.frames] for portion in used]
            # Before the step, as what can be slow or fail should leave the sum whole.
            if client is None:
                parts = [in_memory(part) for part in parts]
            elif parts:
                of_workers = distributing.sum_by_workers(client, parts, theirs, how)
            done += len(batch)
            with _step(checkpoint, done, state.arrays):
                if client is None:
                    for portion, part, move in zip(used, parts, theirs, strict=True):
                        told = _tells_of_tiles(portion, len(frames), how, progress)
                        add_frames(running, part, move, how, num_workers=num_workers, told=told)
                elif parts:
                    running.merge(of_workers)
                if done == end:
                    state.end(running)
            if progress is not None and not (how.tiles and client is None):
                progress(_STAGE, done, total)
        start = end
    return state.result


class _State:
    """What was summed so far: channels that are finished, and the sum of those in work.

    Parameters
    ----------
    how : Summing
    n_channels : int
        Number of all channels.
    kept : mapping
        What `arrays` gave, to go on from there; empty at the beginning.
    """

    def __init__(self, how: Summing, n_channels: int, kept: Arrays) -> None:
        self._how = how
        self._n_channels = n_channels
        self._finished = {
            name.removeprefix(_FINISHED): array
            for name, array in kept.items()
            if name.startswith(_FINISHED)
        }
        self._filled = int(kept.get("filled", 0))
        running = {
            name.removeprefix(_RUNNING): array
            for name, array in kept.items()
            if name.startswith(_RUNNING)
        }
        self._running = SpectrumSum.from_arrays(running) if running else None

    def running(self, n_channels: int) -> SpectrumSum:
        """The sum of the channels in work; an empty one where the last ones were finished."""
        if self._running is None:
            self._running = self._how.empty(n_channels)
        return self._running

    def end(self, running: SpectrumSum) -> None:
        """Finish the channels in work, as all frames are in their sum."""
        part = self._how.finished(running)
        width = part["values"].shape[-1]
        if width == self._n_channels:
            self._finished = part
        else:
            for name, array in part.items():
                if name not in self._finished:
                    self._finished[name] = np.empty(
                        (*array.shape[:2], self._n_channels), array.dtype
                    )
                self._finished[name][..., self._filled : self._filled + width] = array
        self._filled += width
        self._running = None

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything, to be kept."""
        content = {f"{_FINISHED}{name}": array for name, array in self._finished.items()}
        if self._running is not None:
            arrays = self._running.arrays()
            content |= {f"{_RUNNING}{name}": array for name, array in arrays.items()}
        return {**content, "filled": np.array(self._filled)}

    @property
    def result(self) -> Finished:
        """Sum or average of all channels, and its variance where that is wanted."""
        return Finished(self._finished["values"], self._finished.get("variance"))


def _tells_of_tiles(
    portion: Portion, n_frames: int, how: Summing, progress: Progress | None
) -> Told | None:
    """Reports of each tile of a frame, None where frames are added whole."""
    if progress is None or not how.tiles:
        return None

    def told(place: int, done: int, total: int) -> None:
        progress(f"frame {portion.frames[place] + 1} of {n_frames}, tiles", done, total)

    return told


def _step(
    checkpoint: Checkpoint | None, done: int, arrays: Callable[[], Arrays]
) -> contextlib.AbstractContextManager[None]:
    return contextlib.nullcontext() if checkpoint is None else checkpoint.step(done, arrays)
