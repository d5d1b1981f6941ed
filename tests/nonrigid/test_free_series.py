"""The free model on whole series of known distortion, against its Bayesian bound."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import fft, ndimage

from hyperspy_smartalign.nonrigid.frame_fit import Brightness
from hyperspy_smartalign.nonrigid.free_equations import free_equations
from hyperspy_smartalign.nonrigid.free_path import FreePath
from hyperspy_smartalign.nonrigid.free_prior import estimate_free_prior
from hyperspy_smartalign.nonrigid.free_solve import free_gain, solve_free
from hyperspy_smartalign.nonrigid.reference import build_reference
from hyperspy_smartalign.quality.noise import NoiseModel, ResidualBins, fit_noise
from hyperspy_smartalign.resampling import resample_frame
from hyperspy_smartalign.rigid.spectra import white_noise_variance
from hyperspy_smartalign.rigid.store import FrameStore
from hyperspy_smartalign.transforms import Canvas, Translation

SIZE, FRAMES, SPACING = 144, 8, 8.0
#: Of the Gaussian that white noise is filtered with; the field's correlation length is 1.41 times.
SIGMA, RMS = 24.0, 0.7
EDGE = 16


class Frames:
    def __init__(self, stack):
        self.stack = stack

    def __len__(self):
        return len(self.stack)

    def frame(self, index):
        return self.stack[index]


def amorphous(rng):
    """Texture between 5 and 12 px, of mean 1, as a function of y and x."""
    margin = 24
    n = SIZE + 2 * margin
    k = np.hypot(fft.fftfreq(n)[:, None], fft.fftfreq(n)[None])
    texture = fft.ifft2(fft.fft2(rng.normal(size=(n, n))) * ((k > 1 / 12) & (k < 1 / 5))).real
    values = 1 + 0.22 * texture / texture.std()
    coefficients = ndimage.spline_filter(values, order=5)

    def image(y, x):
        at = [y + margin, x + margin]
        found = ndimage.map_coordinates(coefficients, at, order=5, prefilter=False)
        return np.maximum(found, 0.05)

    return image


def lattice(y, x):
    u = 2 * np.pi / 11.0
    return 0.2 + 0.8 * np.cos(u * y / 2) ** 4 * np.cos(u * (x + 0.2 * y) / 2) ** 4


def with_defect(y, x):
    """The lattice with one bright extra atom between its columns."""
    return lattice(y, x) + 0.9 * np.exp(-((y - 71.5) ** 2 + (x - 74.0) ** 2) / (2 * 2.0**2))


def smooth_field(rng, rms):
    pad = int(4 * SIGMA)
    white = rng.normal(size=(2, SIZE + 2 * pad, SIZE + 2 * pad))
    smooth = ndimage.gaussian_filter(white, (0, SIGMA, SIGMA), mode="wrap")
    return rms * 2 * np.sqrt(np.pi) * SIGMA * smooth[:, pad:-pad, pad:-pad]


def series(image, dose, *, rms=RMS, seed=0):
    """Frames that show the image at q - e(q), with e, and shifts that are wrong by 0.1 px."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    fields = np.array(
        [smooth_field(rng, rms) + rng.uniform(-1.5, 1.5, (2, 1, 1)) for _ in range(FRAMES)]
    )
    stack = np.array([rng.poisson(dose * image(y - e[0], x - e[1])) for e in fields])
    starts = fields.mean(axis=(2, 3)) + rng.normal(scale=0.1, size=(FRAMES, 2))
    return stack.astype(np.float32), fields, starts


def align(stack, starts, passes=4):
    """Reference, equations, prior, fields, and again."""
    store = FrameStore(Frames(stack))
    n, shape, level = len(stack), store.shape, float(stack.mean())
    variance = white_noise_variance(store.frame, np.arange(n), shape)
    noise = NoiseModel(variance, 0.0, 0.1 * variance)
    bright = [Brightness()] * n
    paths = [FreePath.of(Translation(s), shape, SPACING) for s in starts]
    prior = None
    for _ in range(passes):
        shifts = np.array([p.mean for p in paths])
        reference = build_reference(
            store, [p.transform() for p in paths], np.ones(n), shifts=shifts,
            reach_of_motion=max(p.reach for p in paths), variance=float(noise.variance(level)),
            level=level,
        )  # fmt: skip
        denoised = float((reference.gain(n - 1.0).astype(float) ** 2).mean())
        low, high = float(stack.min()), float(stack.max())
        equations = []
        for i, path in enumerate(paths):
            model = reference.model(i, shifts[i])
            equations.append(
                free_equations(
                    store.frame(i), model.coefficients, model.count, origin=model.origin,
                    path=path, level=reference.level, brightness=bright[i], noise=noise,
                    denoised=denoised, robustness=1.0, intensities=(low, high),
                )
            )  # fmt: skip
        bins = sum(e.bins for e in equations)
        noise = fit_noise(ResidualBins(np.linspace(low, high, 17), *bins))
        bright = [e.brightness() for e in equations]
        prior = estimate_free_prior(
            [e.apart(p) for e, p in zip(equations, paths, strict=True)],
            spacing=SPACING, previous=prior, num_workers=1,
        )  # fmt: skip
        gain = np.mean([free_gain(e, p, prior) for e, p in zip(equations, paths, strict=True)])
        solved = [solve_free(e, p, prior) for e, p in zip(equations, paths, strict=True)]
        common = np.mean([new.values - p.values for (new, _), p in zip(solved, paths, strict=True)],
                         axis=0)  # fmt: skip
        paths = [new.moved_by(-common) for new, _ in solved]
    errors = np.array([each for _, each in solved])
    return SimpleNamespace(paths=paths, errors=errors, prior=prior, gain=gain, store=store)


def residual(found, fields):
    """Root mean square (y, x) of what is left, less what is common to all frames."""
    left = np.array([p.displacement() for p in found.paths]) - fields
    own = (left - left.mean(0))[:, :, EDGE:-EDGE, EDGE:-EDGE]
    return np.sqrt((own**2).mean(axis=(0, 2, 3)) * FRAMES / (FRAMES - 1))


def inner_errors(found):
    return np.sqrt((found.errors[:, :, 2:-2, 2:-2] ** 2).mean(axis=(0, 2, 3)))


def bound(image, dose, rms=RMS):
    """Root of the mean posterior variance (y, x) where image and prior are known.

    By inversion on the grid, with the Fisher information of Poisson counts.
    """
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    d = 1e-2
    slopes = (
        (image(y + d, x) - image(y - d, x)) / (2 * d),
        (image(y, x + d) - image(y, x - d)) / (2 * d),
    )
    path = FreePath.of(Translation((0, 0)), (SIZE, SIZE), SPACING)
    count = path.values.shape[1]
    place = (np.arange(SIZE) - path.origin[0]) / SPACING
    share = np.maximum(1 - np.abs(place[None] - np.arange(count)[:, None]), 0)
    yy, yx, xx = (
        np.diag((share @ (dose * a * b / image(y, x)) @ share.T).ravel())
        for a, b in ((slopes[0], slopes[0]), (slopes[0], slopes[1]), (slopes[1], slopes[1]))
    )
    distance = SPACING * (np.arange(count)[:, None] - np.arange(count))
    along = np.exp(-(distance**2) / (4 * SIGMA**2))
    prior = np.kron(np.eye(2), rms**2 * np.kron(along, along) + 25.0)
    posterior = np.linalg.solve(np.eye(len(prior)) + prior @ np.block([[yy, yx], [yx, xx]]), prior)
    spread = np.diag(posterior).reshape(2, count, count)[:, 2:-2, 2:-2]
    return np.sqrt(spread.mean(axis=(1, 2)))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "dose"), [("amorphous", 50), ("amorphous", 5), ("lattice", 20)])
def test_residual_is_near_the_bound(kind, dose):
    image = amorphous(np.random.default_rng(5)) if kind == "amorphous" else lattice
    stack, fields, starts = series(image, dose)
    found = align(stack, starts)
    left, best = residual(found, fields), bound(image, dose)
    # 8 frames of about 10 independent places: 8 % of scatter, and 15 % aimed at.
    assert np.sqrt((left**2).sum() / (best**2).sum()) < 1.2
    # The series tells its prior, and errors are those made.
    np.testing.assert_allclose(found.prior.rms, RMS, rtol=0.35)
    np.testing.assert_allclose(found.prior.length, np.sqrt(2) * SIGMA, rtol=0.3)
    assert 0.75 < np.sqrt((left**2).sum() / (inner_errors(found) ** 2).sum()) < 1.25
    assert found.gain > 50


@pytest.mark.slow
@pytest.mark.parametrize("image", [lattice, lambda y, x: np.ones_like(y)])
def test_frames_that_only_shift_or_show_nothing_are_not_bent(image):
    stack, _, starts = series(image, 20, rms=0.0, seed=1)
    found = align(stack, starts)
    bent = np.sqrt(np.mean([p.deviation**2 for p in found.paths]))
    assert bent < 0.03
    assert bent <= inner_errors(found).max()


def test_noise_alone_is_not_bent():
    stack = np.random.default_rng(2).normal(100, 5, (FRAMES, SIZE, SIZE)).astype(np.float32)
    found = align(stack, np.zeros((FRAMES, 2)), passes=3)
    bent = np.sqrt(np.mean([p.deviation**2 for p in found.paths]))
    assert bent <= inner_errors(found).max()
    assert bent < 0.05


@pytest.mark.slow
def test_identical_frames_stay():
    frame = np.random.default_rng(3).poisson(20 * lattice(*np.mgrid[:SIZE, :SIZE])) * 1.0
    found = align(np.array([frame] * 4, np.float32), np.zeros((4, 2)), passes=2)
    assert max(np.abs(p.values).max() for p in found.paths) < 2e-3


@pytest.mark.slow
def test_a_defect_is_neither_moved_nor_blurred():
    dose = 40
    stack, fields, starts = series(with_defect, dose, seed=4)
    found = align(stack, starts)
    # The same average with the displacements as they were, but for what is common to all frames.
    ideal = [FreePath(np.zeros_like(p.values), SPACING, (SIZE, SIZE)) for p in found.paths]
    nodes = ideal[0].nodes
    common = np.mean([p.displacement() for p in found.paths] - fields, axis=0)
    truth = [
        p.moved_by([ndimage.map_coordinates(c, nodes, order=3, mode="nearest") for c in e + common])
        for p, e in zip(ideal, fields, strict=True)
    ]
    window = Canvas(71 - 12, 74 - 12, 25, 25)

    def average(paths):
        return np.mean(
            [resample_frame(f, p.transform(), window).pixels
             for f, p in zip(stack, paths, strict=True)], axis=0,
        )  # fmt: skip

    ours, theirs = average(found.paths), average(truth)
    # Of an atom 36 counts high: what noise of the displacements (0.04 px) does at its flanks.
    assert np.abs(ours - theirs).max() < 0.06 * 0.9 * dose
    at = np.mgrid[:25, :25]
    weight = np.exp(-((at[0] - 12.5) ** 2 + (at[1] - 12) ** 2) / 18)

    def centre(picture):
        bright = weight * (picture - picture.min())
        return (at * bright).sum(axis=(1, 2)) / bright.sum()

    np.testing.assert_allclose(centre(ours), centre(theirs), atol=0.02)
    assert ours.max() > 0.97 * theirs.max()


@pytest.mark.slow
def test_real_carbon_film_is_hardly_bent(shared_data):
    hyperspy = pytest.importorskip("hyperspy.api")
    signal = hyperspy.load(shared_data("tem-carbon-6frames/tem_carbon_6frames.hspy"))
    stack = np.asarray(signal.data)[:, 100:340, 100:340].astype(np.float32)
    found = align(stack, np.zeros((len(stack), 2)), passes=3)
    # A stable film: drift of at most 0.25 px, measured by phase correlation, and no bending that
    # would show: fields of a few hundredths of a pixel, about as large as their errors.
    assert max(np.abs(p.values).max() for p in found.paths) < 0.35
    bent = np.sqrt(np.mean([p.deviation**2 for p in found.paths]))
    assert bent < 0.05
