"""What is true of a simulated series, and how well anything could find it out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperspy_smartalign.data._checks import FloatArray, above_zero, at_least, image_shape
from hyperspy_smartalign.data.crystal import Crystal
from hyperspy_smartalign.data.damage import Damage
from hyperspy_smartalign.data.path import SCAN_DIRECTIONS, ProbePath
from hyperspy_smartalign.data.render import (
    image_gradient,
    render_frame,
    render_gradient,
    render_image,
)
from hyperspy_smartalign.data.scan import RowProcess, row_covariance


@dataclass(frozen=True, eq=False)
class Truth:
    """The known answer: specimen, path of the probe and dose.

    Parameters
    ----------
    crystal : Crystal
        The specimen, in the common frame.
    path : ProbePath
        Where the probe was.
    dose : float
        Counts a pixel at intensity 1.
    damage : Damage, optional
        What the beam did to the specimen. `image` and `species_image` show it undamaged.

    Notes
    -----
    Shifts are absolute, in the crystal's own coordinates. A registration knows them only up to a
    constant, so compare ``found - found.mean(axis=0)`` with ``shifts - shifts.mean(axis=0)``.
    """

    crystal: Crystal
    path: ProbePath
    dose: float = math.inf
    damage: Damage | None = None

    def __post_init__(self) -> None:
        dose = above_zero(self.dose, name="dose", allow_infinite=True)
        object.__setattr__(self, "dose", dose)

    def crystal_at(self, frame: int) -> Crystal:
        """The specimen as a frame sees it, with the damage that was done by then."""
        return self.crystal if self.damage is None else self.damage.of(self.crystal, frame)

    @property
    def shifts(self) -> FloatArray:
        """(n, 2) mean displacement (y, x) of the content of each frame, px. See `ProbePath`."""
        return self.path.shifts

    @property
    def row_offsets(self) -> FloatArray:
        """(n, lines, 2) displacement of each line on top of the shift, px. See `ProbePath`."""
        return self.path.row_offsets

    def probe_positions(self, frame: int) -> FloatArray:
        """(2, h, w) exact point p of the common frame that each frame pixel samples."""
        return self.path.probe_positions(frame)

    def frame_displacement(self, frame: int) -> FloatArray:
        """(2, h, w) exact displacement e(q) = q - p(q) at every frame pixel q."""
        return self.path.frame_displacement(frame)

    def displacement(self, frame: int) -> FloatArray:
        """(2, h, w) displacement d(p) at every common pixel; see `ProbePath.displacement`."""
        return self.path.displacement(frame)

    def image(
        self, shape: Sequence[int] | None = None, *, origin: tuple[float, float] = (0, 0)
    ) -> FloatArray:
        """Noise-free image of the common frame.

        Parameters
        ----------
        shape : (int, int), optional
            Rows and columns; those of a frame by default.
        origin : (float, float)
            Point (y, x) of the common frame at the first pixel, such as the corner of a canvas.

        Returns
        -------
        (h, w) array of float64
            Intensities, 1 for the strongest column over no background.
        """
        return render_image(
            self.crystal, self.path.shape if shape is None else shape, origin=origin
        )

    def species_image(
        self,
        species: int,
        shape: Sequence[int] | None = None,
        *,
        origin: tuple[float, float] = (0, 0),
    ) -> FloatArray:
        """(h, w) noise-free intensities of one species in the common frame, over nothing.

        The map of an element, undistorted. Parameters as for `image`; on either side of an
        interface there is as much of the species as its share.
        """
        size = image_shape(self.path.shape if shape is None else shape)
        columns = self.crystal.only_species(self._columns(species))
        image = render_image(columns, size, origin=origin)
        if self.crystal.interface is None:
            return image
        points = np.indices(size) + np.reshape(origin, (2, 1, 1))
        return image * self.crystal.interface.part(species, points)

    def species_noise_free(self, species: int, frame: int) -> FloatArray:
        """(h, w) intensities of one species where the probe was, over nothing."""
        columns = self.crystal_at(frame).only_species(self._columns(species))
        image = render_frame(columns, self.path, frame)
        if self.crystal.interface is None:
            return image
        return image * self.crystal.interface.part(species, self.path.probe_positions(frame))

    def _columns(self, species: int) -> int:
        """Species of the columns on which a species sits."""
        interface = self.crystal.interface
        return species if interface is None else interface.columns(species)

    def noise_free(self, frame: int) -> FloatArray:
        """(h, w) intensities of a frame before the detector."""
        return render_frame(self.crystal_at(frame), self.path, frame)

    def fisher(
        self, dose: float | None = None, *, frame: int | None = None, read_noise: float = 0.0
    ) -> FloatArray:
        """(2, 2) Fisher information on the shift (y, x) of one frame, in px^-2.

        Sum over the pixels of grad I grad I^T / I, with I in counts and the image taken as known.

        Parameters
        ----------
        dose : float, optional
            Counts a pixel at intensity 1; by default that of the series.
        frame : int, optional
            A frame of the series, with its own part of the specimen in view; the common frame by
            default.
        read_noise : float
            Standard deviation of the read noise in counts. Its square is added to I in the
            denominator.
        """
        if frame is None:
            image, gradient = self.image(), image_gradient(self.crystal, self.path.shape)
        else:
            image = self.noise_free(frame)
            gradient = render_gradient(self.crystal_at(frame), self.path, frame)
        weighted = gradient * self._information_weight(image, dose, read_noise)
        return np.asarray(np.einsum("ayx,byx->ab", gradient, weighted))

    def cramer_rao_shift(
        self, dose: float | None = None, *, frame: int | None = None, read_noise: float = 0.0
    ) -> FloatArray:
        """(2,) smallest possible standard error (y, x) of one frame's shift, in pixels.

        The Cramer-Rao bound: no unbiased estimate is better, the image being known. Parameters as
        for `fisher`.

        Raises
        ------
        ValueError
            If the dose is infinite, or the image shows nothing that tells a shift.
        """
        information = self.fisher(dose, frame=frame, read_noise=read_noise)
        if np.linalg.cond(information) > 1e12:
            raise ValueError(
                "the specimen is featureless along at least one direction, so the shift has no "
                "bound; use a crystal with columns or blobs in view."
            )
        return np.asarray(np.sqrt(np.diag(np.linalg.inv(information))))

    def fisher_rows(
        self, frame: int, dose: float | None = None, *, read_noise: float = 0.0
    ) -> FloatArray:
        """(lines, 2, 2) Fisher information on the offset (y, x) of each scan line, in px^-2."""
        gradient = render_gradient(self.crystal_at(frame), self.path, frame)
        image = self.noise_free(frame)
        weighted = gradient * self._information_weight(image, dose, read_noise)
        slow_axis = SCAN_DIRECTIONS[self.path.rotation[frame]][0]
        along = "ayx,byx->yab" if slow_axis == 0 else "ayx,byx->xab"
        return np.asarray(np.einsum(along, gradient, weighted))

    def cramer_rao_rows(
        self,
        frame: int,
        dose: float | None = None,
        *,
        rms: float,
        correlation: float,
        process: RowProcess = "gaussian",
        read_noise: float = 0.0,
    ) -> FloatArray:
        """(lines, 2) smallest possible rms error (y, x) of each line's offset, in pixels.

        The Bayesian bound with the jitter's own covariance K as prior: the diagonal of
        (J + K^-1)^-1, with J the information of every line and the image known.

        Parameters
        ----------
        frame : int
            A frame of the series.
        dose, read_noise : float
            As for `fisher`.
        rms, correlation, process
            The jitter, as `row_jitter`, `row_correlation` and `row_process` of `probe_path`.
        """
        information = self.fisher_rows(frame, dose, read_noise=read_noise)
        lines = len(information)
        one_axis = row_covariance(lines, rms=rms, correlation=correlation, process=process)
        prior = np.kron(one_axis, np.eye(2))
        joint = np.zeros((2 * lines, 2 * lines))
        for line, block in enumerate(information):
            joint[2 * line : 2 * line + 2, 2 * line : 2 * line + 2] = block
        # (J + K^-1)^-1 = K (1 + J K)^-1 needs no inverse of K, which may be singular.
        posterior = np.linalg.solve(np.eye(2 * lines) + prior @ joint, prior)
        variances = np.clip(np.diag(posterior), 0, None)
        return np.asarray(np.sqrt(variances)).reshape(lines, 2)

    def _information_weight(
        self, image: FloatArray, dose: float | None, read_noise: float
    ) -> FloatArray:
        """dose^2 / (variance of the counts), so that gradients may stay in intensities."""
        counts = above_zero(self.dose if dose is None else dose, name="dose", allow_infinite=True)
        if math.isinf(counts):
            raise ValueError("dose is infinite: without noise the bound is zero. Give dose=.")
        variance = counts * image + at_least(read_noise, 0.0, name="read_noise") ** 2
        if (variance <= 0).any():
            raise ValueError(
                "the intensity is zero or negative somewhere, so counts there have no variance; "
                "give the crystal a background above 0."
            )
        return counts**2 / variance
