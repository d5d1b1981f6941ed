"""Resampling: shifts and warps of frames, running sums with coverage."""

from hyperspy_smartalign.resampling.accumulate import (
    Accumulated,
    Accumulator,
    accumulate,
    leave_one_out,
    sample_shifted,
    shift_and_add,
)
from hyperspy_smartalign.resampling.motion import resample_frame
from hyperspy_smartalign.resampling.options import Fill, Interpolation
from hyperspy_smartalign.resampling.spline import spline_coefficients
from hyperspy_smartalign.resampling.stack import resample_stack
from hyperspy_smartalign.resampling.warp import Resampled, shift_frame, warp_frame, warp_rows

__all__ = [
    "Accumulated",
    "Accumulator",
    "Fill",
    "Interpolation",
    "Resampled",
    "accumulate",
    "leave_one_out",
    "resample_frame",
    "resample_stack",
    "sample_shifted",
    "shift_and_add",
    "shift_frame",
    "spline_coefficients",
    "warp_frame",
    "warp_rows",
]
