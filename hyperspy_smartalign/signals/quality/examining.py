"""What the scan lines of a series say of its alignment, asked once for all that judges it."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.nonrigid.examining import Examined, examine_lines
from hyperspy_smartalign.signals.quality.stages import Evidence
from hyperspy_smartalign.transforms import Alignment, Field, Translation

DoubleArray = npt.NDArray[np.float64]

# One pass over the frames serves all that is asked of the same evidence.
_EXAMINED: WeakKeyDictionary[Evidence, Examined | None] = WeakKeyDictionary()


@dataclass(frozen=True)
class _AlignedFrames:
    """The frames of the last stage on its canvas, as a source of frames."""

    evidence: Evidence
    lazy: bool = True

    def __len__(self) -> int:
        return len(self.evidence.stages[self.evidence.final].transforms)

    def frame(self, index: int) -> npt.NDArray[np.floating]:
        drawing = self.evidence.drawings[self.evidence.final]
        drawn = drawing.draw(index, self.evidence.canvas)
        return np.where(drawn.covered, drawn.pixels, np.nan).astype(np.float32)


def examine(evidence: Evidence) -> Examined | None:
    """What the scan lines say of the alignment; None where there is none to judge."""
    if evidence not in _EXAMINED:
        _EXAMINED[evidence] = _examine_anew(evidence)
    return _EXAMINED[evidence]


def _examine_anew(evidence: Evidence) -> Examined | None:
    alignment = evidence.alignment
    if alignment is None or len(evidence.members) < 3:
        return None
    used = np.isin(np.arange(alignment.n_frames), evidence.members)
    scan = evidence.scan
    if scan is not None and not _along_axes(evidence):
        return None
    if evidence.frames is None or model_of(alignment) == "fields":
        # What fields do along a line has no place in equations of whole lines.
        return examine_lines(
            _AlignedFrames(evidence),
            [Translation(np.zeros(2))] * alignment.n_frames,
            used=used,
            reported=_reported(evidence, alignment, whole=True),
            scan=scan,
        )
    return examine_lines(
        evidence.frames,
        alignment.transforms,
        used=used,
        reported=_reported(evidence, alignment, whole=False),
        scan=scan,
        region=region_of(alignment),
    )


def _along_axes(evidence: Evidence) -> bool:
    assert evidence.scan is not None
    try:
        for index in evidence.members:
            evidence.scan.slow_axis(int(index))
    except ValueError:
        return False
    return True


def model_of(alignment: Alignment) -> str:
    if alignment.is_rigid:
        return "rigid"
    if any(isinstance(t, Field) for t in alignment.transforms):
        return "fields"
    return "lines"


def region_of(alignment: Alignment) -> tuple[int, int, int, int] | None:
    """Pixels of the raw frames that the last stage looked at."""
    region = alignment.steps[-1].get("results", {}).get("region") if alignment.steps else None
    if region is None:
        return None
    left, right, top, bottom = (int(edge) for edge in region)
    height, width = alignment.frame_shape
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        return None
    return left, right, top, bottom


def _reported(evidence: Evidence, alignment: Alignment, *, whole: bool) -> list[DoubleArray | None]:
    """Errors (y, x) that the alignment claims, of lines where it knows them, else of frames."""
    n = alignment.n_frames
    precision = alignment.precision
    frames: list[DoubleArray | None] = [None] * n
    if precision is not None:
        frames = [each if np.isfinite(each).all() else None for each in precision]
    record = evidence.nonrigid
    if whole or record is None or record.line_errors is None or len(record.line_errors) != n:
        return frames
    region = region_of(alignment)
    height, width = alignment.frame_shape
    shape = (height, width) if region is None else (region[3] - region[2], region[1] - region[0])
    found: list[DoubleArray | None] = []
    for index, errors in enumerate(record.line_errors):
        axis = 0 if evidence.scan is None else evidence.scan.slow_axis(index)
        own = np.asarray(errors[: shape[axis]], np.float64)
        fits = len(own) == shape[axis] and np.isfinite(own).all()
        found.append(own if fits else frames[index])
    return found
