"""What a report is about: a signal, its alignment, the series before, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal
from scipy.special import expit

from hyperspy_smartalign.nonrigid.record import NonrigidRecord
from hyperspy_smartalign.rigid import PairTable
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.signals import origins, picturing, recording
from hyperspy_smartalign.signals.matching import check_fits
from hyperspy_smartalign.signals.motif.match_table import MatchTable, matches_of
from hyperspy_smartalign.signals.provenance.coding import HistoryError
from hyperspy_smartalign.signals.provenance.history import History, history_of
from hyperspy_smartalign.signals.telling import gathered
from hyperspy_smartalign.signals.validating import layout_of
from hyperspy_smartalign.transforms import Alignment
from hyperspy_smartalign.transforms.alignment import NoAlignmentError

if TYPE_CHECKING:
    from hyperspy_smartalign.signals.quality.quality import Quality


@dataclass(frozen=True, eq=False)
class Subject:
    """What a report is about.

    Attributes
    ----------
    signal : BaseSignal
        The signal.
    alignment : Alignment or None
        That it carries; None for tiles that were not aligned yet.
    source : BaseSignal or None
        The series as it was recorded, if it is at hand.
    quality : Quality or None
        How good the alignment is.
    no_quality : str
        Why that is not known; empty where it is.
    said : tuple of str
        Warnings while it was measured.
    title, notes : str
        Those of the user; empty unless given.
    """

    signal: BaseSignal
    alignment: Alignment | None
    source: BaseSignal | None
    quality: Quality | None
    no_quality: str = ""
    said: tuple[str, ...] = ()
    title: str = ""
    notes: str = ""

    @cached_property
    def steps(self) -> tuple[dict[str, Any], ...]:
        """The steps that made the signal, first to last."""
        return recording.steps_of(self.signal)

    @cached_property
    def nonrigid(self) -> NonrigidRecord | None:
        """How a non-rigid alignment went."""
        known = "nonrigid" in recording.record_of(self.signal)
        return recording.nonrigid_of(self.signal) if known else None

    @cached_property
    def pairs(self) -> PairTable | None:
        """The pairs of frames that were measured."""
        return recording.pairs_of(self.signal) if recording.has_pairs(self.signal) else None

    @cached_property
    def matches(self) -> MatchTable | None:
        """Where the tiles come from, if the signal is made of tiles."""
        return matches_of(self.signal) if recording.has_matches(self.signal) else None

    @cached_property
    def geometry(self) -> ScanGeometry | None:
        """How the frames were scanned."""
        carried = None if self.alignment is None else self.alignment.scan
        return carried or recording.scan_geometry_of(self.signal)

    @cached_property
    def history(self) -> History | None:
        """From which files the signal was made, and by which versions; None if not recorded."""
        try:
            return history_of(self.signal)
        except HistoryError:
            return None

    @property
    def frame(self) -> str:
        """What one image of the series is called."""
        return "frame" if self.matches is None else "tile"

    @cached_property
    def name(self) -> str:
        """Title of the report: the user's, or that of the signal."""
        general = self.signal.metadata.General
        known = str(general.get_item("title", "") or "")
        # What a series without a title is called when it was aligned tells nothing.
        if self.title or known not in ("", "aligned"):
            return self.title or known
        file = str(general.get_item("original_filename", "") or "")
        return Path(file).stem or "Aligned series"

    @cached_property
    def used(self) -> npt.NDArray[np.intp]:
        """Numbers of the frames that take part."""
        if self.alignment is None:
            return np.empty(0, np.intp)
        return np.flatnonzero(~self.alignment.excluded)

    def of_frames(self, name: str) -> npt.NDArray[np.float64] | None:
        """One figure (n,) a frame, of the quality; None where it does not cover all the frames."""
        if self.alignment is None or self.quality is None or self.quality.frames is None:
            return None
        values: Any = getattr(self.quality.frames, name, None)
        if np.shape(values) != (self.alignment.n_frames,) or not np.isfinite(values).any():
            return None
        return np.asarray(values, np.float64)

    @cached_property
    def hop_probability(self) -> npt.NDArray[np.float64] | None:
        """How probable it is (n,) that frames lie on a wrong unit cell; NaN for those left out.

        By all that the quality has looked at, or where it is not known by the pixels alone.
        """
        if self.alignment is None:
            return None
        known = self.of_frames("hop_probability")
        if known is None and self.alignment.hop_margin is not None:
            known = np.asarray(expit(-self.alignment.hop_margin), np.float64)
        if known is None or not np.isfinite(known).any():
            return None
        return np.where(self.alignment.excluded, np.nan, known)

    @cached_property
    def is_average(self) -> bool:
        """Whether the signal is one image or one spectrum image, not a series."""
        axes = self.signal.axes_manager
        if len(axes.signal_axes) == 2:
            return not axes.navigation_axes
        return len(axes.navigation_axes) == 2

    @cached_property
    def average(self) -> npt.NDArray[np.floating] | None:
        """Average of the aligned frames; of spectra, of their sums. None for other signals."""
        if self.alignment is None:
            return None
        if self.is_average and self.signal.axes_manager.signal_dimension != 2:
            data = self.signal.data
            return np.asarray(data.sum(axis=tuple(range(2, data.ndim))), np.float64)
        try:
            return picturing.average_of(self.signal, self.alignment)
        except ValueError:  # sliced since, or with no frame left
            return None

    def step(self, name: str) -> dict[str, Any] | None:
        """Parameters of the last step of a name; None where there was none."""
        for entry in reversed(self.steps):
            if entry["name"] == name:
                return dict(entry["parameters"])
        return None


def subject_of(
    signal: BaseSignal,
    *,
    source: BaseSignal | None = None,
    quality: Quality | None = None,
    title: str | None = None,
    notes: str = "",
    show_progressbar: bool | None = None,
) -> Subject:
    """Gather what a report is about; the quality is measured unless it is given.

    Raises
    ------
    NoAlignmentError
        The signal carries neither an alignment nor tiles.
    AlignmentMismatchError
        The source is not the series that was aligned.
    ValueError
        The source was aligned itself, or what the signal carries is corrupt.
    TypeError
        The signal is none of HyperSpy's.
    """
    if not isinstance(signal, BaseSignal):
        raise TypeError(f"a report is about a HyperSpy signal, not a {type(signal).__name__}.")
    if not (recording.has_alignment(signal) or recording.has_matches(signal)):
        raise NoAlignmentError(
            f"{signal!r} carries no alignment, so there is nothing to report. Align the series "
            "first, with signal.align_rigid() or signal.align_nonrigid(); "
            "signal.smartalign.quality() says what is known of a series as it was recorded."
        )
    alignment = recording.alignment_of(signal) if recording.has_alignment(signal) else None
    if source is None and alignment is not None:
        source = origins.living_source(signal, alignment)
    elif source is not None:
        _check_source(source, alignment)
    words = ""
    said: tuple[str, ...] = ()
    if quality is None:
        quality, words, said = _measured(signal, alignment, source, show_progressbar)
    return Subject(
        signal, alignment, source, quality, words, said, title=title or "", notes=notes or ""
    )


def _check_source(source: BaseSignal, alignment: Alignment | None) -> None:
    if alignment is None:
        raise ValueError(
            "the tiles carry no alignment that leads to a source: leave source= out, or align "
            "the tiles first."
        )
    if recording.has_alignment(source):
        raise ValueError(
            f"source={source!r} was aligned itself; give the series as it was recorded."
        )
    check_fits(alignment, layout_of(source))


def _measured(
    signal: BaseSignal,
    alignment: Alignment | None,
    source: BaseSignal | None,
    show_progressbar: bool | None,
) -> tuple[Quality | None, str, tuple[str, ...]]:
    """The quality, or why there is none, and what was said meanwhile."""
    from hyperspy_smartalign.signals.quality.measuring import quality

    if alignment is None:
        return None, "These tiles were cut out, and not aligned with each other yet.", ()
    try:
        with gathered() as said:
            measured = quality(signal, source=source, show_progressbar=show_progressbar)
    except (ValueError, TypeError, NotImplementedError) as error:
        # A report without it still says what was done; why it is missing belongs in it.
        return None, f"It could not be measured: {error}{_advice(signal)}", ()
    return measured, "", tuple(dict.fromkeys(each.message for each in said))


def _advice(signal: BaseSignal) -> str:
    """What to do about a quality that is not known."""
    if signal.axes_manager.signal_dimension == 2:
        return ""
    return (
        " Give the quality of the images that were aligned: "
        "report(..., quality=images.smartalign.quality())."
    )
