"""metadata.Smart_align: written, read back, kept through steps."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment, ScanGeometry
from hyperspy_smartalign.parameters import RigidParameters
from hyperspy_smartalign.signals import recording

SHIFTS = np.array([(0.0, 0.0), (1.5, -2.25), (3.0, -4.5)])


@pytest.fixture
def series():
    return hs.signals.Signal2D(np.ones((3, 16, 20), np.float32))


def alignment(**keywords) -> Alignment:
    return Alignment.from_shifts(SHIFTS, frame_shape=(16, 20), **keywords)


def test_a_fresh_signal_has_no_record(series) -> None:
    assert recording.record_of(series) == {}
    assert recording.steps_of(series) == ()
    assert recording.scan_geometry_of(series) is None
    assert not recording.has_alignment(series)
    with pytest.raises(ValueError, match="no alignment"):
        recording.alignment_of(series)


def test_steps_are_appended_in_order(series) -> None:
    recording.append_step(series, "prepare", {"first": 1})
    recording.append_step(series, "align_rigid", RigidParameters(neighbours=4, roi=(0, 9, 1.5, 9)))
    first, second = recording.steps_of(series)
    assert first == {"name": "prepare", "parameters": {"first": 1}}
    assert second["name"] == "align_rigid"
    assert RigidParameters.from_dict(second["parameters"]) == RigidParameters(
        neighbours=4, roi=(0, 9, 1.5, 9)
    )


def test_the_record_read_is_a_copy(series) -> None:
    recording.append_step(series, "prepare", {"first": 1})
    recording.record_of(series)["steps"] = "gone"
    recording.steps_of(series)[0]["name"] = "gone"
    assert [step["name"] for step in recording.steps_of(series)] == ["prepare"]


def test_scan_geometry_is_written_and_taken_out(series) -> None:
    geometry = ScanGeometry(fast_direction="vertical", rotation=(0.0, 90.0, 0.0), line_time=2e-4)
    recording.append_step(series, "prepare", {})
    recording.write_scan_geometry(series, geometry)
    assert recording.scan_geometry_of(series) == geometry
    recording.write_scan_geometry(series, None)
    assert recording.scan_geometry_of(series) is None
    assert len(recording.steps_of(series)) == 1


def test_an_alignment_keeps_what_it_does_not_know(series) -> None:
    geometry = ScanGeometry(line_time=2e-4)
    recording.write_scan_geometry(series, geometry)
    steps = (recording.step("align_rigid", RigidParameters()),)
    recording.write_alignment(series, alignment(steps=steps))
    assert recording.scan_geometry_of(series) == geometry
    assert recording.alignment_of(series).scan == geometry
    assert recording.steps_of(series) == steps
    own = ScanGeometry(line_time=5e-4)
    recording.write_alignment(series, alignment(scan=own))
    assert recording.scan_geometry_of(series) == own


def test_a_second_alignment_leaves_nothing_of_the_first(series) -> None:
    recording.write_alignment(series, alignment(precision=np.full((3, 2), 0.1)))
    recording.write_alignment(series, alignment())
    assert recording.alignment_of(series) == alignment()
    assert "precision" not in recording.record_of(series)


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
def test_the_record_survives_files(series, tmp_path, suffix: str, lazy: bool) -> None:
    geometry = ScanGeometry(rotation=(0.0, 90.0, 0.0), line_time=2e-4)
    steps = (
        recording.step("prepare", {"first": 1}),
        recording.step("align_rigid", RigidParameters(roi=(0, 9, 1.5, 9), exclude=(1,))),
    )
    written = alignment(scan=geometry, steps=steps, precision=np.full((3, 2), 0.1))
    recording.write_alignment(series, written)
    series.save(tmp_path / f"series{suffix}")
    loaded = hs.load(tmp_path / f"series{suffix}", lazy=lazy)
    assert recording.has_alignment(loaded)
    assert recording.alignment_of(loaded) == written
    assert recording.scan_geometry_of(loaded) == geometry
    again = RigidParameters.from_dict(recording.steps_of(loaded)[1]["parameters"])
    assert again == RigidParameters(roi=(0, 9, 1.5, 9), exclude=(1,))


def test_the_record_is_copied_with_the_signal(series) -> None:
    recording.append_step(series, "prepare", {})
    copy = series.deepcopy()
    recording.append_step(copy, "align_rigid", {})
    assert len(recording.steps_of(series)) == 1
    assert len(recording.steps_of(copy)) == 2
