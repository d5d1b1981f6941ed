"""Figures: shifts, drift, scan lines, displacement, averages, summaries, and matches of a motif."""

from hyperspy_smartalign.plotting.average import plot_average
from hyperspy_smartalign.plotting.classes import plot_classes
from hyperspy_smartalign.plotting.closure import plot_closure
from hyperspy_smartalign.plotting.comparison import plot_comparison
from hyperspy_smartalign.plotting.convergence import plot_convergence
from hyperspy_smartalign.plotting.deviations import plot_deviations
from hyperspy_smartalign.plotting.displacement import plot_displacement
from hyperspy_smartalign.plotting.dose import plot_dose_series
from hyperspy_smartalign.plotting.drift import plot_drift
from hyperspy_smartalign.plotting.frame_quality import plot_frame_quality
from hyperspy_smartalign.plotting.instability import plot_instability
from hyperspy_smartalign.plotting.matches import plot_matches
from hyperspy_smartalign.plotting.motif_stages import plot_motif_stages
from hyperspy_smartalign.plotting.nonrigid_summary import plot_nonrigid_summary
from hyperspy_smartalign.plotting.precision import plot_precision
from hyperspy_smartalign.plotting.rate import DriftRate, drift_rate
from hyperspy_smartalign.plotting.row_jumps import plot_row_jumps
from hyperspy_smartalign.plotting.row_offsets import plot_row_offsets
from hyperspy_smartalign.plotting.scores import plot_scores
from hyperspy_smartalign.plotting.shifts import plot_shifts
from hyperspy_smartalign.plotting.similarity import plot_similarity
from hyperspy_smartalign.plotting.summary import plot_summary
from hyperspy_smartalign.plotting.threshold_picker import ThresholdPicker

__all__ = [
    "DriftRate",
    "ThresholdPicker",
    "drift_rate",
    "plot_average",
    "plot_classes",
    "plot_closure",
    "plot_comparison",
    "plot_convergence",
    "plot_deviations",
    "plot_displacement",
    "plot_dose_series",
    "plot_drift",
    "plot_frame_quality",
    "plot_instability",
    "plot_matches",
    "plot_motif_stages",
    "plot_nonrigid_summary",
    "plot_precision",
    "plot_row_jumps",
    "plot_row_offsets",
    "plot_scores",
    "plot_shifts",
    "plot_similarity",
    "plot_summary",
]
