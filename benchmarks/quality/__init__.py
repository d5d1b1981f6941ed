"""Whether what the package says of its own results is true.

``python -m benchmarks.quality`` regenerates the results and the tables of the documentation.
"""
