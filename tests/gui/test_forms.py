"""The form of a tool: sections in the manual's order, with every parameter once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from hyperspy_smartalign.gui.forms import sections_of
from hyperspy_smartalign.gui.tools.options import NoOptions, WorkOptions
from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    Parameters,
    PrepareParameters,
    RigidParameters,
    TemplateParameters,
)
from hyperspy_smartalign.parameters._kinds import Flag


class OwnOptions(Parameters):
    odd = Flag(False, label="Odd", desc="Something of its own.", group="odd things")
    work = Flag(False, label="Work", desc="Something of the work.", group="work")


@pytest.mark.parametrize(
    ("parameters", "options", "titles"),
    [
        (PrepareParameters, NoOptions, ["Frames", "Data pre-processing", "Scan"]),
        (
            RigidParameters,
            WorkOptions,
            [
                "Data pre-processing",
                "Registration method",
                "Estimating offsets",
                "Refining",
                "Output",
                "Work",
            ],
        ),
        (
            NonrigidParameters,
            WorkOptions,
            [
                *("Frames", "Cycles", "Reference", "Convergence"),
                *("Scan", "Advanced", "Output", "Work"),
            ],
        ),
        (ApplyParameters, WorkOptions, ["Channels", "Output", "Work"]),
        (
            TemplateParameters,
            OwnOptions,
            ["Motif", "Search", "Threshold", "Tiles", "Odd things", "Work"],
        ),
    ],
)
def test_sections(parameters, options, titles: list[str]) -> None:
    sections = sections_of(SimpleNamespace(parameters=parameters(), options=options()))
    assert [section.title for section in sections] == titles
    rows = [row for section in sections for row in (*section.rows, *section.rare_rows)]
    found = {
        owner: [r.field.name for r in rows if r.owner == owner]
        for owner in ("parameters", "options")
    }
    assert sorted(found["parameters"]) == sorted(parameters.names())
    assert sorted(found["options"]) == sorted(options.names())
    for section in sections:
        assert section.rows or section.rare_rows
        assert not any(row.field.spec.rare for row in section.rows)
        assert all(row.field.spec.rare for row in section.rare_rows)


def test_rare_ones_are_folded_away() -> None:
    tool = SimpleNamespace(parameters=RigidParameters(), options=WorkOptions())
    method = next(s for s in sections_of(tool) if s.title == "Registration method")
    assert [row.field.name for row in method.rows] == ["exponent"]
    assert [row.field.name for row in method.rare_rows] == [
        *("weighting", "band", "butterworth", "butterworth_order")
    ]
