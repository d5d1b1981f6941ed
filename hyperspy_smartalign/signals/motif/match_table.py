"""The table of matches that a stack of tiles carries: ``metadata.Smart_align.matches``."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import MotifSearch, ScoreHistogram, Stage
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.transforms import Alignment

_PLACE = f"metadata.{recording.NODE}.{recording.MATCHES}"
_TYPES: dict[str, Any] = {
    "frame": np.int64,
    "y": np.float64,
    "x": np.float64,
    "score": np.float64,
    "y_error": np.float64,
    "x_error": np.float64,
    "angle": np.float64,
    "mirror": bool,
    "source_y": np.float64,
    "source_x": np.float64,
}
_STAGES = ("motifs", "thresholds", "counts", "edges", "accepted_counts", "peak_scores")
# No image is longer.
_LONGEST_SIDE = 2**20
_REJECTED: dict[str, Any] = {name: _TYPES[name] for name in ("frame", "y", "x", "score")}


@dataclass(frozen=True, eq=False)
class StageRecord:
    """What is kept of one search.

    Attributes
    ----------
    motif : (h, w) float32
        What was searched.
    threshold : (m,) float64
        Smallest score of a match in each image that was searched.
    histogram : ScoreHistogram
        How many candidates, matches or not, had which score.
    accepted_counts : (bins,) int
        How many of them are matches.
    peak_score : float
        Median score of the matches.
    """

    motif: npt.NDArray[np.float32]
    threshold: npt.NDArray[np.float64]
    histogram: ScoreHistogram
    accepted_counts: npt.NDArray[np.int64]
    peak_score: float

    @classmethod
    def of(cls, stage: Stage) -> StageRecord:
        """The record of a search."""
        histogram = stage.histogram()
        accepted, _ = np.histogram(stage.matches.score, bins=histogram.edges)
        return cls(
            np.array(stage.motif, np.float32),
            np.array(stage.threshold, np.float64),
            histogram,
            accepted.astype(np.int64),
            stage.peak_score,
        )


@dataclass(frozen=True, eq=False)
class MatchTable:
    """Where the tiles of a stack come from: one row a tile.

    The columns are attributes too: ``table.score`` is ``table.columns["score"]``.

    Attributes
    ----------
    columns : dict of (n,) arrays
        ``frame``: number of the frame, from 0, in C order over the navigation axes. ``y, x``:
        centre of the tile in pixels of the searched frame, or of the searched average. ``score``:
        1 is perfect, 0 is none. ``y_error, x_error``: standard errors, px; NaN where there is none.
        ``angle`` (degrees, counter-clockwise on the screen) and ``mirror``: how the motif lay.
        ``source_y, source_x``: centre in pixels of the frame that the tile was cut out of.
    rejected : dict of (m,) arrays
        ``frame, y, x, score`` of the best candidates below the threshold. Where the average was
        searched, their frame is -1.
    tile_shape : (int, int)
        Rows and columns of the motif, in pixels of the frames.
    upsample : float
        Pixels of a tile for one pixel of the frame along each axis.
    stages : tuple of StageRecord
        The searches, from the motif that was given to the one refined last.
    parent : Alignment
        The frames that the tiles belong to: their number, shape, calibration and scan; and, where
        the matches lie in the common frame of an aligned series, how each is displaced.
    """

    columns: Mapping[str, npt.NDArray[Any]]
    rejected: Mapping[str, npt.NDArray[Any]]
    tile_shape: tuple[int, int]
    upsample: float
    stages: tuple[StageRecord, ...]
    parent: Alignment

    @classmethod
    def of(
        cls,
        search: MotifSearch,
        columns: Mapping[str, npt.NDArray[Any]],
        rejected: Mapping[str, npt.NDArray[Any]],
        *,
        upsample: float,
        parent: Alignment,
    ) -> MatchTable:
        """The table of what a search found.

        Parameters
        ----------
        search : MotifSearch
            The search.
        columns, rejected : mappings of (n,) arrays
            One row a tile, and one row a candidate that is none.
        upsample : float
            Pixels of a tile for one pixel of the frame.
        parent : Alignment
            The frames that the tiles belong to.
        """
        return cls(
            columns=_typed(columns, _TYPES),
            rejected=_typed(rejected, _REJECTED),
            tile_shape=search.matches.tile_shape,
            upsample=float(upsample),
            stages=tuple(StageRecord.of(stage) for stage in search.stages),
            parent=parent,
        )

    @property
    def motif(self) -> npt.NDArray[np.float32]:
        """(h, w) motif that was searched last, refined."""
        return self.stages[-1].motif

    @property
    def threshold(self) -> npt.NDArray[np.float64]:
        """(m,) smallest score of a match in each image that was searched."""
        return self.stages[-1].threshold

    @property
    def histogram(self) -> ScoreHistogram:
        """How many candidates of the last search, matches or not, had which score."""
        return self.stages[-1].histogram

    @property
    def peak_scores(self) -> npt.NDArray[np.float64]:
        """(stages,) median score of the matches of each search: refining the motif raises it."""
        return np.array([stage.peak_score for stage in self.stages], np.float64)

    def chosen(self, which: npt.ArrayLike) -> MatchTable:
        """The table of some of the tiles: those under a mask, or with these numbers."""
        rows = np.asarray(which)
        if rows.size == 0:
            rows = np.empty(0, np.intp)
        return replace(self, columns={name: column[rows] for name, column in self.columns.items()})

    def __len__(self) -> int:
        return len(self.columns["frame"])

    def __getattr__(self, name: str) -> npt.NDArray[Any]:
        if name in _TYPES:
            return self.columns[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_TYPES})

    def __repr__(self) -> str:
        h, w = self.tile_shape
        frames = len(np.unique(self.columns["frame"]))
        return f"MatchTable({len(self)} tiles of {h} x {w} px from {frames} frame(s))"

    @property
    def calibrated(self) -> dict[str, npt.NDArray[np.float64]]:
        """(n,) centres of the tiles on the axes of the image that was searched, such as "y (nm)".

        Empty where the image has no calibration.
        """
        parent = self.parent
        places = zip(
            "yx",
            parent.frame_units,
            parent.frame_scale,
            parent.frame_offset,
            parent.canvas.origin,
            strict=True,
        )
        return {
            f"{axis} ({units})": offset + (self.columns[axis] + origin) * scale
            for axis, units, scale, offset, origin in places
            if units != "px"
        }

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the columns to a text file, with their names in the first line.

        Places are in pixels, and on the axes too where the image is calibrated.

        Parameters
        ----------
        path : path
            The file; one that exists is replaced.
        """
        columns = {**self.columns, **self.calibrated}
        # "\n" on all systems, which every reader takes.
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))

    def to_pandas(self) -> Any:
        """The columns as a ``pandas.DataFrame``, with places on the axes as in `to_csv`.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]
        except ImportError as error:
            raise ImportError(
                "to_pandas() needs pandas, which is not installed: pip install pandas. Without "
                "it, use matches.columns or matches.to_csv(path)."
            ) from error
        return pandas.DataFrame({**self.columns, **self.calibrated})

    def to_dict(self) -> dict[str, Any]:
        """Types that survive HyperSpy's files."""
        return {
            **self.columns,
            "rejected": dict(self.rejected),
            "tile_shape": [int(n) for n in self.tile_shape],
            "upsample": self.upsample,
            "motifs": np.stack([stage.motif for stage in self.stages]),
            "thresholds": np.stack([stage.threshold for stage in self.stages]),
            "counts": np.stack([stage.histogram.counts for stage in self.stages]),
            "edges": np.stack([stage.histogram.edges for stage in self.stages]),
            "accepted_counts": np.stack([stage.accepted_counts for stage in self.stages]),
            "peak_scores": self.peak_scores,
            "parent": self.parent.to_dict(keep_fields=True),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> MatchTable:
        """From what `to_dict` gave, also after a trip through a file.

        Raises
        ------
        ValueError
            Something is missing or cannot be, or the columns differ in length.
        """
        known = (*_TYPES, *_STAGES, "rejected", "tile_shape", "upsample", "parent")
        missing = [name for name in known if name not in content]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        stages = [np.asarray(content[name]) for name in _STAGES]
        if not stages[0].ndim or any(part.shape[:1] != stages[0].shape[:1] for part in stages):
            raise ValueError(f"it has {', '.join(_STAGES)} of different numbers of searches")
        if len(stages[0]) == 0:
            raise ValueError("it has no search")
        parent = Alignment.from_dict(content["parent"])
        rejected = content["rejected"]
        missing = [name for name in _REJECTED if name not in rejected]
        if missing:
            raise ValueError(f"its rejected candidates have no {', '.join(missing)}")
        return cls(
            columns=_checked(_typed(content, _TYPES), frames=range(parent.n_frames)),
            rejected=_checked(_typed(rejected, _REJECTED), frames=range(-1, parent.n_frames)),
            tile_shape=_tile_shape(content["tile_shape"]),
            upsample=_upsample(content["upsample"]),
            stages=tuple(
                StageRecord(
                    np.array(motif, np.float32),
                    np.array(threshold, np.float64),
                    _histogram(counts, edges),
                    np.array(accepted, np.int64),
                    float(peak_score),
                )
                for motif, threshold, counts, edges, accepted, peak_score in zip(
                    *stages, strict=True
                )
            ),
            parent=parent,
        )


def _typed(
    columns: Mapping[str, npt.NDArray[Any]], types: Mapping[str, Any]
) -> dict[str, npt.NDArray[Any]]:
    return {name: np.array(columns[name], kind) for name, kind in types.items()}


def _checked(columns: dict[str, npt.NDArray[Any]], *, frames: range) -> dict[str, npt.NDArray[Any]]:
    """Columns of one length, of frames that exist; only errors may be unknown."""
    n = columns["frame"].size
    for name, column in columns.items():
        if column.shape != (n,):
            raise ValueError(f"{name} has shape {column.shape} for {n} rows")
        if not name.endswith("_error") and not np.isfinite(column).all():
            raise ValueError(f"{name} holds NaN or infinite values")
    frame = columns["frame"]
    if n and not frames.start <= frame.min() <= frame.max() < frames.stop:
        raise ValueError(
            f"frame holds numbers from {frame.min()} to {frame.max()}; those of the series go "
            f"from {frames.start} to {frames.stop - 1}"
        )
    return columns


def _tile_shape(value: Any) -> tuple[int, int]:
    height, width = (int(n) for n in np.asarray(value))
    if not 1 <= min(height, width) <= max(height, width) <= _LONGEST_SIDE:
        raise ValueError(f"tile_shape {(height, width)} is that of no image")
    return height, width


def _upsample(value: Any) -> float:
    upsample = float(value)
    if not 0 < upsample < np.inf:
        raise ValueError(f"upsample must be a number above 0, not {value!r}")
    return upsample


def _histogram(counts: Any, edges: Any) -> ScoreHistogram:
    histogram = ScoreHistogram(np.array(counts, np.int64), np.array(edges, np.float64))
    if histogram.edges.shape != (histogram.counts.size + 1,):
        raise ValueError(
            f"edges has shape {histogram.edges.shape} for {histogram.counts.size} counts"
        )
    return histogram


def write_matches(signal: BaseSignal, table: MatchTable) -> None:
    """Put the table of matches into the record of a stack of tiles."""
    record = recording.record_of(signal)
    record[recording.MATCHES] = table.to_dict()
    recording.write_record(signal, record)


def matches_of(signal: BaseSignal) -> MatchTable:
    """The table of matches, from the record of a stack of tiles.

    Raises
    ------
    ValueError
        The record holds none, or it is corrupt.
    """
    content = recording.record_of(signal).get(recording.MATCHES)
    if content is None:
        raise ValueError(
            f"The signal carries no matches ({_PLACE}). They are with the stack of tiles that "
            "image.template_match(template) returns."
        )
    try:
        return MatchTable.from_dict(
            content.as_dictionary() if hasattr(content, "as_dictionary") else content
        )
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{_PLACE} is corrupt: {error}. Cut the tiles again.") from error
