"""Measurements of the work on spectrum images, side by side with other ways to do it.

``python -m benchmarks.spectra`` regenerates the results, the tables and the figures of the
documentation.
"""
