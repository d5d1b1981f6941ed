"""From a saved file alone, the same pixels once more."""

from __future__ import annotations

import gc
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from hyperspy.signals import BaseSignal

import hyperspy_smartalign
from hyperspy_smartalign import load_series
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.provenance.coding import HistoryError
from hyperspy_smartalign.signals.provenance.history import History, history_of, write
from hyperspy_smartalign.signals.provenance.opening import SourceError
from hyperspy_smartalign.signals.provenance.repeating import RepeatError
from hyperspy_smartalign.signals.provenance.rerunning import Rerun

Repeat = Callable[..., Rerun]
MOTIF = (10, 26, 12, 28)
# What is said about series as short and small as these is not what is tested.
pytestmark = pytest.mark.filterwarnings("ignore::hyperspy_smartalign.series.checks.SeriesWarning")


def raw(lazy: bool = False) -> BaseSignal:
    return load_series("raw.hspy", lazy=lazy)


def rigid(**keywords: Any) -> BaseSignal:
    return raw().align_rigid(show_progressbar=False, **keywords)


def nonrigid(signal: BaseSignal, **keywords: Any) -> BaseSignal:
    return signal.align_nonrigid(show_progressbar=False, max_iterations=3, **keywords)


def tiles() -> BaseSignal:
    return raw().template_match(MOTIF, show_progressbar=False, refine=0, threshold=0.3)


def spectra(lazy: bool = False) -> BaseSignal:
    return load_series("spectra.hspy", lazy=lazy)


def prepared() -> BaseSignal:
    first = raw().smartalign.prepare(skip=[2], resample=1.25, equalise="row", scan_rotation=0)
    return first.smartalign.remove_ramp(order=2).align_rigid(crop=False)


def with_options() -> BaseSignal:
    return rigid(roi=(4, 52, 2, 40), exclude=[3], interpolation="linear", fill=7.0)


WORK: dict[str, Callable[[], BaseSignal]] = {
    "rigid": rigid,
    "options": with_options,
    "rigid average": lambda: rigid(output="average"),
    "lazy": lambda: raw(lazy=True).align_rigid(show_progressbar=False),
    "lazy output": lambda: rigid(lazy_output=True),
    "rigid twice": lambda: rigid().align_rigid(show_progressbar=False),
    "hs.load": lambda: hs.load("raw.hspy").align_rigid(show_progressbar=False),
    "hs.load lazy": lambda: hs.load("raw.hspy", lazy=True).align_rigid(show_progressbar=False),
    "files": lambda: load_series("frames/Name_*.hspy").align_rigid(show_progressbar=False),
    "one of stack=False": lambda: load_series(["second.hspy", "raw.hspy"], stack=False)[
        1
    ].align_rigid(show_progressbar=False),
    "transposed": lambda: load_series("raw.hspy", transpose=True).align_rigid(),
    "sliced before": lambda: raw().inav[1:].isig[4:].align_rigid(show_progressbar=False),
    "sliced after": lambda: rigid().inav[1:3].isig[4:, :20],
    "prepared": prepared,
    "straightened": lambda: raw().smartalign.straighten_rows(neighbours=3),
    "nonrigid": lambda: nonrigid(raw()),
    "nonrigid after rigid": lambda: nonrigid(rigid(), source=raw()),
    "nonrigid with weights": lambda: nonrigid(raw(), weights=[1, 2, 1, 0.5, 1]),
    "second detector": lambda: load_series("second.hspy").apply_alignment(rigid()),
    "an alignment": lambda: raw().apply_alignment(rigid().smartalign.alignment, output="sum"),
    "table of shifts": lambda: raw().apply_alignment(np.arange(10).reshape(5, 2) / 4),
    "list of signals": lambda: hyperspy_smartalign.apply_alignment(
        rigid(), [hs.load(f"frames/Name_{number}.hspy") for number in range(8, 13)]
    ),
    "files of a second detector": lambda: hyperspy_smartalign.apply_alignment(
        rigid(), "frames/Name_*.hspy", show_progressbar=False
    ),
    "average": lambda: rigid().smartalign.average(output="sum", variance=True),
    "weighted average": lambda: rigid().smartalign.average(weights=[1, 0, 2, 1, 1]),
    "drift": lambda: rigid().smartalign.compensate_drift(angle=90, ratio=1, source=raw()),
    "known drift": lambda: raw().smartalign.compensate_drift(
        drift=rigid().smartalign.drift_from_lattice(angle=90, ratio=1), crop=False
    ),
    "spectra": lambda: spectra().align_rigid(show_progressbar=False, signal_range=(1, 3)),
    "lazy spectra": lambda: spectra(lazy=True).apply_alignment(rigid(), show_progressbar=False),
    "integrated": lambda: spectra().smartalign.integrate((0, 2)).align_rigid(),
    "tiles": tiles,
    "tiles of an array": lambda: raw().template_match(
        np.asarray(raw().data[0, 12:28, 10:26]), show_progressbar=False, refine=0
    ),
    "tiles of an average": lambda: rigid().smartalign.average().template_match(MOTIF, source=raw()),
    "lazy tiles": lambda: raw().template_match(MOTIF, refine=0, lazy_output=True),
    "tiles of files": lambda: hyperspy_smartalign.template_match(
        "frames/Name_*.hspy", MOTIF, frames=[1, 2], refine=0, show_progressbar=False
    ),
    "aligned tiles": lambda: nonrigid(tiles().align_rigid(show_progressbar=False)),
    "threshold picked": lambda: (
        raw()
        .smartalign.find_motif(MOTIF, show_progressbar=False)
        .with_threshold(0.2)
        .tiles(show_progressbar=False)
    ),
    "some tiles": lambda: tiles().smartalign.select_tiles(slice(1, 4)).smartalign.average(),
    "tiles of a second detector": lambda: load_series("second.hspy").apply_alignment(tiles()),
    "tiles of spectra": lambda: spectra().apply_alignment(tiles(), show_progressbar=False),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "work",
    [
        pytest.param(work, marks=pytest.mark.slow) if work == "aligned tiles" else work
        for work in WORK
    ],
)
def test_every_kind_of_work_gives_the_same_pixels(work: str, folder: Path, repeat: Repeat) -> None:
    made = WORK[work]()
    made.save("made.hspy", **({"show_progressbar": False} if made._lazy else {}))
    shape, title = made.data.shape, made.metadata.General.title
    del made
    gc.collect()
    again = repeat("made.hspy")
    # Solving the equations of a non-rigid alignment may round differently under load.
    rounded = "nonrigid" in work or work == "aligned tiles"
    same = again.comparison.same if rounded else again.comparison.equal
    assert same, again.comparison.words
    assert again.signal.data.shape == shape
    assert again.signal.metadata.General.title == title
    saved = hs.load("made.hspy")
    assert again.signal.axes_manager.as_dictionary() == saved.axes_manager.as_dictionary()


@pytest.mark.parametrize("suffix", ["hspy", "zspy"])
def test_the_record_goes_through_files_and_slices(
    suffix: str, folder: Path, repeat: Repeat
) -> None:
    rigid().save(f"rigid.{suffix}")
    for lazy in (False, True):
        part = hs.load(f"rigid.{suffix}", lazy=lazy).inav[1:].isig[2:]
        again = repeat(part)
        assert again.comparison.equal
        assert len(again.signal.data) == 4


def test_a_chain_over_files_leads_to_the_raw_series(folder: Path, repeat: Repeat) -> None:
    rigid().save("rigid.hspy")
    made = nonrigid(load_series("rigid.hspy"), source=raw())
    made.save("made.zspy")
    Path("rigid.hspy").unlink()
    assert history_of(made).paths == (str(folder / "raw.hspy"),)
    assert repeat("made.zspy").comparison.same


def test_what_was_interpolated_twice_is_so_again(folder: Path, repeat: Repeat) -> None:
    rigid().save("rigid.hspy")
    gc.collect()
    nonrigid(hs.load("rigid.hspy")).save("made.hspy")
    assert repeat("made.hspy").comparison.same


def test_a_result_in_a_file_is_recorded_in_it(folder: Path, repeat: Repeat) -> None:
    raw().apply_alignment(rigid(), file="sum.hspy", output="sum", show_progressbar=False)
    again = repeat("sum.hspy")
    assert again.comparison.equal


def test_in_memory_pixels_have_to_be_given(folder: Path, repeat: Repeat) -> None:
    data = raw().data
    hs.signals.Signal2D(data).align_rigid(show_progressbar=False).save("made.hspy")
    with pytest.raises(SourceError, match=r"pixels in memory .*Give them with source="):
        repeat("made.hspy")
    for source in ("raw.hspy", raw(), [folder / "second.hspy", raw()]):
        assert repeat("made.hspy", source).comparison.equal
    with pytest.raises(SourceError, match="None of the signals given is that"):
        repeat("made.hspy", load_series("second.hspy"))


def test_what_hyperspy_stacked_has_to_be_given(folder: Path, repeat: Repeat) -> None:
    files = [str(path) for path in sorted(folder.glob("frames/*"), key=lambda path: path.stem[5:])]
    stack = hs.load(files, stack=True, show_progressbar=False)
    stack.align_rigid(show_progressbar=False).save("made.hspy")
    with pytest.raises(SourceError, match="source="):
        repeat("made.hspy")
    assert repeat("made.hspy", files).comparison.equal


def test_a_slice_of_hyperspy_loses_its_folder_and_is_found_when_given(
    folder: Path, repeat: Repeat
) -> None:
    hs.load("raw.hspy").inav[:4].align_rigid(show_progressbar=False).save("made.hspy")
    with pytest.raises(SourceError, match="source="):
        repeat("made.hspy")
    assert repeat("made.hspy", "raw.hspy").comparison.equal


class TestFiles:
    def test_a_folder_that_was_moved(self, folder: Path, repeat: Repeat) -> None:
        rigid().save("frames/made.hspy")
        moved = folder.parent / "moved"
        shutil.move(folder, moved)
        assert repeat(moved / "frames" / "made.hspy").comparison.equal

    def test_a_missing_file(self, folder: Path, repeat: Repeat, tmp_path: Path) -> None:
        rigid().save("made.hspy")
        shutil.move("raw.hspy", tmp_path / "other.hspy")
        with pytest.raises(SourceError, match=r"missing: .*raw\.hspy.*source="):
            repeat("made.hspy")
        assert repeat("made.hspy", tmp_path / "other.hspy").comparison.equal
        with pytest.raises(SourceError, match="does not exist"):
            repeat("made.hspy", "nowhere.hspy")

    def test_a_file_that_changed(self, folder: Path, repeat: Repeat) -> None:
        rigid().save("made.hspy")
        other = hs.load("raw.hspy")
        other.data[2, 3, 4] += 1
        other.save("raw.hspy", overwrite=True)
        with pytest.raises(SourceError, match=r"changed since: .*bytes.*when it was read"):
            repeat("made.hspy")

    def test_a_file_written_anew_with_the_same_pixels(self, folder: Path, repeat: Repeat) -> None:
        rigid().save("made.hspy")
        same = hs.load("raw.hspy")
        same.metadata.General.notes = "another"
        same.save("raw.hspy", overwrite=True)
        with pytest.warns(SeriesWarning, match="its pixels are the same"):
            assert repeat("made.hspy").comparison.equal

    def test_the_same_where_not_all_pixels_were_recorded(
        self, folder: Path, repeat: Repeat, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hyperspy_smartalign.signals.provenance.states.MOST_BYTES", 1)
        rigid().save("made.hspy")
        assert repeat("made.hspy").comparison.equal
        same = hs.load("raw.hspy")
        same.metadata.General.notes = "another"
        same.save("raw.hspy", overwrite=True)
        with pytest.raises(SourceError, match="Not all of its pixels were recorded"):
            repeat("made.hspy")

    def test_one_frame_of_many_files_changed(self, folder: Path, repeat: Repeat) -> None:
        load_series("frames/Name_*.hspy").align_rigid(show_progressbar=False).save("made.hspy")
        frame = hs.load("frames/Name_10.hspy")
        frame.data = frame.data[::-1].copy()
        frame.save("frames/Name_10.hspy", overwrite=True)
        with pytest.raises(SourceError, match=r"changed since: '.*Name_10\.hspy'"):
            repeat("made.hspy")


class TestRefusals:
    def test_what_hyperspy_did_in_between_is_named(self, folder: Path, repeat: Repeat) -> None:
        doubled = rigid() * 2
        doubled.smartalign.average().save("made.hspy")
        with pytest.raises(RepeatError, match="Between 'align_rigid' and 'average' something"):
            repeat("made.hspy")
        assert repeat("made.hspy", doubled).comparison.equal

    def test_what_hyperspy_did_afterwards_is_named(self, folder: Path, repeat: Repeat) -> None:
        rigid().sum("frame").save("made.hspy")
        with pytest.raises(RepeatError, match="Since 'align_rigid' something was done"):
            repeat("made.hspy")

    def test_other_pixels_are_told(self, folder: Path, repeat: Repeat) -> None:
        made = rigid()
        made.data = made.data * np.float32(1.5)
        again = repeat(made)
        assert not again.comparison.same
        assert "other pixels" in again.comparison.words
        with pytest.warns(SeriesWarning, match="other pixels"):
            hyperspy_smartalign.rerun(made, show_progressbar=False)

    def test_no_record_at_all(self, folder: Path, repeat: Repeat) -> None:
        with pytest.raises(RepeatError, match="no record of hyperspy_smartalign"):
            repeat(hs.signals.Signal2D(np.zeros((3, 8, 8))))

    def test_only_loaded(self, folder: Path, repeat: Repeat) -> None:
        with pytest.raises(RepeatError, match="only loaded"):
            repeat(raw())

    def test_a_file_of_an_older_version(self, folder: Path, repeat: Repeat) -> None:
        made = rigid()
        record = recording.record_of(made)
        del record["provenance"]
        recording.write_record(made, record)
        made.save("old.hspy")
        assert hs.load("old.hspy").smartalign.alignment == made.smartalign.alignment
        with pytest.raises(RepeatError, match=r"\(load_series, align_rigid\): .*older version"):
            repeat("old.hspy")

    def test_a_newer_schema(self, folder: Path, repeat: Repeat) -> None:
        made = rigid()
        content = json.loads(made.metadata.Smart_align.provenance)
        made.metadata.Smart_align.provenance = json.dumps({**content, "schema": 2})
        with pytest.raises(HistoryError, match=r"schema 2.*upgrade"):
            repeat(made)

    def test_an_unknown_step_is_named(self, folder: Path, repeat: Repeat) -> None:
        made = self.changed(rigid(), call="align_by_magic")
        with pytest.raises(RepeatError, match=r"'align_by_magic' is not known .*upgrade"):
            repeat(made)

    @pytest.mark.parametrize(
        ("parameters", "words"),
        [
            ({"refinements": -3}, "'align_rigid'.*refinements=-3"),
            ({"magic": 1}, "'align_rigid'.*no parameter 'magic'"),
            ({"num_workers": 4}, "'align_rigid'.*no parameter 'num_workers'"),
        ],
    )
    def test_parameters_are_checked(
        self, parameters: dict, words: str, folder: Path, repeat: Repeat
    ) -> None:
        with pytest.raises(RepeatError, match=words):
            repeat(self.changed(rigid(), parameters=parameters))

    @pytest.mark.parametrize(
        "text",
        [
            "no JSON",
            "{}",
            '{"schema": 1, "nodes": [], "environments": []}',
            '{"schema": 1, "nodes": [{"call": 1}], "environments": []}',
            '{"schema": 1, "nodes": [{"call": "average", "parameters": {}, '
            '"inputs": {"signal": {"node": 0, "state": {}}}}], "environments": []}',
        ],
    )
    def test_a_corrupt_record(self, text: str, folder: Path, repeat: Repeat) -> None:
        made = rigid()
        made.metadata.Smart_align.provenance = text
        with pytest.raises(HistoryError, match=r"metadata.Smart_align.provenance cannot be used"):
            repeat(made)
        # It is no reason to refuse the signal for anything else.
        assert made.smartalign.average().data.ndim == 2

    def test_a_record_that_lacks_what_it_needs(self, folder: Path, repeat: Repeat) -> None:
        made = rigid()
        content = json.loads(made.metadata.Smart_align.provenance)
        content["nodes"][1]["inputs"]["signal"]["state"] = {"shape": "x"}
        made.metadata.Smart_align.provenance = json.dumps(content)
        with pytest.raises((HistoryError, RepeatError)):
            repeat(made)

    def test_no_file(self, folder: Path, repeat: Repeat) -> None:
        with pytest.raises(FileNotFoundError, match=r"no file 'nothing\.hspy'"):
            repeat("nothing.hspy")
        Path("broken.hspy").write_bytes(b"no HDF5")
        with pytest.raises(HistoryError, match=r"cannot read 'broken\.hspy'"):
            repeat("broken.hspy")

    @staticmethod
    def changed(
        made: BaseSignal, *, call: str | None = None, parameters: dict | None = None
    ) -> BaseSignal:
        """The signal with another last node."""
        history = history_of(made)
        *nodes, last = history.nodes
        last = {**last, "parameters": {**last["parameters"], **(parameters or {})}}
        if call is not None:
            last["call"] = call
        write(made, History((*nodes, last), history.environments))
        return made


def test_the_function_says_that_pixels_are_the_same(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rigid().save("made.hspy")
    with caplog.at_level(logging.INFO, logger="hyperspy_smartalign"):
        again = hyperspy_smartalign.rerun("made.hspy", show_progressbar=False, num_workers=1)
    assert "same pixels, bit for bit" in caplog.text
    np.testing.assert_array_equal(again.data, hs.load("made.hspy").data)
    assert "rerun" in hyperspy_smartalign.__all__


def test_what_cannot_be_recorded_warns_and_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no digest")

    series = raw()
    monkeypatch.setattr("hyperspy_smartalign.signals.provenance.noting.state_of", broken)
    with pytest.warns(SeriesWarning, match=r"could not be recorded.*no digest"):
        made = series.align_rigid(show_progressbar=False)
    assert made.smartalign.alignment.n_frames == 5
    assert history_of(made) is None
