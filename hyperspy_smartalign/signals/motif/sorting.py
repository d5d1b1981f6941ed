"""Tiles sorted into classes, so that unlike repeats are not averaged together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal, Signal2D

from hyperspy_smartalign.motif import TileClasses, classify_tiles
from hyperspy_smartalign.signals.motif.match_table import MatchTable
from hyperspy_smartalign.signals.motif.selecting import select_tiles, table_of_tiles
from hyperspy_smartalign.signals.validating import layout_of


@dataclass(frozen=True, eq=False)
class SortedTiles:
    """Tiles in classes by what they show, the largest class first.

    Attributes
    ----------
    signal : Signal2D
        The tiles that were sorted.
    table : MatchTable
        Where they come from.
    classes : TileClasses
        Labels, means and principal components, as arrays.
    """

    signal: BaseSignal
    table: MatchTable
    classes: TileClasses

    def __repr__(self) -> str:
        counts = ", ".join(str(count) for count in self.counts)
        return f"SortedTiles({len(self.labels)} tiles in {len(self)} class(es): {counts})"

    def __len__(self) -> int:
        """Number of classes."""
        return len(self.classes.counts)

    @property
    def labels(self) -> npt.NDArray[np.intp]:
        """(n,) class of each tile, from 0."""
        return self.classes.labels

    @property
    def counts(self) -> npt.NDArray[np.intp]:
        """(k,) number of tiles of each class."""
        return self.classes.counts

    @property
    def means(self) -> BaseSignal:
        """Signal2D (class | x, y): average of the tiles of each class."""
        return self._stack(self.classes.means, "class", "means of classes")

    @property
    def components(self) -> BaseSignal:
        """Signal2D (component | x, y): what tiles differ by, strongest first."""
        return self._stack(self.classes.components, "component", "principal components")

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """(n, c) how much of each component a tile has."""
        return self.classes.weights

    def tiles(self, label: int) -> BaseSignal:
        """The tiles of one class, with their rows of the table of matches.

        Parameters
        ----------
        label : int
            Number of the class, from 0.

        Returns
        -------
        Signal2D

        Raises
        ------
        ValueError
            There is no such class.
        """
        if not 0 <= label < len(self):
            raise ValueError(
                f"There are {len(self)} classes, numbered from 0 to {len(self) - 1}; {label} is "
                "none."
            )
        return select_tiles(self.signal, self.labels == label)

    def plot(self, **keywords: Any) -> Any:
        """Plot the mean of each class, and where its tiles lie.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_classes`: frame, image, fig, axes.

        Returns
        -------
        (k + 1,) array of matplotlib.axes.Axes
        """
        from hyperspy_smartalign.plotting.classes import plot_classes

        layout, parent = layout_of(self.signal), self.table.parent
        return plot_classes(
            self.classes.means,
            self.labels,
            np.stack([self.table.y, self.table.x], axis=1),
            number=self.table.frame,
            shape=parent.canvas.shape,
            scale=layout.scale,
            units=layout.units,
            **keywords,
        )

    def _stack(self, images: npt.NDArray[np.float32], axis: str, title: str) -> BaseSignal:
        layout = layout_of(self.signal)
        axes: list[dict[str, Any]] = [{"name": axis, "size": len(images), "navigate": True}]
        for name, size, scale, units in zip(
            ("y", "x"), images.shape[1:], layout.scale, layout.units, strict=True
        ):
            axes.append({"name": name, "size": size, "scale": scale, "units": units})
        own = self.signal.metadata.General.title
        text = f"{own} ({title})" if own else title
        return Signal2D(images, axes=axes, metadata={"General": {"title": text}})


def classify(
    signal: BaseSignal, classes: int | None = None, *, components: int = 8, seed: int = 0
) -> SortedTiles:
    """Sort tiles into classes; see `hyperspy_smartalign.signals.members.tiles`."""
    table = table_of_tiles(signal)
    pixels = np.asarray(signal.data, np.float32)
    found = classify_tiles(pixels, classes=classes, components=components, seed=seed)
    return SortedTiles(signal, table, found)
