"""Straighten one image whose rows jump along the fast scan direction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.ndimage import gaussian_filter1d
from scipy.signal.windows import tukey

from hyperspy_smartalign.nonrigid.row_model import RowModel
from hyperspy_smartalign.transforms import ScanLine

__all__ = ["RowJumps", "straighten_rows"]

DoubleArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]

SMALLEST = 16
# Fraction of a row that is tapered, both ends together.
_TAPER = 0.3
# Log-likelihood that a jump must gain, beyond that of choosing among all rows and shifts.
_STEP_GAIN = 12.0
# Of jumps that are nearly as likely as the best one, the shortest is taken; and a jump must be
# better than none by this share of what it is better than shifts at random.
_NEARLY, _CLEAR = 0.9, 0.05
# A side maximum this high is that of a lattice, and jumps of more than half of it are ambiguous.
_SIDE = 0.4
# Pixels: what jitter can hardly be, and what Newton steps reach anyway; standard deviations of the
# jitter beyond which a jump is one of its own.
_LONG, _SHORT, _BEYOND = 3.0, 0.75, 4.0
# Log-evidence that jitter must have, in 40 rows. Straight lattices come up to 4, as the noise of
# bright columns is not that of the model (measured at 2 to 50 counts).
_EVIDENCE = 4.5
# Standard deviations (px) and correlation lengths (rows) of the jitter that are tried.
_RMS = np.geomspace(0.01, 5.0, 26)
_LENGTHS = (0.0, 2.0, 6.0)
_ROUNDS, _STEP_ROUNDS = 10, 12
_LARGEST_MOVE, _SETTLED = 1.0, 2e-3
# Columns of the covariance that are held at a time.
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class RowJumps:
    """By how much the rows of an image jump.

    Attributes
    ----------
    transform : ScanLine
        ``straight[p] = image[p + d(p)]``.
    offsets : (rows, 2) float64
        Displacement (y, x) of the content of each row in pixels; zero along the slow direction.
    errors : (rows, 2) float64
        Standard errors of what deviates from the smooth path; inf where nothing is known, which
        is everywhere along the slow direction.
    steps : tuple of (int, float)
        Rows from which on everything is displaced, and by how much along the row.
    rms : float
        Standard deviation of the rows' jitter beside the steps, as estimated, in pixels.
    length : float
        Rows over which it is correlated; 0 for none.
    messages : tuple of str
        What the user should know, in plain words.
    """

    transform: ScanLine
    offsets: DoubleArray
    errors: DoubleArray
    steps: tuple[tuple[int, float], ...]
    rms: float
    length: float
    messages: tuple[str, ...]


@dataclass(frozen=True)
class _Prior:
    """Jitter of the rows: standard deviation in pixels, correlation length in rows."""

    rms: float
    length: float

    def precision(self, rows: int, order: int) -> DoubleArray:
        """Inverse covariance of an exponentially correlated sequence, lower banded."""
        banded = np.zeros((order + 1, rows))
        link = np.exp(-1 / self.length) if self.length > 0 else 0.0
        scale = 1 / (self.rms**2 * (1 - link**2))
        banded[0] = scale * (1 + link**2)
        banded[0, [0, -1]] = scale
        banded[1, :-1] = -scale * link
        return banded


def straighten_rows(
    image: npt.ArrayLike,
    *,
    axis: int = 0,
    neighbours: int = 4,
    max_shift: float | None = None,
    smoothing: float | None = None,
) -> RowJumps:
    """Find the jumps of the rows of one image against a smooth path.

    Parameters
    ----------
    image : (h, w) array-like
        Real numbers. Rows with NaN are left out.
    axis : {0, 1}
        Axis along which scan lines follow each other: 0 when they are rows, 1 when columns.
    neighbours : int
        Rows that a row is predicted from, 1 to 16. More see through more noise, and need a
        specimen that stays the same over more rows.
    max_shift : float, optional
        Largest jump that is looked for, in pixels. Unless given, an eighth of the row's length,
        and in a lattice half its period along the rows: a jump by a period shows nothing, and
        longer ones than half of it can be taken for shorter ones the other way.
    smoothing : float, optional
        Rows over which a path counts as smooth, and is kept as the specimen's own; 48 unless
        given.

    Returns
    -------
    RowJumps

    Raises
    ------
    TypeError
        If pixels are not real numbers.
    ValueError
        If the image is too small, empty of information, or a parameter is out of range.

    Notes
    -----
    Every spatial frequency along the rows is predicted from the rows before by linear prediction,
    whose coefficients are fitted to the image itself. This makes a stationary Gaussian model of
    the rows, whose likelihood for row displacements is maximised by Newton steps with the expected
    information, after a search over whole steps and lone rows over all shifts. A lattice or an edge
    that is tilted against the rows has a phase that advances from row to row; the prediction
    contains it, so that it is no jump and is not sheared.

    Jitter has an exponentially correlated prior, whose strength and length maximise the evidence
    (empirical Bayes). Where no jitter is more likely than some, only steps are corrected.

    A path that is smooth over `smoothing` rows may be the specimen's as well as the scan's, and is
    kept. The step from row to row itself is corrected in full. Motion along the slow direction
    changes which part of the specimen a row shows, and one image has nothing to compare that with:
    it is left.
    """
    frame, axis = _checked(image, axis)
    rows = frame if axis == 0 else frame.T
    lines, width = rows.shape
    if not (isinstance(neighbours, (int, np.integer)) and 1 <= neighbours <= 16):
        raise ValueError(f"neighbours={neighbours!r} must be a whole number from 1 to 16.")
    order = int(neighbours)
    if lines < 4 * order + 4:
        raise ValueError(
            f"{lines} rows are too few for neighbours={order}; give neighbours="
            f"{max(1, (lines - 4) // 4)} or less."
        )
    reach = width / 8 if max_shift is None else float(max_shift)
    if not 0 < reach < width / 2:
        raise ValueError(
            f"max_shift={max_shift!r} must lie between 0 and half the row's length, "
            f"{width / 2:g} px."
        )
    scale = 48.0 if smoothing is None else float(smoothing)
    if not (np.isfinite(scale) and scale >= 4):
        raise ValueError(f"smoothing={smoothing!r} must be a number of rows, 4 or more.")
    usable = np.asarray(np.isfinite(rows).all(axis=1))
    usable &= np.where(usable[:, None], rows, 0.0).std(axis=1) > 0
    if usable.sum() < 4 * order + 4:
        raise ValueError(
            f"only {int(usable.sum())} of {lines} rows are finite and not constant, too few to "
            "compare; crop the image to what was scanned."
        )
    rows = np.where(usable[:, None], rows, 0.0)

    taper = tukey(width, _TAPER)

    def model_at(path: DoubleArray) -> RowModel:
        return RowModel.fit(_spectra(rows, path, taper), order=order, taper=taper, usable=usable)

    messages = []
    if max_shift is None:
        reach = _within_half_a_period(model_at(np.zeros(lines)), reach, width)
    # Long jumps first, then the jitter, then the jumps that stand out of the jitter.
    base, steps = _with_steps(model_at, np.zeros(lines), reach=reach, least=min(_LONG, reach / 2))
    path, errors, prior = _refined(model_at, base, scale)
    least = _SHORT if prior is None else max(_SHORT, _BEYOND * prior.rms)
    if least < reach:
        longer, more = _with_steps(model_at, path, reach=reach, least=least)
        if more or (longer != path).any():
            base, steps = base + longer - path, steps + more
            path, errors, prior = _refined(model_at, base, scale)
    middle = float(np.median(base))
    base, path = base - middle, path - middle
    if prior is None and not base.any():
        messages.append("No row jumps by more than the noise lets see; nothing is corrected.")
    if not usable.all():
        messages.append(
            f"{int((~usable).sum())} rows are constant or hold NaN; they follow the rows around."
        )
    offsets = np.zeros((lines, 2))
    offsets[:, 1 - axis] = path
    spread = np.full((lines, 2), np.inf)
    spread[:, 1 - axis] = errors
    return RowJumps(
        transform=ScanLine(offsets, axis=axis),
        offsets=offsets,
        errors=spread,
        steps=_merged(steps),
        rms=0.0 if prior is None else prior.rms,
        length=0.0 if prior is None else prior.length,
        messages=tuple(messages),
    )


def _checked(image: npt.ArrayLike, axis: int) -> tuple[DoubleArray, int]:
    frame = np.asarray(image)
    if frame.dtype.kind not in "biuf":
        raise TypeError(
            f"the pixels are {frame.dtype}, and only real numbers can be straightened; take the "
            "real part, the modulus or the phase of complex images."
        )
    if frame.ndim != 2 or min(frame.shape) < SMALLEST:
        raise ValueError(
            f"an image of shape {frame.shape} cannot be straightened; give one of two axes, with "
            f"{SMALLEST} x {SMALLEST} px or more."
        )
    if axis not in (0, 1):
        raise ValueError(f"axis must be 0 (lines are rows) or 1 (lines are columns), not {axis!r}.")
    return frame.astype(np.float64), int(axis)


def _spectra(rows: DoubleArray, path: DoubleArray, taper: DoubleArray) -> ComplexArray:
    """Spectra of the rows with their displacement taken back, tapered at both ends."""
    width = rows.shape[1]
    # Mirrored, so that what moves in at an end looks like what is there.
    pad = min(int(np.ceil(np.abs(path).max(initial=0.0))) + 8, width - 1)
    padded = np.pad(rows, ((0, 0), (pad, pad)), mode="reflect")
    size = padded.shape[1]
    turned = np.fft.rfft(padded, axis=1)
    turned *= np.exp(2j * np.pi * np.fft.rfftfreq(size) * path[:, None])
    moved = np.fft.irfft(turned, size, axis=1)[:, pad : pad + width]
    moved -= ((moved @ taper) / taper.sum())[:, None]
    return np.fft.rfft(moved * taper, axis=1)


def _within_half_a_period(model: RowModel, reach: float, width: int) -> float:
    """Half the period of a lattice along the rows, where it is shorter than the reach."""
    shifts, curves = model.likelihood_of_steps(min(2.2 * reach, width / 2 - 1))
    mean = curves.mean(axis=0)[shifts >= 0]
    falling = np.flatnonzero(mean < 0)
    if not falling.size or mean[0] <= 0:
        return reach
    start = int(falling[0])
    side = start + int(mean[start:].argmax())
    is_lattice = _SIDE * mean[0] < mean[side] and side < len(mean) - 1
    return min(reach, 0.5 * float(shifts[shifts >= 0][side])) if is_lattice else reach


def _with_steps(
    model_at: Callable[[DoubleArray], RowModel],
    path: DoubleArray,
    *,
    reach: float,
    least: float,
) -> tuple[DoubleArray, tuple[tuple[int, float], ...]]:
    """Path with whole steps and lone displaced rows added, and the steps.

    Only jumps count that do better than any shift shorter than `least`.
    """
    lines = len(path)
    steps: list[tuple[int, float]] = []
    needed = _STEP_GAIN + np.log(2 * reach * lines)
    for _ in range(_STEP_ROUNDS):
        model = model_at(path)
        jumps = [
            _best(*model.likelihood_of_steps(reach), least=least),
            _best(*model.likelihood_of_lone_jumps(reach), least=least),
        ]
        # The first rows have nothing before them, and the last one no step after it.
        jumps[0][0][[*range(model.order), lines - 1]] = 0.0
        candidates = sorted(
            (
                (gains[row], kind, row, shifts[row])
                for kind, (gains, shifts) in enumerate(jumps)
                for row in np.flatnonzero(gains > needed)
            ),
            reverse=True,
        )
        if not candidates:
            break
        path = path.copy()
        taken = np.zeros(lines, bool)
        for _, kind, row, shift in candidates:
            near = slice(max(0, row - 2 * model.order), row + 2 * model.order + 1)
            if taken[near].any():
                continue
            taken[row] = True
            if kind == 0:
                path[row:] += shift
                steps.append((int(row), float(shift)))
            else:
                path[row] += shift
    return path, tuple(steps)


def _best(
    shifts: DoubleArray, curves: DoubleArray, *, least: float
) -> tuple[DoubleArray, DoubleArray]:
    """Gain of the best jump of at least `least` px at each row over all shorter ones, and the jump.

    Of jumps that are nearly as likely, as those by different lattice vectors, the shortest.
    """
    inner, places = curves[:, 1:-1], shifts[1:-1]
    short = np.abs(places) < least
    rows = np.arange(len(curves))
    peak = (inner >= curves[:, :-2]) & (inner >= curves[:, 2:]) & ~short
    top = inner.max(axis=1)
    lowest = inner.min(axis=1, keepdims=True)
    good = peak & (inner - lowest >= _NEARLY * (top[:, None] - lowest))
    distance = np.where(good, np.abs(places), np.inf)
    chosen = distance.argmin(axis=1)
    height = inner[rows, chosen]
    gain = height - inner[:, short].max(axis=1)
    # A lattice vector fits nearly as well as no jump, and noise or a flaw decides between them.
    clear = np.isfinite(distance[rows, chosen]) & (gain > _CLEAR * height)
    return np.where(clear, gain, 0.0), places[chosen]


def _merged(steps: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
    """Steps in the order of rows, those found at one row in several rounds added."""
    rows = sorted({row for row, _ in steps})
    return tuple((row, sum(shift for at, shift in steps if at == row)) for row in rows)


def _refined(
    model_at: Callable[[DoubleArray], RowModel], base: DoubleArray, smoothing: float
) -> tuple[DoubleArray, DoubleArray, _Prior | None]:
    """Path with the jitter of single rows, its standard errors and the prior of the jitter."""
    lines = len(base)
    rest = np.zeros(lines)
    prior: _Prior | None = None
    for _ in range(_ROUNDS):
        model = model_at(base + rest)
        information = model.information()
        response = _times(information, rest) - model.gradient()
        prior, jitter = _most_likely(information, response)
        wanted = jitter - _smooth(jitter, smoothing)
        move = np.clip(wanted - rest, -_LARGEST_MOVE, _LARGEST_MOVE)
        rest = rest + move
        if np.abs(move).max() < _SETTLED:
            break
    model = model_at(base + rest)
    information = model.information()
    if not information.any():
        return base + rest, np.full(lines, np.inf), prior
    spread = prior or _Prior(
        _undetected(information, _times(information, rest) - model.gradient()), 0.0
    )
    return base + rest, _errors(information, spread, smoothing), prior


def _most_likely(
    information: DoubleArray, response: DoubleArray
) -> tuple[_Prior | None, DoubleArray]:
    """Prior of the highest evidence and the jitter with it; none where no jitter does as well."""
    lines = information.shape[1]
    best, found, jitter = _EVIDENCE * max(1.0, lines / 40), None, np.zeros(lines)
    for length in _LENGTHS:
        for rms in _RMS:
            prior = _Prior(float(rms), length)
            evidence, estimate = _evidence(information, response, prior)
            if evidence > best:
                best, found, jitter = evidence, prior, estimate
    return found, jitter


def _undetected(information: DoubleArray, response: DoubleArray) -> float:
    """Largest rms jitter that is not less likely than none by more than a factor of e^2."""
    lost = [_evidence(information, response, _Prior(float(rms), 0.0))[0] for rms in _RMS]
    return float(max(_RMS[np.array(lost) > -2.0], default=_RMS[0]))


def _evidence(
    information: DoubleArray, response: DoubleArray, prior: _Prior
) -> tuple[float, DoubleArray]:
    """Log-evidence of jitter against none, and the most likely jitter."""
    precision = prior.precision(information.shape[1], len(information) - 1)
    both = cholesky_banded(information + precision, lower=True)
    alone = cholesky_banded(precision, lower=True)
    estimate = cho_solve_banded((both, True), response)
    volume = np.log(both[0]).sum() - np.log(alone[0]).sum()
    return float(0.5 * response @ estimate - volume), estimate


def _errors(information: DoubleArray, prior: _Prior, smoothing: float) -> DoubleArray:
    """Standard errors of the jitter about the smooth path, block by block."""
    lines = information.shape[1]
    precision = information + prior.precision(lines, len(information) - 1)
    factor = cholesky_banded(precision, lower=True)
    variances = np.empty(lines)
    for start in range(0, lines, _BLOCK):
        # Deviation of one row = a row of the identity minus the smoothing, solved for all rows.
        block = np.arange(start, min(start + _BLOCK, lines))
        unit = np.zeros((lines, len(block)))
        unit[block, np.arange(len(block))] = 1.0
        unit -= gaussian_filter1d(unit, smoothing / 2, axis=0, mode="nearest")
        variances[block] = (unit * cho_solve_banded((factor, True), unit)).sum(axis=0)
    return np.sqrt(np.maximum(variances, 0.0))


def _smooth(path: DoubleArray, smoothing: float) -> DoubleArray:
    return np.asarray(gaussian_filter1d(path, smoothing / 2, mode="nearest"))


def _times(banded: DoubleArray, vector: DoubleArray) -> DoubleArray:
    """Product of a symmetric matrix, lower banded, with a vector."""
    result = np.asarray(banded[0] * vector)
    for p in range(1, len(banded)):
        result[p:] += banded[p, :-p] * vector[:-p]
        result[:-p] += banded[p, :-p] * vector[p:]
    return result
