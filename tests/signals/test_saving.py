"""Saving signals aside."""

from __future__ import annotations

from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.signals.saving import save_signal


def test_the_name_of_the_file_aside_is_not_remembered(tmp_path):
    signal = hs.signals.Signal2D(np.zeros((3, 8, 8)))
    save_signal(signal, tmp_path / ".aside.hspy")
    assert "filename" not in signal.tmp_parameters


def test_ctrl_c_leaves_no_lock_of_the_compressor_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if Ctrl-C came between taking the lock and the block that gives it back: the next .zspy
    # file then waited for ever.
    from numcodecs.blosc import get_mutex

    signal = hs.signals.Signal2D(np.ones((2, 4, 5)))
    usual = hs.signals.Signal2D.save

    def interrupted(*_: object, **__: object) -> None:
        get_mutex().acquire()
        raise KeyboardInterrupt

    monkeypatch.setattr(hs.signals.Signal2D, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_signal(signal, tmp_path / "a.zspy")
    assert get_mutex().acquire(block=False)
    get_mutex().release()
    monkeypatch.setattr(hs.signals.Signal2D, "save", usual)
    save_signal(signal, tmp_path / "a.zspy")
    assert (tmp_path / "a.zspy").is_dir()
