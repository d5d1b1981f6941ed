"""From files to a prepared stack: scan geometry, file order, checks and preparation.

Arrays and dictionaries only; what takes and returns signals is in
``hyperspy_smartalign.signals``.
"""

from hyperspy_smartalign.series.checks import (
    NoContrastError,
    SeriesWarning,
    StackError,
    StackReport,
    check_stack,
)
from hyperspy_smartalign.series.equalise import equalise_frame, line_offsets
from hyperspy_smartalign.series.frames import GreyScale, frame_indices, normalise, result_dtype
from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.series.ordering import expand_files, natural_order
from hyperspy_smartalign.series.ramp import Ramp, fit_ramp, remove_ramp
from hyperspy_smartalign.series.resample import resample_frame, resampled_axis, resampled_length
from hyperspy_smartalign.series.vendors import scan_geometry_from_metadata

__all__ = [
    "GreyScale",
    "NoContrastError",
    "Ramp",
    "ScanGeometry",
    "SeriesWarning",
    "StackError",
    "StackReport",
    "check_stack",
    "equalise_frame",
    "expand_files",
    "fit_ramp",
    "frame_indices",
    "line_offsets",
    "natural_order",
    "normalise",
    "remove_ramp",
    "resample_frame",
    "resampled_axis",
    "resampled_length",
    "result_dtype",
    "scan_geometry_from_metadata",
]
