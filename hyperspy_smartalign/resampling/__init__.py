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
from hyperspy_smartalign.resampling.pixel_map import Counts, PixelMap, Sampling, pixel_map
from hyperspy_smartalign.resampling.spectrum_sum import (
    SpectrumSum,
    Variance,
    sum_dtype,
    warp_spectra,
)
from hyperspy_smartalign.resampling.spline import spline_coefficients
from hyperspy_smartalign.resampling.stack import resample_stack
from hyperspy_smartalign.resampling.warp import Resampled, shift_frame, warp_frame, warp_rows

__all__ = [
    "Accumulated",
    "Accumulator",
    "Counts",
    "Fill",
    "Interpolation",
    "PixelMap",
    "Resampled",
    "Sampling",
    "SpectrumSum",
    "Variance",
    "accumulate",
    "leave_one_out",
    "pixel_map",
    "resample_frame",
    "resample_stack",
    "sample_shifted",
    "shift_and_add",
    "shift_frame",
    "spline_coefficients",
    "sum_dtype",
    "warp_frame",
    "warp_rows",
    "warp_spectra",
]
