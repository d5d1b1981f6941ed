"""Work is told apart by what it depends on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperspy_smartalign.signals.spectra.fingerprints import differences, digest, fingerprint_of


@dataclass(frozen=True)
class Shape:
    origin: tuple[int, int]
    weights: np.ndarray


PARTS: dict[str, Any] = {
    "shifts": np.arange(6.0).reshape(3, 2),
    "parameters": {"fill": float("nan"), "range": (450, 480.5), "crop": None, "mode": "share"},
    "canvas": Shape((0, 1), np.ones(3, np.float32)),
    "skip": frozenset({3, 1}),
    "count": np.int64(7),
}


def test_it_survives_json() -> None:
    made = fingerprint_of(PARTS)
    assert json.loads(json.dumps(made)) == made == fingerprint_of(PARTS)
    assert differences(made, made) == []


def test_every_change_is_seen_and_said() -> None:
    before = fingerprint_of(PARTS)
    shifts = PARTS["shifts"].copy()
    shifts[2, 1] = np.nextafter(shifts[2, 1], 9)
    after = fingerprint_of(
        {
            **PARTS,
            "shifts": shifts,
            "parameters": {**PARTS["parameters"], "range": (450.0, 480.5)},
            "canvas": Shape((0, 2), np.ones(3, np.float32)),
        }
    )
    # 450 is a channel and 450.0 an energy, although they are equal.
    said = differences(before, after)
    assert [entry.partition(":")[0] for entry in said] == [
        "shifts.sha256",
        "parameters.range",
        "canvas.origin",
    ]
    assert said[2] == "canvas.origin: [0, 1] then, [0, 2] now"


def test_long_lists_of_differences_are_cut() -> None:
    said = differences({}, fingerprint_of({str(n): "x" * 100 for n in range(9)}))
    assert said[-1] == "and 5 more"
    assert all(len(entry) < 120 for entry in said)


def test_a_digest_is_that_of_the_values() -> None:
    values = np.arange(24, dtype=np.int32).reshape(4, 6)
    assert digest(values) == digest(values.astype(">i4")) == digest(np.asfortranarray(values))
    assert digest(values) != digest(values + 1)
    assert digest(values[0]) == digest(values[0].copy())
    assert fingerprint_of({"a": values}) != fingerprint_of({"a": values.reshape(6, 4)})
    assert fingerprint_of({"a": values}) != fingerprint_of({"a": values.view(np.float32)})


def test_a_file_is_told_by_its_state(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_text("one")
    before = fingerprint_of({"files": [path]})
    assert fingerprint_of({"files": [path]}) == before
    path.write_text("three")
    assert fingerprint_of({"files": [path]}) != before


@pytest.mark.parametrize("value", [object(), np.array([None]), b"x", int])
def test_what_has_no_fingerprint_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="has no fingerprint"):
        fingerprint_of({"parts": {"one": value}})
