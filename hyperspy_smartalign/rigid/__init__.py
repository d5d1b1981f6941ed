"""Rigid registration: spectra, pair correlation, consensus, refinement."""

from .align import FrameSource, align_frames
from .result import PairTable, RigidResult

__all__ = ["FrameSource", "PairTable", "RigidResult", "align_frames"]
