"""The same result from run to run, with one worker and with many, at ease and under load."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hyperspy_smartalign.nonrigid.equations import line_equations
from hyperspy_smartalign.nonrigid.frame_fit import Brightness
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.resampling import accumulate, shift_and_add, spline_coefficients
from hyperspy_smartalign.transforms import Canvas

WORKERS = (1, 2, 5, None)
FITTED = {"affine_cycles": 1, "nonlinear_cycles": 1, "guard": False}
VERBS: dict[str, tuple[str, dict[str, Any]]] = {
    "rigid": ("align_rigid", {}),
    "average": ("align_rigid", {"output": "average", "crop": False}),
    "lines": ("align_nonrigid", FITTED),
    "gradient": ("align_nonrigid", {**FITTED, "solver": "gradient"}),
}
SLOW_VERBS: dict[str, tuple[str, dict[str, Any]]] = {
    "free": ("align_nonrigid", {**FITTED, "affine_cycles": 0, "model": "free"}),
    "all models": ("align_nonrigid", {"guard": True, "nonlinear_cycles": 3}),
    "smoothed": ("align_nonrigid", {**FITTED, "smooth_frames": 1.0, "output": "sum"}),
}


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Threads that multiply matrices meanwhile, and so keep processors and libraries busy."""
    stop = threading.Event()
    matrix = np.random.default_rng(0).random((200, 200))

    def work() -> None:
        while not stop.is_set():
            matrix @ matrix

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def numbers_of(result: Any) -> dict[str, Any]:
    """All that a result holds: pixels, transforms, tables; not when and how it was made."""
    found = {"data": np.asarray(result.data)}

    def walk(node: Any, path: str) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                walk(value, f"{path}.{key}")
        elif isinstance(node, (list, tuple)):
            for key, value in enumerate(node):
                walk(value, f"{path}[{key}]")
        elif isinstance(node, (np.ndarray, float, np.floating)):
            found[path] = np.asarray(node)

    stored = result.metadata.Smart_align.as_dictionary()
    for name in ("provenance", "history", "steps"):
        stored.pop(name, None)
    walk(stored, "")
    return found


def assert_equal_in_every_bit(one: Any, other: Any) -> None:
    first, second = numbers_of(one), numbers_of(other)
    assert first.keys() == second.keys()
    different = [
        name
        for name, value in first.items()
        if value.dtype.kind in "fiub" and not np.array_equal(value, second[name], equal_nan=True)
    ]
    assert different == []


def check_repeats(series: Any, verb: str, options: dict[str, Any]) -> None:
    def run(signal: Any, workers: int | None) -> Any:
        return getattr(signal, verb)(num_workers=workers, show_progressbar=False, **options)

    expected = run(series, 1)
    # The many parts of metadata are compared, not only the pixels.
    assert len(numbers_of(expected)) > 5
    for workers in WORKERS:
        assert_equal_in_every_bit(expected, run(series, workers))
    with busy():
        assert_equal_in_every_bit(expected, run(series, 2))
    lazy = run(series.as_lazy(), 2)
    lazy.compute(show_progressbar=False)
    np.testing.assert_array_equal(lazy.data, expected.data)


@pytest.mark.slow
@pytest.mark.parametrize("case", [*VERBS, *SLOW_VERBS])
def test_a_verb_gives_the_same_bits_with_any_number_of_workers(series, case):
    check_repeats(series, *(VERBS | SLOW_VERBS)[case])


@pytest.mark.parametrize("solver", ["map", "gradient"])
def test_a_nonrigid_alignment_repeats_in_every_bit(series, solver):
    def run(workers: int) -> Any:
        return series.align_nonrigid(
            num_workers=workers, show_progressbar=False, solver=solver, **FITTED
        )

    assert_equal_in_every_bit(run(1), run(3))


@pytest.mark.slow
def test_tiles_and_their_classes_repeat_in_every_bit(rigid):
    def run(workers: int | None) -> Any:
        return rigid.template_match(
            "unit cell", refine=1, num_workers=workers, show_progressbar=False
        )

    expected = run(1)
    for workers in WORKERS:
        assert_equal_in_every_bit(expected, run(workers))
    with busy():
        assert_equal_in_every_bit(expected, run(2))


@pytest.mark.parametrize("workers", [2, 3, 7, None])
def test_a_sum_does_not_depend_on_the_number_of_threads(workers):
    random = np.random.default_rng(3)
    # Numbers of very different size: the last bit of their sum tells in what order they came.
    stack = random.normal(size=(23, 40, 30)) * 10.0 ** random.integers(-6, 7, (23, 1, 1))
    shifts, weights = random.uniform(-3, 3, (23, 2)), random.random(23)
    canvas = Canvas(-2, -3, 46, 37)
    one, many = (
        accumulate(stack, shifts, canvas, weights=weights, num_workers=n) for n in (1, workers)
    )
    np.testing.assert_array_equal(many.total, one.total)
    np.testing.assert_array_equal(many.coverage, one.coverage)
    assert many.weight == one.weight
    assert one.coverage.max() > 1

    coefficients = spline_coefficients(stack.astype(np.float32))
    one, many = (
        shift_and_add(coefficients, shifts, canvas, weights=weights, num_workers=n)
        for n in (1, workers)
    )
    np.testing.assert_array_equal(many.total, one.total)
    np.testing.assert_array_equal(many.coverage, one.coverage)


def test_the_equations_of_lines_do_not_depend_on_where_arrays_lie():
    # Whether loops run four at a time is decided by addresses: their sums must keep their order.
    random = np.random.default_rng(0)
    frame = random.normal(size=(96, 112)).astype(np.float32)
    coefficients = random.normal(size=(135, 150)).astype(np.float32)
    places = np.cumsum(random.normal(size=(96, 2)) * 0.05, axis=0)

    def equations() -> Any:
        return line_equations(
            frame,
            coefficients,
            np.ones((135, 150), np.float32),
            origin=(-19.0, -16.0),
            offsets=places,
            slopes=np.zeros((96, 2)),
            tilted=True,
            level=0.0,
            brightness=Brightness(),
            noise=NoiseModel(1.0, 0.0, 0.1),
            denoised=0.2,
            robustness=1.0,
            saturation=np.inf,
            intensities=(-3.0, 3.0),
        )

    expected, occupied = equations(), []
    for _ in range(60):
        occupied.append(np.empty(random.integers(1, 3000), np.uint8))
        if len(occupied) > 20:
            del occupied[random.integers(0, 20)]
        again = equations()
        np.testing.assert_array_equal(again.information, expected.information)
        np.testing.assert_array_equal(again.vector, expected.vector)
        np.testing.assert_array_equal(again.lever, expected.lever)
    assert np.abs(expected.information).max() > 0
