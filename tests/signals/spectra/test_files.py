"""Results that are written to files: complete under their name, or not there."""

from __future__ import annotations

import threading

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.signals.spectra import applying
from hyperspy_smartalign.signals.spectra.checkpoints import working_folder
from hyperspy_smartalign.signals.writing import signal_path

pytestmark = pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")
SUFFIXES = [".hspy", ".zspy"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("output", ["sum", "average", "series"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_file_holds_the_result(make_spectra, shifts, tmp_path, lazy, output, suffix):
    signal, _ = make_spectra(lazy=lazy, signal_type="EELS")
    path = tmp_path / f"result{suffix}"
    expected = signal.apply_alignment(shifts, output=output)
    result = signal.apply_alignment(shifts, output=output, file=path)
    # A series is written frame by frame, and read again as it is needed.
    assert result._lazy is (output == "series")
    again = hs.load(path)
    for each in (result, again):
        np.testing.assert_array_equal(np.asarray(each.data), np.asarray(expected.data))
        assert type(each).__name__.removeprefix("Lazy") == "EELSSpectrum"
        assert each.axes_manager.as_dictionary().keys() == (
            expected.axes_manager.as_dictionary().keys()
        )
        assert each.smartalign.alignment == expected.smartalign.alignment
        assert each.metadata.General.title == expected.metadata.General.title
    # Nothing else is left.
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_lazy_output_comes_from_the_file(make_spectra, shifts, tmp_path):
    signal, _ = make_spectra()
    result = signal.apply_alignment(shifts, file=tmp_path / "sum.hspy", lazy_output=True)
    assert result._lazy
    assert result.tmp_parameters.filename == "sum"
    np.testing.assert_array_equal(result.data.compute(), signal.apply_alignment(shifts).data)
    variance = signal.apply_alignment(shifts, file=tmp_path / "v.hspy", variance="poisson")
    noise = hs.load(tmp_path / "v.hspy").metadata.Signal.Noise_properties.variance
    np.testing.assert_array_equal(
        noise.data, variance.metadata.Signal.Noise_properties.variance.data
    )


def test_a_series_in_a_file_reads_every_chunk_once(make_spectra, shifts, watched, tmp_path):
    values = make_spectra()[0].data
    for chunks in ((1, 24, 20, 16), (2, 12, 20, 8)):
        signal, watch = watched(values, chunks)
        signal.apply_alignment(
            shifts, output="series", file=tmp_path / "series.hspy", overwrite=True
        )
        assert sorted(watch.read) == sorted(np.ndindex(signal.data.numblocks))
        assert watch.most_held <= 8


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_exists_is_replaced_only_when_asked(make_spectra, shifts, tmp_path, watched, suffix):
    values = make_spectra()[0].data
    signal, watch = watched(values, (1, 24, 20, 16))
    path = tmp_path / f"result{suffix}"
    signal.apply_alignment(shifts, file=path)
    watch.read.clear()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        signal.apply_alignment(shifts, file=path, binning=2)
    # Said before any work.
    assert watch.read == []
    assert hs.load(path).data.shape[-1] == 16
    signal.apply_alignment(shifts, file=path, binning=2, overwrite=True)
    assert hs.load(path).data.shape[-1] == 8


@pytest.mark.parametrize("name", ["result.tif", "result", "result.h5"])
def test_other_formats(make_spectra, shifts, tmp_path, name):
    signal, _ = make_spectra()
    with pytest.raises(ValueError, match=r"must end in .hspy or .zspy"):
        signal.apply_alignment(shifts, file=tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_not_there(make_spectra, shifts, tmp_path):
    signal, _ = make_spectra()
    with pytest.raises(FileNotFoundError, match="does not exist; make it first"):
        signal.apply_alignment(shifts, file=tmp_path / "none" / "result.hspy")


def test_the_input_is_never_replaced(make_spectra, shifts, tmp_path):
    make_spectra()[0].save(tmp_path / "map.hspy")
    for lazy in (False, True):
        signal = hs.load(tmp_path / "map.hspy", lazy=lazy)
        with pytest.raises(ValueError, match=r"is an input too.*another name"):
            signal.apply_alignment(shifts, file=tmp_path / "map.hspy", overwrite=True)
    np.testing.assert_array_equal(hs.load(tmp_path / "map.hspy").data, make_spectra()[0].data)


@pytest.mark.parametrize("output", ["sum", "series"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_half_written_has_the_name(
    make_spectra, shifts, tmp_path, watched, monkeypatch, output, suffix
):
    """Neither while frames are read, nor while the result is saved."""
    path = tmp_path / f"result{suffix}"
    seen, started = [], threading.Event()

    def look(place):
        seen.append(path.exists())
        started.set()

    save = applying._save

    def slowly(signal, hidden):
        assert not path.exists()
        assert hidden.parent == working_folder(path)
        save(signal, hidden)
        assert not path.exists()

    monkeypatch.setattr(applying, "_save", slowly)
    values = make_spectra()[0].data
    signal, _ = watched(values, (1, 24, 20, 16), before=look)
    signal.apply_alignment(shifts, output=output, file=path)
    assert started.is_set()
    assert not any(seen)
    assert path.exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failure_while_saving(make_spectra, shifts, tmp_path, monkeypatch, suffix):
    signal, _ = make_spectra()
    path = tmp_path / f"result{suffix}"
    signal.apply_alignment(shifts, file=path)
    before = hs.load(path).data

    def failing(signal, hidden):
        hidden.write_bytes(b"half")
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(applying, "_save", failing)
        with pytest.raises(OSError, match="no space left"):
            signal.apply_alignment(shifts, file=path, overwrite=True, binning=2)
    np.testing.assert_array_equal(hs.load(path).data, before)
    # What was summed is kept, so that only the saving is done again.
    result = signal.apply_alignment(shifts, file=path, overwrite=True, binning=2, resume=True)
    assert result.data.shape[-1] == 8
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_file_in_use_by_another_call(make_spectra, shifts, tmp_path, watched):
    values = make_spectra()[0].data
    path = tmp_path / "result.hspy"
    refused = []

    def again(place):
        if not refused:
            refused.append(None)
            with pytest.raises(OSError, match=r"result\.hspy") as caught:
                make_spectra()[0].apply_alignment(shifts, file=path)
            refused.append(str(caught.value))

    signal, _ = watched(values, (1, 24, 20, 16), before=again)
    signal.apply_alignment(shifts, file=path)
    assert len(refused) == 2
    assert path.exists()


def test_the_path_may_be_text(make_spectra, shifts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    signal, _ = make_spectra()
    signal.apply_alignment(shifts, file="sum.HSPY".lower())
    assert (tmp_path / "sum.hspy").exists()
    assert signal_path("~/sum.hspy").is_absolute()
