"""Measurements of accuracy, speed and memory, side by side with other packages.

``python -m benchmarks.rigid`` regenerates the results, the table and the figures of the
documentation. Not part of the installed package.
"""
