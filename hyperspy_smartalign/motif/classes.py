"""Classes of tiles, so that unlike repeats are not averaged together."""

from __future__ import annotations

import importlib
import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from hyperspy_smartalign.resampling.options import DoubleArray, FloatArray
from hyperspy_smartalign.resampling.workers import one_thread_each

# Most classes that are tried when their number is to be found.
_MOST_CLASSES = 6
# Fewest tiles a class.
_FEWEST = 5


@dataclass(frozen=True, eq=False)
class TileClasses:
    """Tiles sorted by what they show.

    Attributes
    ----------
    labels : (n,) int
        Class of each tile; 0 is the largest.
    means : (k, H, W) float32
        Average of the tiles of each class.
    counts : (k,) int
        Number of tiles of each class.
    components : (c, H, W) float32
        Principal components of the tiles, strongest first.
    variance_ratio : (c,) float64
        Share of the variance of the tiles in each component.
    weights : (n, c) float64
        How much of each component a tile has.
    """

    labels: npt.NDArray[np.intp]
    means: FloatArray
    counts: npt.NDArray[np.intp]
    components: FloatArray
    variance_ratio: DoubleArray
    weights: DoubleArray


def classify_tiles(
    tiles: npt.ArrayLike,
    *,
    classes: int | None = None,
    components: int = 8,
    seed: int = 0,
) -> TileClasses:
    """Sort tiles into classes by their principal components.

    Parameters
    ----------
    tiles : (n, H, W) array
        Gaps (NaN) take the mean of the other tiles.
    classes : int, optional
        How many. By default the number, at most 6, that the Bayesian information criterion of a
        Gaussian mixture prefers.
    components : int
        How many principal components tell the classes, at most.
    seed : int
        Of the random starts.

    Returns
    -------
    TileClasses

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError
        If `classes` or `components` is no whole number.
    ValueError
        If there are too few tiles for so many classes, or the numbers are below 1.

    Notes
    -----
    PCA, then a mixture of Gaussians on the components whose variance stands above that of the
    noise; scikit-learn's. The noise is the largest variance that noise alone would give a component
    of n tiles of m pixels: that of the others times ``(1 + sqrt(n / m))^2 / (1 + n / m)``
    (Marchenko & Pastur).
    """
    stack = np.asarray(tiles)
    if stack.ndim != 3 or 0 in stack.shape:
        raise ValueError(f"tiles has shape {stack.shape}; give a stack (n, height, width).")
    n = len(stack)
    if classes is not None:
        classes = _counted("classes", classes, " or None")
    components = _counted("components", components)
    wanted = _FEWEST * (1 if classes is None else classes)
    if n < max(wanted, 2):
        raise ValueError(
            f"There are {n} tiles, too few for {classes or 1} class(es) of {_FEWEST} or more; "
            "lower the threshold of the search, or ask for fewer classes."
        )
    decomposition, _ = _library("decomposition"), _library("mixture")
    flat = stack.reshape(n, -1).astype(np.float64)
    seen = np.isfinite(flat)
    count = seen.sum(axis=0)
    mean = np.where(seen, flat, 0).sum(axis=0) / np.maximum(count, 1)
    centred = np.where(seen, flat - mean, 0)
    most = max(1, min(components, n - 1, flat.shape[1]))
    pca = decomposition.PCA(n_components=most, random_state=seed)
    # The matrices are small, so that more threads only wait for each other.
    with one_thread_each(), threadpool_limits(limits=1, user_api="openmp"):
        weights = np.asarray(pca.fit_transform(centred), np.float64)
        telling = weights[:, : max(1, _telling(pca, n, flat.shape[1]))]
        labels = _labels(telling, classes, seed)
    order = np.argsort(-np.bincount(labels), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    labels = rank[labels]
    counts = np.bincount(labels)
    shape = stack.shape[1:]
    means = np.full((len(counts), flat.shape[1]), np.nan, np.float32)
    for k in range(len(counts)):
        own = seen[labels == k]
        number = own.sum(axis=0)
        total = np.where(own, flat[labels == k], 0).sum(axis=0)
        np.divide(total, number, out=means[k], where=number > 0, casting="unsafe")
    return TileClasses(
        labels=labels.astype(np.intp),
        means=means.reshape(-1, *shape),
        counts=counts.astype(np.intp),
        components=np.asarray(pca.components_, np.float32).reshape(-1, *shape),
        variance_ratio=np.asarray(pca.explained_variance_ratio_, np.float64),
        weights=weights,
    )


def _counted(name: str, number: int, otherwise: str = "") -> int:
    """A whole number above zero."""
    wanted = f"give a whole number of 1 or more{',' if otherwise else ''}{otherwise}."
    try:
        count = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} is {number!r}; {wanted}") from None
    if count < 1:
        raise ValueError(f"{name} is {number!r}; {wanted}")
    return count


def _telling(pca: Any, n: int, m: int) -> int:
    """Number of components whose variance noise alone would not give."""
    found = np.asarray(pca.explained_variance_, np.float64)
    ratio = n / m
    for k in range(len(found)):
        # What is left of the variance is shared by the components that are left.
        total = float(found.sum() / pca.explained_variance_ratio_.sum())
        left = (total - float(found[:k].sum())) / max(min(n - 1, m) - k, 1)
        spread = (1 + min(ratio, 1 / ratio) ** 0.5) ** 2
        if found[k] <= 1.1 * left * spread:
            return k
    return len(found)


def _labels(weights: DoubleArray, classes: int | None, seed: int) -> npt.NDArray[np.intp]:
    """Class of each tile by a mixture of Gaussians."""
    mixture = _library("mixture")

    def fitted(k: int) -> Any:
        model = mixture.GaussianMixture(k, n_init=4, reg_covar=1e-6, random_state=seed)
        return model.fit(scaled)

    scaled = weights / np.maximum(weights.std(axis=0)[0], 1e-30)
    if classes is None:
        most = max(1, min(_MOST_CLASSES, len(weights) // _FEWEST))
        models = [fitted(k) for k in range(1, most + 1)]
        # Some tiles that stand out are no class.
        models = [one for one in models if _smallest(one, scaled) >= _FEWEST] or models[:1]
        model = min(models, key=lambda one: one.bic(scaled))
    else:
        model = fitted(classes)
    # Classes that no tile belongs to are left out.
    found = np.unique(model.predict(scaled), return_inverse=True)[1]
    return np.asarray(found, np.intp)


def _smallest(model: Any, weights: DoubleArray) -> int:
    """Number of tiles in the smallest class."""
    return int(np.bincount(model.predict(weights), minlength=model.n_components).min())


def _library(name: str) -> Any:
    """A module of scikit-learn."""
    try:
        return importlib.import_module(f"sklearn.{name}")
    except ImportError as error:
        raise ImportError(
            "Classes of tiles need scikit-learn, which is not installed; install the extra "
            "'classes': pip install hyperspy_smartalign[classes]."
        ) from error
