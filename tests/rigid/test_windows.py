from __future__ import annotations

import numpy as np
import pytest

from hyperspy_smartalign.rigid.windows import AUTO_WINDOW, WINDOWS, window_2d


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("shape", [(64, 64), (31, 48), (37, 29), (1, 5)])
def test_every_pixel_counts_and_each_side_has_its_own_length(name, shape):
    window = window_2d(shape, name)
    assert window.shape == shape
    assert window.dtype == np.float32
    assert window.min() > 0
    assert window.max() <= 1 + 1e-6
    np.testing.assert_allclose(window, window[::-1, ::-1], rtol=1e-5)
    # Separable: the window of a side depends on its own length only.
    np.testing.assert_allclose(
        window * window[shape[0] // 2, shape[1] // 2],
        window[:, [shape[1] // 2]] * window[[shape[0] // 2]],
        rtol=1e-5,
    )
    square = window_2d((shape[1], shape[1]), name)
    np.testing.assert_allclose(window[0] / window[0].max(), square[0] / square[0].max(), rtol=1e-5)


@pytest.mark.parametrize("name", ["hann", "hamming", "sine", "tukey"])
def test_the_edge_fades_and_the_middle_stays(name):
    window = window_2d((101, 51), name)
    assert window[50, 25] == pytest.approx(1.0, abs=1e-6)
    assert window[0, 25] < 0.15
    assert window[50, 0] < 0.15
    assert (np.diff(window[:51, 25]) >= -1e-6).all()


def test_formulas():
    # Periodic with two more samples than the frame has, the outermost of which are zero.
    phase = np.pi * np.arange(1, 41) / 41
    np.testing.assert_allclose(window_2d((40, 1), "hann")[:, 0], np.sin(phase) ** 2, rtol=1e-5)
    sine = np.sin(np.pi * (np.arange(1, 41) + 0.5) / 42)
    np.testing.assert_allclose(
        window_2d((40, 1), "sine")[:, 0] / window_2d((40, 1), "sine").max(),
        sine / sine.max(),
        rtol=1e-5,
    )
    assert (window_2d((40, 30), "none") == 1).all()
    # Half of a Tukey window is flat, a quarter at each end fades.
    tukey = window_2d((100, 1), "tukey")[:, 0]
    assert 49 <= np.count_nonzero(tukey > 0.9999) <= 54


def test_auto_is_one_of_the_named():
    np.testing.assert_array_equal(window_2d((20, 33), "auto"), window_2d((20, 33), AUTO_WINDOW))


def test_an_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match=r"window='kaiser' is not known; choose one of auto, none"):
        window_2d((16, 16), "kaiser")
