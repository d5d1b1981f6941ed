"""Members that read what a signal carries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal

    from hyperspy_smartalign.nonrigid.record import NonrigidRecord
    from hyperspy_smartalign.quality.noise import NoiseModel
    from hyperspy_smartalign.rigid import PairTable
    from hyperspy_smartalign.series.geometry import ScanGeometry
    from hyperspy_smartalign.signals.motif.match_table import MatchTable
    from hyperspy_smartalign.transforms.alignment import Alignment


class Results:
    """Members that read what a signal carries."""

    __slots__ = ()
    _signal: BaseSignal

    @property
    def alignment(self) -> Alignment:
        """The alignment that the signal carries.

        Raises
        ------
        ValueError
            The signal carries none, or one that is corrupt or of a newer version.
        """
        from hyperspy_smartalign.signals import recording

        return recording.alignment_of(self._signal)

    @property
    def pairs(self) -> PairTable:
        """The pairs of frames that `align_rigid` measured: indices, shifts, similarity, accepted.

        Raises
        ------
        ValueError
            The signal carries none.
        """
        from hyperspy_smartalign.signals import recording

        return recording.pairs_of(self._signal)

    @property
    def noise(self) -> NoiseModel:
        """Variance of a pixel against its intensity, as the alignment measured it.

        Raises
        ------
        ValueError
            The signal carries none.
        """
        from hyperspy_smartalign.signals import recording

        return recording.noise_of(self._signal)

    @property
    def nonrigid(self) -> NonrigidRecord:
        """How `align_nonrigid` went: cycles, similarity of the frames, errors of scan lines.

        Raises
        ------
        ValueError
            The signal carries nothing about it.
        """
        from hyperspy_smartalign.signals import recording

        return recording.nonrigid_of(self._signal)

    @property
    def matches(self) -> MatchTable:
        """Where the tiles that `template_match` returned come from, one row a tile.

        Columns such as ``matches.score`` are arrays; ``matches.to_pandas()`` and
        ``matches.to_csv(path)`` give the table. Also on slices and averages of the tiles, it is
        that of all tiles.

        Raises
        ------
        ValueError
            The signal carries none.
        """
        from hyperspy_smartalign.signals.motif import match_table

        return match_table.matches_of(self._signal)

    def find_source(self, source: Any = None) -> BaseSignal:
        """The raw series that the signal was made of, as it was before it was aligned.

        The one that is in memory still, else that in the files that the signal records. Frames
        that were prepared before the alignment are prepared again. For ``quality(source=...)``,
        ``report(path, source=...)`` or ``align_nonrigid(source=...)`` in a later session.

        Parameters
        ----------
        source : path, signal, or sequence of these, optional
            Where the raw data are now, if they are neither where they were nor beside the file.

        Returns
        -------
        BaseSignal
            Lazy if it was lazy then.

        Raises
        ------
        ValueError
            The signal records no such files, or they are missing or have changed.
        """
        from hyperspy_smartalign.signals.provenance import calls, recovering

        return recovering.raw_series(
            self._signal, source=source, near=_file_of(self._signal), working=calls.Working()
        )

    @property
    def scan_geometry(self) -> ScanGeometry | None:
        """How the frames were scanned, or None where that is not known."""
        from hyperspy_smartalign.signals import recording

        return recording.scan_geometry_of(self._signal)


def _file_of(signal: BaseSignal) -> Path | None:
    """The file that a signal was read from, as far as HyperSpy still knows."""
    known = signal.tmp_parameters.as_dictionary()
    name = known.get("filename", known.get("original_filename"))
    folder = known.get("folder", known.get("original_folder"))
    return None if not name or folder is None else Path(str(folder)) / str(name)
