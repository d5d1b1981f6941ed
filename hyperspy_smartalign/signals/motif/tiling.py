"""From matches to a stack of tiles: cut out of the frames, and wrapped as a signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal, Signal2D

from hyperspy_smartalign.motif import Matches, cut_matches, frame_matches
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.rigid.store import FrameSource
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.motif.match_table import MatchTable, write_matches
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.validating import Layout
from hyperspy_smartalign.transforms import Transform

_STAGE = "cutting tiles"


@dataclass(frozen=True, eq=False)
class CutTiles:
    """Tiles, frame by frame.

    Attributes
    ----------
    pixels : (n, H, W) float32
        NaN where a frame was not observed.
    columns : dict of (n,) arrays
        Those of the table of matches.
    upright : bool
        Whether no tile had to be turned.
    """

    pixels: npt.NDArray[np.float32]
    columns: dict[str, npt.NDArray[Any]]
    upright: bool


def cut_tiles(
    frames: FrameSource,
    matches: Mapping[int, Matches],
    parameters: TemplateParameters,
    *,
    transforms: Sequence[Transform] | None = None,
    origin: tuple[int, int] = (0, 0),
    num_workers: int | None = None,
    progress: Progress | None = None,
) -> CutTiles:
    """Cut matches out of frames, each pixel by one interpolation.

    Parameters
    ----------
    frames : FrameSource
        Frames that the pixels are taken from.
    matches : dict
        Frame number -> matches in pixels of the image that was searched; at least one in all.
    parameters : TemplateParameters
        Coverage, up-sampling and interpolation.
    transforms : sequence of Transform, optional
        Displacement of each frame, where the matches were found in the common frame.
    origin : (y, x) of int
        Pixel of the common frame where the searched image has its first one.
    num_workers : int, optional
        Threads; one per processor by default.
    progress : callable, optional
        Called as ``progress(stage, done, total)``.

    Returns
    -------
    CutTiles
        Without tiles of which too little was observed.
    """
    numbers = sorted(matches)

    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(_STAGE, done, total)

    pixels = cut_matches(
        frames,
        matches,
        upsample=parameters.upsample,
        transforms=transforms,
        origin=origin,
        interpolation=parameters.interpolation,
        num_workers=num_workers,
        progress=report,
    )
    parts = [
        _columns(matches[number], number, transforms, origin)
        for number in numbers
        if len(matches[number])
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    seen = np.array([np.isfinite(tile).mean() for tile in pixels]) >= parameters.coverage
    if not seen.all():
        pixels = pixels[seen]
        columns = {name: column[seen] for name, column in columns.items()}
    upright = not (np.any(columns["angle"] % 360) or np.any(columns["mirror"]))
    return CutTiles(pixels, columns, upright)


def _columns(
    matches: Matches,
    number: int,
    transforms: Sequence[Transform] | None,
    origin: tuple[int, int],
) -> dict[str, npt.NDArray[Any]]:
    """Columns of the table for the tiles of one frame."""
    own = replace(matches, frame=np.full(len(matches), number))
    cut = own
    if transforms is not None:
        cut = frame_matches(own, frame=number, transform=transforms[number], origin=origin)
    return {**own.columns(), "source_y": cut.y, "source_x": cut.x}


def tile_signal(
    signal: BaseSignal,
    tiles: CutTiles,
    table: MatchTable,
    *,
    layout: Layout,
    steps: Sequence[Mapping[str, Any]],
    scan: ScanGeometry | None,
) -> BaseSignal:
    """The stack of tiles as a signal (tile | x, y).

    Parameters
    ----------
    signal : Signal2D
        What the tiles were cut out of; class, metadata and original metadata are its.
    tiles : CutTiles
        The tiles.
    table : MatchTable
        Where they come from.
    layout : Layout
        Of the signal.
    steps : sequence of steps
        What led to the tiles.
    scan : ScanGeometry or None
        How the frames were scanned. Tiles that were not turned have the scan lines of their
        frame.
    """
    factor = table.upsample
    axes: list[dict[str, Any]] = [{"name": "tile", "size": len(tiles.pixels), "navigate": True}]
    for name, size, scale, units in zip(
        ("y", "x"), tiles.pixels.shape[1:], layout.scale, layout.units, strict=True
    ):
        axes.append({"name": name, "size": size, "scale": scale / factor, "units": units})
    result: BaseSignal = Signal2D(
        tiles.pixels,
        axes=axes,
        metadata=_metadata(signal),
        original_metadata=signal.original_metadata.deepcopy().as_dictionary(),
    )
    if result._signal_type != signal._signal_type:
        result.set_signal_type(signal._signal_type)
    general = result.metadata.General
    general.title = f"{general.title} (tiles)" if general.title else "tiles"
    recording.write_record(result, {"steps": [dict(step) for step in steps]})
    if scan is not None and tiles.upright:
        geometry = _scan_of_tiles(scan, tiles.columns["frame"].tolist())
        recording.write_scan_geometry(result, geometry.resampled(factor))
        # Thousands of numbers are read and shown better as an array than as a list.
        rotation = np.array(geometry.rotation, np.float64)
        result.metadata.set_item(f"{recording.NODE}.scan_geometry.rotation", rotation)
    write_matches(result, table)
    return result


def _metadata(signal: BaseSignal) -> dict[str, Any]:
    """Metadata without what belongs to the pixels of the frames."""
    content: dict[str, Any] = signal.metadata.deepcopy().as_dictionary()
    for name in ("Markers", "_HyperSpy", recording.NODE):
        content.pop(name, None)
    content.get("Signal", {}).pop("Noise_properties", None)
    return content


def _scan_of_tiles(scan: ScanGeometry, frames: Sequence[int]) -> ScanGeometry:
    """Directions and times of the scan lines of tiles, one tile after the other.

    When a tile was scanned is left out: it began somewhere within its frame.
    """
    rotation = tuple(scan.rotation[i % len(scan.rotation)] for i in frames)
    return replace(
        scan,
        rotation=rotation[:1] if len(set(rotation)) == 1 else rotation,
        instrument_rotation=(),
        frame_numbers=(),
        frame_time=None,
        frame_gap=None,
    )
