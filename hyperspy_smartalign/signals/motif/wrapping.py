"""From the tiles of a signal back to a signal: class, axes, metadata and record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.parameters import ApplyParameters
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.compacting import on_control_grid
from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.cropping import Window
from hyperspy_smartalign.signals.motif.belonging import Belonging
from hyperspy_smartalign.signals.motif.match_table import write_matches
from hyperspy_smartalign.transforms import Canvas, same_values


def tiles_like(
    signal: BaseSignal,
    data: Any,
    belonging: Belonging,
    canvas: Canvas,
    output: str,
    parameters: ApplyParameters,
) -> BaseSignal:
    """A result signal that looks like what was cut into tiles, with the pixels of the tiles.

    Parameters
    ----------
    signal : BaseSignal
        What was cut into tiles, with the channels that take part. It stays as it is.
    data : numpy or dask array
        (n, H, W, *channel_shape), or without the first axis for an average or sum.
    belonging : Belonging
        The tiles.
    canvas : Canvas
        The pixels of the tiles that the data cover.
    output : {"series", "average", "sum"}
        What the data are.
    parameters : ApplyParameters
        What the user asked for.

    Returns
    -------
    BaseSignal
        Of the class of the signal, lazy or not as the data. The image axes are those of the
        tiles. Metadata are copied but for markers, noise and navigator, which belong to the old
        pixels. The record holds the table of matches, the steps, and the alignment of tiles that
        were aligned.
    """
    result = with_data(signal, data)
    _set_axes(result, belonging, canvas, output)
    lazy = hasattr(data, "dask")
    if lazy != result._lazy:
        result._lazy = lazy
        result._assign_subclass()
    if "Markers" in result.metadata:
        del result.metadata.Markers
    general = result.metadata.General
    told = "tiles" if output == "series" else f"tiles, {output}"
    general.title = f"{general.title} ({told})" if general.title else told
    _write_record(result, signal, belonging, canvas, output, parameters)
    return result


def _set_axes(result: BaseSignal, belonging: Belonging, canvas: Canvas, output: str) -> None:
    """Series axes out, the image axes those of the tiles, and an axis of tiles where wanted."""
    manager = result.axes_manager
    n_series = len(manager._axes) - 2 - len(belonging.layout.channel_shape)
    y, x = manager._axes[n_series : n_series + 2]
    if n_series:
        manager.remove(list(manager._axes[:n_series]))
    for number, axis in enumerate((y, x)):
        scale, offset, units = _calibration(belonging, number)
        if axis.navigate:
            axis.index = 0
        axis.size = canvas.shape[number]
        axis.scale = scale
        axis.offset = offset + canvas.origin[number] * scale
        if units != "px":
            axis.units = units
    if output == "series":
        manager._append_axis(name="tile", size=len(belonging.tiles.table), navigate=True)
        manager._axes.insert(0, manager._axes.pop())
        manager._update_attributes()


def _calibration(belonging: Belonging, number: int) -> tuple[float, float, str]:
    """Scale, value at the first pixel and units of the tiles along y or x.

    Where they have no units, those of the signal count.
    """
    known, layout = belonging.tiles.alignment, belonging.layout
    units = known.frame_units[number]
    if units == "px" and layout.units[number] != "px":
        scale = layout.scale[number] / belonging.tiles.table.upsample
        return scale, 0.0, layout.units[number]
    return known.frame_scale[number], known.frame_offset[number], units


def _write_record(
    result: BaseSignal,
    signal: BaseSignal,
    belonging: Belonging,
    canvas: Canvas,
    output: str,
    parameters: ApplyParameters,
) -> None:
    tiles = belonging.tiles
    earlier = recording.steps_of(tiles.signal)
    crop = Window.of_steps(tiles.alignment.steps).crop
    step = recording.step(
        "apply_alignment",
        {**parameters.to_dict(), "crop": crop if parameters.crop is None else parameters.crop},
    )
    own = [
        entry
        for entry in recording.steps_of(signal)
        if not any(same_values(entry, other) for other in earlier)
    ]
    steps = (*earlier, *own, step)
    record: dict[str, Any] = {"steps": [dict(entry) for entry in steps]}
    scan = recording.record_of(tiles.signal).get("scan_geometry")
    if scan is not None and output == "series":
        record["scan_geometry"] = scan
    recording.write_record(result, record)
    write_matches(result, tiles.table)
    if tiles.aligned:
        alignment = replace(tiles.alignment, canvas=canvas, steps=steps)
        recording.write_alignment(result, on_control_grid(alignment)[0], keep_fields=True)
