"""The search of the tool of template_match, and thresholds that are short to write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import noise_floor
from hyperspy_smartalign.parameters import ParameterError, TemplateParameters
from hyperspy_smartalign.signals.motif.found import FoundMotif
from hyperspy_smartalign.signals.motif.picturing import Pictures
from hyperspy_smartalign.signals.motif.searching import Plan

Thresholds = npt.NDArray[np.float64]

#: Decimals that a threshold has at least, before zeros at its end are left out.
_FEWEST_DECIMALS = 2
#: So many tell any number between -1 and 1 from its neighbours.
_MOST_DECIMALS = 17


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search found, and what belongs to it.

    Attributes
    ----------
    automatic : FoundMotif
        With the threshold that the search found itself.
    found : FoundMotif
        The candidates that a threshold chooses from; more than those of `automatic` only where
        the user asked for a threshold below the noise.
    lowest : (m,) float64
        Score that the candidates of each image reach; those below are not known.
    pictures : Pictures
        The images that were searched.
    values : mapping
        Values of the dialogue that the search depends on.
    each_frame : bool
        Whether the motif was refined with a threshold for each frame.
    """

    automatic: FoundMotif
    found: FoundMotif
    lowest: Thresholds
    pictures: Pictures
    values: Mapping[str, Any]
    each_frame: bool

    @property
    def tiles_of_a_match(self) -> int:
        """Tiles that are cut out for one match: one a frame, where their average was searched."""
        plan = self.found.plan
        return len(plan.kept) if plan.search == "average" else 1

    def thresholds(self, threshold: Any) -> Thresholds:
        """The threshold of each image, (m,).

        Parameters
        ----------
        threshold : float, sequence or "auto"
            As the parameter `threshold`.

        Raises
        ------
        ParameterError
            There are not as many as images.
        """
        own = self.automatic.threshold
        if isinstance(threshold, str):
            return own.copy()
        given = np.asarray(threshold, np.float64)
        if given.shape not in ((), own.shape):
            raise ParameterError(
                f"threshold has {given.size} numbers, and {len(own)} frame(s) were searched; "
                "give one number for all, or one for each."
            )
        return np.full(own.shape, given)

    def with_threshold(self, threshold: Any) -> FoundMotif:
        """The search with a threshold, as the verb takes it."""
        if isinstance(threshold, str):
            return self.automatic
        return self.found.with_threshold(threshold)

    def written(self, thresholds: npt.ArrayLike, *, shared: bool) -> float | tuple[float, ...]:
        """Thresholds as the parameter: short numbers that choose the same candidates.

        Parameters
        ----------
        thresholds : (m,) array-like
            Of each image.
        shared : bool
            Whether all images have the first of them.
        """
        last = self.found.search.last
        scores, frame = last.candidates.score, last.candidates.frame
        values = np.asarray(thresholds, np.float64)
        if shared:
            return short_threshold(float(values[0]), scores, lowest=float(self.lowest.max()))
        return tuple(
            short_threshold(float(value), scores[frame == k], lowest=float(self.lowest[k]))
            for k, value in enumerate(values)
        )


def search_motif(
    signal: BaseSignal,
    template: Any,
    keywords: Mapping[str, Any],
    values: Mapping[str, Any],
) -> Searched:
    """Search a motif, so that any threshold can be chosen afterwards.

    Parameters
    ----------
    signal : Signal2D
    template : object
        As that of `hyperspy_smartalign.template_match`.
    keywords : mapping
        Those of `find_motif`.
    values : mapping
        Kept with what was found.

    Raises
    ------
    ValueError, TypeError, OSError, NotImplementedError
        As `hyperspy_smartalign.template_match`.
    """
    own = dict(keywords)
    threshold = own.pop("threshold", "auto")
    if not isinstance(threshold, str):
        _check_number(signal, own, threshold)
    automatic = signal.smartalign.find_motif(template, **own)
    lowest = np.full(automatic.threshold.shape, _floor(automatic))
    found = automatic
    if not isinstance(threshold, str):
        given = np.full(lowest.shape, threshold)
        if (given < lowest).any():
            # Candidates as low as that were not kept.
            found = signal.smartalign.find_motif(template, threshold=threshold, **own)
            lowest = np.minimum(lowest, given)
    pictures = Pictures(found)
    # The average of a long series is made here, in the background.
    pictures.image(0)
    each_frame = own.get("fixed_threshold") is False
    return Searched(automatic, found, lowest, pictures, dict(values), each_frame)


def for_tiles(found: FoundMotif, parameters: TemplateParameters) -> FoundMotif:
    """A search with present values of what only the cutting of tiles depends on."""
    changed = {
        **found.parameters.changed(),
        "upsample": parameters.upsample,
        "interpolation": parameters.interpolation,
    }
    return replace(found, parameters=TemplateParameters(**changed))


def short_threshold(value: float, scores: npt.NDArray[np.float64], *, lowest: float) -> float:
    """The number with the fewest decimals that divides scores as a threshold does.

    Parameters
    ----------
    value : float
        The threshold. Below `lowest` it divides as `lowest` does.
    scores : (n,) array
        Scores, none below `lowest`.
    lowest : float
        Smallest number that may be returned.
    """
    value = max(value, lowest)
    below, above = scores[scores < value], scores[scores >= value]
    low = float(below.max()) if below.size else -np.inf
    high = float(above.min()) if above.size else max(value, 1.0)
    for decimals in range(_FEWEST_DECIMALS, _MOST_DECIMALS):
        step = 10.0**-decimals
        for near in (value, value - step / 2, value + step / 2):
            number = round(near, decimals)
            if low < number <= high and number >= lowest:
                return number
    return value


def _floor(found: FoundMotif) -> float:
    """Smallest score of a candidate, as the search has it."""
    last = found.search.last
    pixels = int(np.isfinite(last.motif).sum())
    places = int(np.prod(found.plan.frames.layout.frame_shape)) * len(last.threshold)
    return noise_floor(pixels, places * len(last.candidates.orientations))


def _check_number(signal: BaseSignal, keywords: Mapping[str, Any], threshold: Any) -> None:
    """Refuse thresholds of another number than images, before a long search."""
    plan = Plan.of(
        signal, keywords.get("search", "auto"), keywords.get("source"), stacklevel=1
    ).with_frames(keywords.get("frames"))
    n = 1 if plan.numbers is None else len(plan.numbers)
    if np.shape(threshold) not in ((), (n,)):
        raise ParameterError(
            f"threshold has {np.size(threshold)} numbers, and {n} frame(s) are searched; give one "
            "number for all, or one for each."
        )
