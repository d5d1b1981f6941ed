"""Rigid registration: spectra, pair correlation, consensus, refinement, hop check."""

from .align import NotAlignableError, align_frames
from .result import PairTable, RigidResult
from .store import FrameSource

__all__ = ["FrameSource", "NotAlignableError", "PairTable", "RigidResult", "align_frames"]
