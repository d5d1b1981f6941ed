"""Series of all shapes, types and contents: a clear error or a sound result, and intact inputs."""

from __future__ import annotations

import warnings
from typing import Any

import dask.array as da
import hyperspy.api as hs
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from hyperspy_smartalign.series.checks import SeriesWarning

QUIET: dict[str, Any] = {"show_progressbar": False, "num_workers": 2}
FITTED = {"affine_cycles": 1, "nonlinear_cycles": 1}
#: What users may be told; anything else that is raised is a fault.
REFUSALS = (ValueError, TypeError, NotImplementedError)
#: Errors of these families that no message of ours is behind.
NOT_OURS = (np.linalg.LinAlgError, UnicodeError)
TYPES = ["?", "u1", "i1", "u2", ">u2", ">f4", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "O"]
CONTENTS = [
    "scene", "constant", "zero dose", "saturated", "duplicates", "hot pixel", "gaps", "infinite",
    "one bright", "gradient", "huge", "tiny", "negative", "noise", "one blank", "all nan",
]  # fmt: skip
VERBS = ["rigid", "average", "nonrigid", "apply", "match", "prepare", "ramp", "rows", "mean"]


def scene(random: np.random.Generator, n: int, h: int, w: int) -> npt.NDArray[np.float64]:
    """Frames of a textured scene that moves by whole pixels, with some noise."""
    large = random.gamma(0.5, 60.0, (h + 8, w + 8))
    large = 0.6 * large + 0.2 * np.roll(large, 1, 0) + 0.2 * np.roll(large, 1, 1)
    frames = np.empty((n, h, w))
    for k, (y, x) in enumerate(random.integers(0, 9, (n, 2))):
        frames[k] = large[y : y + h, x : x + w] + random.normal(size=(h, w))
    return frames


def filled(content: str, random: np.random.Generator, n: int, h: int, w: int) -> npt.NDArray[Any]:
    frames = scene(random, n, h, w)
    some = random.random((n, h, w)) < 0.1
    if content == "constant":
        frames[:] = 7.0
    elif content == "zero dose":
        frames[:] = 0.0
    elif content == "saturated":
        frames = np.minimum(frames * 50, 255.0)
    elif content == "duplicates":
        frames[:] = frames[0]
    elif content == "hot pixel":
        frames[:] = 1.0
        frames[:, h // 2, w // 2] = 1000.0
    elif content == "gaps":
        frames[some] = np.nan
    elif content == "infinite":
        frames[some] = random.choice([np.inf, -np.inf, np.nan], int(some.sum()))
    elif content == "one bright":
        frames[n // 2] *= 1e4
    elif content == "gradient":
        frames[:] = np.add.outer(np.arange(h), np.arange(w))
    elif content == "huge":
        frames *= 1e12
    elif content == "tiny":
        frames *= 1e-30
    elif content == "negative":
        frames = -frames
    elif content == "noise":
        frames = random.normal(size=(n, h, w))
    elif content == "one blank":
        frames[n // 2] = 0.0
    elif content == "all nan":
        frames[:] = np.nan
    return frames


def in_type(frames: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    if dtype == "O":
        return frames.astype(object)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return np.nan_to_num(frames) > 20
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        # More than any detector counts; spectra in single precision hold no squares of 2**63.
        low, high = max(float(limits.min), -1e15), min(float(limits.max), 1e15)
        return np.clip(np.nan_to_num(frames), low, high).astype(kind)
    with np.errstate(over="ignore"):
        return frames.astype(kind)


def laid_out(frames: npt.NDArray[Any], layout: str) -> npt.NDArray[Any]:
    if layout == "reversed":
        return np.ascontiguousarray(frames[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]
    if layout == "transposed":
        return np.ascontiguousarray(frames.transpose(2, 0, 1)).transpose(1, 2, 0)
    if layout == "fortran":
        return np.asfortranarray(frames)
    if layout == "strided":
        wide = np.zeros((*frames.shape[:2], 2 * frames.shape[2]), frames.dtype)
        wide[..., ::2] = frames
        return wide[..., ::2]
    if layout == "broadcast":
        return np.broadcast_to(frames[0], frames.shape)
    frames = frames.copy()
    frames.flags.writeable = layout != "read-only"
    return frames


@st.composite
def series_of(draw: st.DrawFn) -> tuple[Any, str]:
    """A signal, and words for it."""
    n = draw(st.integers(1, 7), "frames")
    size = st.one_of(st.integers(1, 48), st.sampled_from([1, 2, 3, 17, 31, 47, 48]))
    h, w = draw(size), draw(size)
    content, dtype = draw(st.sampled_from(CONTENTS)), draw(st.sampled_from(TYPES))
    layout = draw(
        st.sampled_from(
            ["plain", "reversed", "transposed", "fortran", "strided", "broadcast", "read-only"]
        )
    )
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    data = laid_out(in_type(filled(content, random, n, h, w), dtype), layout)
    chunks = draw(st.sampled_from(["memory", "frames", "odd", "one"]))
    # HyperSpy adds no methods of extensions to lazy complex images.
    if chunks == "memory" or dtype in ("O", "c8"):
        signal = hs.signals.Signal2D(data)
        signal.data = data
    else:
        sizes = {"frames": (1, h, w), "odd": (2, max(1, h // 2), max(1, w // 3)), "one": data.shape}
        signal = hs.signals.Signal2D(da.from_array(data, chunks=sizes[chunks])).as_lazy()
    return signal, f"{n} x {h} x {w} {dtype} {content} {layout} {chunks}"


def called(verb: str, signal: Any) -> Any:
    options = dict(QUIET)
    n = signal.axes_manager.navigation_size
    if verb == "rigid":
        return signal.align_rigid(**options)
    if verb == "average":
        return signal.align_rigid(output="average", crop=False, **options)
    if verb == "nonrigid":
        return signal.align_nonrigid(**FITTED, **options)
    if verb == "apply":
        shifts = np.linspace(0, 3, 2 * max(n, 1)).reshape(-1, 2)
        return signal.apply_alignment(shifts, **options)
    if verb == "match":
        height, width = signal.data.shape[-2:]
        return signal.template_match((0, min(8, width), 0, min(8, height)), **options)
    if verb == "prepare":
        return signal.smartalign.prepare(line_time=1e-4)
    if verb == "ramp":
        return signal.smartalign.remove_ramp()
    if verb == "rows":
        return signal.smartalign.straighten_rows()
    return signal.smartalign.average()


def check_sound(verb: str, signal: Any, result: Any) -> None:
    if result._lazy:
        with warnings.catch_warnings():
            # Dask's own, of infinities of both signs that are added up.
            warnings.simplefilter("ignore", RuntimeWarning)
            result.compute(show_progressbar=False)
    pixels = np.asarray(result.data)
    assert pixels.dtype.kind in "biufc"
    assert pixels.size > 0
    if verb in ("rigid", "nonrigid", "average"):
        alignment = result.smartalign.alignment
        shifts = np.asarray(alignment.shifts)
        frame = signal.data.shape[-2:]
        assert np.isfinite(shifts).all()
        assert (np.abs(shifts) <= 2 * np.max(frame)).all()
        assert alignment.n_frames == signal.axes_manager.navigation_size
        assert pixels.dtype == np.float32
        if verb != "average":
            assert len(pixels) == alignment.n_frames
        noise = result.smartalign.noise
        assert not noise.floor < 0
    if verb in ("prepare", "ramp", "rows"):
        assert pixels.shape[0] == signal.data.shape[0]


def check_words(error: Exception) -> None:
    """An error of ours: words that say what is wrong, and no other error's."""
    assert not isinstance(error, NOT_OURS), repr(error)
    words = str(error)
    assert len(words) > 20, repr(error)
    assert " " in words
    for foreign in ("broadcast", "operands", "zero-size", "numba", "NoneType", "arrays to stack"):
        assert foreign not in words, words
    tail = error.__traceback__
    while tail is not None and tail.tb_next is not None:
        tail = tail.tb_next
    assert tail is not None
    # Raised by ourselves, or by what says by itself what it cannot read.
    assert "hyperspy_smartalign" in tail.tb_frame.f_code.co_filename, repr(error)


def bytes_of(signal: Any) -> Any:
    data = np.array(signal.data)
    return repr(data.tolist()) if data.dtype.kind == "O" else data.tobytes()


def check(verb: str, signal: Any, words: str) -> None:
    note(words)
    before = bytes_of(signal)
    content = signal.metadata.as_dictionary()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", SeriesWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        try:
            result = called(verb, signal)
            check_sound(verb, signal, result)
        except REFUSALS as error:
            check_words(error)
    assert bytes_of(signal) == before
    assert signal.metadata.as_dictionary() == content


RELAXED = settings(
    deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


@pytest.mark.parametrize("verb", VERBS)
@settings(RELAXED, max_examples=10)
@given(drawn=series_of())
def test_any_series_gives_a_sound_result_or_a_clear_error(verb, drawn):
    check(verb, *drawn)


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
@settings(RELAXED, max_examples=60)
@given(drawn=series_of())
def test_many_series_give_a_sound_result_or_a_clear_error(verb, drawn):
    check(verb, *drawn)


@settings(RELAXED, max_examples=20)
@given(
    dtype=st.sampled_from(["u1", "u2", ">u2", "i4", "f4", ">f4", "f8"]),
    layout=st.sampled_from(["plain", "reversed", "transposed", "fortran", "strided", "read-only"]),
    n=st.integers(2, 6),
    height=st.integers(40, 48),
    width=st.integers(40, 48),
    seed=st.integers(0, 99),
)
def test_frames_that_move_by_whole_pixels_are_found(dtype, layout, n, height, width, seed):
    random = np.random.default_rng(seed)
    large = random.gamma(0.5, 40.0, (height + 8, width + 8)).clip(0, 250)
    places = random.integers(0, 6, (n, 2))
    frames = np.stack([large[y : y + height, x : x + width] for y, x in places])
    signal = hs.signals.Signal2D(np.zeros((n, height, width)))
    signal.data = laid_out(in_type(frames, dtype), layout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeriesWarning)
        shifts = signal.align_rigid(**QUIET).smartalign.alignment.shifts
    expected = -(places - places[0])
    np.testing.assert_allclose(shifts - shifts[0], expected, atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(3, 8, 16384), (2, 16384, 8), (2, 64, 16384), (2, 16384, 64)])
def test_frames_that_are_16384_pixels_long(shape):
    import tracemalloc

    n, height, width = shape
    random = np.random.default_rng(1)
    large = random.gamma(0.5, 40.0, (height + 4, width + 4)).astype(np.float32)
    places = np.array([(0, 0), (1, 3), (2, 1)])[:n]
    frames = np.stack([large[y : y + height, x : x + width] for y, x in places])
    signal = hs.signals.Signal2D(frames)
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeriesWarning)
            aligned = signal.align_rigid(**QUIET)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    shifts = aligned.smartalign.alignment.shifts
    np.testing.assert_allclose(shifts - shifts[0], -(places - places[0]), atol=0.1)
    assert peak < 400 * frames.nbytes / n
