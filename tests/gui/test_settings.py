"""The values last used are kept, but not those of one series; no file is an obstacle."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hyperspy_smartalign
from hyperspy_smartalign.gui.settings import forget, keep, last_used, settings_file
from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    ParameterError,
    PrepareParameters,
    RigidParameters,
    TemplateParameters,
)

CLASSES = [
    ApplyParameters,
    NonrigidParameters,
    PrepareParameters,
    RigidParameters,
    TemplateParameters,
]


def test_values_come_back(settings_path) -> None:
    assert last_used("align_rigid", RigidParameters) == {}
    assert not settings_path.exists()
    parameters = RigidParameters(exponent=0.5, max_shift=(3.0, 4.0), neighbours=4, crop=False)
    keep("align_rigid", parameters)
    assert settings_path.exists()
    assert RigidParameters(**last_used("align_rigid", RigidParameters)) == parameters
    assert last_used("align_nonrigid", NonrigidParameters) == {}
    keep("align_nonrigid", NonrigidParameters(model=("scan_locked", "free"), rigid=False))
    assert last_used("align_nonrigid", NonrigidParameters) == {
        "model": ("scan_locked", "free"),
        "rigid": False,
    }
    assert last_used("align_rigid", RigidParameters)["exponent"] == 0.5
    keep("align_rigid", RigidParameters())
    assert last_used("align_rigid", RigidParameters) == {}


def test_what_belongs_to_one_series_is_not_kept() -> None:
    keep(
        "align_rigid",
        RigidParameters(
            roi=(1, 9, 2, 8),
            area="roi",
            exclude=3,
            exclude_pairs=((0, 1),),
            weighting=np.ones((4, 4)),
            window="none",
        ),
    )
    assert last_used("align_rigid", RigidParameters) == {"window": "none"}
    keep(
        "align_nonrigid",
        NonrigidParameters(reference=2, crop=(1.0, 2.0, 1.0, 2.0), smoothing=4.0),
    )
    assert last_used("align_nonrigid", NonrigidParameters) == {"smoothing": 4.0}
    keep("align_nonrigid", NonrigidParameters(weights=(1, 2), crop=False))
    assert last_used("align_nonrigid", NonrigidParameters) == {"crop": False}
    keep("align_nonrigid", NonrigidParameters(weights="dose", reference="local"))
    assert last_used("align_nonrigid", NonrigidParameters) == {
        "weights": "dose",
        "reference": "local",
    }
    keep("prepare", PrepareParameters(first=1, last=4, skip=(2,), scan_rotation=(0, 90, 0)))
    assert last_used("prepare", PrepareParameters) == {}
    keep("prepare", PrepareParameters(scan_rotation="pairs", resample=2.0))
    assert last_used("prepare", PrepareParameters) == {"scan_rotation": "pairs", "resample": 2.0}
    keep("apply_alignment", ApplyParameters(signal_range=(3, 9), binning=2))
    assert last_used("apply_alignment", ApplyParameters) == {"binning": 2}
    keep("template_match", TemplateParameters(threshold=(0.4, 0.5), angles=(0, 60)))
    assert last_used("template_match", TemplateParameters) == {"angles": (0.0, 60.0)}


def test_what_nothing_uses_is_not_kept() -> None:
    parameters = RigidParameters(peak="pixel")
    parameters.candidates = 3
    keep("align_rigid", parameters)
    assert last_used("align_rigid", RigidParameters) == {"peak": "pixel"}


@pytest.mark.slow
@pytest.mark.parametrize("tool", CLASSES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_whatever_was_used_opens_the_dialogue_again(tool, values_of, data) -> None:
    values = data.draw(st.fixed_dictionaries({s.name: values_of(s) for s in tool.specifications()}))
    try:
        parameters = tool(**values)
    except ParameterError:
        return
    keep("verb", parameters)
    again = tool(**last_used("verb", tool))
    assert again.changed().items() <= parameters.changed().items()


def test_forgetting(settings_path) -> None:
    keep("align_rigid", RigidParameters(exponent=0.5))
    keep("apply_alignment", ApplyParameters(binning=2))
    hyperspy_smartalign.forget_settings("align_rigid")
    assert last_used("align_rigid", RigidParameters) == {}
    assert last_used("apply_alignment", ApplyParameters) == {"binning": 2}
    forget("never_used")
    hyperspy_smartalign.forget_settings()
    assert not settings_path.exists()
    hyperspy_smartalign.forget_settings()
    with pytest.raises(ValueError, match=r"method='align' has no dialogue: give one of"):
        hyperspy_smartalign.forget_settings("align")
    assert "forget_settings" in dir(hyperspy_smartalign)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 99, "methods": {"align_rigid": {"exponent": 0.5}}}',
        '{"version": 1}',
        '{"version": 1, "methods": []}',
        "[" * 100_000,
        "\0\0\0",
    ],
)
def test_a_damaged_or_newer_file_is_ignored(settings_path, content: str, caplog) -> None:
    settings_path.write_text(content)
    with caplog.at_level(logging.WARNING, "hyperspy_smartalign"):
        assert last_used("align_rigid", RigidParameters) == {}
    assert str(settings_path) in caplog.text
    keep("align_rigid", RigidParameters(exponent=0.25))
    assert last_used("align_rigid", RigidParameters) == {"exponent": 0.25}


@pytest.mark.parametrize(
    ("stored", "values"),
    [
        ({"exponent": 7, "group": 2}, {"group": 2}),
        ({"gone": 1, "group": 2}, {"group": 2}),
        ({"group": {"a": 1}, "mode": "low_snr"}, {"mode": "low_snr"}),
        ({"roi": {"left": 1}, "mode": "low_snr"}, {"mode": "low_snr"}),
        ({"exclude": [1, 2]}, {}),
        ({"weighting": "low_pass"}, {}),
        ({"band": 0.2}, {}),
        ([1, 2], {}),
        (None, {}),
    ],
)
def test_values_that_are_not_allowed_are_left_out(settings_path, stored, values) -> None:
    settings_path.write_text(json.dumps({"version": 1, "methods": {"align_rigid": stored}}))
    assert last_used("align_rigid", RigidParameters) == values


def test_a_folder_that_cannot_be_written_is_logged(
    tmp_path, settings_path, monkeypatch, caplog
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HYPERSPY_SMARTALIGN_SETTINGS", str(tmp_path / "file" / "settings.json"))
    with caplog.at_level(logging.WARNING, "hyperspy_smartalign"):
        keep("align_rigid", RigidParameters(exponent=0.5))
        assert last_used("align_rigid", RigidParameters) == {}
        forget()
    assert "were not kept" in caplog.text
    assert "could not be removed" in caplog.text


def test_nothing_is_left_when_the_file_cannot_be_replaced(settings_path, caplog) -> None:
    settings_path.mkdir()
    (settings_path / "something").write_text("")
    with caplog.at_level(logging.WARNING, "hyperspy_smartalign"):
        keep("align_rigid", RigidParameters(exponent=0.5))
    assert "were not kept" in caplog.text
    assert [path.name for path in settings_path.parent.iterdir()] == [settings_path.name]


def test_the_file_is_beside_hyperspys_preferences(monkeypatch) -> None:
    from hyperspy.defaults_parser import defaults_file

    monkeypatch.delenv("HYPERSPY_SMARTALIGN_SETTINGS")
    assert settings_file().parent == Path(defaults_file).parent
    assert settings_file() != Path(defaults_file)
    monkeypatch.setenv("HYPERSPY_SMARTALIGN_SETTINGS", "~/other.json")
    assert settings_file() == Path.home() / "other.json"


WRITER = """
import sys
from hyperspy_smartalign.gui.settings import keep
from hyperspy_smartalign.parameters import RigidParameters
for number in range(150):
    keep("align_rigid", RigidParameters(group=2 + number % 7, neighbours=int(sys.argv[1])))
"""


def test_two_processes_never_show_half_a_file(settings_path, caplog) -> None:
    keep("align_rigid", RigidParameters(group=2, neighbours=2))
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(number)], stderr=subprocess.PIPE)
        for number in (2, 3)
    ]
    with caplog.at_level(logging.WARNING, "hyperspy_smartalign"):
        while any(writer.poll() is None for writer in writers):
            assert set(last_used("align_rigid", RigidParameters)) == {"group", "neighbours"}
    for writer in writers:
        _, said = writer.communicate()
        assert writer.returncode == 0, said.decode()
    assert not caplog.text
    assert [path.name for path in settings_path.parent.iterdir()] == [settings_path.name]
