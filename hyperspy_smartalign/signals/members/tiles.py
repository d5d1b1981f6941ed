"""Members that sort and measure the tiles that template_match returned."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy.typing as npt
    from hyperspy.signals import BaseSignal


class TileMembers:
    """Members that sort and measure the tiles that template_match returned."""

    __slots__ = ()
    _signal: BaseSignal

    def select_tiles(self, which: npt.ArrayLike) -> BaseSignal:
        """Some of the tiles, with their rows of the table of matches.

        Slices such as ``tiles.inav[:10]`` keep the table of all tiles, and so do not know which
        tiles they hold.

        Parameters
        ----------
        which : (n,) bool or (m,) int
            Mask over the tiles, or numbers of tiles, in the order that is wanted.

        Returns
        -------
        Signal2D
            The tiles.

        Raises
        ------
        ValueError
            The signal carries no table of its tiles, or `which` does not fit it.
        """
        from hyperspy_smartalign.signals.motif import selecting

        return selecting.select_tiles(self._signal, which)
