"""Rigid registration: spectra, pair correlation, consensus, refinement, hop check."""

from .align import NotAlignableError, align_frames
from .result import PairsMeasured, PairTable, RigidResult
from .store import FrameSource

__all__ = [
    "FrameSource",
    "NotAlignableError",
    "PairTable",
    "PairsMeasured",
    "RigidResult",
    "align_frames",
]
