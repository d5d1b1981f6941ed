"""The verb template_match: from images to a stack of all tiles that are like a motif."""

from __future__ import annotations

from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import NoMatchError, find_motif
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.match_table import MatchTable
from hyperspy_smartalign.signals.motifs import template_of
from hyperspy_smartalign.signals.progressing import progress_bar
from hyperspy_smartalign.signals.searching import Plan
from hyperspy_smartalign.signals.staging import warn
from hyperspy_smartalign.signals.streaming import FrameStream
from hyperspy_smartalign.signals.tiling import cut_tiles, tile_signal

# From template_match here, up to the caller of the verb in _verbs.py.
_USER = 3


def template_match(
    signal: BaseSignal,
    template: Any,
    *,
    search: str = "auto",
    source: BaseSignal | None = None,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Find the repeats of a motif, and return them as a stack of tiles.

    The parameters are those of `hyperspy_smartalign.template_match`.
    """
    parameters = TemplateParameters(**keywords)
    plan = Plan.of(signal, search, source, stacklevel=_USER)
    given = template_of(signal, plan.frames.layout, template)
    with progress_bar(show_progressbar) as progress:
        searched = plan.searched()
        region = given.region
        motif: Any = given.pixels if region is None else plan.region(region, searched)
        found = find_motif(searched, motif, parameters, num_workers=num_workers, progress=progress)
        if not len(found.matches):
            best = found.last.candidates.score.max(initial=0.0)
            raise NoMatchError(
                f"No tile reaches the threshold {np.max(found.last.threshold):.3g}; the best "
                f"score is {best:.3g}. Lower the threshold, or give a larger or clearer motif."
            )
        tiles = cut_tiles(
            FrameStream(plan.drawn),
            plan.located(found.matches),
            parameters,
            transforms=plan.transforms,
            origin=plan.origin,
            num_workers=num_workers,
            progress=progress,
        )
    if not len(tiles.pixels):
        raise NoMatchError(
            f"No tile was observed to {100 * parameters.coverage:.3g} % in the frames that tiles "
            "are cut out of. Lower coverage."
        )
    result = tile_signal(
        signal if source is None else source,
        tiles,
        MatchTable.of(found, tiles.columns, upsample=parameters.upsample),
        layout=plan.drawn.layout,
        steps=recording.steps_of(signal),
        scan=plan.scan,
    )
    step = {**parameters.to_dict(), "template": dict(given.told), "search": plan.search}
    recording.append_step(result, "template_match", step)
    warn([*given.messages, *plan.messages], stacklevel=_USER)
    return result
