"""From matches to a stack of tiles: cut out of the frames, and wrapped as a signal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal, LazySignal2D, Signal2D

from hyperspy_smartalign.motif import Matches, cut_matches, frame_matches
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.rigid.store import FrameSource
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.motif.match_table import MatchTable, write_matches
from hyperspy_smartalign.signals.progressing import Progress
from hyperspy_smartalign.signals.validating import Layout
from hyperspy_smartalign.transforms import Transform


@dataclass(frozen=True, eq=False)
class CutTiles:
    """Tiles, frame by frame.

    Attributes
    ----------
    pixels : (n, H, W) float32 array of numpy or dask
        NaN where a frame was not observed.
    columns : dict of (n,) arrays
        Those of the table of matches.
    upright : bool
        Whether no tile had to be turned.
    """

    pixels: Any
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
    cutting = Cutting(parameters, transforms, origin)
    pixels = cut_matches(
        frames,
        matches,
        **cutting.options,
        transforms=transforms,
        num_workers=num_workers,
        progress=reporting(progress, "cutting", matches),
    )
    seen = np.array([cutting.is_seen(tile) for tile in pixels])
    return cutting.result(pixels if seen.all() else pixels[seen], matches, seen)


@dataclass(frozen=True, eq=False)
class Cutting:
    """How tiles are cut: see `cut_tiles`."""

    parameters: TemplateParameters
    transforms: Sequence[Transform] | None
    origin: tuple[int, int]

    @property
    def options(self) -> dict[str, Any]:
        """Those of `cut_matches`, but for the transforms."""
        return {
            "upsample": self.parameters.upsample,
            "origin": self.origin,
            "interpolation": self.parameters.interpolation,
        }

    def transform(self, number: int) -> Transform | None:
        """Displacement of a frame, None where matches lie in the frames themselves."""
        return None if self.transforms is None else self.transforms[number]

    def is_seen(self, tile: npt.NDArray[Any]) -> bool:
        """Whether enough of a tile was observed."""
        return bool(np.isfinite(tile).mean() >= self.parameters.coverage)

    def result(
        self, pixels: Any, matches: Mapping[int, Matches], seen: npt.NDArray[np.bool_]
    ) -> CutTiles:
        """Tiles that were observed, with their columns."""
        parts = [
            _columns(found, number, self.transforms, self.origin)
            for number, found in sorted(matches.items())
            if len(found)
        ]
        columns = {name: np.concatenate([part[name] for part in parts])[seen] for name in parts[0]}
        upright = not (np.any(columns["angle"] % 360) or np.any(columns["mirror"]))
        return CutTiles(pixels, columns, upright)


def reporting(
    progress: Progress | None, doing: str, matches: Mapping[int, Matches]
) -> Callable[[int, int], None] | None:
    """What is told of one stage, which says how many tiles there are."""
    if progress is None:
        return None
    report, stage = progress, f"{doing} {sum(map(len, matches.values()))} tiles"
    return lambda done, total: report(stage, done, total)


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
    of_class = LazySignal2D if hasattr(tiles.pixels, "dask") else Signal2D
    result: BaseSignal = of_class(
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
