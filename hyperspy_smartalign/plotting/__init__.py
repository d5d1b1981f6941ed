"""Figures of an alignment: shift matrices, drift, averages and a summary of all."""

from hyperspy_smartalign.plotting.average import plot_average
from hyperspy_smartalign.plotting.drift import plot_drift
from hyperspy_smartalign.plotting.rate import DriftRate, drift_rate
from hyperspy_smartalign.plotting.shifts import plot_shifts
from hyperspy_smartalign.plotting.summary import plot_summary

__all__ = [
    "DriftRate",
    "drift_rate",
    "plot_average",
    "plot_drift",
    "plot_shifts",
    "plot_summary",
]
