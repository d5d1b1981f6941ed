"""A dask.distributed client that is active: its workers do the work, also when one is lost."""

from __future__ import annotations

import os
import signal as signals
import sys
import threading
import time
from itertools import chain

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign.signals.spectra import distributing

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

FRAMES = 12
SHAPE = (FRAMES, 24, 20, 16)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two workers, each a process of its own."""
    folder = tmp_path_factory.mktemp("workers")
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=":0",
            local_directory=str(folder),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def fractional():
    return np.random.default_rng(3).uniform(-2, 2, (FRAMES, 2))


def values():
    return np.random.default_rng(4).poisson(20, SHAPE).astype(np.uint16)


def series(folder, *, wait_at=None):
    """A lazy series that notes which process reads which frame.

    At frame `wait_at` the process says so, and goes on when there is a file named "go".
    """
    content, place = values(), str(folder)

    def frame(block_info=None):
        # Only what a worker can import.
        import os
        import time

        (start, stop), *_ = block_info[None]["array-location"]
        with open(f"{place}/{os.getpid()}.read", "a") as file:
            file.write(f"{start}\n")
        if start == wait_at:
            with open(f"{place}/waiting.new", "w") as file:
                file.write(str(os.getpid()))
            os.replace(f"{place}/waiting.new", f"{place}/waiting")
            deadline = time.monotonic() + 60
            while not os.path.exists(f"{place}/go") and time.monotonic() < deadline:
                time.sleep(0.01)
        return content[start:stop]

    chunks = ((1,) * FRAMES, *((size,) for size in SHAPE[1:]))
    data = da.map_blocks(frame, chunks=chunks, dtype=np.uint16, meta=np.empty((0,) * 4, np.uint16))
    return hs.signals.Signal1D(data).as_lazy()


def read_by(folder):
    """Process -> frames that it read."""
    return {
        int(path.stem): [int(line) for line in path.read_text().split()]
        for path in folder.glob("*.read")
    }


def here(shifts, **keywords):
    """The same in this process, from memory."""
    return hs.signals.Signal1D(values()).apply_alignment(shifts, **keywords)


@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"output": "average", "variance": "spread"},
        {"counts": "whole"},
        {"counts": "share", "crop": False, "fill": "zero", "variance": "poisson"},
    ],
    ids=str,
)
def test_the_workers_sum(client, fractional, tmp_path, keywords):
    result = series(tmp_path).apply_alignment(fractional, **keywords)
    expected = here(fractional, **keywords)
    assert not result._lazy
    assert result.data.dtype == expected.data.dtype
    if keywords.get("counts") == "whole":
        np.testing.assert_array_equal(result.data, expected.data)
    else:
        # Frames are added in another order.
        scale = np.abs(expected.data).max()
        np.testing.assert_allclose(result.data, expected.data, rtol=1e-6, atol=1e-6 * scale)
    if "variance" in keywords:
        ours, theirs = (
            each.metadata.Signal.Noise_properties.variance.data for each in (result, expected)
        )
        np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    read = read_by(tmp_path)
    assert os.getpid() not in read
    assert set(read) <= set(client.run(os.getpid).values())
    assert len(read) == 2
    assert sorted(chain.from_iterable(read.values())) == list(range(FRAMES))


@pytest.mark.parametrize("file", [False, True])
def test_one_worker_is_killed_half_way(client, fractional, tmp_path, file):
    undisturbed = series(tmp_path).apply_alignment(fractional)
    for path in tmp_path.glob("*.read"):
        path.unlink()
    killed = []

    def kill():
        deadline = time.monotonic() + 60
        while not (tmp_path / "waiting").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        killed.append(int((tmp_path / "waiting").read_text()))
        os.kill(killed[0], signals.SIGKILL)
        (tmp_path / "go").touch()

    thread = threading.Thread(target=kill)
    thread.start()
    keywords = {"file": tmp_path / "sum.hspy"} if file else {}
    result = series(tmp_path, wait_at=6).apply_alignment(fractional, **keywords)
    thread.join()
    np.testing.assert_array_equal(result.data, undisturbed.data)
    np.testing.assert_allclose(result.data, here(fractional).data, rtol=1e-5)
    read = read_by(tmp_path)
    assert killed[0] in read
    assert os.getpid() not in read
    # What was lost was read again by another process.
    assert any(6 in frames for pid, frames in read.items() if pid != killed[0])
    client.wait_for_workers(2, timeout=60)
    if file:
        np.testing.assert_array_equal(hs.load(tmp_path / "sum.hspy").data, result.data)


def test_a_series_in_memory_is_summed_here(client, fractional, monkeypatch):
    def unused(*arguments):
        raise AssertionError("sent to the workers")

    monkeypatch.setattr(distributing, "sum_by_workers", unused)
    result = here(fractional)
    assert result.data.shape[-1] == 16


def test_lazy_series_and_sums_are_computed_by_the_workers(client, fractional, tmp_path):
    aligned = series(tmp_path).apply_alignment(fractional, output="series")
    assert aligned._lazy
    np.testing.assert_array_equal(aligned.data.compute(), here(fractional, output="series").data)
    assert os.getpid() not in read_by(tmp_path)
    total = series(tmp_path).apply_alignment(fractional, lazy_output=True)
    np.testing.assert_allclose(total.data.compute(), here(fractional).data, rtol=1e-5)
    assert os.getpid() not in read_by(tmp_path)


def test_files_are_read_by_the_workers(client, fractional, tmp_path):
    for number, frame in enumerate(values()):
        hs.signals.Signal1D(frame).save(tmp_path / f"map_{number}.hspy")
    result = hyperspy_smartalign.apply_alignment(fractional, tmp_path / "map_*.hspy")
    np.testing.assert_allclose(result.data, here(fractional).data, rtol=1e-5)


def test_what_was_done_before_is_not_done_again(client, fractional, tmp_path, monkeypatch):
    """A cluster keeps states of the work too, and resume=True goes on from there."""
    from hyperspy_smartalign.signals.spectra import checkpoints

    monkeypatch.setattr(checkpoints, "_LEAST_SECONDS", 0.0)
    add, calls = distributing.sum_by_workers, []

    def failing(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("the cluster is gone")
        return add(*arguments)

    path = tmp_path / "sum.hspy"
    with monkeypatch.context() as patch:
        patch.setattr(distributing, "sum_by_workers", failing)
        with pytest.raises(RuntimeError):
            series(tmp_path).apply_alignment(fractional, file=path)
    assert not path.exists()
    done = sorted(chain.from_iterable(read_by(tmp_path).values()))
    result = series(tmp_path).apply_alignment(fractional, file=path, resume=True)
    read = sorted(chain.from_iterable(read_by(tmp_path).values()))
    assert read == list(range(FRAMES))
    assert 0 < len(done) < FRAMES
    np.testing.assert_allclose(result.data, here(fractional).data, rtol=1e-5)


def test_where_distributed_was_not_imported_there_is_no_client(client, monkeypatch):
    assert distributing.active_client() is client
    monkeypatch.delitem(sys.modules, "distributed")
    assert distributing.active_client() is None
