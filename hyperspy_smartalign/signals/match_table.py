"""The table of matches that a stack of tiles carries: ``metadata.Smart_align.matches``."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from hyperspy.signals import BaseSignal

from hyperspy_smartalign.motif import MotifSearch, ScoreHistogram
from hyperspy_smartalign.signals import recording

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
_OTHERS = ("tile_shape", "upsample", "motif", "threshold", "counts", "edges", "peak_scores")


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
    tile_shape : (int, int)
        Rows and columns of the motif, in pixels of the frames.
    upsample : float
        Pixels of a tile for one pixel of the frame along each axis.
    motif : (h, w) float32
        The motif that was searched last, refined.
    threshold : (m,) float64
        Smallest score of a match in each image that was searched.
    histogram : ScoreHistogram
        How many candidates, matches or not, had which score.
    peak_scores : (stages,) float64
        Median score of the matches of each search: refining the motif raises it.
    """

    columns: Mapping[str, npt.NDArray[Any]]
    tile_shape: tuple[int, int]
    upsample: float
    motif: npt.NDArray[np.float32]
    threshold: npt.NDArray[np.float64]
    histogram: ScoreHistogram
    peak_scores: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls, search: MotifSearch, columns: Mapping[str, npt.NDArray[Any]], *, upsample: float
    ) -> MatchTable:
        """The table of what a search found.

        Parameters
        ----------
        search : MotifSearch
            The search.
        columns : mapping of (n,) arrays
            One row a tile.
        upsample : float
            Pixels of a tile for one pixel of the frame.
        """
        return cls(
            columns={name: np.array(columns[name], kind) for name, kind in _TYPES.items()},
            tile_shape=search.matches.tile_shape,
            upsample=float(upsample),
            motif=np.array(search.motif, np.float32),
            threshold=np.array(search.last.threshold, np.float64),
            histogram=search.last.histogram(),
            peak_scores=np.array(search.peak_scores, np.float64),
        )

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

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the columns to a text file, with their names in the first line.

        Parameters
        ----------
        path : path
            The file; one that exists is replaced.
        """
        # "\n" on all systems, which every reader takes.
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows(
                zip(*(column.tolist() for column in self.columns.values()), strict=True)
            )

    def to_pandas(self) -> Any:
        """The columns as a ``pandas.DataFrame``.

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
        return pandas.DataFrame(dict(self.columns))

    def to_dict(self) -> dict[str, Any]:
        """Types that survive HyperSpy's files."""
        return {
            **self.columns,
            "tile_shape": [int(n) for n in self.tile_shape],
            "upsample": self.upsample,
            "motif": self.motif,
            "threshold": self.threshold,
            "counts": self.histogram.counts,
            "edges": self.histogram.edges,
            "peak_scores": self.peak_scores,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> MatchTable:
        """From what `to_dict` gave, also after a trip through a file.

        Raises
        ------
        ValueError
            Something is missing, or the columns differ in length.
        """
        missing = [name for name in (*_TYPES, *_OTHERS) if name not in content]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        columns = {name: np.array(content[name], kind) for name, kind in _TYPES.items()}
        n = columns["frame"].size
        for name, column in columns.items():
            if column.shape != (n,):
                raise ValueError(f"{name} has shape {column.shape} for {n} tiles")
        height, width = (int(n) for n in np.asarray(content["tile_shape"]))
        return cls(
            columns=columns,
            tile_shape=(height, width),
            upsample=float(content["upsample"]),
            motif=np.array(content["motif"], np.float32),
            threshold=np.array(content["threshold"], np.float64),
            histogram=ScoreHistogram(
                np.array(content["counts"], np.int64), np.array(content["edges"], np.float64)
            ),
            peak_scores=np.array(content["peak_scores"], np.float64),
        )


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
    except (ValueError, TypeError) as error:
        raise ValueError(f"{_PLACE} is corrupt: {error}. Cut the tiles again.") from error
