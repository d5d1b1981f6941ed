from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

from hyperspy_smartalign.motif import classify_tiles


def tiles_of(counts: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noisy tiles of a column with a neighbour that differs from class to class."""
    y, x = np.indices((20, 22))
    labels = np.repeat(np.arange(len(counts)), counts)
    base = np.exp(-((y - 6) ** 2 + (x - 6) ** 2) / 12)
    extra = np.exp(-((y - 13) ** 2 + (x - 14) ** 2) / 12)
    clean = base + labels[:, None, None] * 0.5 * extra
    return np.random.default_rng(seed).normal(clean, 0.2).astype(np.float32), labels


@pytest.mark.parametrize("counts", [(120,), (120, 60), (100, 60, 40)])
def test_unlike_repeats_are_told_apart(counts):
    pytest.importorskip("sklearn")
    tiles, truth = tiles_of(counts)
    tiles[3, 0, 0] = np.nan
    found = classify_tiles(tiles)
    assert found.counts.tolist() == list(counts)
    np.testing.assert_array_equal(found.labels, truth)
    for k in range(len(counts)):
        expected = np.nanmean(tiles[truth == k], axis=0)
        np.testing.assert_allclose(found.means[k], expected, atol=1e-5)
    assert found.components.shape == (8, 20, 22)
    assert found.weights.shape == (len(tiles), 8)
    assert (np.diff(found.variance_ratio) <= 0).all()


def test_the_number_can_be_given():
    pytest.importorskip("sklearn")
    tiles, _ = tiles_of((50, 40))
    assert len(classify_tiles(tiles, classes=1).counts) == 1
    assert classify_tiles(tiles, classes=2).counts.tolist() == [50, 40]


@pytest.mark.parametrize(
    ("tiles", "classes", "message"),
    [
        (np.zeros((9, 3)), None, "give a stack"),
        (np.zeros((9, 3, 3)), 2, "too few"),
        (np.zeros((9, 3, 3)), 0, "1 or more"),
    ],
)
def test_errors_say_what_is_wrong(tiles, classes, message):
    with pytest.raises(ValueError, match=message):
        classify_tiles(tiles, classes=classes)


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    real = builtins.__import__

    def absent(name, *arguments, **keywords):
        if name.split(".")[0] == "sklearn":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", absent)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"hyperspy_smartalign\[classes\]"):
        classify_tiles(np.random.default_rng(0).normal(size=(9, 4, 4)))
