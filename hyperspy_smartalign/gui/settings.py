"""The values last used in each dialogue, kept in a file beside HyperSpy's preferences."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hyperspy_smartalign.gui.opening import TOOLS
from hyperspy_smartalign.parameters import ParameterError, Parameters, ParameterSpec

_logger = logging.getLogger("hyperspy_smartalign")

#: Environment variable that gives another place for the file.
PLACE = "HYPERSPY_SMARTALIGN_SETTINGS"
_FILE_NAME = "hyperspy_smartalign.json"
_VERSION = 1

#: What belongs to one series would be wrong for the next one.
_OF_ONE_SERIES = frozenset(
    {"area", "exclude", "exclude_pairs", "first", "last", "skip", "frames", "threshold"}
)
_KINDS_OF_ONE_SERIES = frozenset({"region", "signal range", "frame numbers", "path"})


def settings_file() -> Path:
    """Where the values are kept: beside HyperSpy's preferences.

    The environment variable HYPERSPY_SMARTALIGN_SETTINGS gives another path.
    """
    place = os.environ.get(PLACE)
    if place:
        return Path(place).expanduser()
    from hyperspy.defaults_parser import defaults_file

    return Path(defaults_file).parent / _FILE_NAME


def last_used(method: str, parameters_class: type[Parameters]) -> dict[str, Any]:
    """The values that a dialogue was last used with, where they differ from the defaults.

    Values that are not allowed (any more), and names that are not known, are left out. A file
    that cannot be read counts as none, which is logged.

    Parameters
    ----------
    method : str
        The verb.
    parameters_class : type of Parameters
        Class of its parameters.

    Returns
    -------
    dict
        Name -> value. Together they do not clash; if they would, none is returned.
    """
    stored = _read().get(method, {})
    if not isinstance(stored, dict):
        return {}
    values: dict[str, Any] = {}
    for spec in parameters_class.specifications():
        if spec.name not in stored:
            continue
        try:
            value = spec.checked(_from_json(stored[spec.name]))
        except ParameterError as error:
            _logger.warning("A last used setting of %s was left out: %s", method, error)
            continue
        if _is_kept(spec, value):
            values[spec.name] = value
    try:
        parameters_class(**values)
    except ParameterError as error:
        _logger.warning("The last used settings of %s were left out: %s", method, error)
        return {}
    return values


def keep(method: str, parameters: Parameters) -> None:
    """Keep the values of a dialogue that differ from the defaults, for the next time.

    Regions, channels, single frames, one number a frame, and arrays are not kept: they belong
    to one series. Nor are values that nothing uses. Where the file cannot be written this is
    logged, and no error.

    Parameters
    ----------
    method : str
        The verb.
    parameters : Parameters
    """
    idle = parameters.idle()
    changed = parameters.changed()
    values = {
        spec.name: changed[spec.name]
        for spec in parameters.specifications()
        if spec.name in changed and spec.name not in idle and _is_kept(spec, changed[spec.name])
    }
    everything = _read()
    if everything.get(method, {}) != values:
        _write({**everything, method: values})


def forget(method: str | None = None) -> bool:
    """Forget the last used values of one dialogue, or of all.

    Parameters
    ----------
    method : str or None
        The verb; None forgets those of all dialogues.

    Returns
    -------
    bool
        Whether none is left; if not, the reason is logged.
    """
    if method is None:
        try:
            settings_file().unlink(missing_ok=True)
        except OSError as error:
            _logger.warning("The last used settings could not be removed: %s", error)
            return False
        return True
    everything = _read()
    return everything.pop(method, None) is None or _write(everything)


def forget_settings(method: str | None = None) -> None:
    """Forget the values that dialogues were last used with, so that they open with the defaults.

    Parameters
    ----------
    method : str or None
        The verb whose dialogue forgets: "align_rigid", "align_nonrigid", "apply_alignment",
        "template_match" or "smartalign.prepare". None: all of them.

    Raises
    ------
    ValueError
        There is no dialogue of that name.
    """
    if method is not None and method not in TOOLS:
        raise ValueError(
            f"method={method!r} has no dialogue: give one of {', '.join(map(repr, TOOLS))}, or "
            "None for all."
        )
    forget(method)


def _is_kept(spec: ParameterSpec, value: Any) -> bool:
    if spec.name in _OF_ONE_SERIES or spec.kind in _KINDS_OF_ONE_SERIES:
        # The words of these, such as weights="dose", hold for any series.
        return isinstance(value, str) and spec.kind == "frame numbers"
    if isinstance(value, np.ndarray):
        return False
    if spec.kind == "crop area":
        return isinstance(value, bool)
    if spec.name == "reference":
        return isinstance(value, str)
    if spec.kind == "numbers":
        # One angle or threshold a frame, unless the words of the parameter say otherwise.
        return not isinstance(value, tuple) or "frame" not in spec.trait.noun
    return True


def _read() -> dict[str, Any]:
    file = settings_file()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        _logger.warning("The last used settings in %s cannot be read: %s", file, error)
        return {}
    known = isinstance(content, dict) and content.get("version") == _VERSION
    methods = content.get("methods") if known else None
    if not isinstance(methods, dict):
        _logger.warning(
            "The last used settings in %s are not of this version, and were not read.", file
        )
        return {}
    return methods


def _write(methods: Mapping[str, Any]) -> bool:
    """Replace the file at once, so that another process never reads half of one; if it can be."""
    file = settings_file()
    content = json.dumps({"version": _VERSION, "methods": methods}, indent=1)
    temporary = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(content + "\n")
        os.replace(temporary, file)
    except OSError as error:
        _logger.warning("The last used settings were not kept: %s", error)
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        return False
    return True


def _from_json(value: Any) -> Any:
    return tuple(_from_json(item) for item in value) if isinstance(value, list) else value
