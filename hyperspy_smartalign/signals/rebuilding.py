"""A signal taken apart for preparation, and put together again with other pixels and axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal
from traits.trait_base import Undefined

from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.series.resample import resampled_axis
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.telling import tell
from hyperspy_smartalign.signals.validating import NotASeriesError


@dataclass(frozen=True)
class SeriesLayout:
    """Where frames and pixels lie in the data of a signal."""

    signal: BaseSignal
    series_dimensions: int
    image_axes: tuple[int, int]
    n_frames: int

    @classmethod
    def of(cls, signal: BaseSignal) -> SeriesLayout:
        signal_dimension = signal.axes_manager.signal_dimension
        navigation = signal.axes_manager.navigation_dimension
        if signal_dimension == 2:
            dimensions = navigation
        elif signal_dimension == 1 and navigation >= 2:
            dimensions = navigation - 2
        else:
            raise NotASeriesError(
                f"{signal!r} holds neither images (signal dimension 2) nor spectrum images "
                "(signal dimension 1, navigation axes x and y); for images stored otherwise use "
                "signal.transpose(signal_axes=('x', 'y')) first."
            )
        frames = int(np.prod(signal.data.shape[:dimensions], dtype=np.int64))
        return cls(signal, dimensions, (dimensions, dimensions + 1), frames)

    @property
    def is_image(self) -> bool:
        return bool(self.signal.axes_manager.signal_dimension == 2)

    @property
    def geometry(self) -> ScanGeometry | None:
        return recording.scan_geometry_of(self.signal)

    def axes(self) -> list[dict[str, Any]]:
        """Axes of the data as dictionaries, in the order of the array."""
        return [axis.get_axis_dictionary() for axis in self.signal.axes_manager._axes]

    def check_images(self, names: Sequence[str]) -> None:
        """Raise unless the pixels are real numbers in images on uniform axes."""
        listed = " and ".join(names)
        if not self.is_image:
            raise NotASeriesError(
                f"{listed}: works on images, and {self.signal!r} holds spectra. Of a series of "
                "spectrum images, frames can be chosen, reversed and transposed."
            )
        if self.signal.data.dtype.kind not in "biuf":
            raise TypeError(
                f"{listed}: needs real grey levels, these pixels are {self.signal.data.dtype}; "
                "take one channel, or signal.amplitude or signal.phase of complex images."
            )
        for place in self.image_axes:
            axis = self.signal.axes_manager._axes[place]
            if not axis.is_uniform:
                raise NotImplementedError(
                    f"axis {axis.name} is not uniform; make it uniform first with "
                    f"signal.interpolate_on_axis('uniform', '{axis.name}')."
                )

    def check_one_series_axis(self) -> None:
        if self.series_dimensions != 1:
            shape = self.signal.data.shape[: self.series_dimensions]
            raise NotASeriesError(
                f"first, last, skip and reverse choose frames along one axis; {self.signal!r} "
                f"has {self.series_dimensions} series axes {shape}. Take one series of it, for "
                "instance signal.inav[0], or choose with signal.inav."
            )


def chosen_axis(axis: dict[str, Any], indices: npt.NDArray[np.intp]) -> dict[str, Any]:
    """Series axis of the frames chosen; it counts frames where they are unevenly spaced."""
    if "axis" in axis:
        return {**axis, "axis": np.asarray(axis["axis"])[indices]}
    steps = np.unique(np.diff(indices))
    chosen = {**axis, "size": len(indices)}
    if len(steps) > 1:
        return {**chosen, "scale": 1.0, "offset": 0.0, "units": None}
    step = int(steps[0]) if len(steps) else 1
    offset = axis["offset"] + axis["scale"] * int(indices[0])
    return {**chosen, "scale": axis["scale"] * step, "offset": offset}


def swapped_axes(y: dict[str, Any], x: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Axes after the transpose: names stay with the direction, calibrations change places."""
    return {**x, "name": y["name"]}, {**y, "name": x["name"]}


def resampled_along(axis: dict[str, Any], factor: float, size: int) -> dict[str, Any]:
    scale, offset = resampled_axis(axis["scale"], axis["offset"], factor)
    return {**axis, "scale": scale, "offset": offset, "size": size}


def prepared_signal(
    signal: BaseSignal,
    data: Any,
    axes: list[dict[str, Any]],
    *,
    step: dict[str, Any],
    geometry: ScanGeometry | None,
    moved: bool,
) -> BaseSignal:
    """New signal of the class of the input with new data, axes and record."""
    if not hasattr(data, "dask"):
        data = _own(data, signal.data)
    result = with_data(signal, data)
    for axis, new in zip(result.axes_manager._axes, axes, strict=True):
        axis.index = 0
        if "axis" in new:
            axis.axis = new["axis"]
        else:
            axis.size = new["size"]
            axis.scale, axis.offset = new["scale"], new["offset"]
        axis.name = Undefined if new["name"] is None else new["name"]
        axis.units = Undefined if new["units"] is None else new["units"]
    record = recording.record_of(result)
    if moved and "canvas" in record:
        record = {key: value for key, value in record.items() if key in ("steps", "scan_geometry")}
        tell(
            "the alignment that the signal carries does not fit the prepared frames and is not "
            "passed on; it stays with the signal that was prepared.",
            stacklevel=3,
        )
    record["steps"] = [*recording.steps_of(signal), step]
    record.pop("scan_geometry", None)
    if geometry is not None:
        record["scan_geometry"] = geometry.to_dict()
    recording.write_record(result, record)
    return result


def _own(data: npt.NDArray[Any], source: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Contiguous, writeable array in native byte order that shares nothing with the source."""
    native = data.dtype.newbyteorder("=")
    if np.may_share_memory(data, source):
        return np.array(data, dtype=native, order="C")
    return np.ascontiguousarray(data, dtype=native)
