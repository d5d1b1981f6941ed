"""What is kept of a non-rigid registration, beside the transforms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hyperspy_smartalign.nonrigid.result import Cycle, NonrigidResult, ScanPrior
from hyperspy_smartalign.transforms import same_values

__all__ = ["NonrigidRecord"]


@dataclass(frozen=True, eq=False)
class NonrigidRecord:
    """How a non-rigid registration went, small enough for the metadata of a signal.

    Attributes
    ----------
    cycles : tuple of Cycle
        Model, mean shifts, gain on held-out data, similarity of the frames, and whether it was
        kept.
    similarity_before, similarity : (n,) float64
        Correlation of each frame with the mean of the others, before and after.
    line_errors : (n, lines, 2) float32 or None
        Standard error (y, x) of the offset of every scan line in pixels; NaN where a frame has
        fewer lines. None where there are none.
    prior : ScanPrior or None
        How scan lines are displaced, as estimated from the series.
    undetermined : str
        What the series cannot tell, in plain words; empty if nothing.
    cancelled : bool
        Whether the user stopped the work before its end.
    """

    cycles: tuple[Cycle, ...]
    similarity_before: npt.NDArray[np.float64]
    similarity: npt.NDArray[np.float64]
    line_errors: npt.NDArray[np.float32] | None
    prior: ScanPrior | None
    undetermined: str
    cancelled: bool = False

    @classmethod
    def of(cls, result: NonrigidResult) -> Self:
        """The record of a result."""
        errors = result.line_errors
        return cls(
            cycles=result.cycles,
            similarity_before=result.similarity_before,
            similarity=result.similarity,
            line_errors=None if errors is None else np.asarray(errors, np.float32),
            prior=result.prior,
            undetermined=result.undetermined,
            cancelled=result.cancelled,
        )

    def to_dict(self) -> dict[str, Any]:
        """Contents as types that survive HyperSpy's files; what is None is left out."""
        content: dict[str, Any] = {
            "cycles": _columns(self.cycles, len(self.similarity)),
            "similarity_before": np.array(self.similarity_before, np.float64),
            "similarity": np.array(self.similarity, np.float64),
            "undetermined": str(self.undetermined),
            "cancelled": bool(self.cancelled),
        }
        if self.line_errors is not None:
            content["line_errors"] = np.array(self.line_errors, np.float32)
        if self.prior is not None:
            content["prior"] = {
                "rms": np.array(self.prior.rms, np.float64),
                "length": np.array(self.prior.length, np.float64),
                "smoothness": float(self.prior.smoothness),
            }
        return content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The record from what `to_dict` gave, also after a trip through a file.

        Raises
        ------
        ValueError
            Something is missing or does not fit.
        """
        try:
            return cls._read(content)
        except KeyError as error:
            raise ValueError(f"it has no {error.args[0]}") from error
        except (TypeError, AttributeError) as error:
            raise ValueError(str(error)) from error

    @classmethod
    def _read(cls, content: Mapping[str, Any]) -> Self:
        similarity = np.array(content["similarity"], np.float64)
        n = len(similarity)
        errors = content.get("line_errors")
        record = cls(
            cycles=_cycles(content["cycles"]),
            similarity_before=np.array(content["similarity_before"], np.float64),
            similarity=similarity,
            line_errors=None if errors is None else np.array(errors, np.float32),
            prior=_prior(content.get("prior")),
            undetermined=str(content["undetermined"]),
            cancelled=bool(content["cancelled"]),
        )
        sizes = {
            "similarity": similarity.shape == (n,),
            "similarity_before": record.similarity_before.shape == (n,),
            "cycles": all(cycle.similarity.shape == (n,) for cycle in record.cycles),
            "line_errors": record.line_errors is None
            or (record.line_errors.ndim == 3 and record.line_errors.shape[::2] == (n, 2)),
        }
        wrong = [name for name, fits in sizes.items() if not fits]
        if wrong:
            raise ValueError(f"{' and '.join(wrong)} do not fit {n} frames")
        return record

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NonrigidRecord):
            return NotImplemented
        return same_values(self.to_dict(), other.to_dict())

    __hash__ = None  # type: ignore[assignment]


def _columns(cycles: tuple[Cycle, ...], n: int) -> dict[str, Any]:
    """Cycles as columns: the mean shifts one after another, with their number in each cycle."""
    similarity = np.array([cycle.similarity for cycle in cycles], np.float64)
    return {
        "models": [str(cycle.model) for cycle in cycles],
        "iterations": np.array([len(cycle.mean_shifts) for cycle in cycles], np.int64),
        "mean_shifts": np.array([s for cycle in cycles for s in cycle.mean_shifts], np.float64),
        "gains": np.array([cycle.gain for cycle in cycles], np.float64),
        "similarity": similarity.reshape(len(cycles), n),
        "kept": np.array([cycle.kept for cycle in cycles], bool),
    }


def _cycles(columns: Mapping[str, Any]) -> tuple[Cycle, ...]:
    ends = np.cumsum(np.asarray(columns["iterations"], np.int64))
    shifts = np.split(np.asarray(columns["mean_shifts"], np.float64), ends)
    return tuple(
        Cycle(
            model=str(model),
            mean_shifts=tuple(shifts[number].tolist()),
            gain=float(gain),
            similarity=np.array(similarity, np.float64),
            kept=bool(kept),
        )
        for number, (model, gain, similarity, kept) in enumerate(
            zip(
                columns["models"],
                np.asarray(columns["gains"]),
                np.asarray(columns["similarity"]),
                np.asarray(columns["kept"]),
                strict=True,
            )
        )
    )


def _prior(content: Mapping[str, Any] | None) -> ScanPrior | None:
    if content is None:
        return None
    return ScanPrior(
        rms=np.array(content["rms"], np.float64),
        length=np.array(content["length"], np.float64),
        smoothness=float(content["smoothness"]),
    )
