"""Transforms of frames, and the alignment of a series that is made of them."""

from __future__ import annotations

from ._base import Transform
from ._records import same_values
from .affine import Affine
from .alignment import Alignment, AlignmentMismatchError, NoAlignmentError
from .canvas import Canvas
from .field import Field
from .scan_line import ScanLine
from .storage import AlignmentFormatError
from .translation import Translation

__all__ = [
    "Affine",
    "Alignment",
    "AlignmentFormatError",
    "AlignmentMismatchError",
    "Canvas",
    "Field",
    "NoAlignmentError",
    "ScanLine",
    "Transform",
    "Translation",
    "same_values",
]
