"""Perfect lattices."""

from __future__ import annotations

from collections.abc import Sequence

from hyperspy_smartalign.data._checks import at_least, image_shape
from hyperspy_smartalign.data.cells import unit_cell
from hyperspy_smartalign.data.crystal import Crystal


def lattice(
    kind: str = "square",
    *,
    spacing: float = 16.0,
    angle: float = 10.0,
    field: Sequence[int] = (256, 256),
    margin: float = 64.0,
    width: float | None = None,
    background: float = 0.25,
) -> Crystal:
    """A perfect lattice that covers the field and a margin around it.

    Parameters
    ----------
    kind : {"square", "perovskite", "hexagonal", "dumbbell"}
        See `unit_cell`.
    spacing : float
        Length of the (longer) lattice vector in pixels; need not be whole.
    angle : float
        Degrees by which the lattice is turned, counter-clockwise on the screen.
    field : (int, int)
        Rows and columns of the area of interest.
    margin : float
        Pixels of crystal beyond the field on every side. Take at least the largest displacement of
        the probe plus six sigma, or frames look past the crystal's edge.
    width : float, optional
        Gaussian sigma of the columns in pixels; by default a share of the spacing.
    background : float
        Constant background; the strongest columns have height 1.

    Returns
    -------
    Crystal
        With a column at the middle of the field.

    Examples
    --------
    >>> from hyperspy_smartalign.data import lattice
    >>> lattice("square", spacing=16.3, field=(64, 64), margin=0).with_blobs(2)
    Crystal(13 columns, 2 patches, background 0.25, field (64, 64))
    """
    rows, columns = image_shape(field, name="field")
    margin = at_least(margin, 0.0, name="margin")
    cell = unit_cell(kind, spacing=spacing, angle=angle, width=width)
    positions, members = cell.fill(
        (-margin, -margin),
        (rows - 1 + margin, columns - 1 + margin),
        origin=((rows - 1) / 2, (columns - 1) / 2),
    )
    return Crystal(
        positions=positions,
        heights=cell.heights[members],
        widths=cell.widths[members],
        species=cell.species[members],
        background=background,
        field=(rows, columns),
        margin=margin,
        cell=cell,
    )
