"""HyperSpy's own signal classes, re-exported.

``hyperspy_extension.yaml`` points HyperSpy here, so that the package is imported, and the verbs
attached, when HyperSpy first chooses one of these classes. Everything that this module imports
must be light and must not fail: HyperSpy could load no image without it.
"""

from __future__ import annotations

from hyperspy.signals import LazySignal1D, LazySignal2D, Signal1D, Signal2D

__all__ = ["LazySignal1D", "LazySignal2D", "Signal1D", "Signal2D"]
