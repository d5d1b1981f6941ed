"""Attaching the verbs and the accessor to HyperSpy's signals.

This is the only place that sets attributes of HyperSpy's classes. HyperSpy has no hook for
methods, so plain functions are attached to Signal1D and Signal2D; lazy, EELS and EDS classes
inherit them.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from hyperspy_smartalign._verbs import (
    align_nonrigid,
    align_rigid,
    apply_alignment,
    template_match,
)
from hyperspy_smartalign.signals.accessor import AccessorSlot

# Class in hyperspy.signals -> attribute -> what is attached. Each name only where it makes sense.
ATTACHED: dict[str, dict[str, Any]] = {
    "Signal1D": {
        "align_nonrigid": align_nonrigid,
        "align_rigid": align_rigid,
        "apply_alignment": apply_alignment,
        "smartalign": AccessorSlot(),
    },
    "Signal2D": {
        "align_nonrigid": align_nonrigid,
        "align_rigid": align_rigid,
        "apply_alignment": apply_alignment,
        "smartalign": AccessorSlot(),
        "template_match": template_match,
    },
}


class RegistrationWarning(UserWarning):
    """A verb was not attached, because HyperSpy or another package has that name."""


def register() -> None:
    """Attach the verbs and the accessor to HyperSpy's signals.

    Importing the package does this. Doing it again changes nothing.

    Warns
    -----
    RegistrationWarning
        A class has an attribute of that name which is not ours. It is left alone.
    """
    import hyperspy.signals

    for class_name, attributes in ATTACHED.items():
        signal_class = getattr(hyperspy.signals, class_name)
        for name, attribute in attributes.items():
            _attach(signal_class, name, attribute)


def _attach(signal_class: type, name: str, attribute: Any) -> None:
    existing = inspect.getattr_static(signal_class, name, None)
    if existing is None:
        setattr(signal_class, name, attribute)
    elif not _is_ours(existing):
        owner = next(base for base in signal_class.__mro__ if name in vars(base))
        warnings.warn(
            f"hyperspy_smartalign does not attach {signal_class.__name__}.{name}: "
            f"{owner.__module__}.{owner.__qualname__} already has it, from "
            f"{getattr(existing, '__module__', None) or 'an unknown module'}. "
            "Use the functions of hyperspy_smartalign instead.",
            RegistrationWarning,
            stacklevel=3,
        )


def _is_ours(attribute: Any) -> bool:
    package = __name__.partition(".")[0]
    return (getattr(attribute, "__module__", None) or "").partition(".")[0] == package
