"""Parameters of the rigid registration."""

from __future__ import annotations

from hyperspy_smartalign.parameters import _applying
from hyperspy_smartalign.parameters._base import Parameters
from hyperspy_smartalign.parameters._kinds import (
    Choice,
    Flag,
    IndexPairs,
    Indices,
    Integer,
    ParameterError,
    PositiveReal,
    Real,
    RealOrPair,
    Region,
    WordOrMask,
)

# What `band` must be for each weighting: how many numbers, and what they say.
_ONE_NUMBER = {
    "low_pass": "the cut-off",
    "hann": "the edge",
    "hamming": "the edge",
    "blackman": "the edge",
    "gaussian": "the standard deviation",
}
_TWO_NUMBERS = {
    "band_pass": "(low, high) with low below high",
    "elliptical_gaussian": "the standard deviations (y, x), both above 0",
}
_BANDS = {**_ONE_NUMBER, **_TWO_NUMBERS}
# These reach to the Nyquist frequency when no band is given.
_BAND_NOT_NEEDED = ("hann", "hamming", "blackman")


class RigidParameters(Parameters):
    """Parameters of align_rigid."""

    roi = Region(
        None,
        label="Region of interest",
        desc=(
            "Part of the frame that the shifts are estimated on: a hs.roi.RectangularROI or "
            "(left, right, top, bottom), int = index, float = value on the axis. None: all."
        ),
        group="pre-processing",
    )
    area = _applying.area("pre-processing")
    prefilter = Choice(
        "none",
        words=("none", "median", "wiener"),
        label="Data filtering",
        desc=(
            "Filter that only the estimation sees: a 3x3 median or a 5x5 Wiener filter. The "
            "pixels of the result are not filtered."
        ),
        group="pre-processing",
    )
    window = Choice(
        "auto",
        words=("auto", "none", "hann", "hamming", "sine", "tukey"),
        label="Data windowing",
        desc="Window on each frame before correlation, against the cross of abrupt edges.",
        group="pre-processing",
    )
    exponent = Real(
        None,
        low=0,
        high=1,
        label="Exponent",
        desc=(
            "Power of the normalising denominator: 0 cross-correlation, 0.5 mutual, 1 phase "
            "correlation. None whitens as the noise of the series itself allows."
        ),
        group="registration method",
    )
    weighting = WordOrMask(
        "auto",
        words=(
            "auto",
            "none",
            "band_pass",
            "low_pass",
            "hann",
            "hamming",
            "blackman",
            "gaussian",
            "elliptical_gaussian",
        ),
        label="Fourier weighting",
        desc=(
            "Weight of the frequencies in the correlation: found from the series, one of the "
            "named masks, or a 2-D array with the zero frequency in its centre."
        ),
        group="registration method",
        rare=True,
    )
    band = RealOrPair(
        None,
        low=0,
        high=1,
        label="Band",
        desc=(
            "Size of the mask: the cut-off (low_pass), standard deviation (gaussian) or edge "
            "(hann, hamming, blackman; None: the Nyquist frequency), a pair (low, high) for "
            "band_pass, a pair (y, x) for elliptical_gaussian."
        ),
        group="registration method",
        rare=True,
        unit="cycles per pixel",
    )
    butterworth = PositiveReal(
        None,
        high=1,
        label="Butterworth cut-off",
        desc="Cut-off of a Butterworth filter on the correlation. None: no such filter.",
        group="registration method",
        rare=True,
        unit="cycles per pixel",
    )
    butterworth_order = Integer(
        2,
        low=1,
        high=20,
        label="Butterworth order",
        desc="Order of the Butterworth filter; a higher order cuts more sharply.",
        group="registration method",
        rare=True,
    )
    mode = Choice(
        "high_snr",
        words=("high_snr", "low_snr"),
        label="Mode",
        desc=(
            "'high_snr' compares frames one by one. 'low_snr' assumes a steady drift and first "
            "condenses the series into four subsets; for one acquisition only."
        ),
        group="estimating offsets",
    )
    group = Integer(
        1,
        low=1,
        label="Group frames",
        desc="Number of neighbouring frames averaged before correlating, for very low doses.",
        group="estimating offsets",
        rare=True,
        unit="frames",
    )
    neighbours = Integer(
        "auto",
        words=("auto", "all"),
        low=1,
        label="Neighbours",
        desc=(
            "How many nearest neighbours in the series each frame is compared with. 'auto' "
            "compares all in short series, and near ones with some far ones in long series."
        ),
        group="estimating offsets",
        unit="frames",
    )
    max_shift = RealOrPair(
        None,
        low=0,
        label="Maximum shift",
        desc=(
            "Largest shift between two frames that is searched: a number or (y, x). None: as "
            "far as frames overlap enough."
        ),
        group="estimating offsets",
        unit="px",
    )
    exclude = Indices(
        (),
        label="Exclude frames",
        desc="Indices of frames, counted from 0, that take no part in the estimation.",
        group="estimating offsets",
    )
    exclude_pairs = IndexPairs(
        (),
        label="Exclude pairs",
        desc="Pairs (i, j) of frames, counted from 0, that are not compared.",
        group="estimating offsets",
        rare=True,
    )
    reject = Flag(
        True,
        label="Reject bad frames",
        desc="Leave out frames that fit to no others, and say which and why.",
        group="estimating offsets",
        rare=True,
    )
    peak = Choice(
        "candidates",
        words=("candidates", "pixel", "gaussian", "centre_of_mass"),
        label="Peak",
        desc=(
            "How the maximum of a correlation is found: several maxima kept as candidates, or "
            "the highest one to a pixel, by a Gaussian fit or by its centre of mass."
        ),
        group="estimating offsets",
        rare=True,
    )
    candidates = Integer(
        8,
        low=1,
        high=64,
        label="Candidates",
        desc="How many maxima are kept for each pair of frames.",
        group="estimating offsets",
        rare=True,
    )
    outliers = Choice(
        "consensus",
        words=("consensus", "transitivity", "smoothness", "none"),
        label="Outliers",
        desc=(
            "How wrong pairs are found: those no common solution agrees with, those whose "
            "triangles do not close, those that break a smooth drift, or not at all."
        ),
        group="estimating offsets",
        rare=True,
    )
    outlier_threshold = PositiveReal(
        None,
        label="Outlier threshold",
        desc="Deviation above which a pair counts as wrong. None: from the spread of the pairs.",
        group="estimating offsets",
        rare=True,
        unit="px",
    )
    refinements = Integer(
        2,
        low=0,
        high=100,
        label="Refinements",
        desc="How often each frame is fitted to the mean of the others; 0 skips this.",
        group="refining",
    )
    crop = Flag(
        True,
        label="Crop output to common area",
        desc=(
            "True crops to the area common to all frames, False expands to all that any frame saw."
        ),
        group="output",
    )
    fill = _applying.fill(rare=True)
    interpolation = _applying.interpolation(rare=True)
    output = _applying.output()

    def idle(self) -> dict[str, str]:
        """Parameters that nothing would use with the present values, and why."""
        idle = {}
        if self._weighting_name not in _BANDS:
            idle["band"] = f"weighting {self._weighting_name} has no band"
        if self.butterworth is None:
            idle["butterworth_order"] = "butterworth=None is no filter"
        if self.peak != "candidates":
            idle["candidates"] = f"peak={self.peak!r} keeps one maximum a pair"
        if self.outliers == "none":
            idle["outlier_threshold"] = "outliers='none' looks for none"
        return idle

    def check_clashes(self) -> None:
        """Raise ParameterError if values clash."""
        if self.area == "roi" and self.roi is None:
            raise ParameterError(
                "area='roi' needs a region: add roi=(left, right, top, bottom) or a "
                "hs.roi.RectangularROI, or use area='image'."
            )
        if "band" not in self.idle():
            self._check_band()

    @property
    def _weighting_name(self) -> str:
        return self.weighting if isinstance(self.weighting, str) else "an array"

    def _check_band(self) -> None:
        weighting = self._weighting_name
        if self.band is None:
            if weighting not in _BAND_NOT_NEEDED:
                raise ParameterError(
                    f"weighting={weighting!r} needs band=, {_BANDS[weighting]} in cycles per pixel."
                )
            return
        is_pair = isinstance(self.band, tuple)
        right = is_pair == (weighting in _TWO_NUMBERS)
        if right and weighting == "band_pass":
            right = self.band[0] < self.band[1]
        elif right and is_pair:
            right = min(self.band) > 0
        if not right:
            raise ParameterError(
                f"band={self.band} does not fit weighting={weighting!r}: give {_BANDS[weighting]}, "
                "in cycles per pixel."
            )
