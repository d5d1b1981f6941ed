"""Alignment of microscope image series and spectrum images, for HyperSpy.

``import hyperspy_smartalign`` adds the verbs `align_rigid`, `align_nonrigid`, `apply_alignment`
and `template_match` and the accessor `smartalign` to HyperSpy's signals. The same verbs are
functions here; `apply_alignment` and `template_match` of these take files too.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hyperspy_smartalign._functions import apply_alignment, rerun, template_match
from hyperspy_smartalign._registration import register
from hyperspy_smartalign._verbs import align_nonrigid, align_rigid

if TYPE_CHECKING:
    from hyperspy_smartalign import data
    from hyperspy_smartalign.gui.settings import forget_settings
    from hyperspy_smartalign.series.geometry import ScanGeometry
    from hyperspy_smartalign.signals.loading import load_series
    from hyperspy_smartalign.signals.motif.working_folder import clean_up, intermediates
    from hyperspy_smartalign.transforms.alignment import Alignment

__version__ = "0.1.0"

__all__ = [
    "Alignment",
    "ScanGeometry",
    "__version__",
    "align_nonrigid",
    "align_rigid",
    "apply_alignment",
    "clean_up",
    "data",
    "forget_settings",
    "intermediates",
    "load_series",
    "register",
    "rerun",
    "template_match",
]

# Loaded when first asked for, so that the import stays light.
_LAZY = {
    "Alignment": "hyperspy_smartalign.transforms.alignment",
    "ScanGeometry": "hyperspy_smartalign.series.geometry",
    "clean_up": "hyperspy_smartalign.signals.motif.working_folder",
    "forget_settings": "hyperspy_smartalign.gui.settings",
    "intermediates": "hyperspy_smartalign.signals.motif.working_folder",
    "load_series": "hyperspy_smartalign.signals.loading",
}


def __getattr__(name: str) -> Any:
    if name == "data":
        return importlib.import_module("hyperspy_smartalign.data")
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


register()
