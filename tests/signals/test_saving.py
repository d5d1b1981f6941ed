"""Saving signals aside."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np

from hyperspy_smartalign.signals.saving import save_signal


def test_the_name_of_the_file_aside_is_not_remembered(tmp_path):
    signal = hs.signals.Signal2D(np.zeros((3, 8, 8)))
    save_signal(signal, tmp_path / ".aside.hspy")
    assert "filename" not in signal.tmp_parameters
