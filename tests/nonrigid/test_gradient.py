"""The classical gradient matching, on frames whose displacement is known."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage

from hyperspy_smartalign.data import SimulatedStack, simulate_stack
from hyperspy_smartalign.nonrigid.equations import Brightness
from hyperspy_smartalign.nonrigid.free_path import FreePath, grid_shape
from hyperspy_smartalign.nonrigid.gradient import GradientFit, fit_gradient, fit_gradient_free
from hyperspy_smartalign.nonrigid.gradient_kernels import frame_slopes
from hyperspy_smartalign.nonrigid.lines import LinePath
from hyperspy_smartalign.nonrigid.reference import build_reference
from hyperspy_smartalign.rigid.spectra import white_noise_variance
from hyperspy_smartalign.rigid.store import FrameStore

SHAPE = (96, 112)
MARGIN = 16
LEVEL = 5.0
DEFAULTS = {
    "level": LEVEL,
    "brightness": Brightness(),
    "acceleration": 2.0,
    "noise_constant": 1.0,
    "smoothing": 0.0,
    "tolerance": 1e-5,
    "max_iterations": 200,
}


def specimen(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Blobs of 3 px width, 11 px apart on a turned lattice, of different heights."""
    turn = np.deg2rad(12)
    u = (np.cos(turn) * y + np.sin(turn) * x) / 11
    v = (np.cos(turn) * x - np.sin(turn) * y) / 11
    height = 1 + 0.3 * np.sin(0.13 * y) * np.cos(0.11 * x)
    wave = np.exp(2 * (np.cos(2 * np.pi * u) + np.cos(2 * np.pi * v) - 2))
    return 10 * height * wave


@dataclass(frozen=True)
class Scene:
    """A noise-free model on its window."""

    coefficients: np.ndarray
    count: np.ndarray
    origin: tuple[float, float]

    def fit(self, frame: np.ndarray, path: LinePath, **options) -> GradientFit[LinePath]:
        arguments = {**DEFAULTS, **options}
        return fit_gradient(
            frame, self.coefficients, self.count, origin=self.origin, path=path, **arguments
        )

    def fit_free(self, frame: np.ndarray, path: FreePath, **options) -> GradientFit[FreePath]:
        arguments = {**DEFAULTS, **options}
        return fit_gradient_free(
            frame, self.coefficients, self.count, origin=self.origin, path=path, **arguments
        )


@pytest.fixture(scope="module")
def scene() -> Scene:
    rows = np.arange(-MARGIN, SHAPE[0] + MARGIN)[:, None]
    columns = np.arange(-MARGIN, SHAPE[1] + MARGIN)[None, :]
    coefficients = ndimage.spline_filter(specimen(rows, columns) - LEVEL, mode="mirror")
    coefficients = coefficients.astype(np.float32)
    return Scene(coefficients, np.full_like(coefficients, 8.0), (-MARGIN, -MARGIN))


def recorded(
    displacement: np.ndarray, *, noise: float = 0.0, shape: tuple[int, int] = SHAPE, seed: int = 0
) -> np.ndarray:
    """Frame whose pixel q shows q - e(q)."""
    y, x = np.mgrid[: shape[0], : shape[1]] - displacement
    frame = specimen(y, x) + noise * np.random.default_rng(seed).standard_normal(shape)
    return frame.astype(np.float32)


def still(shape: tuple[int, int] = SHAPE) -> LinePath:
    return LinePath(np.zeros((shape[0], 2)), np.zeros((shape[0], 2)), shape[1], 0)


def wobble(rms: float = 0.4, correlation: float = 4.0, seed: int = 1) -> np.ndarray:
    """Smooth row offsets (lines, 2) without mean and drift."""
    white = np.random.default_rng(seed).standard_normal((SHAPE[0], 2))
    offsets = ndimage.gaussian_filter1d(white, correlation, axis=0, mode="reflect")
    place = np.linspace(-1, 1, SHAPE[0])
    offsets -= np.stack([np.polyval(np.polyfit(place, c, 1), place) for c in offsets.T], axis=1)
    return offsets * rms / offsets.std()


def of_lines(offsets: np.ndarray) -> np.ndarray:
    return np.broadcast_to(offsets.T[:, :, None], (2, *SHAPE))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


class TestLines:
    def test_offsets_are_found(self, scene):
        offsets = wobble()
        fit = scene.fit(recorded(of_lines(offsets)), still())
        # Noise free: what is left is the interpolation of the model.
        assert rms(fit.path.offsets - offsets) < 0.01
        assert not fit.path.slopes.any()
        assert fit.healed == 0
        assert not fit.diverged
        assert fit.message == ""
        assert fit.similarity > 0.999
        assert fit.mean_shifts[-1] < DEFAULTS["tolerance"] <= fit.mean_shifts[-2]

    def test_brightness_is_taken_off(self, scene):
        offsets = wobble()
        frame = recorded(of_lines(offsets))
        brightness = Brightness(contrast=1.5, offset=-2.0)
        bright = LEVEL + brightness.offset + brightness.contrast * (frame - LEVEL)
        fit = scene.fit(bright, still(), brightness=brightness)
        assert rms(fit.path.offsets - offsets) < 0.01

    def test_smoothing_lowers_the_noise_and_keeps_the_drift(self, scene):
        drift = np.linspace(-1, 1, SHAPE[0])[:, None] * (0.8, -0.5)
        offsets = wobble(rms=0.2, correlation=8.0) + drift
        frame = recorded(of_lines(offsets), noise=3.0)
        rough = scene.fit(frame, still())
        smooth = scene.fit(frame, still(), smoothing=2.0)
        assert rms(smooth.path.offsets - offsets) < 0.6 * rms(rough.path.offsets - offsets)
        slope = [np.polyfit(np.arange(SHAPE[0]), c, 1)[0] for c in smooth.path.offsets.T]
        # 0.1 px over the frame: a few times what noise does to it.
        np.testing.assert_allclose(slope, [2 * 0.8 / 95, -2 * 0.5 / 95], atol=0.001)

    def test_end_does_not_depend_on_the_acceleration(self, scene):
        frame = recorded(of_lines(wobble()), noise=2.0)
        slow, fast = (
            scene.fit(frame, still(), smoothing=1.5, acceleration=a, tolerance=1e-6)
            for a in (1.0, 3.0)
        )
        # Rates of convergence of 0.9 leave ten times the tolerance.
        assert np.abs(slow.path.offsets - fast.path.offsets).max() < 1e-3
        assert len(fast.mean_shifts) < len(slow.mean_shifts)

    def test_other_direction_of_scan_and_odd_shape(self, scene):
        transposed = Scene(
            np.ascontiguousarray(scene.coefficients.T), np.ascontiguousarray(scene.count.T),
            (-MARGIN, -MARGIN),
        )  # fmt: skip
        shape = (89, 111)
        path = replace(still((shape[1], shape[0])), axis=1)
        frame = recorded(np.full((2, *shape), 0.3), shape=shape)
        fit = transposed.fit(frame.T, path)
        assert fit.path.axis == 1
        assert rms(fit.path.offsets - 0.3) < 0.01

    def test_affine(self, scene):
        place = np.linspace(-1, 1, SHAPE[0])[:, None]
        along = np.linspace(-1, 1, SHAPE[1])
        terms = np.array([[0.3, -0.2], [0.4, 0.5], [-0.3, 0.25]])
        displacement = (
            of_lines(terms[0] + place * terms[1]) + along * terms[2][:, None, None]
        )  # fmt: skip
        fit = scene.fit(recorded(displacement, noise=2.0), still(), affine=True, tilted=True)
        # Standard errors here are 0.02 px (offsets), 0.034 and 0.022 px (slopes).
        assert rms(fit.path.offsets - terms[0] - place * terms[1]) < 0.06
        np.testing.assert_allclose(fit.path.slopes[0] * (SHAPE[1] - 1) / 2, terms[2], atol=0.1)
        assert np.ptp(fit.path.slopes, axis=0).max() == 0

    def test_row_fitting_finds_offsets_and_slope(self, scene):
        offsets, slope = wobble(rms=0.3), np.array([0.5, -0.2])
        displacement = of_lines(offsets) + np.linspace(-1, 1, SHAPE[1]) * slope[:, None, None]
        frame = recorded(displacement)
        fit = scene.fit(frame, still(), tilted=True)
        assert rms(fit.path.offsets - offsets) < 0.01
        np.testing.assert_allclose(fit.path.slopes[0] * (SHAPE[1] - 1) / 2, slope, atol=0.01)
        plain = scene.fit(frame, still())
        assert not plain.path.slopes.any()
        assert fit.similarity > plain.similarity

    def test_constrained_edges_stay(self, scene):
        start = replace(still(), offsets=np.full((SHAPE[0], 2), 0.1))
        offsets = wobble()
        fit = scene.fit(
            recorded(of_lines(offsets)), start, constrain_edges=True, smoothing=1.0, tilted=True
        )
        assert np.all(fit.path.offsets[[0, -1]] == 0.1)
        assert not fit.path.slopes.any()
        assert rms(fit.path.offsets[12:-12] - offsets[12:-12]) < 0.1


class TestHealing:
    @pytest.mark.parametrize("smoothing", [0.0, 1.5])
    def test_absurd_acceleration_heals(self, scene, smoothing):
        offsets = wobble()
        frame = recorded(of_lines(offsets), noise=1.0)
        sane = scene.fit(frame, still(), smoothing=smoothing)
        fit = scene.fit(frame, still(), smoothing=smoothing, acceleration=100.0)
        assert fit.healed > 5
        assert fit.acceleration == pytest.approx(100 * 0.9**fit.healed)
        assert f"{fit.acceleration:.3g}" in fit.message
        assert rms(fit.path.offsets - offsets) < rms(offsets)
        assert rms(fit.path.offsets - sane.path.offsets) < 0.02
        assert not fit.diverged

    def test_hopeless_acceleration_gives_up_where_it_began(self, scene):
        frame = recorded(of_lines(wobble()), noise=1.0)
        fit = scene.fit(frame, still(), acceleration=1e6)
        assert fit.diverged
        assert fit.healed == 50
        assert fit.mean_shifts == ()
        assert np.array_equal(fit.path.offsets, still().offsets)
        assert "did not converge" in fit.message

    def test_iterations_end(self, scene):
        fit = scene.fit(recorded(of_lines(wobble())), still(), max_iterations=3, tolerance=1e-9)
        assert len(fit.mean_shifts) == 3


class TestRobustness:
    def test_perfect_frame_does_not_move(self, scene):
        fit = scene.fit(recorded(np.zeros((2, *SHAPE))), still(), smoothing=1.0)
        # The spline meets the pixels but for float32.
        assert np.abs(fit.path.offsets).max() < 1e-4

    def test_featureless_frame_does_not_move(self, scene):
        flat = Scene(np.zeros_like(scene.coefficients), scene.count, scene.origin)
        frame = np.full(SHAPE, LEVEL, np.float32)
        for options in ({}, {"tilted": True}, {"affine": True}, {"smoothing": 2.0}):
            fit = flat.fit(frame, still(), **options)
            assert not fit.path.offsets.any()
            assert not fit.diverged
        free = flat.fit_free(frame, FreePath(np.zeros((2, 7, 8)), 16.0, SHAPE))
        assert not free.path.values.any()

    def test_nothing_in_view_does_not_move(self, scene):
        hidden = replace(scene, count=np.zeros_like(scene.count))
        fit = hidden.fit(recorded(of_lines(wobble())), still())
        assert not fit.path.offsets.any()
        assert fit.similarity == 0

    def test_nan_hot_and_missing_rows(self, scene):
        offsets = wobble()
        frame = recorded(of_lines(offsets), noise=0.5)
        clean = scene.fit(frame, still())
        spoilt = frame.copy()
        pixels = np.random.default_rng(3).choice(frame.size, 100, replace=False)
        spoilt.ravel()[pixels[:50]] = np.nan
        spoilt.ravel()[pixels[50:]] = 1e5
        spoilt[40] = np.nan
        kept = spoilt.copy()
        fit = scene.fit(spoilt, still())
        assert np.array_equal(spoilt, kept, equal_nan=True)
        others = np.arange(SHAPE[0]) != 40
        assert not fit.path.offsets[40].any()
        assert rms(fit.path.offsets[others] - offsets[others]) < 0.05
        assert rms(clean.path.offsets - offsets) < 0.05
        # Smoothing carries the neighbours into the missing row.
        smooth = scene.fit(spoilt, still(), smoothing=1.5)
        assert np.abs(smooth.path.offsets[40] - offsets[40]).max() < 0.1

    def test_larger_noise_constant_trusts_outliers_less(self, scene):
        offsets = np.zeros((SHAPE[0], 2))
        frame = recorded(of_lines(offsets), noise=0.3)
        # Something that is not in the model, of the brightness of the specimen.
        frame[30:60, 40:52] += 4.0
        errors = [
            rms(scene.fit(frame, still(), noise_constant=c).path.offsets[30:60])
            for c in (0.1, 1.0, 5.0)
        ]
        assert errors[0] > 1.5 * errors[1] > 1.5 * errors[2]

    def test_integers_and_read_only_frames(self, scene):
        frame = np.round(100 * recorded(of_lines(wobble()))).astype(">u2")
        frame.flags.writeable = False
        bright = Brightness(contrast=100.0, offset=99 * LEVEL)
        fit = scene.fit(frame, still(), brightness=bright)
        assert rms(fit.path.offsets - wobble()) < 0.02


class TestFree:
    def grid(self, spacing: float = 8.0) -> FreePath:
        return FreePath(np.zeros((2, *grid_shape(SHAPE, spacing))), spacing, SHAPE)

    def bend(self) -> np.ndarray:
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 96
        return 0.6 * np.stack([np.sin(5 * x + 1) * np.cos(4 * y), np.cos(3 * x) * np.sin(5 * y)])

    def test_field_is_found(self, scene):
        fit = scene.fit_free(recorded(self.bend()), self.grid(), tolerance=1e-4)
        error = fit.path.displacement() - self.bend()
        # Columns 11 px apart on nodes 8 px apart; the outermost cells see half of their pixels.
        assert rms(error[:, 8:-8, 8:-8]) < 0.04
        assert fit.path.spacing == 8.0
        assert fit.healed == 0
        assert fit.similarity > 0.999

    def test_smoothing_lowers_the_noise_and_keeps_the_affine_part(self, scene):
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] / 48 - 1
        shear = np.stack([0.5 * x, -0.4 * y])
        frame = recorded(shear, noise=5.0)
        rough = scene.fit_free(frame, self.grid(), tolerance=1e-3)
        smooth = scene.fit_free(frame, self.grid(), tolerance=1e-3, smoothing=8.0)
        errors = [rms(fit.path.displacement() - shear) for fit in (rough, smooth)]
        # The affine part alone, known to 0.1 px at this noise, and 1.5 px of noise at the nodes.
        assert errors[1] < 0.2 < 0.2 * errors[0]

    def test_constrained_edges_stay(self, scene):
        fit = scene.fit_free(recorded(self.bend()), self.grid(), constrain_edges=True)
        values = fit.path.values
        assert not values[:, [0, -1]].any()
        assert not values[:, :, [0, -1]].any()
        assert np.abs(values).max() > 0.3

    def test_absurd_acceleration_heals(self, scene):
        fit = scene.fit_free(recorded(self.bend()), self.grid(), acceleration=100.0, smoothing=6.0)
        assert fit.healed > 5
        error = (fit.path.displacement() - self.bend())[:, 8:-8, 8:-8]
        assert rms(error) < 0.5 * rms(self.bend())

    def test_nan_and_hot_pixels(self, scene):
        frame = recorded(self.bend())
        frame[::9, ::7] = np.nan
        frame[5::17, 3::19] = 1e6
        fit = scene.fit_free(frame, self.grid(), tolerance=1e-4)
        error = fit.path.displacement() - self.bend()
        assert rms(error[:, 8:-8, 8:-8]) < 0.06

    def test_frame_of_another_shape(self, scene):
        with pytest.raises(ValueError, match=r"frame has shape \(96, 111\)"):
            scene.fit_free(np.zeros((96, 111)), self.grid())


class TestBadArguments:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("acceleration", 0.0),
            ("acceleration", np.nan),
            ("noise_constant", -1.0),
            ("tolerance", 0.0),
            ("smoothing", -0.5),
            ("smoothing", np.inf),
            ("max_iterations", 0),
        ],
    )
    def test_numbers(self, scene, name, value):
        with pytest.raises(ValueError, match=f"{name} must be"):
            scene.fit(recorded(np.zeros((2, *SHAPE))), still(), **{name: value})

    def test_shapes(self, scene):
        with pytest.raises(ValueError, match=r"path is for 96 lines of 112 pixels"):
            scene.fit(np.zeros(SHAPE[::-1]), still())
        wrong = replace(scene, count=scene.count[:-1])
        with pytest.raises(ValueError, match="must be of one model"):
            wrong.fit(np.zeros(SHAPE), still())


def test_slopes_of_a_plane_avoid_bad_pixels():
    y, x = np.mgrid[:9, :11].astype(np.float32)
    frame = 2 * y - 3 * x
    good = np.ones(frame.shape, bool)
    good[4, 5] = False
    slopes = frame_slopes(frame, good)
    bad = np.zeros(frame.shape, bool)
    bad[3:6, 4:7] = True
    bad[[0, -1]] = bad[:, [0, -1]] = True
    assert not slopes[:, bad].any()
    np.testing.assert_allclose(slopes[0][~bad], -2, rtol=1e-6)
    np.testing.assert_allclose(slopes[1][~bad], 3, rtol=1e-6)


def residual(simulated: SimulatedStack, paths: list[LinePath]) -> float:
    """Error (px, both axes) of the offsets in the interior, less what is common to all frames."""
    truth = simulated.truth
    n, h = simulated.stack.shape[:2]
    error = np.array(
        [p.offsets - truth.shifts[i] - truth.row_offsets[i] for i, p in enumerate(paths)]
    )
    arrive = np.arange(h) - truth.shifts[:, :1] - truth.row_offsets[:, :, 0]
    place = np.arange(16, h - 16)
    common = np.array(
        [[np.interp(place, np.sort(arrive[i]), error[i, :, c]) for c in (0, 1)] for i in range(n)]
    )
    return rms(common - common.mean(0)) * np.sqrt(n / (n - 1))


def run_cycles(
    simulated: SimulatedStack, cycles: int, **options
) -> tuple[list[LinePath], list[GradientFit[LinePath]]]:
    frames = np.asarray(simulated.stack)
    n, h, w = frames.shape

    class Source:
        def __len__(self) -> int:
            return n

        def frame(self, index: int) -> np.ndarray:
            return frames[index]

    store = FrameStore(Source())
    variance = white_noise_variance(store.frame, np.arange(n), store.shape)
    paths = [
        LinePath(np.tile(shift, (h, 1)), np.zeros((h, 2)), w, 0) for shift in simulated.truth.shifts
    ]
    fits: list[GradientFit[LinePath]] = []
    for cycle in range(cycles):
        shifts = np.array([path.mean for path in paths])
        reference = build_reference(
            store,
            [path.transform() for path in paths],
            np.ones(n),
            shifts=shifts,
            reach_of_motion=max(path.reach for path in paths),
            variance=variance,
            level=float(frames.mean()),
        )
        fits = []
        for i, path in enumerate(paths):
            model = reference.model(i, shifts[i])
            arguments = DEFAULTS | {"level": reference.level, "tolerance": 1e-3} | options
            fits.append(
                fit_gradient(
                    store.frame(i),
                    model.coefficients,
                    model.count,
                    origin=model.origin,
                    path=path,
                    affine=cycle == 0,
                    **arguments,
                )
            )
        paths = [fit.path for fit in fits]
    return paths, fits


def jittery(dose: float) -> SimulatedStack:
    return simulate_stack(
        shape=(128, 128),
        frames=8,
        dose=dose,
        drift=(0.6, -0.8),
        drift_walk=0.0,
        row_jitter=0.5,
        row_correlation=6.0,
        in_frame_drift=True,
    )


class TestSeries:
    # Share of the rigid residual, 0.50 px, that may be left; found 0.076, 0.134 and 0.371 px.
    @pytest.mark.parametrize(
        ("dose", "smoothing", "most"), [(50.0, 1.0, 0.2), (10.0, 2.0, 0.35), (1.0, 4.0, 0.9)]
    )
    def test_jitter(self, dose, smoothing, most):
        simulated = jittery(dose)
        rigid, _ = run_cycles(simulated, 0)
        paths, fits = run_cycles(simulated, 4, smoothing=smoothing)
        before, after = residual(simulated, rigid), residual(simulated, paths)
        assert after < most * before
        assert not any(fit.diverged for fit in fits)

    def test_absurd_acceleration_is_no_worse_than_rigid(self):
        simulated = jittery(50.0)
        rigid, _ = run_cycles(simulated, 0)
        paths, fits = run_cycles(simulated, 3, smoothing=1.0, acceleration=100.0)
        assert residual(simulated, paths) < residual(simulated, rigid)
        assert sum(fit.healed for fit in fits) > 0

    def test_identical_frames_stay(self):
        frame = recorded(np.zeros((2, *SHAPE)))
        still_series = replace(
            simulate_stack(shape=SHAPE, frames=4, drift=(0, 0), drift_walk=0),
            stack=np.stack([frame] * 4),
        )
        paths, _ = run_cycles(still_series, 3, smoothing=1.0)
        # The model is the mean of the others, filtered as if there were noise: 0.02 px at worst.
        assert max(np.abs(path.offsets).max() for path in paths) < 0.03
