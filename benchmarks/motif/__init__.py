"""Measurements of the template matching, side by side with other ways to find a motif.

``python -m benchmarks.motif`` regenerates the results, the tables and the figures of the
documentation.
"""
