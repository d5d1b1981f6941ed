"""The table of frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.quality.verdicts import DOUBTFUL
from hyperspy_smartalign.signals.reporting.content import (
    Block,
    Column,
    Paragraph,
    Row,
    Section,
    Table,
)
from hyperspy_smartalign.signals.reporting.pictures import picture
from hyperspy_smartalign.signals.reporting.subject import Subject
from hyperspy_smartalign.signals.reporting.words import fixed, number
from hyperspy_smartalign.transforms import Alignment

# More rows than this nobody reads; the worst are shown then.
_MOST = 80

Values = npt.NDArray[np.float64]


def frames_section(subject: Subject) -> Section | None:
    """Shift, error, chance of a hop and weight of every frame."""
    alignment = subject.alignment
    if alignment is None:
        return None
    blocks: list[Block] = []
    quality = subject.quality
    if quality is not None and quality.frames is not None:
        blocks.append(
            picture(
                lambda fig: quality.plot_frames(fig=fig),
                (7.6, 4.4),
                alt="Quality of every frame: similarity to the others, noise, suggested weight.",
                caption=f"Quality of each {subject.frame}, and the weight it deserves.",
            )
        )
    blocks.append(_table(subject, alignment))
    title = "Frame by frame" if subject.frame == "frame" else "Tile by tile"
    return Section(title, "frames", tuple(blocks))


def _table(subject: Subject, alignment: Alignment) -> Table | Paragraph:
    n = alignment.n_frames
    hops = np.full(n, np.nan) if subject.hop_probability is None else subject.hop_probability
    similarity, weight = subject.of_frames("similarity"), subject.of_frames("weight")
    shown = _worth_showing(alignment, hops, similarity)
    errors = np.full((n, 2), np.nan) if alignment.precision is None else alignment.precision
    with_hops = subject.frame == "frame"
    columns = [
        Column(subject.frame.capitalize(), "right", 0.7),
        Column("y (px)", "right"),
        Column("± y", "right", 0.9),
        Column("x (px)", "right"),
        Column("± x", "right", 0.9),
    ]
    columns += [Column("P (wrong cell)", "right", 1.3)] if with_hops else []
    columns += [Column("Similarity", "right", 1.1)] if similarity is not None else []
    columns += [Column("Weight", "right", 0.9)] if weight is not None else []
    columns.append(Column("", "left", 1.3))
    rows = []
    for frame in shown:
        out = bool(alignment.excluded[frame])
        doubtful = with_hops and not out and hops[frame] > DOUBTFUL
        (y, x), (y_error, x_error) = alignment.shifts[frame], errors[frame]
        cells = [str(frame), fixed(y, 2), number(y_error, 2), fixed(x, 2), number(x_error, 2)]
        cells += [_chance(hops[frame])] if with_hops else []
        cells += [fixed(similarity[frame], 3)] if similarity is not None else []
        cells += [fixed(weight[frame], 2)] if weight is not None else []
        cells.append("left out" if out else "in doubt" if doubtful else "")
        rows.append(Row(tuple(cells), marked=out or doubtful))
    caption = (
        f"Shift of the content of every {subject.frame} in px, its standard error"
        + (", and the probability that it lies on a wrong unit cell." if with_hops else ".")
        + " The alignment itself keeps all figures: signal.smartalign.alignment."
    )
    if len(shown) < n:
        caption = f"{len(shown)} of {n} {subject.frame}s, those to look at first. {caption}"
    return Table(tuple(columns), tuple(rows), caption)


def _chance(probability: float) -> str:
    return "< 0.001" if probability < 1e-3 else number(probability, 2)


def _worth_showing(alignment: Alignment, hops: Values, similarity: Values | None) -> list[int]:
    """All frames, or of many the ones that were left out, are in doubt, or are least alike."""
    n = alignment.n_frames
    if n <= _MOST:
        return list(range(n))
    likeness = np.zeros(n) if similarity is None else np.nan_to_num(similarity, nan=-np.inf)
    order = np.lexsort((likeness, -np.nan_to_num(hops), ~alignment.excluded))
    return sorted(order[:_MOST].tolist())
