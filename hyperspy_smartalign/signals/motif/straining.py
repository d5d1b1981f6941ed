"""Positions of matches against a lattice: the strain-free check, and the unit cell as a motif."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal, Signal2D

from hyperspy_smartalign.motif import Deviations, deviations_from_lattice, unit_cell_motif
from hyperspy_smartalign.quality.lattice import find_lattice
from hyperspy_smartalign.signals import averaging, recording
from hyperspy_smartalign.signals.motif.match_table import MatchTable
from hyperspy_smartalign.signals.motif.searching import images_of
from hyperspy_smartalign.signals.motif.selecting import table_of_tiles
from hyperspy_smartalign.transforms import Alignment

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LatticeDeviations:
    """How far matches lie from a perfect lattice.

    Attributes
    ----------
    fit : Deviations
        Positions, nodes, deviations and errors in pixels of the frames.
    scale : (y, x)
        Size of a pixel in `units`.
    units : str
        Unit of lengths; "px" where there is none.
    shape : (int, int)
        Rows and columns of the frames, or of the common frame.
    """

    fit: Deviations
    scale: tuple[float, float]
    units: str
    shape: tuple[int, int]

    def __repr__(self) -> str:
        return f"LatticeDeviations({len(self.fit)} positions: {self.verdict})"

    @property
    def positions(self) -> DoubleArray:
        """(n, 2) where the matches are, (y, x) px."""
        return self.fit.positions

    @property
    def frame(self) -> npt.NDArray[np.intp]:
        """(n,) number of the frame; -1 for positions that several frames have in common."""
        return self.fit.frame

    @property
    def index(self) -> npt.NDArray[np.intp]:
        """(n, 2) node of each position."""
        return self.fit.index

    @property
    def deviations(self) -> DoubleArray:
        """(n, 2) position minus node, (y, x) px."""
        return self.fit.deviations

    @property
    def errors(self) -> DoubleArray:
        """(n, 2) standard errors of the deviations, px; NaN where they are not known."""
        return self.fit.errors

    @property
    def physical(self) -> DoubleArray:
        """(n, 2) deviations in `units`."""
        return np.asarray(self.fit.deviations * self.scale, np.float64)

    @property
    def physical_errors(self) -> DoubleArray:
        """(n, 2) standard errors in `units`."""
        return np.asarray(self.fit.errors * self.scale, np.float64)

    @property
    def vectors(self) -> DoubleArray:
        """(2, 2) base vectors a and b, rows (y, x) px."""
        return self.fit.vectors

    @property
    def vector_errors(self) -> DoubleArray:
        """(2, 2) standard errors of `vectors`, px."""
        return self.fit.vector_errors

    @property
    def rms(self) -> DoubleArray:
        """(2,) root mean square of the deviations along (y, x), px."""
        return self.fit.rms

    @property
    def expected(self) -> DoubleArray:
        """(2,) what `rms` is for a perfect lattice, px; NaN where no error is known."""
        return self.fit.expected

    @property
    def excess(self) -> DoubleArray:
        """(2,) what the errors do not explain, sqrt(rms^2 - expected^2), px."""
        return self.fit.excess

    @property
    def ratio(self) -> float:
        """Root mean square of the deviations over their errors: 1 for a perfect lattice."""
        return self.fit.ratio

    @property
    def strain_free(self) -> bool | None:
        """Whether the errors explain the deviations; None where these are not known."""
        return self.fit.strain_free

    @property
    def verdict(self) -> str:
        """The result in words, with its figure."""
        size = math.hypot(*(self.rms * self.scale))
        text = f"deviations of {size:.3g} {self.units} rms"
        if self.strain_free is None:
            return f"{text}, errors of the positions not known"
        told = f"{text}, {self.ratio:.2f} times their errors"
        if self.strain_free:
            return f"{told}: strain-free within the errors"
        return f"{told} (limit {self.fit.limit:.2f}): strained, or distorted by the scan"

    def plot(self, **keywords: Any) -> Any:
        """Plot the deviations over the frame, and their histogram against the errors.

        Parameters
        ----------
        **keywords
            Passed to `hyperspy_smartalign.plotting.plot_deviations`: frame, image, enlarge, fig,
            axes.

        Returns
        -------
        (2,) array of matplotlib.axes.Axes
        """
        from hyperspy_smartalign.plotting.deviations import plot_deviations

        keywords.setdefault("title", self.verdict)
        return plot_deviations(
            self.positions,
            self.deviations,
            errors=self.errors,
            number=self.frame,
            shape=self.shape,
            scale=self.scale,
            units=self.units,
            **keywords,
        )


def lattice_deviations(
    signal: BaseSignal, frame: int | None = None, *, vectors: npt.ArrayLike | None = None
) -> LatticeDeviations:
    """Deviations from a lattice; see `hyperspy_smartalign.signals.members.tiles`."""
    table = table_of_tiles(signal)
    numbers = np.asarray(table.frame, np.intp)
    if frame is not None:
        own = numbers == frame
        if not own.any():
            raise ValueError(
                f"No tile comes from frame {frame}; tiles come from frames "
                f"{numbers.min()} to {numbers.max()}."
            )
        table, numbers = table.chosen(own), numbers[own]
    positions = np.stack([table.y, table.x], axis=1)
    errors = np.stack([table.y_error, table.x_error], axis=1)
    common = not _is_unmoved(table.parent)
    several = len(np.unique(numbers)) > 1
    if several and _found_once(positions, numbers):
        # One image was searched for all frames, so each place was measured once.
        positions, first = np.unique(positions, axis=0, return_index=True)
        errors, numbers = errors[first], np.full(len(first), -1)
    fit = deviations_from_lattice(
        positions, errors=errors, frame=numbers, common=common, vectors=vectors
    )
    scale, units = _calibration(table)
    return LatticeDeviations(fit, scale, units, table.parent.canvas.shape)


def unit_cell(signal: BaseSignal, *, vectors: npt.ArrayLike | None = None) -> BaseSignal:
    """One unit cell of a crystal; see `hyperspy_smartalign.signals.members.motifs`."""
    image = _one_image(signal)
    base = find_lattice(image, vectors=vectors).vectors
    x, y = signal.axes_manager.signal_axes
    pixels = unit_cell_motif(image, base)
    axes = [
        {"name": str(axis.name), "size": size, "scale": axis.scale, "units": axis.units}
        for axis, size in zip((y, x), pixels.shape, strict=True)
    ]
    result: BaseSignal = Signal2D(pixels, axes=axes)
    title = signal.metadata.General.title
    result.metadata.General.title = f"{title} (unit cell)" if title else "unit cell"
    recording.append_step(result, "unit_cell", {"vectors": np.array(base, np.float64)})
    return result


def _one_image(signal: BaseSignal) -> npt.NDArray[Any]:
    """The image, the average of an aligned series, or the first frame of one that is not."""
    frames = images_of(signal)
    if len(frames) > 1 and recording.has_alignment(signal):
        return np.asarray(averaging.average(signal).data)
    return np.asarray(frames.frame(0))


def _is_unmoved(parent: Alignment) -> bool:
    """Whether matches lie in the frames as they were recorded."""
    return parent.is_rigid and not np.any(parent.shifts)


def _found_once(positions: DoubleArray, numbers: npt.NDArray[np.intp]) -> bool:
    """Whether all frames have the same places, to the last digit."""
    unlike = len(np.unique(positions, axis=0))
    return unlike < len(positions) and unlike <= 2 * np.bincount(numbers).max()


def _calibration(table: MatchTable) -> tuple[tuple[float, float], str]:
    """Size (y, x) of the pixels of the frames and its unit."""
    parent = table.parent
    y, x = parent.frame_units
    if y != x or y == "px":
        return (1.0, 1.0), "px"
    dy, dx = (abs(float(size)) for size in parent.frame_scale)
    return (dy, dx), y
