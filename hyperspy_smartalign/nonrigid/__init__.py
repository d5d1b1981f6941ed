"""Non-rigid registration: what the scan did inside each frame."""

from hyperspy_smartalign.nonrigid.align import align_frames_nonrigid
from hyperspy_smartalign.nonrigid.result import Cycle, CycleDone, NonrigidResult, ScanPrior

__all__ = ["Cycle", "CycleDone", "NonrigidResult", "ScanPrior", "align_frames_nonrigid"]
