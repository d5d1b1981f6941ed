"""The verb template_match: from images to a stack of all tiles that are like a motif."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import MotifSearch, NoMatchError, find_motif
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.motif.match_table import MatchTable
from hyperspy_smartalign.signals.motif.searching import Plan
from hyperspy_smartalign.signals.motif.templates import template_of
from hyperspy_smartalign.signals.motif.tiling import cut_tiles, tile_signal
from hyperspy_smartalign.signals.progressing import Progress, progress_bar
from hyperspy_smartalign.signals.staging import warn
from hyperspy_smartalign.signals.streaming import FrameStream

# From find, up to the caller of the verb or of the accessor's member.
_USER = 4


@dataclass(frozen=True, eq=False)
class FoundMotif:
    """Candidates of a search, from which a threshold chooses those that become tiles.

    Attributes
    ----------
    plan : Plan
        What was searched.
    search : MotifSearch
        What was found.
    parameters : TemplateParameters
        What the user asked for.
    template : mapping
        What the motif was, as it is recorded.
    """

    plan: Plan
    search: MotifSearch
    parameters: TemplateParameters
    template: Mapping[str, Any]

    def __repr__(self) -> str:
        stage = self.search.last
        low, high = stage.threshold.min(), stage.threshold.max()
        threshold = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        return (
            f"FoundMotif({len(stage.matches)} of {len(stage.candidates)} candidates reach the "
            f"threshold {threshold})"
        )

    @property
    def threshold(self) -> npt.NDArray[np.float64]:
        """(m,) smallest score of a match in each image that was searched."""
        return self.search.last.threshold

    def with_threshold(self, threshold: npt.ArrayLike) -> FoundMotif:
        """The same candidates with another threshold, a number or one for each image.

        Raises
        ------
        ValueError
            It is neither.
        """
        last = self.search.last.with_threshold(threshold)
        search = MotifSearch((*self.search.stages[:-1], last))
        return replace(self, search=search)

    def tiles(
        self, *, show_progressbar: bool | None = None, num_workers: int | None = None
    ) -> BaseSignal:
        """Cut out the tiles that reach the threshold; see `hyperspy_smartalign.template_match`.

        Raises
        ------
        NoMatchError
            None does.
        """
        with progress_bar(show_progressbar) as progress:
            return self._tiles(num_workers, progress)

    def _tiles(self, num_workers: int | None, progress: Progress | None) -> BaseSignal:
        plan, parameters, last = self.plan, self.parameters, self.search.last
        if not len(last.matches):
            best = last.candidates.score.max(initial=0.0)
            raise NoMatchError(
                f"No tile reaches the threshold {np.max(last.threshold):.3g}; the best score is "
                f"{best:.3g}. Lower the threshold, or give a larger or clearer motif."
            )
        tiles = cut_tiles(
            FrameStream(plan.drawn),
            plan.located(last.matches),
            parameters,
            transforms=plan.transforms,
            origin=plan.origin,
            num_workers=num_workers,
            progress=progress,
        )
        if not len(tiles.pixels):
            raise NoMatchError(
                f"No tile was observed to {100 * parameters.coverage:.3g} % in the frames that "
                "tiles are cut out of. Lower coverage."
            )
        table = MatchTable.of(
            self.search,
            tiles.columns,
            plan.rejected(last),
            upsample=parameters.upsample,
            parent=plan.parent,
        )
        result = tile_signal(
            plan.signal if plan.source is None else plan.source,
            tiles,
            table,
            layout=plan.drawn.layout,
            steps=recording.steps_of(plan.signal),
            scan=plan.scan,
        )
        step = {**parameters.to_dict(), "template": dict(self.template), "search": plan.search}
        recording.append_step(result, "template_match", step)
        return result


def find(
    signal: BaseSignal,
    template: Any,
    *,
    search: str = "auto",
    source: BaseSignal | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
    stacklevel: int,
    **keywords: Any,
) -> FoundMotif:
    """Search a motif; the parameters are those of `hyperspy_smartalign.template_match`.

    `stacklevel` is counted as in `warnings.warn`, from this function.
    """
    parameters = TemplateParameters(**keywords)
    plan = Plan.of(signal, search, source, stacklevel=stacklevel + 1)
    given = template_of(signal, plan.frames.layout, template)
    searched = plan.searched()
    region = given.region
    motif: Any = given.pixels if region is None else plan.region(region, searched)
    found = find_motif(searched, motif, parameters, num_workers=num_workers, progress=progress)
    warn([*given.messages, *plan.messages], stacklevel=stacklevel)
    return FoundMotif(plan, found, parameters, given.told)


def template_match(
    signal: BaseSignal,
    template: Any,
    *,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Find the repeats of a motif, and return them as a stack of tiles.

    The parameters are those of `hyperspy_smartalign.template_match`.
    """
    with progress_bar(show_progressbar) as progress:
        found = find(
            signal,
            template,
            num_workers=num_workers,
            progress=progress,
            stacklevel=_USER,
            **keywords,
        )
        return found._tiles(num_workers, progress)


def find_motif_of(
    signal: BaseSignal,
    template: Any,
    *,
    show_progressbar: bool | None = None,
    **keywords: Any,
) -> FoundMotif:
    """The candidates of a search; the parameters are those of `template_match`."""
    with progress_bar(show_progressbar) as progress:
        return find(signal, template, progress=progress, stacklevel=_USER, **keywords)
