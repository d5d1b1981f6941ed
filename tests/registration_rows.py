"""Rows of the registration table, run in a process of its own by test_registration.py.

Usage: python registration_rows.py CASE FOLDER FILE...; prints one JSON dictionary.
Not a test module: what it finds depends on what was imported before, so it needs fresh processes.
"""

from __future__ import annotations

import importlib.metadata
import json
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = {
    "Signal1D": ("align_rigid", "align_nonrigid", "apply_alignment", "smartalign"),
    "Signal2D": (
        "align_rigid",
        "align_nonrigid",
        "apply_alignment",
        "smartalign",
        "template_match",
    ),
}


class _NoExspy:
    """Import hook that hides exspy, as if it were not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] == "exspy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def change_entry_points(change: Callable[[list[Any]], list[Any]]) -> None:
    """Let HyperSpy see other extensions than are installed, or in another order."""
    found = importlib.metadata.entry_points

    def entry_points(**keywords: Any) -> Any:
        if keywords.get("group") != "hyperspy.extensions":
            return found(**keywords)
        return change(list(found(**keywords)))

    importlib.metadata.entry_points = entry_points


def hide_exspy() -> None:
    sys.meta_path.insert(0, _NoExspy())
    change_entry_points(lambda found: [entry for entry in found if entry.name != "exspy"])


def forget() -> None:
    """Undo registration and import, so that one process can try many first triggers."""
    import hyperspy.signals

    for class_name, names in NAMES.items():
        for name in names:
            signal_class = getattr(hyperspy.signals, class_name)
            if name in vars(signal_class):
                delattr(signal_class, name)
    for module in [m for m in sys.modules if m.partition(".")[0] == "hyperspy_smartalign"]:
        del sys.modules[module]


def complete(signal: Any) -> bool:
    """True if the signal has all names that are meant for it."""
    dimension = "Signal2D" if signal.axes_manager.signal_dimension == 2 else "Signal1D"
    return all(hasattr(signal, name) and name in dir(signal) for name in NAMES[dimension])


def load_rows(files: list[str]) -> dict[str, bool]:
    """Is every verb there after hs.load alone, each file the first thing that is loaded?"""
    import hyperspy.api as hs

    rows = {}
    for file in files:
        for lazy in (False, True):
            forget()
            loaded = hs.load(file, lazy=lazy)
            signals = loaded if isinstance(loaded, list) else [loaded]
            row = f"{Path(file).name} {'lazy' if lazy else 'eager'}"
            rows[row] = all(complete(signal) for signal in signals)
    forget()
    return rows


def derived_rows(signal: Any) -> dict[str, bool]:
    """Results of HyperSpy's own operations on a signal made by hand."""
    import hyperspy.api as hs
    import numpy as np

    lazy = signal.as_lazy()
    typed = signal.deepcopy()
    typed.set_signal_type("")
    # T of a stack of spectrum images would have three signal axes: HyperSpy's BaseSignal.
    flat = signal if signal.axes_manager.navigation_dimension <= 2 else signal.inav[0, 0]
    return {
        "by hand": complete(signal),
        "inav": complete(signal.inav[:2]),
        "isig": complete(signal.isig[2:]),
        "map": complete(signal.map(np.abs, inplace=False, show_progressbar=False)),
        "T": complete(flat.T),
        "transpose": complete(signal.transpose(signal_axes=2)),
        "deepcopy": complete(signal.deepcopy()),
        "stack": complete(hs.stack([signal, signal], show_progressbar=False)),
        "as_lazy": complete(lazy),
        "lazy inav": complete(lazy.inav[:2]),
        "lazy T": complete(flat.as_lazy().T),
        "set_signal_type": complete(typed),
        "sum": complete(signal.sum(0)),
        "change_dtype": complete(signal + 1.5),
    }


def case_load(folder: Path, files: list[str]) -> dict[str, bool]:
    return load_rows(files)


def case_load_without_exspy(folder: Path, files: list[str]) -> dict[str, bool]:
    hide_exspy()
    return load_rows(files)


def case_import(folder: Path, files: list[str]) -> dict[str, Any]:
    """After the import everything has the verbs, whatever it was made by, and when."""
    import exspy
    import hyperspy.api as hs
    import numpy as np

    before = hs.signals.Signal2D(np.zeros((3, 8, 8)))
    made_before = complete(before)
    spectra = exspy.signals.EELSSpectrum(np.ones((3, 4, 4, 16)))
    spectra.save(folder / "eels.hspy", overwrite=True)
    eels_alone = complete(hs.load(folder / "eels.hspy"))
    import hyperspy_smartalign  # noqa: F401

    rows = {"made before, at first": made_before, "EELS file alone": eels_alone}
    rows["made before, after import"] = complete(before)
    for name, signal in {
        "Signal2D": hs.signals.Signal2D(np.ones((4, 8, 8))),
        "Signal1D": hs.signals.Signal1D(np.ones((4, 5, 6, 8))),
        "EELS": exspy.signals.EELSSpectrum(np.ones((4, 5, 6, 8))),
        "EDS": exspy.signals.EDSTEMSpectrum(np.ones((4, 5, 6, 8))),
    }.items():
        rows.update({f"{name} {row}": found for row, found in derived_rows(signal).items()})
    rows["EELS file"] = complete(hs.load(folder / "eels.hspy"))
    rows["lazy EELS file"] = complete(hs.load(folder / "eels.hspy", lazy=True))
    plain = hs.signals.Signal1D(np.ones((4, 5, 6, 8)))
    for signal_type in ("EELS", "EDS_TEM"):
        plain.set_signal_type(signal_type)
        rows[f"set_signal_type {signal_type}"] = complete(plain) and "exspy" in str(type(plain))
    rows["ComplexSignal2D"] = hasattr(hs.signals.ComplexSignal2D, "smartalign")
    rows["BaseSignal"] = hasattr(hs.signals.BaseSignal, "smartalign")
    return rows


def case_import_without_exspy(folder: Path, files: list[str]) -> dict[str, Any]:
    hide_exspy()
    import hyperspy.api as hs
    import numpy as np

    import hyperspy_smartalign  # noqa: F401

    rows = derived_rows(hs.signals.Signal2D(np.ones((4, 8, 8))))
    plain = hs.signals.Signal1D(np.ones((4, 5, 6, 8)))
    plain.set_signal_type("EELS")
    return {**rows, "set_signal_type EELS": complete(plain), "exspy": "exspy" in sys.modules}


def case_by_hand(folder: Path, files: list[str]) -> dict[str, bool]:
    """Without the import, a signal made by hand gets the verbs at the first choice of a class."""
    import hyperspy.api as hs
    import numpy as np

    signal = hs.signals.Signal2D(np.ones((4, 8, 8)))
    rows = {"by hand": complete(signal), "inav": complete(signal.inav[:2])}
    signal.T  # noqa: B018 - HyperSpy chooses a class for it
    rows["after T"] = complete(signal)
    return rows


def case_nothing_overwritten(folder: Path, files: list[str]) -> dict[str, Any]:
    """What registration adds to the classes of HyperSpy and exspy, and what it changes."""
    import exspy.signals
    import hyperspy.signals

    classes = {
        name: getattr(module, name)
        for module in (hyperspy.signals, exspy.signals)
        for name in module.__all__
        if isinstance(getattr(module, name), type)
    }
    before = {name: dict(vars(signal_class)) for name, signal_class in classes.items()}
    import hyperspy_smartalign

    hyperspy_smartalign.register()
    added, changed = [], []
    for name, signal_class in classes.items():
        for attribute, value in vars(signal_class).items():
            if attribute not in before[name]:
                added.append(f"{name}.{attribute}")
            elif value is not before[name][attribute]:
                changed.append(f"{name}.{attribute}")
    return {"added": sorted(added), "changed": changed, "classes": len(classes)}


def case_extensions(folder: Path, files: list[str]) -> dict[str, Any]:
    """The list of extensions, with ours last and with ours first."""
    last = files[0] == "last"
    change_entry_points(
        lambda found: sorted(found, key=lambda entry: (entry.name == "hyperspy_smartalign") is last)
    )
    import hyperspy.api as hs
    import numpy as np
    from hyperspy.extensions import ALL_EXTENSIONS, EXTENSIONS
    from hyperspy.signals import Signal2D

    ours = sorted(
        name
        for name, content in ALL_EXTENSIONS["signals"].items()
        if content["module"].startswith("hyperspy_smartalign")
    )
    same_class = type(hs.signals.Signal2D(np.ones((2, 8, 8))).T.T) is Signal2D
    facts = {
        name: {key: value for key, value in content.items() if key != "module"}
        for name, content in ALL_EXTENSIONS["signals"].items()
        if name in EXTENSIONS["signals"]
    }
    core = {
        name: {key: value for key, value in content.items() if key != "module"}
        for name, content in EXTENSIONS["signals"].items()
    }
    return {
        "ours": ours,
        "same class": same_class,
        "EELS": ALL_EXTENSIONS["signals"]["EELSSpectrum"]["module"].partition(".")[0],
        "facts unchanged": facts == core,
    }


def case_foreign_attribute(folder: Path, files: list[str]) -> dict[str, Any]:
    """Someone else has the name already: a warning, and theirs stays."""
    from hyperspy.signals import BaseSignal, Signal2D

    def theirs(self: Any) -> str:
        return "theirs"

    Signal2D.align_rigid = theirs
    BaseSignal.smartalign = property(theirs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import hyperspy_smartalign
    from_us = [w for w in caught if w.category.__name__ == "RegistrationWarning"]
    return {
        "warnings": [str(warning.message) for warning in from_us],
        "kept": Signal2D.align_rigid is theirs,
        "inherited kept": isinstance(Signal2D.smartalign, property),
        "other attached": Signal2D.align_nonrigid is hyperspy_smartalign.align_nonrigid,
    }


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # HyperSpy writes to stdout, where the result goes
    case, folder, *files = sys.argv[1:]
    result = globals()[f"case_{case}"](Path(folder), files)
    sys.stdout.write(json.dumps(result))
