"""Map of the Bragg spots that one frame shows, and of those that the average adds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.style import (
    BLUE,
    EXCLUDED,
    GREY,
    SMALL,
    TITLE,
    VERMILION,
    FigureLike,
    panels,
    small_ticks,
)
from hyperspy_smartalign.quality.bragg import SpotTable

# Areas of the dots in points squared, per decade of signal to noise.
_SMALLEST, _PER_DECADE = 14.0, 22.0


def plot_spots(
    table: SpotTable,
    *,
    scale: tuple[float, float] = (1.0, 1.0),
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> Axes:
    """Plot the Bragg spots where they lie: those of one frame, and those of the average only.

    Both of each pair of spots are drawn; y points down as in the image. The area of a dot grows
    with the logarithm of its ratio of signal to noise in the average. Crosses are places of the
    lattice at which neither shows anything.

    Parameters
    ----------
    table : SpotTable
        The spots.
    scale : (y, x)
        Size of a pixel, in the units of the table.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : Axes, optional
        Axes to use instead.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If more than one Axes is given.
    """
    ax: Axes = panels((1, 1), fig=fig, axes=axes, size=(6.0, 4.4))[0, 0]
    places = table.frequency / np.abs(scale)
    decades = np.log10(np.maximum(table.snr_average, 1.0))
    areas = _SMALLEST + _PER_DECADE * decades
    frame = table.visible_frame
    both = frame & table.visible_average
    lost, gained = frame & ~table.visible_average, table.visible_average & ~frame
    nothing = ~frame & ~table.visible_average
    _scatter(ax, places[nothing], areas[nothing], color=EXCLUDED, marker="x", label="not seen")
    _scatter(ax, places[both], areas[both], color=BLUE, label="in one frame")
    _scatter(ax, places[gained], areas[gained], color=VERMILION, label="in the average only")
    _scatter(
        ax, places[lost], areas[lost], facecolor="none", edgecolor=GREY, label="in one frame only"
    )
    ax.plot(0, 0, "+", color="black", markersize=6)
    seen = places[frame | table.visible_average]
    reach = 1.2 * float(np.abs(seen if len(seen) else places).max(initial=0.0))
    reach = reach or 1.0
    ax.set_xlim(-reach, reach)
    ax.set_ylim(reach, -reach)
    ax.set_aspect("equal")
    ax.set_xlabel(f"x (1/{table.units})", fontsize=SMALL + 1)
    ax.set_ylabel(f"y (1/{table.units})", fontsize=SMALL + 1)
    ax.set_title(
        f"Bragg spots: {np.count_nonzero(frame)} in one frame, "
        f"{np.count_nonzero(table.visible_average)} in the average",
        fontsize=TITLE,
    )
    small_ticks(ax)
    # Beside the map, which may have a spot in any corner.
    ax.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _scatter(
    ax: Axes,
    places: npt.NDArray[np.float64],
    areas: npt.NDArray[np.float64],
    *,
    label: str,
    marker: str = "o",
    **colours: Any,
) -> None:
    """Both spots of each pair."""
    if not len(places):
        return
    both = np.concatenate([places, -places])
    size = np.full(len(both), _SMALLEST) if marker == "x" else np.concatenate([areas, areas])
    thin: dict[str, Any] = {"linewidth": 0.7} if marker == "x" else {}
    ax.scatter(both[:, 1], both[:, 0], s=size, marker=marker, label=label, **thin, **colours)
