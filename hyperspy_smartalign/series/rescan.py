"""What becomes of the scan geometry when a series is prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.series.geometry import ScanGeometry


def prepared_geometry(
    known: ScanGeometry | None,
    n: int,
    *,
    indices: npt.NDArray[np.intp] | None,
    transpose: bool,
    scan_rotation: str | float | Sequence[float] | None,
    fast_direction: str | None,
    line_time: float | None,
) -> ScanGeometry | None:
    """Scan geometry after frames were chosen and transposed, with what the user says.

    Parameters
    ----------
    known : ScanGeometry or None
        Geometry of the series before.
    n : int
        Number of frames before.
    indices : numpy.ndarray or None
        Frames that were chosen, in their new order; None for all.
    transpose : bool
        x and y of every frame were swapped.
    scan_rotation, fast_direction, line_time
        What the user says about the prepared frames; None keeps what is known. Angles may be
        given one a frame of the series before, too.

    Returns
    -------
    ScanGeometry or None
        None where nothing is known.

    Raises
    ------
    ValueError
        If `known` describes another number of frames, or a value is not valid.
    """
    said = scan_rotation is not None or fast_direction is not None or line_time is not None
    if known is None and not said and not transpose:
        return None
    geometry = known or ScanGeometry(source="user")
    if geometry.frame_numbers and len(geometry.frame_numbers) != n:
        raise ValueError(
            f"the scan geometry in metadata.Smart_align describes {len(geometry.frame_numbers)} "
            f"frames, this series has {n}: slicing with inav does not slice it. Choose frames "
            "with prepare(first=..., last=..., skip=...) instead of inav."
        )
    if indices is not None:
        geometry = geometry.select(indices.tolist())
    if transpose:
        geometry = geometry.transposed()
    if scan_rotation is not None:
        kept = n if indices is None else len(indices)
        angles = _angles_of_kept(scan_rotation, n, indices)
        geometry = replace(geometry, rotation=ScanGeometry.rotations(angles, kept))
    if fast_direction is not None:
        geometry = replace(geometry, fast_direction=fast_direction)  # type: ignore[arg-type]
    if line_time is not None:
        # The frame time of the file no longer fits; it follows from the lines.
        geometry = replace(geometry, line_time=line_time, frame_time=None)
    return geometry


def _angles_of_kept(
    scan_rotation: str | float | Sequence[float], n: int, indices: npt.NDArray[np.intp] | None
) -> str | float | Sequence[float]:
    """Angles of the frames kept, also when one angle a frame of the whole series was given."""
    if indices is None or isinstance(scan_rotation, str) or np.ndim(scan_rotation) == 0:
        return scan_rotation
    angles = np.asarray(scan_rotation, dtype=float)
    if len(angles) == n and n not in {1, 2, 4, len(indices)}:
        return [float(angle) for angle in angles[indices]]
    return [float(angle) for angle in angles]


def slow_axes(geometry: ScanGeometry | None, series_shape: tuple[int, ...]) -> npt.NDArray[np.intp]:
    """Slow axis (0 or 1) of every frame, in an array of the shape of the series.

    Frames count in C order. Without a geometry scan lines are taken to be rows.
    """
    if geometry is None:
        return np.zeros(series_shape, np.intp)
    frames = int(np.prod(series_shape, dtype=np.int64))
    axes = [geometry.slow_axis(frame) for frame in range(frames)]
    return np.array(axes, dtype=np.intp).reshape(series_shape)
