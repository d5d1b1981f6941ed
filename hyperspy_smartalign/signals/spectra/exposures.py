"""Live time, dwell time and exposure of spectra that were added over the frames of a series."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hyperspy.signals import BaseSignal

_INSTRUMENTS = ("TEM", "SEM")
_TIMES = ("EDS.live_time", "EDS.real_time", "EELS.dwell_time", "EELS.exposure")
_FRAMES = "Detector.EDS.number_of_frames"
# Where JEOL's files say how many times the area was scanned.
_SWEEPS = (
    "PTTD_Data.AnalyzableMap_MeasData.Doc.Sweep",
    "EDS_Data.AnalyzableMap_MeasData.Doc.Sweep",
)
_SECONDS = ("s", "ms", "us", "µs", "min")


def frames_of_times(series: BaseSignal) -> int:
    """How many frames the times in the metadata of a series stand for.

    Times of a file that holds several frames of EDS (Velox, JEOL) are those of the whole
    acquisition, whether its frames are loaded apart or added together. In a series of files, and
    of one made in HyperSpy, they are those of one frame.

    Parameters
    ----------
    series : BaseSignal
        The series, as loaded. Frames of one file are told from a series of files by the series
        axis, which is in units of time.

    Returns
    -------
    int
        Number of frames of the acquisition, or 1.
    """
    manager = series.axes_manager
    passes = [axis for axis in manager.navigation_axes[2:] if axis.units in _SECONDS]
    if len(manager.signal_axes) != 1 or not passes:
        return 1
    recorded = _frames_in_file(series)
    return 1 if recorded is None else max(recorded, passes[0].size)


def scale_exposures(
    result: BaseSignal,
    frames: int,
    output: str,
    *,
    recorded: int = 1,
    scans: int | None = None,
) -> None:
    """Fit the times in the metadata of a sum or average to the frames, or tiles, that are in it.

    Live time and real time of EDS, dwell time and exposure of EELS grow with the number of
    frames, as exspy does when it adds pixels, and so does the number of frames. The dwell time
    of the scan, which is not that of a detector, stays.

    Parameters
    ----------
    result : BaseSignal
        The sum or average. Its metadata are changed: give results, never inputs.
    frames : int
        How many frames were added or averaged: of tiles, how many tiles, as each pixel of their
        sum was exposed once for each of them.
    output : {"sum", "average"}
        What the result is. The times of an average are those of one frame.
    recorded : int, default 1
        How many frames the times stand for, from `frames_of_times`.
    scans : int, optional
        How many scans of the area the result is made of. As many as there are frames if not given.

    Raises
    ------
    ValueError
        `frames` or `recorded` is less than 1, or the output is neither.
    """
    if output not in ("sum", "average"):
        raise ValueError(f"output must be 'sum' or 'average', not {output!r}.")
    if frames < 1 or recorded < 1:
        raise ValueError(
            f"A result is made of 1 frame or more, not frames={frames}, recorded={recorded}."
        )
    factor = (frames if output == "sum" else 1) / recorded
    for instrument in _INSTRUMENTS:
        node = f"Acquisition_instrument.{instrument}"
        for name in _TIMES:
            _multiply(result.metadata, f"{node}.Detector.{name}", factor)
        if output == "sum":
            number = factor if scans is None else scans / recorded
            _multiply(result.metadata, f"{node}.{_FRAMES}", number, whole=True)


def _frames_in_file(series: BaseSignal) -> int | None:
    places = [
        (series.metadata, f"Acquisition_instrument.{instrument}.{_FRAMES}")
        for instrument in _INSTRUMENTS
    ] + [(series.original_metadata, path) for path in _SWEEPS]
    for tree, path in places:
        number = _number(tree.get_item(path, None))
        if number is not None and number >= 1:
            return round(number)
    return None


def _multiply(metadata: Any, path: str, factor: float, *, whole: bool = False) -> None:
    number = _number(metadata.get_item(path, None))
    if number is None or factor == 1:
        return
    product = number * factor
    metadata.set_item(path, max(round(product), 1) if whole else product)


def _number(value: Any) -> float | None:
    """A number that may be kept as a string, as some readers do."""
    with suppress(TypeError, ValueError):
        return float(value)
    return None
