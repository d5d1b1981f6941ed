"""Alignment of microscope image series and spectrum images, for HyperSpy."""

__version__ = "0.1.0"
