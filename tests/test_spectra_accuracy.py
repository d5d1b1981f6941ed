"""Element maps and interfaces after alignment, against what an undistorted scan would have shown.

One specimen, one path of the probe with drift and jumping lines; images, EELS and EDS. The truth
is known at every point, so that all that is left is noise, and what the alignment did wrong.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from hyperspy_smartalign import Alignment
from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.data.simulated_spectra import SimulatedSpectra
from hyperspy_smartalign.quality.edges import EdgeWidth, edge_width
from hyperspy_smartalign.quality.sharpness import Sharpness, fourier_sharpness, relative_blur

pytestmark = pytest.mark.slow

FRAMES, SIZE, SIGMA = 12, 112, 3.0
# Counts a pixel and frame: enough for standard errors of 2 % of the width of the interface.
DOSES = {"EELS": 2000.0, "EDS": 200.0}
KINDS = tuple(DOSES)
SYMBOLS = ("Sr", "Ti", "Mn")
# Along the edges, what the neighbours outside would add is not known.
INNER = slice(4, -4)


def simulated(kind: str, dose: float) -> Any:
    # The probe drifts within the frames as between them, as it does in a microscope.
    return simulate_series(
        shape=(SIZE, SIZE),
        frames=FRAMES,
        crystal="interface",
        drift=(0.8, -1.1),
        drift_walk=0.5,
        in_frame_drift=True,
        row_jitter=0.8,
        spectrum_image=kind,
        spectrum_dose=dose,
        seed=0,
    )


@pytest.fixture(scope="module")
def series() -> dict[str, Any]:
    """EELS and EDS of the same path; the images are the same too."""
    return {kind: simulated(kind, dose) for kind, dose in DOSES.items()}


def quietly(verb: Callable[..., Any], *given: Any, **keywords: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return verb(*given, show_progressbar=False, **keywords)


@pytest.fixture(scope="module")
def alignments(series: dict[str, Any]) -> dict[str, Alignment]:
    """Found on the images."""
    images = series["EDS"].series
    rigid = quietly(images.align_rigid)
    return {
        "none": Alignment.from_shifts(np.zeros((FRAMES, 2)), frame_shape=(SIZE, SIZE)),
        "rigid": rigid.smartalign.alignment,
        "nonrigid": quietly(rigid.align_nonrigid).smartalign.alignment,
    }


def origin_of(alignment: Alignment, shifts: np.ndarray) -> tuple[float, float]:
    """First pixel of the canvas in the specimen; a shift of all frames cannot be known."""
    found = np.array([each.mean((SIZE, SIZE)) for each in alignment.transforms])
    y, x = np.array(alignment.canvas.origin) + (found - shifts).mean(0)
    return float(y), float(x)


@dataclass(frozen=True)
class Result:
    """A sum of aligned spectra beside the truth."""

    total: Any
    spectra: SimulatedSpectra
    alignment: Alignment

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.total.data.shape[:2])

    @property
    def origin(self) -> tuple[float, float]:
        return origin_of(self.alignment, self.spectra.truth.shifts)

    def maps(self) -> dict[str, np.ndarray]:
        fitted = self.spectra.model.maps(self.total.data.astype(float))[1:]
        return dict(zip(SYMBOLS, fitted, strict=True))

    def true_map(self, element: str) -> np.ndarray:
        expected = self.spectra.undistorted_map(element, self.shape, origin=self.origin)
        return FRAMES * expected

    def blur(self, element: str) -> float:
        """Variance of the blur of an element map, mean of both axes, px^2."""
        measured = relative_blur(self.maps()[element], self.true_map(element))
        return float(measured.variance.mean())

    def column_width(self, element: str) -> float:
        """Width of the atomic columns in a map, over that without distortions."""
        columns = float(np.median(self.spectra.truth.crystal.widths))
        return float(np.sqrt(1 + self.blur(element) / columns**2))

    def edge(self) -> EdgeWidth:
        """Error function through Mn / (Mn + Ti), each in atoms."""
        atoms = self.maps()
        strength = dict(zip(SYMBOLS, self.spectra.model.elements.sum(axis=1), strict=True))
        ti, mn = (atoms[name][INNER].sum(0) / strength[name] for name in ("Ti", "Mn"))
        return edge_width(mn / (mn + ti))

    def sides(self, clear: float = 8.0) -> list[tuple[slice, slice]]:
        """Pixels more than `clear` from the interface, on its left and on its right."""
        middle = float(self.spectra.truth.crystal.interface.point[1]) - self.origin[1]
        left, right = int(middle - clear), int(np.ceil(middle + clear))
        return [(INNER, slice(4, left)), (INNER, slice(right, self.shape[1] - 4))]

    def composition(self, side: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
        """Atomic fractions on one side, as measured and in truth."""
        model = self.spectra.model
        true = self.spectra.undistorted(self.shape, origin=self.origin)
        found = []
        for data in (self.total.data, true):
            atoms = model.maps(data[side].sum((0, 1)).astype(float))[1:]
            atoms = atoms / model.elements.sum(axis=1)
            found.append(atoms / atoms.sum())
        return found[0], found[1]


@pytest.fixture(scope="module")
def applied(series: dict[str, Any], alignments: dict[str, Alignment]) -> Callable[..., Result]:
    """Sums of one kind of spectra by one alignment, each made once."""
    made: dict[Any, Result] = {}

    def apply(kind: str, name: str, **keywords: Any) -> Result:
        key = (kind, name, *sorted(keywords.items()))
        if key not in made:
            spectra, alignment = series[kind].spectra[kind], alignments[name]
            total = quietly(spectra.signal.apply_alignment, alignment, **keywords)
            made[key] = Result(total, spectra, alignment)
        return made[key]

    return apply


@pytest.mark.parametrize("kind", KINDS)
class TestAlignedOnImages:
    """Alignment of the images, applied to the spectra."""

    @pytest.mark.parametrize("element", SYMBOLS)
    def test_maps_are_as_sharp_as_the_truth(
        self, applied: Callable[..., Result], kind: str, element: str
    ) -> None:
        # Measured 1.00 to 1.01, after shifts alone 1.04 to 1.06.
        assert abs(applied(kind, "nonrigid").column_width(element) - 1) < 0.02
        assert applied(kind, "rigid").column_width(element) > 1.035

    def test_interface_is_as_wide_as_in_truth(
        self, applied: Callable[..., Result], kind: str
    ) -> None:
        # 5 % are 0.15 px, three standard errors of EELS.
        edge = applied(kind, "nonrigid").edge()
        assert edge.sigma_error < 0.02 * SIGMA + 0.005
        assert abs(edge.sigma - SIGMA) < 0.05 * SIGMA

    def test_less_makes_it_wider(self, applied: Callable[..., Result], kind: str) -> None:
        assert applied(kind, "rigid").edge().sigma > 1.06 * SIGMA
        assert applied(kind, "none").edge().sigma > 1.5 * SIGMA

    def test_truth_is_measured_right(self, applied: Callable[..., Result], kind: str) -> None:
        result = applied(kind, "nonrigid")
        ti, mn = (result.true_map(name)[INNER].sum(0) for name in ("Ti", "Mn"))
        strengths = result.spectra.model.elements.sum(axis=1)
        mn, ti = mn / strengths[2], ti / strengths[1]
        assert edge_width(mn / (mn + ti)).sigma == pytest.approx(SIGMA, rel=1e-3)

    @pytest.mark.parametrize("element", SYMBOLS)
    def test_counts_are_those_of_the_truth(
        self, applied: Callable[..., Result], kind: str, element: str
    ) -> None:
        # A mean displacement of the lines, which no frame tells, gives some columns more lines.
        result = applied(kind, "nonrigid")
        assert result.maps()[element][INNER, INNER].sum() == pytest.approx(
            result.true_map(element)[INNER, INNER].sum(), rel=0.02
        )

    def test_composition_on_both_sides(self, applied: Callable[..., Result], kind: str) -> None:
        # 0.005 atoms for the columns that the border of a side cuts; noise adds 0.002 in EELS.
        result = applied(kind, "nonrigid")
        for side in result.sides():
            found, true = result.composition(side)
            np.testing.assert_allclose(found, true, atol=0.01)


class TestRootMeanSquareFrequency:
    """The rms frequency of two halves of the frames, which needs no fit."""

    HIGHEST = 0.16

    def sharpness(self, series: Any, alignment: Alignment, element: str) -> tuple[Any, ...]:
        spectra = series.spectra["EDS"]
        halves, k = [], spectra.model.symbols.index(element) + 1
        for half in (0, 1):
            excluded = alignment.excluded.copy()
            excluded[half::2] = True
            part = replace(alignment, excluded=excluded)
            total = quietly(spectra.signal.apply_alignment, part).data.astype(float)
            halves.append(spectra.model.maps(total)[k][INNER, INNER])
        shape = alignment.canvas.shape
        origin = origin_of(alignment, spectra.truth.shifts)
        true = spectra.undistorted_map(element, shape, origin=origin)[INNER, INNER]
        measured: Sharpness = fourier_sharpness(*halves, highest=self.HIGHEST)
        return measured, fourier_sharpness(true, highest=self.HIGHEST).frequency

    def test_non_rigid_reaches_the_truth(
        self, series: dict[str, Any], alignments: dict[str, Alignment]
    ) -> None:
        found, true = self.sharpness(series["EDS"], alignments["nonrigid"], "Ti")
        assert found.frequency == pytest.approx(true, rel=0.05)
        assert found.error < 0.01 * true

    def test_without_alignment_it_is_missed(
        self, series: dict[str, Any], alignments: dict[str, Alignment]
    ) -> None:
        found, true = self.sharpness(series["EDS"], alignments["none"], "Ti")
        assert found.frequency < 0.9 * true


class TestCounts:
    """What it costs to leave counts as they are."""

    @pytest.mark.parametrize(
        ("keywords", "added"),
        [
            # The mean over all places between two pixels: of f(1 - f), and of the square of
            # the distance to the nearest.
            ({"interpolation": "linear"}, 1 / 6),
            ({"counts": "share"}, 1 / 6),
            ({"interpolation": "nearest"}, 1 / 12),
            ({"counts": "whole"}, 1 / 12),
        ],
        ids=["linear", "share", "nearest", "whole"],
    )
    def test_blur_is_that_of_the_kernel(
        self, applied: Callable[..., Result], keywords: dict[str, Any], added: float
    ) -> None:
        spline, other = applied("EDS", "nonrigid"), applied("EDS", "nonrigid", **keywords)
        difference = [other.blur(element) - spline.blur(element) for element in SYMBOLS]
        # The noise of the two is nearly the same. Other noise is added by rounding.
        assert np.mean(difference) == pytest.approx(added, abs=0.04)

    @pytest.mark.parametrize("counts", ["share", "whole"])
    def test_interface_is_hardly_wider(self, applied: Callable[..., Result], counts: str) -> None:
        edge = applied("EDS", "nonrigid", counts=counts).edge()
        assert abs(edge.sigma - SIGMA) < 0.05 * SIGMA


@pytest.mark.parametrize("kind", KINDS)
class TestAlignedOnSpectra:
    """No images: the counts of the spectra tell where the probe was."""

    def test_rigid(self, series: dict[str, Any], kind: str) -> None:
        spectra = series[kind].spectra[kind]
        total = quietly(spectra.signal.align_rigid)
        error = total.smartalign.alignment.shifts - spectra.truth.shifts
        # What the jitter adds to a shift of a whole frame is in the truth too.
        assert (error - error.mean(0)).std(0).max() < 0.1
        result = Result(total, spectra, total.smartalign.alignment)
        assert 1.03 < result.column_width("Sr") < 1.08

    def test_non_rigid(self, series: dict[str, Any], kind: str) -> None:
        spectra = series[kind].spectra[kind]
        total = quietly(spectra.signal.align_nonrigid)
        assert type(total) is type(spectra.signal)
        result = Result(total, spectra, total.smartalign.alignment)
        assert abs(result.edge().sigma - SIGMA) < 0.05 * SIGMA
        for element in SYMBOLS:
            assert abs(result.column_width(element) - 1) < 0.02


class TestElementChannelsAlone:
    """The alignment found on the counts of one line."""

    def test_strontium(self, series: dict[str, Any]) -> None:
        spectra = series["EDS"].spectra["EDS"]
        total = quietly(spectra.signal.align_nonrigid, signal_range=(1.5, 2.1))
        result = Result(total, spectra, total.smartalign.alignment)
        assert abs(result.edge().sigma - SIGMA) < 0.05 * SIGMA


def test_other_way_round(series: dict[str, Any]) -> None:
    """Alignment found on the spectra, applied to the images."""
    images, spectra = series["EELS"].series, series["EELS"].spectra["EELS"]
    found = quietly(spectra.signal.smartalign.integrate().align_nonrigid)
    average = quietly(images.apply_alignment, found, output="average").data
    origin = origin_of(found.smartalign.alignment, spectra.truth.shifts)
    true = spectra.truth.image(average.shape, origin=origin)
    blur = relative_blur(average, true)
    columns = float(np.median(spectra.truth.crystal.widths))
    assert abs(np.sqrt(1 + blur.variance.mean() / columns**2) - 1) < 0.02
    # Intensity 1 gives 20 counts.
    assert blur.gain == pytest.approx(20, rel=0.01)


class TestExspy:
    """Quantification by exspy on the sum."""

    def test_line_intensities_on_both_sides(self, applied: Callable[..., Result]) -> None:
        pytest.importorskip("exspy")
        result = applied("EDS", "nonrigid")
        true = result.total.deepcopy()
        true.data = FRAMES * result.spectra.undistorted(result.shape, origin=result.origin)
        lines = ["Sr_La", "Ti_Ka", "Mn_Ka"]
        for side in result.sides():
            sums = []
            for spectra in (result.total, true):
                found = spectra.get_lines_intensity(lines, integration_windows=3.0)
                sums.append([float(each.data[side].sum()) for each in found])
            measured, expected = np.array(sums)
            # Five times the noise of the counts, and 2 % for the columns that the border cuts.
            tolerance = 5 * np.sqrt(expected) + 0.02 * expected
            assert (np.abs(measured - expected) < tolerance).all()
