"""Is a source the series that a signal was made of? Its shape alone does not tell."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals.picturing import images_of, is_one_frame, is_one_spectrum_image
from hyperspy_smartalign.signals.quality.stages import Evidence
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.transforms import Alignment, Canvas

# Frames that are compared, each with itself and with another.
_COMPARED = 8
# On a part of them that is no larger than this, px.
_PART = 512
# A frame resembles itself more than another one, by this many standard errors of the difference.
_CLEARLY = 3.0
# Averages of the same frames are more alike than this, whatever their weights.
_ALIKE = 0.5
_DOUBT = (
    "The source seems to be another series than the one that this signal was made of: {}. Of all "
    "that follows, only what is told of the source holds then. Give the series that was aligned."
)


def doubt_about_source(signal: BaseSignal, evidence: Evidence) -> str | None:
    """What speaks against a source that fits by its shape.

    Every frame has noise of its own. So a frame of the aligned series resembles the frame of the
    right source with its number more than it resembles another one, also where the user filtered
    or scaled the pixels since.

    Parameters
    ----------
    signal : BaseSignal
        An aligned series, or the average or sum of one.
    evidence : Evidence
        Drawn from the source.

    Returns
    -------
    str or None
        A sentence for the user; None where nothing speaks against it.
    """
    alignment = evidence.alignment
    if alignment is None or evidence.frames is None:
        return None
    if is_one_frame(signal) or is_one_spectrum_image(signal):
        pixels = np.asarray(signal.data, np.float64)
        pixels = pixels.reshape(*pixels.shape[:2], -1).sum(axis=-1)
        image = _on_canvas(pixels, alignment, evidence.canvas)
        alike = _correlation(image, evidence.stages[evidence.final].average)
        if alike >= _ALIKE or math.isnan(alike):
            return None
        return _DOUBT.format(f"the correlation of their averages is {alike:.2f}")
    aligned = FrameStream(images_of(signal))
    if aligned.shape != (alignment.n_frames, *alignment.canvas.shape):
        return None
    gain = _gain(aligned, alignment, evidence)
    if len(gain) < 2 or not gain.any():
        return None
    error = float(gain.std(ddof=1)) / math.sqrt(len(gain))
    if gain.mean() > _CLEARLY * error:
        return None
    return _DOUBT.format(
        "its frames, shifted likewise, do not resemble those of the same number more than others"
    )


def _gain(
    aligned: FrameStream, alignment: Alignment, evidence: Evidence
) -> npt.NDArray[np.float64]:
    """By how much frames resemble themselves more than the next ones, less what all have."""
    members = evidence.members
    places = np.unique(np.linspace(0, len(members) - 1, _COMPARED).round().astype(int))
    drawing, canvas = evidence.drawings[evidence.final], _middle(evidence.canvas)
    images, drawn = [], []
    for index in members[places].tolist():
        pixels = np.asarray(aligned[index], np.float64)
        images.append(_on_canvas(pixels, alignment, canvas))
        frame = drawing.draw(index, canvas)
        drawn.append(np.where(frame.covered, frame.pixels, np.nan))
    own, others = np.array(images), np.array(drawn)
    own -= own.mean(axis=0)
    others -= others.mean(axis=0)
    gain = np.array(
        [
            _correlation(image, others[k]) - _correlation(image, others[(k + 1) % len(others)])
            for k, image in enumerate(own)
        ]
    )
    return np.asarray(gain[np.isfinite(gain)], np.float64)


def _middle(canvas: Canvas) -> Canvas:
    """The middle of a canvas."""
    rows, columns = min(canvas.height, _PART), min(canvas.width, _PART)
    top = canvas.top + (canvas.height - rows) // 2
    left = canvas.left + (canvas.width - columns) // 2
    return Canvas(top, left, rows, columns)


def _on_canvas(
    image: npt.NDArray[np.float64], alignment: Alignment, canvas: Canvas
) -> npt.NDArray[np.float64]:
    """The part of an aligned image that is on a canvas."""
    top, left = canvas.top - alignment.canvas.top, canvas.left - alignment.canvas.left
    return image[top : top + canvas.height, left : left + canvas.width]


def _correlation(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> float:
    """Correlation coefficient of the pixels that both know; NaN where one of them is flat."""
    known = np.isfinite(first) & np.isfinite(second)
    if np.count_nonzero(known) < 2:
        return math.nan
    a, b = first[known] - first[known].mean(), second[known] - second[known].mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size > 0 else math.nan
