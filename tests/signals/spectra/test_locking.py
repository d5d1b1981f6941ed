"""Only one process works in a folder, and a process that died does not hold it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hyperspy_smartalign.signals.spectra.locking import FolderInUseError, FolderLock


def write_lock(folder: Path, **changes: Any) -> None:
    folder.mkdir()
    holder = {"token": "old", "pid": os.getpid(), "started": "", "host": socket.gethostname()}
    (folder / "lock").write_text(json.dumps({**holder, **changes}))


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_the_second_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    first, second = FolderLock(folder), FolderLock(folder)
    first.take()
    with pytest.raises(FolderInUseError, match=f"process {os.getpid()} on .*work"):
        second.take()
    second.release()  # does not free what it does not hold
    assert (folder / "lock").exists()
    first.release()
    assert not folder.exists()
    second.take()
    second.release()


def test_a_folder_with_content_stays(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path / "work")
    lock.take()
    (tmp_path / "work" / "state").write_text("x")
    lock.release()
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["state"]


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    write_lock(folder, pid=dead_pid())
    lock = FolderLock(folder)
    lock.take()
    assert [path.name for path in folder.iterdir()] == ["lock"]
    with pytest.raises(FolderInUseError):
        FolderLock(folder).take()
    lock.release()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when")
def test_a_number_used_again_is_not_mistaken(tmp_path: Path) -> None:
    write_lock(tmp_path / "work", started="1")
    FolderLock(tmp_path / "work").take()


def test_another_machine_is_believed(tmp_path: Path) -> None:
    write_lock(tmp_path / "work", host="elsewhere", pid=dead_pid())
    with pytest.raises(FolderInUseError, match=r"on elsewhere.*remove '.*lock'"):
        FolderLock(tmp_path / "work").take()


def test_an_empty_lock_is_left_from_a_crash(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "lock").write_text("")
    long_ago = time.time() - 60
    os.utime(folder / "lock", (long_ago, long_ago))
    FolderLock(folder).take()


def test_of_many_that_find_a_dead_lock_one_gets_it(tmp_path: Path) -> None:
    pid = dead_pid()
    for attempt in range(10):
        folder = tmp_path / f"work{attempt}"
        write_lock(folder, pid=pid)
        taken = []
        start = threading.Barrier(8)

        def take(folder: Path = folder, start: Any = start, taken: list = taken) -> None:
            lock = FolderLock(folder)
            start.wait()
            try:
                lock.take()
            except FolderInUseError:
                return
            taken.append(lock)

        threads = [threading.Thread(target=take) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(taken) == 1
