"""Alignments made small enough for the metadata of a signal."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hyperspy_smartalign.transforms import Alignment, Field, Transform, Translation
from hyperspy_smartalign.transforms.storage import LARGEST_FIELDS

# Root mean square in pixels by which a control grid may miss a field without a word.
_UNSAID = 0.01
# Nodes along an axis below which a control grid is no description of a field.
_FEWEST_NODES = 4


def without_distortions(alignment: Alignment) -> Alignment:
    """The alignment with the mean shift of each frame in place of its transform."""
    return replace(alignment, transforms=tuple(Translation(s) for s in alignment.shifts))


def on_control_grid(alignment: Alignment) -> tuple[Alignment, str]:
    """The alignment with dense fields on a control grid, where they are too large to keep.

    HyperSpy copies metadata at every slice of a signal, so dense fields may have 1 MB together.

    Parameters
    ----------
    alignment : Alignment
        Any alignment.

    Returns
    -------
    alignment : Alignment
        The same, where its dense fields are small enough.
    message : str
        What the user should know about the difference; empty where it does not matter.
    """
    dense = [t for t in alignment.transforms if isinstance(t, Field) and t.is_dense]
    size = sum(field.values.nbytes for field in dense)
    if size <= LARGEST_FIELDS:
        return alignment, ""
    spacing = math.ceil(math.sqrt(size / LARGEST_FIELDS))
    while sum(_size_on_grid(field, spacing) for field in dense) > LARGEST_FIELDS:
        if _nodes(dense[0], spacing + 1) < _FEWEST_NODES:
            break
        spacing += 1
    worst = 0.0
    transforms: list[Transform] = []
    for transform in alignment.transforms:
        if isinstance(transform, Field) and transform.is_dense:
            grid = _on_grid(transform, spacing)
            worst = max(worst, _rms_difference(transform, grid, alignment))
            transforms.append(grid)
        else:
            transforms.append(transform)
    message = ""
    if worst > _UNSAID:
        message = (
            f"The displacement fields ({size / 1e6:.1f} MB) are stored on a control grid "
            f"{spacing} px apart, which misses them by up to {worst:.2g} px (rms). The pixels of "
            "this result were made from the fields themselves. keep_fields=True stores these."
        )
    return replace(alignment, transforms=tuple(transforms)), message


def _nodes(field: Field, spacing: int) -> int:
    """Least number of nodes along an axis."""
    extent = (np.array(field.values.shape[1:]) - 1) * field.spacing
    return int(np.ceil(extent / spacing).min()) + 1


def _grid_shape(field: Field, spacing: int) -> tuple[int, int]:
    extent = (np.array(field.values.shape[1:]) - 1) * field.spacing
    rows, columns = np.ceil(extent / spacing).astype(int) + 1
    return int(rows), int(columns)


def _size_on_grid(field: Field, spacing: int) -> int:
    rows, columns = _grid_shape(field, spacing)
    return 2 * rows * columns * field.values.itemsize


def _on_grid(field: Field, spacing: int) -> Field:
    """The field read at nodes that cover it."""
    rows, columns = _grid_shape(field, spacing)
    extent = (np.array(field.values.shape[1:]) - 1) * field.spacing
    steps = extent / np.maximum([rows - 1, columns - 1], 1)
    nodes = np.empty((2, rows, columns))
    nodes[0] = (field.origin[0] + steps[0] * np.arange(rows))[:, None]
    nodes[1] = field.origin[1] + steps[1] * np.arange(columns)
    return Field(field.at(nodes), field.origin, np.maximum(steps, 1e-9))


def _rms_difference(field: Field, grid: Field, alignment: Alignment) -> float:
    shape, origin = alignment.canvas.shape, alignment.canvas.origin
    change = grid.displacement(shape, origin=origin) - field.displacement(shape, origin=origin)
    return float(np.sqrt(np.mean(change**2)))
