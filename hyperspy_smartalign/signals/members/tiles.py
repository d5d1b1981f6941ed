"""Members that sort and measure tiles, and that make a motif of a lattice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy.typing as npt
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.signals.motif.sorting import SortedTiles
    from hyperspy_smartalign.signals.motif.straining import LatticeDeviations


class TileMembers:
    """Members that sort and measure tiles, and that make a motif of a lattice."""

    __slots__ = ()
    _signal: BaseSignal

    def select_tiles(self, which: npt.ArrayLike | slice) -> BaseSignal:
        """Some of the tiles, with their rows of the table of matches.

        Slices such as ``tiles.inav[:10]`` keep the table of all tiles, and so do not know which
        tiles they hold. Of aligned tiles the alignment and its error bars go with the tiles; the
        pairs that a rigid alignment measured do not.

        Parameters
        ----------
        which : (n,) bool, (m,) int or slice
            Mask over the tiles, or numbers of tiles, in the order that is wanted; a slice is one of
            tile numbers, such as ``slice(0, 50)``.

        Returns
        -------
        Signal2D
            The tiles, lazy where they were.

        Raises
        ------
        ValueError
            The signal carries no table of its tiles, or `which` does not fit it.
        """
        from hyperspy_smartalign.signals.motif import selecting

        return selecting.select_tiles(self._signal, which)

    def classify(
        self, classes: int | None = None, *, components: int = 8, seed: int = 0
    ) -> SortedTiles:
        """Sort tiles by what they show, so that unlike repeats are not averaged together.

        By principal components and a mixture of Gaussians. Needs scikit-learn, which the extra
        ``hyperspy_smartalign[classes]`` installs. All tiles are held in memory, also lazy ones, for
        a moment about six times as large as a float32 stack of them.

        Parameters
        ----------
        classes : int, optional
            How many. By default the number, at most 6, that the Bayesian information criterion
            prefers.
        components : int
            How many principal components tell the classes, at most; fewer where the others are
            noise.
        seed : int
            Of the random starts; the same seed gives the same classes.

        Returns
        -------
        SortedTiles
            `labels`, `counts`, `means` and `components` (Signal2D), ``tiles(k)``, ``plot()``. Class
            0 is the largest.

        Raises
        ------
        ImportError
            scikit-learn is not installed.
        TypeError
            `classes` or `components` is no whole number.
        ValueError
            The signal carries no table of its tiles, or they are too few.

        Examples
        --------
        >>> sorted_tiles = tiles.smartalign.classify()  # doctest: +SKIP
        >>> clean = sorted_tiles.tiles(0).align_nonrigid()  # doctest: +SKIP
        """
        from hyperspy_smartalign.signals.motif import sorting

        return sorting.classify(self._signal, classes, components=components, seed=seed)

    def lattice_deviations(
        self, frame: int | None = None, *, vectors: npt.ArrayLike | None = None
    ) -> LatticeDeviations:
        """Check that the repeats are strain-free: fit a lattice, and map what is left.

        A uniform strain belongs to the lattice. What is left is that of defects, boundaries and
        gradients, and also what the scan did to the frame: in a raw frame jitter of the scan lines
        looks like strain, so align the series first, or give tiles of its average.

        Parameters
        ----------
        frame : int, optional
            Number of the frame whose matches are taken. By default all: frames of an aligned
            series measure the same nodes, and these are averaged, which makes the errors smaller;
            others share the base vectors, and each has its own origin.
        vectors : (2, 2) array-like, optional
            Approximate base vectors, rows (y, x) in pixels; found unless given. Give those of the
            grain where an image shows several.

        Returns
        -------
        LatticeDeviations
            `deviations` and `errors` (px), `physical` (units of the axes), `vectors`, `rms` against
            `expected`, `strain_free` with `verdict` in words, ``plot()``.

        Raises
        ------
        ValueError
            The signal carries no table of its tiles, or the positions show no lattice.

        Notes
        -----
        Errors are those of the fitted positions (``subpixel="fit"``); without them there is no
        verdict. The limit allows for errors that are 15 % too small. Motifs that overlap share
        noise, which makes deviations of neighbours alike but not larger.
        """
        from hyperspy_smartalign.signals.motif import straining

        return straining.lattice_deviations(self._signal, frame, vectors=vectors)

    def unit_cell(self, vectors: npt.ArrayLike | None = None) -> BaseSignal:
        """The unit cell that an image shows, averaged over all its repeats, as a motif.

        Of a series, that of the average where it is aligned, else that of the first frame. The
        image should show one grain. ``image.template_match("unit cell")`` searches it at once.

        Parameters
        ----------
        vectors : (2, 2) array-like, optional
            Approximate base vectors, rows (y, x) in pixels. By default the two shortest that are
            found, as with `lattice`.

        Returns
        -------
        Signal2D
            The smallest upright rectangle of whole pixels that holds the cell, float32, in the
            units of the image. The strongest column is in its centre.

        Raises
        ------
        NoLatticeError
            No lattice stands above the noise.
        ValueError
            The signal holds no images, or the image does not hold two cells.

        Examples
        --------
        >>> cell = image.smartalign.unit_cell()  # doctest: +SKIP
        >>> tiles = image.template_match(cell)  # doctest: +SKIP
        """
        import numpy as np

        from hyperspy_smartalign.signals.motif import straining
        from hyperspy_smartalign.signals.provenance.noting import note

        result = straining.unit_cell(self._signal, vectors=vectors)
        given = None if vectors is None else np.asarray(vectors, np.float64)
        note(result, "unit_cell", {"signal": self._signal}, {"vectors": given})
        return result
