"""Average or sum of a series, counting only the frames that saw each pixel."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import recording, weighing, wrapping
from hyperspy_smartalign.signals import weighted_sums as summing
from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.progressing import interruptible
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.signals.validating import Layout, layout_of
from hyperspy_smartalign.transforms import Alignment

OUTPUTS = ("average", "sum")


def average(
    signal: BaseSignal, *, output: str = "average", variance: bool = False, weights: Any = None
) -> BaseSignal:
    """Average or sum the frames of a series, at each pixel over the frames that saw it.

    Pixels that a frame did not see are NaN. Frames that the alignment excluded take no part.

    Parameters
    ----------
    signal : BaseSignal
        Series of images or of spectrum images.
    output : {"average", "sum"}, default "average"
        "sum" is the mean times the number of frames that take part: what only some of them saw
        is scaled to all, so that the result has no steps. Sums of integers stay integers.
    variance : bool, default False
        Also say how certain each pixel is: the variance of the result, from how the frames scatter
        about their average, in ``metadata.Signal.Noise_properties.variance``.
    weights : array, "quality", "damage", DoseSeries or CriticalDose, optional
        See ``signal.smartalign.average``.

    Returns
    -------
    BaseSignal
        One frame, or one spectrum image; lazy if the series is. NaN where no frame saw the
        pixel. float32 for float32 series, else float64; sums of integers are 64-bit integers,
        unless they are weighted.

    Raises
    ------
    ValueError
        The signal is not a series, `output` is another word, every frame is excluded, the weights
        cannot be understood, or a variance is asked for with weights against fading.
    TypeError
        The data are complex.
    """
    if output not in OUTPUTS:
        raise ValueError(f"output={output!r} is not allowed: give one of 'average', 'sum'.")
    alignment = recording.alignment_of(signal) if recording.has_alignment(signal) else None
    series_dimension = _series_dimension(signal, alignment)
    # A motif may have been found once only.
    fewest = 1 if recording.has_matches(signal) else 2
    layout = layout_of(signal, series_dimension=series_dimension, fewest=fewest)
    if np.issubdtype(signal.data.dtype, np.complexfloating):
        raise TypeError(
            f"{signal!r} is complex, and only real frames are averaged. Use signal.real or "
            "signal.amplitude."
        )
    kept = kept_frames(alignment, layout)
    data = signal.data.reshape(-1, *layout.frame_shape, *layout.channel_shape)
    record: dict[str, Any] = {"output": output}
    if weights is None:
        accumulated, spread = _unweighted(data, kept, output, variance=variance)
    else:
        chosen = weighing.weights_of(signal, weights, layout=layout, kept=kept)
        record |= chosen.record
        if isinstance(chosen, weighing.DetailWeights):
            if variance:
                raise ValueError(
                    "weights against fading depend on the spatial frequency, so that pixels have "
                    "no variance of their own: leave variance=True out, or give one weight a "
                    "frame."
                )
            accumulated, spread = summing.by_detail(data, kept, chosen.fading, output), None
        else:
            accumulated, spread = summing.weighted(data, chosen.values, output, variance=variance)
    result = wrapping.aligned_signal(
        signal, accumulated, title=output, series_dimension=series_dimension
    )
    if spread is not None:
        noise = wrapping.variance_signal(result, spread)
        result.metadata.set_item("Signal.Noise_properties.variance", noise)
    recording.append_step(result, "average", record)
    return result


def average_of_sum(signal: BaseSignal) -> BaseSignal:
    """Average of the frames of which a signal is the sum.

    Parameters
    ----------
    signal : BaseSignal
        What a verb made with ``output="sum"``, one frame; its alignment tells of how many. What
        only some of them saw was scaled to all of them already.

    Returns
    -------
    BaseSignal
        float32 for a sum in float32, else float64; its variance is divided as well.
    """
    count = float(np.count_nonzero(~recording.alignment_of(signal).excluded))
    result = with_data(signal, signal.data / count)
    general = result.metadata.General
    general.title = re.sub(r"\bsum(\)?)$", r"average\1", general.title)
    if signal.metadata.has_item("Signal.Noise_properties.variance"):
        noise = signal.get_noise_variance()
        spread = noise.data if isinstance(noise, BaseSignal) else np.asarray(noise)
        noise = wrapping.variance_signal(result, spread / count**2)
        result.metadata.set_item("Signal.Noise_properties.variance", noise)
    recording.append_step(result, "average_of_sum", {"output": "average"})
    return result


def _unweighted(
    data: Any, kept: npt.NDArray[np.intp], output: str, *, variance: bool
) -> tuple[Any, Any]:
    """Average or sum, and its variance or None."""
    if hasattr(data, "dask"):
        spread = _scatter_lazily(data, kept, output) if variance else None
        return _accumulate_lazily(data, kept, output), spread
    return _accumulate(data, kept, output), _scatter(data, kept, output) if variance else None


def _series_dimension(signal: BaseSignal, alignment: Alignment | None) -> int | None:
    """Number of series axes of aligned diffraction patterns, which their alignment knows."""
    if alignment is None:
        return None
    dimension = len(alignment.navigation_shape)
    patterns = signal.axes_manager.navigation_dimension == dimension + 2
    return dimension if patterns else None


def kept_frames(alignment: Alignment | None, layout: Layout) -> npt.NDArray[np.intp]:
    """Indices of the frames that the recorded alignment did not exclude.

    Raises
    ------
    ValueError
        All are excluded.
    """
    if alignment is None:
        return np.arange(layout.n_frames)
    excluded = np.flatnonzero(alignment.excluded)
    if excluded.size and alignment.navigation_shape != layout.series_shape:
        tell(
            f"The alignment excluded frames {excluded.tolist()} of {alignment.n_frames}, but the "
            f"signal now has {layout.n_frames} frames, so these cannot be told from the others. "
            "All are averaged. Average before slicing to leave them out.",
            UserWarning,
            stacklevel=3,
        )
        return np.arange(layout.n_frames)
    if excluded.size == layout.n_frames:
        raise ValueError("The alignment excluded every frame, so there is nothing to average.")
    return np.delete(np.arange(layout.n_frames), excluded)


def _result_dtype(dtype: np.dtype[Any], output: str) -> np.dtype[Any]:
    if dtype.kind in "biu" and output == "sum":
        return np.dtype(np.uint64 if dtype.kind == "u" else np.int64)
    return np.dtype(np.float32 if dtype == np.float32 else np.float64)


def _accumulate(
    data: npt.NDArray[Any], kept: npt.NDArray[np.intp], output: str
) -> npt.NDArray[Any]:
    """Frame by frame, so that the series is never copied."""
    dtype = _result_dtype(data.dtype, output)
    if data.dtype.kind in "biu":
        whole = np.zeros(data.shape[1:], dtype=np.uint64 if data.dtype.kind == "u" else np.int64)
        for index in interruptible(kept):
            whole += data[index]
        return whole if output == "sum" else (whole / len(kept)).astype(dtype)
    total = np.zeros(data.shape[1:])
    coverage = np.zeros(data.shape[1:], dtype=np.int32)
    for index in interruptible(kept):
        seen = ~np.isnan(data[index])
        # Infinities of both signs add up to NaN, which is what their average is.
        with np.errstate(invalid="ignore"):
            np.add(total, data[index], out=total, where=seen)
        coverage += seen
    return _finish(total, coverage, len(kept), output).astype(dtype)


def _accumulate_lazily(data: Any, kept: npt.NDArray[np.intp], output: str) -> Any:
    import dask.array as da

    dtype = _result_dtype(data.dtype, output)
    if len(kept) < len(data):
        data = data[kept]
    if data.dtype.kind in "biu":
        whole = data.sum(axis=0, dtype=np.uint64 if data.dtype.kind == "u" else np.int64)
        return whole if output == "sum" else (whole / len(kept)).astype(dtype)
    total = da.nansum(data, axis=0, dtype=np.float64)
    coverage = (~da.isnan(data)).sum(axis=0, dtype=np.int32)
    blocks = da.map_blocks(_finish, total, coverage, len(kept), output, dtype=np.float64)
    return blocks.astype(dtype)


def _finish(
    total: npt.NDArray[np.float64], coverage: npt.NDArray[np.int32], frames: int, output: str
) -> npt.NDArray[np.float64]:
    """Mean of what was seen, or that times the number of frames; NaN where nothing was."""
    mean = np.full(total.shape, np.nan)
    np.divide(total, coverage, out=mean, where=coverage > 0)
    if output == "average":
        return mean
    # A full sum is the total itself, without a rounding by division and multiplication.
    return np.where(coverage == frames, total, mean * frames)


def _scatter(
    data: npt.NDArray[Any], kept: npt.NDArray[np.intp], output: str
) -> npt.NDArray[np.float64]:
    """Variance of the average or sum, frame by frame in a second pass about the mean."""
    mean = _accumulate(data, kept, "average").astype(np.float64)
    square = np.zeros(data.shape[1:])
    coverage = np.zeros(data.shape[1:], dtype=np.int32)
    for index in interruptible(kept):
        difference = data[index] - mean
        seen = ~np.isnan(difference)
        np.add(square, difference**2, out=square, where=seen)
        coverage += seen
    return _variance(square, coverage, len(kept), output)


def _scatter_lazily(data: Any, kept: npt.NDArray[np.intp], output: str) -> Any:
    import dask.array as da

    if len(kept) < len(data):
        data = data[kept]
    mean = _accumulate_lazily(data, np.arange(len(kept)), "average").astype(np.float64)
    difference = data - mean
    square = da.nansum(difference**2, axis=0)
    coverage = (~da.isnan(difference)).sum(axis=0, dtype=np.int32)
    return da.map_blocks(_variance, square, coverage, len(kept), output, dtype=np.float64)


def _variance(
    square: npt.NDArray[np.float64], coverage: npt.NDArray[np.int32], frames: int, output: str
) -> npt.NDArray[np.float64]:
    """Variance of the mean of what was seen, or of that times the number of frames.

    NaN where fewer than two frames saw the pixel.
    """
    of_mean = np.full(square.shape, np.nan)
    count = coverage.astype(np.float64)
    np.divide(square, count * (count - 1), out=of_mean, where=coverage > 1)
    return of_mean if output == "average" else of_mean * frames**2
