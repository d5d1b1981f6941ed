"""From a search to the figures of `hyperspy_smartalign.plotting`, and to HyperSpy's markers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import hyperspy.api as hs
import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign import plotting
from hyperspy_smartalign.motif import Matches
from hyperspy_smartalign.plotting.matches import ACCEPTED, REJECTED
from hyperspy_smartalign.rigid.store import FrameSource
from hyperspy_smartalign.signals.motif.match_table import StageRecord

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.motif.found import FoundMotif

# Diameters of HyperSpy's markers in points, and their rim. They are all circles, so that size tells
# what colour does.
_SIZE_OF_ACCEPTED = 5.5
_SIZE_OF_REJECTED = 3.5
_RIM = 0.7

_Calibration = dict[str, Any]


class MotifPicker(plotting.ThresholdPicker):
    """A threshold picker that knows the search, and cuts out the tiles that were picked.

    Parameters
    ----------
    found : FoundMotif
        The search.
    fixed : bool, optional
        Whether one threshold is moved for all frames; by default as in the search.
    pictures : Pictures, optional
        The images, where they are at hand.
    **keywords
        Passed to `hyperspy_smartalign.plotting.ThresholdPicker`.
    """

    def __init__(
        self,
        found: FoundMotif,
        *,
        fixed: bool | None = None,
        pictures: Pictures | None = None,
        **keywords: Any,
    ) -> None:
        last = found.search.last
        if fixed is None:
            fixed = found.parameters.fixed_threshold and len(np.unique(last.threshold)) == 1
        self._found = found
        pictures = Pictures(found) if pictures is None else pictures
        super().__init__(
            last.candidates,
            last.threshold,
            pictures.image,
            barred=last.other_site,
            fixed=fixed,
            numbers=pictures.numbers,
            **pictures.calibration,
            **keywords,
        )

    def __repr__(self) -> str:
        picked = self._found.search.last.with_threshold(self.threshold)
        return f"MotifPicker({picked.in_words})"

    @property
    def found(self) -> FoundMotif:
        """The search with the threshold that was picked."""
        return self._found.with_threshold(self.threshold)

    def tiles(self, **keywords: Any) -> BaseSignal:
        """Cut out the tiles that reach the threshold that was picked.

        Parameters
        ----------
        **keywords
            Passed to ``FoundMotif.tiles``: show_progressbar, num_workers, lazy_output.

        Raises
        ------
        NoMatchError
            None does.
        """
        return self.found.tiles(**keywords)


class Pictures:
    """The images that were searched, as figures show them."""

    def __init__(self, found: FoundMotif) -> None:
        self._plan = plan = found.plan
        self.numbers: list[int] = [0] if plan.numbers is None else plan.numbers.tolist()
        layout = plan.frames.layout
        self.calibration: _Calibration = {"scale": layout.scale, "units": layout.units}

    @cached_property
    def _searched(self) -> FrameSource | npt.NDArray[Any]:
        # The average of a long series takes its time; numbers alone do not need it.
        return self._plan.searched()

    def image(self, index: int) -> npt.NDArray[Any]:
        """Image `index` of those that were searched."""
        if isinstance(self._searched, np.ndarray):
            return self._searched
        return np.asarray(self._searched.frame(index))

    def index_of(self, frame: int | None) -> int:
        """Which of the images a frame is; the first one for None.

        Raises
        ------
        ValueError
            The frame was not searched.
        """
        if frame is None:
            return 0
        if frame not in self.numbers:
            raise ValueError(
                f"frame={frame} was not searched; give one of the {len(self.numbers)} from "
                f"{self.numbers[0]} to {self.numbers[-1]} that were."
            )
        return self.numbers.index(frame)


def plot_scores(
    found: FoundMotif, *, stage: int = -1, frame: int | None = None, **keywords: Any
) -> Any:
    """Histogram of the scores of a search; see ``FoundMotif.plot_scores``."""
    stages = found.search.stages
    if not -len(stages) <= stage < len(stages):
        raise ValueError(
            f"stage={stage} does not exist; there were {len(stages)} searches, from 0 for the "
            f"motif as given to {len(stages) - 1} for the one refined last."
        )
    shown = stages[stage]
    chosen = np.ones(len(shown.candidates), np.bool_)
    threshold = shown.threshold
    if frame is not None:
        index = Pictures(found).index_of(frame)
        chosen = shown.candidates.frame == index
        threshold = threshold[[index]]
    return plotting.plot_scores(
        shown.candidates.score[chosen],
        threshold=threshold,
        accepted=shown.accepted[chosen],
        **keywords,
    )


def plot_matches(
    found: FoundMotif, *, frame: int | None = None, outlines: bool = False, **keywords: Any
) -> Any:
    """Places of the candidates of a search; see ``FoundMotif.plot_matches``."""
    pictures = Pictures(found)
    index = pictures.index_of(frame)
    last = found.search.last
    here = last.candidates.frame == index
    columns = last.candidates.columns()
    return plotting.plot_matches(
        pictures.image(index),
        last.candidates.centres[here],
        accepted=last.accepted[here],
        tile_shape=last.candidates.tile_shape if outlines else None,
        angles=columns["angle"][here],
        **{**pictures.calibration, **keywords},
    )


def plot_motif(found: FoundMotif, **keywords: Any) -> Any:
    """Motif and scores of each stage of a search; see ``FoundMotif.plot_motif``."""
    stages = [StageRecord.of(stage) for stage in found.search.stages]
    calibration = Pictures(found).calibration
    return plotting.plot_motif_stages(stages, **{**calibration, **keywords})


def markers(
    found: FoundMotif, *, signal: BaseSignal | None = None, frame: int | None = None
) -> tuple[Any, Any]:
    """HyperSpy's markers of the candidates of a search; see ``FoundMotif.markers``."""
    target = found.plan.signal if signal is None else signal
    last = found.search.last
    good = last.accepted
    pictures = Pictures(found)
    navigation = target.axes_manager.navigation_shape
    y, x = (_on_axis(target, axis, last.candidates) for axis in "yx")
    places = np.stack([x, y], axis=1)
    index = last.candidates.frame
    follow = frame is None and len(navigation) > 0 and found.plan.search == "frames"

    def offsets(which: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        if not follow:
            return np.asarray(places[which & (index == pictures.index_of(frame))])
        ragged = np.empty(navigation, dtype=object)
        for place in np.ndindex(navigation):
            ragged[place] = np.empty((0, 2))
        # HyperSpy indexes by (x, y) of the navigation axes, frames are counted in C order.
        for k, number in enumerate(pictures.numbers):
            place = np.unravel_index(number, navigation[::-1])[::-1]
            ragged[place] = places[which & (index == k)]
        return ragged

    if follow and np.prod(navigation) <= max(pictures.numbers):
        raise ValueError(
            f"{target!r} has {np.prod(navigation)} frames, and frame {max(pictures.numbers)} was "
            "searched. Give a series of as many frames, or the number of one: frame=0."
        )
    return (
        _points("accepted", offsets(good), size=_SIZE_OF_ACCEPTED, colour=ACCEPTED),
        _points("rejected", offsets(~good), size=_SIZE_OF_REJECTED, colour=REJECTED),
    )


def add_markers(
    found: FoundMotif,
    *,
    signal: BaseSignal | None = None,
    frame: int | None = None,
    permanent: bool = False,
) -> None:
    """Put the markers on the plot of a signal; see ``FoundMotif.add_markers``."""
    target = found.plan.signal if signal is None else signal
    target.add_marker(list(markers(found, signal=target, frame=frame)), permanent=permanent)


def _points(name: str, offsets: npt.NDArray[Any], *, size: float, colour: str) -> Any:
    return hs.plot.markers.Points(
        offsets=offsets,
        sizes=size,
        facecolors=colour,
        edgecolors="white",
        linewidths=_RIM,
        name=name,
    )


def _on_axis(signal: BaseSignal, name: str, candidates: Matches) -> npt.NDArray[np.float64]:
    """Places along a signal axis, in its units."""
    axis = signal.axes_manager.signal_axes["xy".index(name)]
    pixels = candidates.x if name == "x" else candidates.y
    return np.asarray(axis.offset + axis.scale * pixels, np.float64)
