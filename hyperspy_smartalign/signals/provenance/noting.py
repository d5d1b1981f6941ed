"""Recording in a result how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hyperspy.signals import BaseSignal

from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.provenance.coding import HistoryError
from hyperspy_smartalign.signals.provenance.files import files_recorded
from hyperspy_smartalign.signals.provenance.history import (
    ARRAY,
    LOADED,
    OPENED,
    History,
    forget,
    history_of,
    write,
)
from hyperspy_smartalign.signals.provenance.states import state_of
from hyperspy_smartalign.signals.telling import tell


def note(
    result: BaseSignal,
    call: str,
    inputs: Mapping[str, BaseSignal | None],
    parameters: Mapping[str, Any],
    *,
    unseen: tuple[str, ...] = (),
) -> None:
    """Record in the result of a call how it was made. It never fails, but warns.

    Parameters
    ----------
    result : BaseSignal
        What was made. It is changed.
    call : str
        One of `calls.CALLS`.
    inputs : mapping of str to BaseSignal or None
        Signals that it was made of; None is left out.
    parameters : mapping
        Everything else that the pixels depend on.
    unseen : tuple of str
        Inputs of which only the record matters, and not the pixels.
    """
    try:
        history, edges = History(), {}
        for name, signal in inputs.items():
            if signal is None:
                continue
            history, edge = _with_input(history, signal, pixels=name not in unseen)
            edges[name] = edge
        history, _ = history.with_call(call, edges, parameters)
        write(result, history)
    except Exception as error:  # a result is worth more than its record
        forget(result)
        tell(
            f"How the result was made could not be recorded, so that it cannot be repeated from "
            f"its file: {type(error).__name__}: {error}.",
            stacklevel=3,
        )


def note_average(result: BaseSignal, signal: BaseSignal, *, output: str, variance: bool) -> None:
    """Record in the average of a signal how it was made; with the weights that were used."""
    known = recording.steps_of(result)[-1]["parameters"]
    # Words such as "quality" stand for what was measured, which is recorded beside them.
    weights = known.get("values", known.get("critical_dose", known.get("weights")))
    if hasattr(weights, "as_dictionary"):
        weights = weights.as_dictionary()
    parameters = {"output": output, "variance": variance, "weights": weights}
    note(result, "average", {"signal": signal}, parameters)


def begins_with_files(signal: BaseSignal) -> bool:
    """Whether all that a signal was made of is recorded, and was read from files."""
    history = _earlier(signal)
    return history is not None and all(node["call"] != ARRAY for node in history.sources)


def note_loaded(
    series: BaseSignal,
    paths: Sequence[Path],
    parameters: Mapping[str, Any],
    *,
    detector: str,
    opened: Sequence[int] | None = None,
) -> None:
    """Record in a series which files it was loaded from, and how. It never fails, but warns.

    A file that records how it was made itself, from other files, is not the beginning: its
    record stays.

    Parameters
    ----------
    series : BaseSignal
        It is changed.
    paths : list of Path
        The files.
    parameters : mapping
        How they were read: options of `load_series`, and of the reader under "options".
    detector : str
        Which of the signals in the files it is.
    opened : list of int, optional
        Numbers of the files that were opened. None: all.
    """
    try:
        if len(paths) == 1 and begins_with_files(series):
            return
        seen = paths if opened is None else [paths[number] for number in opened]
        files = {file["path"]: file for file in files_recorded(seen)}
        listed = [files.get(str(path.absolute()), {"path": str(path.absolute())}) for path in paths]
        more = {} if opened is None else {"opened": list(opened)}
        history, _ = History().with_call(
            LOADED, {}, parameters, files=listed, detector=detector, **more
        )
        write(series, history)
    except Exception as error:  # a series is worth more than its record
        forget(series)
        tell(
            "Where the series is from could not be recorded, so that work on it cannot be "
            f"repeated from files: {type(error).__name__}: {error}.",
            stacklevel=4,
        )


def laziness(lazy_output: bool | None) -> dict[str, Any]:
    """What is recorded of `lazy_output`: nothing where it does as the input is."""
    return {} if lazy_output is None else {"lazy_output": bool(lazy_output)}


def _earlier(signal: BaseSignal) -> History | None:
    """The history that a signal carries, if it can be used."""
    try:
        return history_of(signal)
    except HistoryError:
        return None


def _with_input(
    history: History, signal: BaseSignal, *, pixels: bool
) -> tuple[History, dict[str, Any]]:
    """A history with that of an input, and the edge that leads to it."""
    own = _earlier(signal)
    state = state_of(signal, pixels=pixels)
    if own is not None:
        history, number = history.joined(own)
    else:
        history, number = _with_root(history, signal, state)
    return history, {"node": number, "state": state}


def _with_root(
    history: History, signal: BaseSignal, state: Mapping[str, Any]
) -> tuple[History, int]:
    """A history with the beginning of a signal that carries none."""
    title = str(signal.metadata.get_item("General.title", ""))
    paths = _files_of(signal)
    if paths:
        parameters = {"lazy": state["lazy"], "title": title}
        if len(paths) > 1:
            parameters["stack"] = True
        return history.with_call(OPENED, {}, parameters, files=files_recorded(paths))
    names = _names_of(signal)
    if names:
        # HyperSpy's slices and copies keep no more.
        parameters = {"lazy": state["lazy"], "title": title}
        if len(names) > 1:
            parameters["stack"] = True
        return history.with_call(OPENED, {}, parameters, files=[{"path": name} for name in names])
    digest = state.get("pixels", {}).get("digest", "")
    parameters = {"title": title, "shape": state["shape"], "dtype": state["dtype"]}
    return history.with_call(ARRAY, {}, {**parameters, "digest": digest}, files=[])


def _files_of(signal: BaseSignal) -> list[Path]:
    """The file that a signal was read from, as far as HyperSpy knows; of a stack all files."""
    known = signal.tmp_parameters.as_dictionary()
    for prefix in ("", "original_"):
        name = known.get(f"{prefix}filename")
        if name is None:
            continue
        folder = Path(str(known.get(f"{prefix}folder", "")))
        path = _with_suffix(folder / str(name), str(known.get(f"{prefix}extension", "")))
        if path.exists():
            return [path]
    return []


def _with_suffix(path: Path, extension: str) -> Path:
    suffix = extension.lstrip(".")
    return path.with_name(f"{path.name}.{suffix}") if suffix else path


def _names_of(signal: BaseSignal) -> list[str]:
    """Names of the file that a signal was read from, or of all those that HyperSpy stacked."""
    elements = signal.original_metadata.get_item("stack_elements", None)
    count = 1 if elements is None else len(elements)
    metadata = (
        [signal.metadata]
        if elements is None
        else [elements.get_item(f"element{number}.metadata", {}) for number in range(count)]
    )
    names = []
    for each in metadata:
        name = each.get_item("General.original_filename", "") if hasattr(each, "get_item") else ""
        if not isinstance(name, str) or not name or name != Path(name).name:
            return []
        names.append(name)
    return names
