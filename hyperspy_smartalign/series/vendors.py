"""Scan geometry from what microscopes write into their files.

One small reader a vendor. Each gets the tags as nested dictionaries (the
``original_metadata`` that HyperSpy keeps), and returns None when they are not its own. Numbers
may be text, missing or nonsense: what cannot be read is left unknown, never guessed.

Times are filled in only where the stored frame is the frame that was scanned. Files keep the
scan tags of the whole scan after an image was cropped or binned, and several signals of a file
may share the tags of one of them; then a line time worked out from them would be wrong.

The scan rotation in a file is the orientation of the scan on the specimen. It goes to
``ScanGeometry.instrument_rotation``; frames are taken as stored with lines along x.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from hyperspy_smartalign.series.geometry import ScanGeometry

Tags = Mapping[str, Any]
Shape = tuple[int, int]

_CLOSE = 1e-3
"""Relative difference below which two times of one file are the same."""

_MICROSECOND = 1e-6


def scan_geometry_from_metadata(
    original_metadata: Tags, metadata: Tags | None, shape: Shape | None
) -> ScanGeometry | None:
    """Scan geometry of a signal, from the tags of its file.

    Parameters
    ----------
    original_metadata : mapping
        Tags as the file has them, nested dictionaries with string keys.
    metadata : mapping or None
        HyperSpy's metadata as nested dictionaries, the fallback for the dwell time.
    shape : (int, int) or None
        Rows and columns of the stored frame (for a spectrum image: of its map). None, or a
        number below 1, when the signal was not scanned.

    Returns
    -------
    ScanGeometry or None
        None when nothing is known about the scan. Times that the file does not give, or that
        contradict each other, are None in it.

    Notes
    -----
    Understood are DigitalMicrograph (DigiScan tags, also where StackBuilder nests them, and
    spectrum images), Velox, TIA, Bruker Esprit, JEOL Analysis Station and Panta Rhei.
    """
    if shape is None or min(shape) < 1:
        return None
    for reader in _READERS:
        geometry = reader(original_metadata, shape)
        if geometry is not None:
            return geometry
    return _from_hyperspy(metadata or {})


def _from_digiscan(tags: Tags, shape: Shape) -> ScanGeometry | None:
    """DigitalMicrograph; times in microseconds, rotation in degrees."""
    image = _group(tags, "ImageList", "TagGroup0", "ImageTags")
    for path in ((), ("source", "Tags at creation")):
        scan = _group(image, *path, "DigiScan")
        dwell = _number(scan, "Sample Time", low=0.0)
        if dwell is None:
            continue
        flyback = _number(scan, "Flyback", low=0.0)
        rotation = _number(scan, "Rotation")
        synchronised = _number(scan, "Synchronize Lines") == 1
        geometry = ScanGeometry(
            dwell_time=dwell * _MICROSECOND,
            flyback_time=None if flyback is None else flyback * _MICROSECOND,
            source="DM DigiScan, lines synchronised to the mains"
            if synchronised
            else "DM DigiScan",
            instrument_rotation=() if rotation is None else (rotation,),
        )
        # A line that waits for the mains takes longer than dwell and flyback add up to.
        if synchronised or not _scanned_whole(scan, shape):
            return geometry
        return geometry.completed(shape)
    return _from_dm_spectrum_image(image)


def _from_dm_spectrum_image(image: Tags) -> ScanGeometry | None:
    """DigitalMicrograph spectrum image, or the image recorded pixel by pixel with it."""
    spectrum_image = _group(image, "SI")
    dwell = _number(spectrum_image, "Acquisition", "Pixel time (s)", low=0.0)
    if dwell is None:
        return None
    # Sub-pixel scanning: the probe visits scale x scale image pixels on each pixel of the map.
    scale = _number(spectrum_image, "Scale", low=1.0) or 1.0
    source = "DM spectrum image" if scale == 1.0 else "DM spectrum image, sub-pixel scan"
    return ScanGeometry(dwell_time=dwell / scale**2, source=source)


def _from_velox(tags: Tags, shape: Shape) -> ScanGeometry | None:
    """Velox; numbers as text, times in seconds, rotation in radians."""
    scan = _group(tags, "Scan")
    dwell = _number(scan, "DwellTime", low=0.0)
    if dwell is None:
        return None
    rows, columns = shape
    line, frame = _number(scan, "LineTime", low=0.0), _number(scan, "FrameTime", low=0.0)
    rotation = _number(scan, "ScanRotation")
    instrument = () if rotation is None else (math.degrees(rotation),)
    interlaced = (_number(scan, "LineInterlacing") or 1.0) != 1.0
    fits = (
        line is not None
        and dwell * columns <= line * (1 + _CLOSE)
        and (frame is None or abs(frame - line * rows) <= 0.05 * frame)
    )
    if line is None or interlaced or not fits:
        # The maps of a file carry the scan tags of another signal of the same file.
        known = dwell if line is None or interlaced else None
        return ScanGeometry(dwell_time=known, source="Velox", instrument_rotation=instrument)
    return ScanGeometry(
        line_time=line,
        dwell_time=dwell,
        flyback_time=max(line - dwell * columns, 0.0),
        frame_time=frame or None,
        source="Velox",
        instrument_rotation=instrument,
    ).completed(shape)


def _from_tia(tags: Tags, shape: Shape) -> ScanGeometry | None:
    """TIA .emi; numbers as text, times in seconds. A .ser file alone has no times."""
    info = _group(tags, "ObjectInfo")
    dwell = _number(info, "AcquireInfo", "DwellTimePath", low=0.0)
    mode = str(_group(info, "ExperimentalDescription").get("Mode", "STEM"))
    if dwell is None or "STEM" not in mode:
        return None
    rotation = _number(info, "ExperimentalDescription", "Stem rotation_deg")
    geometry = ScanGeometry(
        dwell_time=dwell,
        source="TIA",
        instrument_rotation=() if rotation is None else (rotation,),
    )
    frame = _number(info, "AcquireInfo", "FrameTime", low=0.0)
    rows, columns = shape
    # Spectrum images carry the frame time of the image recorded before them.
    if frame is None or not 1 - _CLOSE <= frame / (dwell * rows * columns) <= 2:
        return geometry
    line = frame / rows
    return ScanGeometry(
        line_time=line,
        dwell_time=dwell,
        flyback_time=max(line - dwell * columns, 0.0),
        frame_time=frame,
        source=geometry.source,
        instrument_rotation=geometry.instrument_rotation,
    )


def _from_bruker(tags: Tags, shape: Shape) -> ScanGeometry | None:
    """Bruker Esprit; pixel time in microseconds, measured PixelAverage times a pixel.

    Neither flyback nor line time are in the file.
    """
    processor = _group(tags, "DSP Configuration")
    pixel = _number(processor, "PixelTime", low=0.0)
    if pixel is None:
        return None
    dwell = pixel * (_number(processor, "PixelAverage", low=1.0) or 1.0) * _MICROSECOND
    lines = _number(processor, "LineAverage", low=1.0) or 1.0
    source = (
        "Bruker Esprit" if lines == 1.0 else f"Bruker Esprit, each line scanned {lines:g} times"
    )
    height, width = _number(processor, "ImageHeight"), _number(processor, "ImageWidth")
    same_pixels = height == float(shape[0]) and width == float(shape[1])
    return ScanGeometry(dwell_time=dwell if same_pixels else None, source=source)


def _from_jeol(tags: Tags, shape: Shape) -> ScanGeometry | None:
    """JEOL Analysis Station; dwell time in milliseconds, rotation in degrees."""
    for section in ("PTTD Data", "EDS Data"):
        data = _group(tags, section, "AnalyzableMap MeasData")
        dwell = _number(data, "Doc", "DwellTime(msec)", low=0.0)
        if dwell is not None:
            break
    else:
        return None
    rotation = _number(data, "MeasCond", "ScanR")
    columns, rows = _pixels(_group(data, "Meas Cond").get("Pixels"))
    geometry = ScanGeometry(
        dwell_time=dwell * 1e-3,
        source="JEOL",
        instrument_rotation=() if rotation is None else (rotation,),
    )
    if not rows or not columns:
        return geometry
    real_time = _number(data, "Doc", "RealTime", low=0.0)
    sweeps = _number(data, "Doc", "Sweep", low=1.0)
    frame = dwell * 1e-3 * rows * columns
    if real_time is not None and sweeps is not None and 0.95 < real_time / sweeps / frame < 2:
        frame = real_time / sweeps
    geometry = ScanGeometry(
        line_time=frame / rows,
        dwell_time=geometry.dwell_time,
        frame_time=frame,
        source=geometry.source,
        instrument_rotation=geometry.instrument_rotation,
    )
    # The reader of these files can bin the map while loading.
    factor = shape[0] / rows
    if shape == (rows, columns):
        return geometry
    if shape == (round(rows * factor), round(columns * factor)):
        return geometry.resampled(factor)
    return ScanGeometry(source="JEOL", instrument_rotation=geometry.instrument_rotation)


def _from_panta_rhei(tags: Tags, shape: Shape) -> ScanGeometry | None:
    """CEOS Panta Rhei; times in seconds, keys with dots instead of groups."""
    dwell = _number(tags, "scan_generator.dwell_time", low=0.0)
    if dwell is None:
        return None
    geometry = ScanGeometry(
        dwell_time=dwell,
        flyback_time=_number(tags, "scan_generator.flyback_time", low=0.0),
        source="Panta Rhei",
    )
    size = tags.get("ref_size")
    # Binned and cut images keep the times and the size of the scan they were made from.
    whole = isinstance(size, (list, tuple)) and [*size] == [shape[1], shape[0]]
    return geometry.completed(shape) if whole else geometry


def _from_hyperspy(metadata: Tags) -> ScanGeometry | None:
    """Dwell time as HyperSpy's readers file it, for formats without a reader here."""
    instrument = _group(metadata, "Acquisition_instrument")
    for path in (("TEM", "dwell_time"), ("SEM", "dwell_time")):
        dwell = _number(instrument, *path, low=0.0)
        if dwell is not None:
            return ScanGeometry(dwell_time=dwell, source="HyperSpy metadata")
    return None


_READERS: tuple[Callable[[Tags, Shape], ScanGeometry | None], ...] = (
    _from_digiscan,
    _from_velox,
    _from_tia,
    _from_bruker,
    _from_jeol,
    _from_panta_rhei,
)


def _group(tags: Any, *path: str) -> Tags:
    """Nested group of tags, or an empty one where the path breaks off."""
    for key in path:
        tags = tags.get(key) if isinstance(tags, Mapping) else None
    return tags if isinstance(tags, Mapping) else {}


def _number(tags: Tags, *path: str, low: float | None = None) -> float | None:
    """Number at the end of a path, also when stored as text; None when it is not one.

    With `low`, numbers below it, and 0, are not believed: a dwell time of 0 means unset.
    """
    value = _group(tags, *path[:-1]).get(path[-1])
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(number) or (low is not None and (number < low or number == 0.0)):
        return None
    return number


def _scanned_whole(scan: Tags, shape: Shape) -> bool:
    """True if the stored frame has the size of the DigiScan scan: not cropped, not binned."""
    height, width = _number(scan, "Image Height"), _number(scan, "Image Width")
    return height == float(shape[0]) and width == float(shape[1])


def _pixels(text: object) -> tuple[int, int]:
    """Columns and rows of a size written as '512x384', (0, 0) when it is not one."""
    parts = str(text).lower().split("x")
    if len(parts) != 2 or not all(part.strip().isdigit() for part in parts):
        return 0, 0
    return int(parts[0]), int(parts[1])
