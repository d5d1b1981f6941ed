"""Some of the tiles of a stack, with what is known of them."""

from __future__ import annotations

import reprlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.copying import with_data
from hyperspy_smartalign.signals.motif.match_table import MatchTable, matches_of, write_matches
from hyperspy_smartalign.signals.provenance.noting import note
from hyperspy_smartalign.transforms import Alignment


def select_tiles(signal: BaseSignal, which: npt.ArrayLike | slice) -> BaseSignal:
    """Some of the tiles; see `hyperspy_smartalign.signals.members.tiles`."""
    table = table_of_tiles(signal)
    rows = _rows(which, len(table))
    result = with_data(signal, signal.data[rows])
    result.axes_manager._axes[0].size = len(rows)
    scan = recording.scan_geometry_of(signal)
    if recording.has_alignment(signal):
        alignment = _alignment_of_some(recording.alignment_of(signal), rows)
        recording.write_alignment(result, alignment, keep_fields=True)
        _write_measurements_of_some(signal, result, rows)
    write_matches(result, table.chosen(rows))
    if scan is not None and len(scan.rotation) > 1:
        _write_scan_of_some(result, scan, rows)
    recording.append_step(result, "select_tiles", {"tiles": rows})
    note(result, "select_tiles", {"signal": signal}, {"which": rows})
    return result


def table_of_tiles(signal: BaseSignal) -> MatchTable:
    """The table of matches of a stack of tiles that has one row a tile.

    Raises
    ------
    ValueError
        There is none, or it is that of other tiles.
    """
    table = matches_of(signal)
    manager = signal.axes_manager
    if len(manager.signal_axes) != 2 or manager.navigation_shape != (len(table),):
        raise ValueError(
            f"{signal!r} carries the table of {len(table)} tiles, which is not that of its frames. "
            "Take some of the tiles with tiles.smartalign.select_tiles(...), which keeps both."
        )
    return table


def _rows(which: npt.ArrayLike | slice, n: int) -> npt.NDArray[np.intp]:
    try:
        chosen = np.arange(n)[which] if isinstance(which, slice) else np.asarray(which)
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(f"which={reprlib.repr(which)} chooses no tiles: {error}.") from None
    if chosen.dtype == bool:
        if chosen.shape != (n,):
            raise ValueError(
                f"The mask has shape {chosen.shape}, and there are {n} tiles; give one value each."
            )
        rows = np.flatnonzero(chosen)
    elif chosen.ndim == 1 and chosen.dtype.kind in "iu":
        rows = chosen.astype(np.intp)
    elif chosen.shape == (0,):
        rows = np.empty(0, np.intp)
    else:
        raise ValueError(
            f"The parameter `which` is {reprlib.repr(which)}; give a mask with one value a tile, a "
            "list of tile numbers, or a slice of them, such as slice(0, 50)."
        )
    if not rows.size:
        raise ValueError("No tile is chosen; give the numbers of one or more.")
    if rows.min() < -n or rows.max() >= n:
        wrong = rows.max() if rows.max() >= n else rows.min()
        raise ValueError(f"There are {n} tiles, numbered from 0 to {n - 1}; {wrong} is none.")
    return rows % n


def _alignment_of_some(alignment: Alignment, rows: npt.NDArray[np.intp]) -> Alignment:
    """The alignment of some frames, in that order."""
    picked = rows.tolist()
    return replace(
        alignment,
        transforms=tuple(alignment.transforms[i] for i in picked),
        navigation_shape=(len(picked),),
        precision=None if alignment.precision is None else alignment.precision[rows],
        hop_margin=None if alignment.hop_margin is None else alignment.hop_margin[rows],
        excluded=alignment.excluded[rows],
        exclusion_reasons=tuple(alignment.exclusion_reasons[i] for i in picked),
    )


def _write_measurements_of_some(
    signal: BaseSignal, result: BaseSignal, rows: npt.NDArray[np.intp]
) -> None:
    """What was measured when the tiles were aligned; pairs are left out, half may be gone."""
    measured = recording.record_of(signal)
    if "noise" in measured:
        recording.write_measurements(result, None, recording.noise_of(signal))
    if "nonrigid" in measured:
        known = recording.nonrigid_of(signal)
        some = replace(
            known,
            cycles=tuple(
                replace(cycle, similarity=cycle.similarity[rows]) for cycle in known.cycles
            ),
            similarity_before=known.similarity_before[rows],
            similarity=known.similarity[rows],
            line_errors=None if known.line_errors is None else known.line_errors[rows],
        )
        recording.write_nonrigid(result, some)


def _write_scan_of_some(result: BaseSignal, scan: ScanGeometry, rows: npt.NDArray[np.intp]) -> None:
    rotation = tuple(scan.rotation[i % len(scan.rotation)] for i in rows.tolist())
    recording.write_scan_geometry(result, replace(scan, rotation=rotation))
    # Thousands of numbers are read and shown better as an array than as a list.
    place = f"{recording.NODE}.scan_geometry.rotation"
    result.metadata.set_item(place, np.array(rotation, np.float64))
