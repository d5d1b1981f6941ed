"""Measurements of the non-rigid registration, side by side with other packages.

``python -m benchmarks.nonrigid`` regenerates the results, the tables and the figures of the
documentation.
"""
