"""The scores of all places of an image, as an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperspy.signals import Signal2D

from hyperspy_smartalign.motif import score_map
from hyperspy_smartalign.signals.motif.picturing import Pictures

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.motif.found import FoundMotif


def score_map_of(found: FoundMotif, *, frame: int | None = None) -> Signal2D:
    """Scores of the motif searched last; see ``FoundMotif.score_map``."""
    pictures = Pictures(found)
    scores = score_map(
        pictures.image(pictures.index_of(frame)),
        found.search.motif,
        coverage=found.parameters.coverage,
    )
    layout = found.plan.frames.layout
    axes = [
        {
            "name": name,
            "size": size,
            "scale": scale,
            "offset": offset + centre * scale,
            "units": units,
        }
        for name, size, scale, offset, centre, units in zip(
            "yx",
            scores.values.shape,
            layout.scale,
            layout.offset,
            scores.first_centre,
            layout.units,
            strict=True,
        )
    ]
    return Signal2D(scores.values, axes=axes, metadata={"General": {"title": "scores"}})
