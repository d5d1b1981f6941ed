"""The raw series of a saved result is found again."""

from __future__ import annotations

import shutil

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import load_series


def reloaded(signal, path):
    signal.save(path)
    return hs.load(path)


def chain(series):
    rigid = series.align_rigid()
    return {
        "rigid": rigid,
        "average": rigid.smartalign.average(),
        "non-rigid": rigid.align_nonrigid(nonlinear_cycles=1, source=series),
    }


@pytest.mark.parametrize("made", ["rigid", "average", "non-rigid"])
@pytest.mark.filterwarnings("ignore:the series shows no distortion")
def test_it_is_read_from_its_file(folder, made):
    series = load_series("raw.hspy")
    result = reloaded(chain(series)[made], "made.hspy")
    found = result.smartalign.find_source()
    assert found is not series
    np.testing.assert_array_equal(found.data, series.data)


def test_it_is_the_one_in_memory(folder):
    series = load_series("raw.hspy")
    assert series.align_rigid().smartalign.find_source() is series


def test_frames_are_prepared_again(folder):
    prepared = load_series("raw.hspy").smartalign.prepare(first=1, last=3, transpose=True)
    found = reloaded(prepared.align_rigid(), "made.hspy").smartalign.find_source()
    np.testing.assert_array_equal(found.data, prepared.data)


def test_slices_are_made_again(folder):
    part = load_series("raw.hspy").inav[1:4]
    found = reloaded(part.align_rigid(), "made.hspy").smartalign.find_source()
    np.testing.assert_array_equal(found.data, part.data)


def test_another_place_can_be_told(folder, tmp_path):
    result = reloaded(load_series("raw.hspy").align_rigid(), "made.hspy")
    (tmp_path / "elsewhere").mkdir()
    shutil.move("raw.hspy", tmp_path / "elsewhere" / "renamed.hspy")
    with pytest.raises(ValueError, match=r"raw data are missing.*raw\.hspy"):
        result.smartalign.find_source()
    found = result.smartalign.find_source(tmp_path / "elsewhere" / "renamed.hspy")
    assert found.data.shape == (5, 64, 72)


def test_a_signal_that_records_nothing(folder):
    with pytest.raises(ValueError, match="nothing to repeat"):
        hs.load("raw.hspy").smartalign.find_source()


def test_a_loaded_series_was_not_aligned(folder):
    prepared = reloaded(load_series("raw.hspy").smartalign.prepare(first=1), "made.hspy")
    with pytest.raises(ValueError, match=r"'prepare'.*no alignment"):
        prepared.smartalign.find_source()
