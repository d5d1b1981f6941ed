"""What keeps the results of a search as they come, so that one that was broken off goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from hyperspy_smartalign.motif.averages import TileAverage
from hyperspy_smartalign.motif.matches import Matches

Work = Mapping[str, Any]
"""Names and values (numbers, words, arrays, dataclasses) that a result depends on."""


class SearchMemory(Protocol):
    """Results of a search, each kept when it is there and given back when it is asked for again.

    A result depends on its work and on the pixels of the frames that were searched. A memory
    knows which frames these are, and gives back only what was kept for equal work on equal ones.
    Its methods are called from several threads.
    """

    def candidates(
        self, stage: int, frame: int, work: Work, search: Callable[[], Matches]
    ) -> Matches:
        """Candidates of one frame in one stage: those that were kept, else what `search` gives."""

    def average(self, stage: int, work: Work, add_up: Callable[[], TileAverage]) -> TileAverage:
        """Mean of the tiles that a stage searches, likewise; it depends on all frames."""
