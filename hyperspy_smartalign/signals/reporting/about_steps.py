"""What was done, with which parameters, by what, and how to do it again."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from typing import Any

import numpy as np

from hyperspy_smartalign.parameters import TOOLS, recorded_text
from hyperspy_smartalign.signals.provenance.history import versions
from hyperspy_smartalign.signals.reporting.content import (
    Block,
    Code,
    Column,
    Facts,
    Paragraph,
    Row,
    Section,
    Subheading,
    Table,
)
from hyperspy_smartalign.signals.reporting.subject import Subject
from hyperspy_smartalign.signals.reporting.words import NOTHING, number, printable, short

# Values of results that say nothing on one line.
_LONGEST = 300
# Numbers of an array that are written out.
_FEW = 8
# Files that are listed.
_FILES = 12


def steps_section(subject: Subject) -> Section:
    """Every step with all its parameters; those that differ from the default are marked."""
    blocks: list[Block] = []
    if not subject.steps:
        blocks.append(Paragraph("No step is recorded.", kind="note"))
    for place, entry in enumerate(subject.steps, start=1):
        blocks += _step(place, entry)
    return Section("What was done", "steps", tuple(blocks))


def versions_section(subject: Subject) -> Section:
    """What the alignment and this report were made with, and how to do it again."""
    rows = []
    if subject.alignment is not None:
        version = subject.alignment.package_version
        rows.append(("Alignment made by", f"hyperspy_smartalign {version}"))
    past = () if subject.history is None else subject.history.environments
    rows += [("Work done with", _listed(found)) for found in past if found != versions()]
    rows.append(("Work and report with" if versions() in past else "Report with", _listed()))
    rows.append(("Report made on", f"{platform.system()} {platform.machine()}"))
    blocks: list[Block] = [*_files(subject), Facts(tuple(rows))]
    blocks.append(Code(python_lines(subject), "The same in Python"))
    if subject.history is not None:
        blocks.append(Code("smartalign rerun FILE", "The same from the saved file"))
    return Section("Files, versions, and the same again", "versions", tuple(blocks))


def _files(subject: Subject) -> list[Block]:
    """The files that the work began with, as they were then."""
    if subject.history is None:
        return []
    files = [file for node in subject.history.sources for file in node.get("files", ())]
    rows = tuple(
        Row(
            (
                short(file.get("path", ""), _LONGEST),
                f"{file['bytes']:,}".replace(",", "\u202f") if "bytes" in file else NOTHING,
                short(file.get("changed", NOTHING)),
                short(file.get("digest", NOTHING))[:12],
            )
        )
        for file in files[:_FILES]
    )
    if not rows:
        return []
    more = f" The first {_FILES} of {len(files)}." if len(files) > _FILES else ""
    return [
        Table(
            (
                Column("File", share=2.4),
                Column("Bytes", "right", 0.8),
                Column("Last changed", share=1.3),
                Column("Digest"),
            ),
            rows,
            caption="Files that the work began with, as they were when they were read. The digest "
            f"is the beginning of a BLAKE2b.{more}",
        )
    ]


def _listed(found: Mapping[str, str] | None = None) -> str:
    """Packages with their versions; those of now unless given."""
    known = versions() if found is None else found
    return ", ".join(f"{name} {version}" for name, version in known.items())


def python_lines(subject: Subject) -> str:
    """The calls that make the alignment and the report."""
    lines = ["import hyperspy.api as hs", "import hyperspy_smartalign", ""]
    name = "series"
    for entry in subject.steps:
        step, changed = str(entry["name"]), changed_parameters(entry)
        if step == "load_series":
            files = [str(file) for file in entry["parameters"].get("files", ())]
            given = repr(files[0]) if len(files) == 1 else _shortened(files)
            lines.append(f"series = hyperspy_smartalign.load_series({given})")
        elif step in _CALLS:
            arguments = ", ".join(f"{key}={_literal(value)}" for key, value in changed.items())
            new = "aligned" if step.startswith("align") else name
            lines.append(f"{new} = {name}.{_CALLS[step]}({arguments})")
            name = new
        else:
            lines.append(f"# {step}: see its parameters above")
    if not any(line.startswith("series = ") for line in lines):
        lines.insert(3, "series = hs.load(...)  # the series as it was recorded")
    source = ", source=series" if subject.alignment is not None and name != "series" else ""
    lines.append(f'{name}.smartalign.report("report.html"{source})')
    return "\n".join(printable(line).replace("\n", " ") for line in lines)


_CALLS = {
    "align_nonrigid": "align_nonrigid",
    "align_rigid": "align_rigid",
    "average": "smartalign.average",
    "prepare": "smartalign.prepare",
    "remove_ramp": "smartalign.remove_ramp",
}


def changed_parameters(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a step that differ from their defaults; all where these are not known."""
    name, parameters = str(entry["name"]), dict(entry["parameters"])
    defaults = _defaults(name)
    return {
        key: value
        for key, value in parameters.items()
        if key not in defaults or not _same(value, defaults[key])
    }


def _step(place: int, entry: Mapping[str, Any]) -> list[Block]:
    """Heading, the parameters that differ from their default, the others, and what was found."""
    name, parameters = str(entry["name"]), dict(entry["parameters"])
    defaults, changed = _defaults(name), changed_parameters(entry)
    blocks: list[Block] = [Subheading(f"{place}. {short(name)}")]
    if changed and defaults:
        rows = (
            (key, _text(value), _text(defaults[key]) if key in defaults else NOTHING)
            for key, value in changed.items()
        )
        blocks.append(
            Table(
                (Column("Changed parameter"), Column("Value", share=1.6), Column("Default")),
                tuple(Row(cells, marked=True) for cells in rows),
            )
        )
    elif changed:
        blocks.append(Facts(tuple((key, _text(value)) for key, value in changed.items())))
    others = [f"{key}\u00a0{_text(parameters.get(key))}" for key in defaults if key not in changed]
    if others:
        blocks.append(Paragraph(f"By default: {' · '.join(others)}.", kind="note"))
    if not (changed or others):
        blocks.append(Paragraph("It has no parameters."))
    results = entry.get("results") or {}
    if results:
        # What cannot be told has a section of its own.
        shown = {key: value for key, value in results.items() if key != "undetermined"}
        found = tuple((str(key), _text(value)) for key, value in shown.items())
        blocks += [Paragraph("What it found:"), Facts(found)] if found else []
    return blocks


def _text(value: Any) -> str:
    """A value on one line; what is empty is none."""
    if value is None or (isinstance(value, (str, list, tuple, np.ndarray)) and len(value) == 0):
        return "none"
    if hasattr(value, "dask"):
        value = np.asarray(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return short(", ".join(value), _LONGEST)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size <= _FEW:
        return ", ".join(number(float(figure), 4) for figure in value.ravel())
    return short(recorded_text(value), _LONGEST)


def _defaults(name: str) -> dict[str, Any]:
    """Defaults of the parameters of a step, as they are recorded; empty where not known."""
    if name not in TOOLS:
        return {}
    return {spec.name: spec.default for spec in TOOLS[name].specifications()}


def _same(recorded: Any, default: Any) -> bool:
    """Whether a value, perhaps after a trip through a file, is the default."""
    if hasattr(recorded, "as_dictionary"):
        recorded = recorded.as_dictionary()
    if isinstance(recorded, (list, tuple, np.ndarray)) or isinstance(default, tuple):
        if np.ndim(recorded) == 0 or not isinstance(default, tuple):
            return False
        return len(recorded) == len(default) and all(map(_same, recorded, default))
    return bool(type(recorded) is not Mapping and recorded == default)


def _literal(value: Any) -> str:
    if hasattr(value, "as_dictionary"):
        value = value.as_dictionary()
    if isinstance(value, Mapping):
        return f"({', '.join(_literal(item) for item in value.values())})"
    if isinstance(value, np.ndarray):
        return f"...  # {recorded_text(value)}" if value.ndim > 1 else repr(value.tolist())
    return repr(value.item() if isinstance(value, np.generic) else value)


def _shortened(files: list[str]) -> str:
    return f"[{files[0]!r}, ..., {files[-1]!r}]" if len(files) > 3 else repr(files)
