"""What the stages of a search found."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.motif.matches import Matches
from hyperspy_smartalign.motif.threshold import ScoreHistogram, score_histogram
from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray


@dataclass(frozen=True, eq=False)
class Stage:
    """One search with one motif.

    Attributes
    ----------
    motif : (h, w) float32
        What was searched: the motif as given, or the mean of the tiles before without its noise.
    candidates : Matches
        All local maxima of the scores above the noise, in reading order.
    threshold : (n,) float64
        Smallest score of a match, for each frame.
    other_site : (m,) bool, optional
        Which candidates are no matches whatever their score, as they are on sites of the lattice
        that only look like the motif; none by default.
    """

    motif: FloatArray
    candidates: Matches
    threshold: DoubleArray
    other_site: npt.NDArray[np.bool_] | None = None

    @property
    def accepted(self) -> npt.NDArray[np.bool_]:
        """(m,) whether each candidate reaches the threshold of its frame, on a site of its own."""
        enough = self.candidates.score >= self.threshold[self.candidates.frame]
        return np.asarray(enough if self.other_site is None else enough & ~self.other_site)

    @property
    def matches(self) -> Matches:
        """The candidates that were accepted."""
        return self.candidates.chosen(self.accepted)

    @property
    def in_words(self) -> str:
        """How many candidates are matches, and with which threshold."""
        low, high = self.threshold.min(), self.threshold.max()
        threshold = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        other = 0 if self.other_site is None else int(self.other_site.sum())
        sites = f"; {other} lie on sites that only look like the motif" if other else ""
        return (
            f"{len(self.matches)} of {len(self.candidates)} candidates are matches, with the "
            f"threshold {threshold}{sites}"
        )

    def with_threshold(self, threshold: npt.ArrayLike) -> Stage:
        """The same search with another threshold, a number or one a frame.

        Candidates on other sites stay rejected.

        Raises
        ------
        ValueError
            If it is neither.
        """
        try:
            given = np.asarray(threshold, np.float64)
        except (TypeError, ValueError):
            given = np.array(np.nan)
        if given.shape not in ((), (1,), self.threshold.shape) or not np.isfinite(given).all():
            n = len(self.threshold)
            several = f", or one for each of the {n} frames" if n > 1 else ""
            raise ValueError(
                f"threshold is {reprlib.repr(threshold)}; give a finite number{several}."
            )
        return replace(self, threshold=np.full(self.threshold.shape, given))

    def histogram(
        self, *, bins: int = 64, score_range: tuple[float, float] | None = None
    ) -> ScoreHistogram:
        """Histogram of the scores of all candidates; see `score_histogram`."""
        return score_histogram(self.candidates.score, bins=bins, score_range=score_range)

    @property
    def peak_score(self) -> float:
        """Median score of the matches; NaN without any."""
        found = self.matches.score
        return float(np.median(found)) if len(found) else float("nan")


@dataclass(frozen=True, eq=False)
class MotifSearch:
    """What a search found.

    Attributes
    ----------
    stages : tuple of Stage
        From the motif that was given to the one refined last; the last one is the result.
    """

    stages: tuple[Stage, ...]

    @property
    def last(self) -> Stage:
        """The final search."""
        return self.stages[-1]

    @property
    def matches(self) -> Matches:
        """Tiles that the final search found."""
        return self.last.matches

    @property
    def motif(self) -> FloatArray:
        """(h, w) motif of the final search, of exactly the shape of the first."""
        return self.last.motif

    @property
    def peak_scores(self) -> list[float]:
        """Median score of the matches of each stage: refining the motif raises it."""
        return [stage.peak_score for stage in self.stages]
