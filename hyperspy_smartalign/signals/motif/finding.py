"""The verb template_match: from images to a stack of all tiles that are like a motif."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import MotifSearch, as_source, find_motif
from hyperspy_smartalign.parameters import TemplateParameters
from hyperspy_smartalign.signals.cropping import Region
from hyperspy_smartalign.signals.motif.found import FoundMotif
from hyperspy_smartalign.signals.motif.remembering import WorkingFolder
from hyperspy_smartalign.signals.motif.searched_frames import FrameFiles, SearchedFrames
from hyperspy_smartalign.signals.motif.searching import Plan
from hyperspy_smartalign.signals.motif.templates import inverted, template_of
from hyperspy_smartalign.signals.motif.working_folder import check_usable
from hyperspy_smartalign.signals.progressing import Progress, progress_bar
from hyperspy_smartalign.signals.staging import warn

_LOGGER = logging.getLogger("hyperspy_smartalign")
# From find, up to the caller of the verb or of the accessor's member.
_USER = 4


def find(
    signal: BaseSignal,
    template: Any,
    *,
    search: str = "auto",
    source: BaseSignal | None = None,
    frames: Sequence[int] | None = None,
    working_folder: str | os.PathLike[str] | None = None,
    files: FrameFiles | None = None,
    num_workers: int | None = None,
    progress: Progress | None = None,
    stacklevel: int,
    **keywords: Any,
) -> FoundMotif:
    """Search a motif; the parameters are those of `hyperspy_smartalign.template_match`.

    `files` are those that the frames of the signal are read from as they are, where that is
    known. `stacklevel` is counted as in `warnings.warn`, from this function.
    """
    parameters = TemplateParameters(**keywords)
    plan = Plan.of(signal, search, source, stacklevel=stacklevel + 1).with_frames(frames)
    if working_folder is not None:  # before the average of a long series is made
        check_usable(Path(working_folder).expanduser())
    given = template_of(signal, plan.frames.layout, template)
    searched = plan.searched()
    region = given.region
    motif: Any = given.pixels if region is None else plan.region(region, searched)
    warn(inverted(searched, motif) if region is None else [], stacklevel=stacklevel)
    messages = [*given.messages, *plan.messages]
    with contextlib.ExitStack() as stack:
        memory = None
        if working_folder is not None:
            numbers = None if plan.numbers is None else plan.numbers.tolist()
            told = SearchedFrames(as_source(searched), numbers, files)
            memory = stack.enter_context(WorkingFolder(working_folder, told))
        found = find_motif(
            searched, motif, parameters, memory=memory, num_workers=num_workers, progress=progress
        )
        messages += [] if memory is None else memory.messages
    if region is not None:
        messages += _doubts(plan, found, region)
    if plan.numbers is None:
        _LOGGER.info("template_match: %d matches in the average", len(found.matches))
    else:
        _LOGGER.info(
            "template_match: %d matches in %d frames", len(found.matches), len(plan.numbers)
        )
    warn(messages, stacklevel=stacklevel)
    return FoundMotif(plan, found, parameters, given.told, region or given.pixels)


def _doubts(plan: Plan, found: MotifSearch, region: Region) -> list[str]:
    """What to say where a motif did not find the region that it was taken from, or nothing else."""
    if plan.search == "frames" and plan.known is not None:
        return []  # the region is one of the average
    left, right, top, bottom = region
    middle = (top + bottom - 1) / 2, (left + right - 1) / 2
    if len(found.matches) == 1:
        room = np.subtract(plan.frames.layout.frame_shape, (bottom - top, right - left))
        size = "smaller" if room.min() < min(bottom - top, right - left) else "larger"
        return [
            f"Only the region itself was found. Give a {size} region, whose contrast stands out "
            "of the noise, or a lower threshold."
        ]
    scores = found.peak_scores
    if len(scores) > 1 and scores[-1] < 0.9 * scores[0]:
        return [
            f"The scores fell from {scores[0]:.2f} to {scores[-1]:.2f} as the motif was refined: "
            "what is averaged is not alike. Give a larger region, whose contrast stands out of "
            "the noise."
        ]
    own = found.matches.in_frame(0).centres
    distance = float(np.hypot(*(own - middle).T).min(initial=np.inf))
    if distance <= max(2.0, min(bottom - top, right - left) / 6):
        return []
    return [
        "The region that the motif was taken from is not among the matches: refined by what is "
        "like it, the motif has become another site, or its score is below the threshold. Look at "
        "signal.smartalign.find_motif(template).plot_motif(). Take a region that shows more of the "
        "neighbours, or search it as it is, with refine=0."
    ]


def template_match(
    signal: BaseSignal,
    template: Any,
    *,
    show_progressbar: bool | None = None,
    num_workers: int | None = None,
    lazy_output: bool | None = None,
    **keywords: Any,
) -> BaseSignal:
    """Find the repeats of a motif, and return them as a stack of tiles.

    The parameters are those of `hyperspy_smartalign.template_match`, and `files` as in `find`.
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
        return found.cut(num_workers, progress, lazy=bool(lazy_output))


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
