"""The section on where tiles come from."""

from __future__ import annotations

import numpy as np

from hyperspy_smartalign.signals.motif import picturing_tiles
from hyperspy_smartalign.signals.reporting.content import Block, Facts, Section
from hyperspy_smartalign.signals.reporting.pictures import picture
from hyperspy_smartalign.signals.reporting.subject import Subject
from hyperspy_smartalign.signals.reporting.words import count, number

_STAGES = 4
"""How many stages of a search stand side by side."""


def tiles_section(subject: Subject) -> Section | None:
    """The motif, its scores and its places; None for a signal that is not made of tiles."""
    table = subject.matches
    if table is None:
        return None
    rows, columns = table.tile_shape
    frames = np.unique(table.frame)
    facts = [
        ("Tiles", f"{len(table)} of {rows} × {columns} px, from {count(len(frames), 'frame')}"),
        ("Threshold", " to ".join(dict.fromkeys(map(number, _ends(table.threshold))))),
    ]
    if table.upsample != 1:
        facts.append(("Enlarged", f"{number(table.upsample)} pixels of a tile for one of a frame"))
    if len(table):
        facts.append(("Scores", " to ".join(map(number, _ends(table.score)))))
        medians = ", then ".join(number(float(score)) for score in table.peak_scores)
        facts.append(("Median score", f"{medians}, as the motif was refined"))
    blocks: list[Block] = [Facts(tuple(facts))]
    blocks.append(
        picture(
            lambda fig: picturing_tiles.plot_motif(subject.signal, fig=fig),
            (
                max(3.6, 2.5 * min(len(table.stages), _STAGES)),
                4.4 * (1 + (len(table.stages) - 1) // _STAGES),
            ),
            alt="The motif at every stage of the search, over the histogram of the scores.",
            caption="The motif as it was given and as it was refined, and how many candidates "
            "had which score.",
        )
    )
    if len(table):
        blocks.append(
            picture(
                lambda fig: picturing_tiles.plot_matches(subject.signal, fig=fig),
                (6.0, 5.2),
                alt="Where the tiles were cut out.",
                caption="Where the tiles lie.",
            )
        )
    return Section("The tiles", "tiles", tuple(blocks))


def _ends(values: np.ndarray) -> tuple[float, float]:
    return float(np.min(values)), float(np.max(values))
