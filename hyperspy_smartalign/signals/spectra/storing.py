"""An aligned series on disk, written frame by frame."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.signals.spectra.checkpoints import Checkpoint

if TYPE_CHECKING:
    import dask.array as da


class SeriesStore:
    """Frames of one shape in a file of the hidden folder of a checkpoint.

    Parameters
    ----------
    checkpoint : Checkpoint
        Knows which frames were written before.
    n_frames : int
        Number of frames.
    frame_shape : sequence of int
        Shape of a frame, channels included.
    dtype : numpy.dtype
        Type of its values.

    Raises
    ------
    OSError
        There is no room for the series.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        n_frames: int,
        *,
        frame_shape: Sequence[int],
        dtype: npt.DTypeLike,
    ) -> None:
        self._checkpoint = checkpoint
        self._path = checkpoint.folder / "series.npy"
        self._dtype = np.dtype(dtype).newbyteorder("=")
        self._shape = (n_frames, *(int(size) for size in frame_shape))
        self._start = len(_header(self._shape, self._dtype))
        self._finished = self._found()
        if not self._finished:
            # What is there is overwritten from now on.
            checkpoint.forget()
            self._path.write_bytes(_header(self._shape, self._dtype))
        _check_room(self._path, self._bytes_to_come())
        checkpoint.before_keeping(self._flush)

    @property
    def finished(self) -> frozenset[int]:
        """Numbers of the frames that were written."""
        return frozenset(self._finished)

    def write(self, number: int, frame: npt.NDArray[Any]) -> None:
        """Write a frame.

        Raises
        ------
        ValueError
            It has another shape.
        OSError
            It cannot be written.
        """
        if frame.shape != self._shape[1:]:
            raise ValueError(
                f"frame {number} has the shape {frame.shape}; the series has frames of "
                f"{self._shape[1:]}."
            )
        values = np.ascontiguousarray(frame, dtype=self._dtype)
        try:
            with self._path.open("r+b") as file:
                file.seek(self._start + number * values.nbytes)
                file.write(values.data)
        except OSError as error:
            raise OSError(
                error.errno,
                f"frame {number} cannot be written to {str(self._path)!r}: {error.strerror}. "
                "When this is mended, go on with resume=True (--resume on the command line).",
            ) from error
        done = self._finished | {number}
        with self._checkpoint.step(len(done)):
            self._finished = done
            details = self._checkpoint.details
            details["frames"] = sorted(done)
            details["least_bytes"] = {
                self._path.name: self._start + (max(done) + 1) * values.nbytes
            }

    def as_dask(self, series_shape: Sequence[int] | None = None) -> da.Array:
        """All frames as a lazy array (*series_shape, ...), with a chunk a frame.

        It reads the file, and can be used until the checkpoint is closed.

        Parameters
        ----------
        series_shape : sequence of int, optional
            Shape of the series axes. One axis if not given.

        Raises
        ------
        ValueError
            Not all frames were written.
        """
        import dask.array as da
        from dask.delayed import delayed

        missing = sorted(set(range(self._shape[0])) - self._finished)
        if missing:
            raise ValueError(f"frames {missing} were not written yet.")
        read = delayed(_read_frame, pure=False)
        frames = [
            da.from_delayed(
                read(self._path, number, self._shape, self._dtype), self._shape[1:], self._dtype
            )
            for number in range(self._shape[0])
        ]
        shape = self._shape[:1] if series_shape is None else tuple(series_shape)
        whole: da.Array = da.stack(frames).reshape((*shape, *self._shape[1:]))
        return whole

    def _found(self) -> set[int]:
        """Frames that were written before, if the file is one of this shape."""
        numbers = {int(number) for number in self._checkpoint.details.get("frames", ())}
        header = _header(self._shape, self._dtype)
        if not numbers:
            return numbers
        with self._path.open("rb") as file:
            return numbers if file.read(len(header)) == header else set()

    @property
    def _frame_bytes(self) -> int:
        return int(np.prod(self._shape[1:], dtype=np.int64)) * self._dtype.itemsize

    def _bytes_to_come(self) -> int:
        return (self._shape[0] - len(self._finished)) * self._frame_bytes

    def _flush(self) -> None:
        with self._path.open("r+b") as file:
            os.fsync(file.fileno())


def _read_frame(
    path: Path, number: int, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    with path.open("rb") as file:
        count = int(np.prod(shape[1:], dtype=np.int64))
        file.seek(len(_header(shape, dtype)) + number * count * dtype.itemsize)
        return np.fromfile(file, dtype, count).reshape(shape[1:])


def _header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Beginning of a .npy file."""
    from io import BytesIO

    content = BytesIO()
    description = {
        "shape": shape,
        "fortran_order": False,
        "descr": np.lib.format.dtype_to_descr(dtype),
    }
    np.lib.format.write_array_header_1_0(content, description)
    return content.getvalue()


def _check_room(path: Path, needed: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise OSError(
            errno.ENOSPC,
            f"the aligned series needs {needed / 1e9:.3g} GB in {str(path.parent)!r}, where "
            f"{free / 1e9:.3g} GB are free; give a file on another disk, choose fewer channels "
            "with signal_range or binning, or ask for output='sum'.",
        )
