"""Work on microscopes' own files, repeated."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import pytest

from hyperspy_smartalign import load_series
from hyperspy_smartalign.signals.provenance.history import history_of
from hyperspy_smartalign.signals.provenance.opening import SourceError
from hyperspy_smartalign.signals.provenance.rerunning import Rerun

Repeat = Callable[..., Rerun]
Shared = Callable[[str], Path]
pytestmark = [
    pytest.mark.filterwarnings("ignore::hyperspy_smartalign.series.checks.SeriesWarning"),
    pytest.mark.slow,
]

FRAMES = "velox-si-frames/fei_SI_SuperX-HAADF_10frames_10x50.emd"
STACK = "velox-si-frames/fei_example_tem_stack.emd"
DM = "rsciio-small-vendor/test_stackbuilder_imagestack.dm3"


@pytest.mark.parametrize("name", [DM, STACK])
@pytest.mark.parametrize("reader", [load_series, hs.load])
@pytest.mark.parametrize("lazy", [False, True])
def test_stacks(
    name: str, reader: Any, lazy: bool, shared_data: Shared, tmp_path: Path, repeat: Repeat
) -> None:
    series = reader(shared_data(name), lazy=lazy)
    made = series.smartalign.prepare(equalise="global", last=1).smartalign.average()
    made.save(tmp_path / "made.hspy", **({"show_progressbar": False} if lazy else {}))
    again = repeat(tmp_path / "made.hspy")
    assert again.comparison.equal, again.comparison.words


SHIFTS = [[number / 4, 0.0] for number in range(10)]


def test_frames_of_spectra(shared_data: Shared, tmp_path: Path, repeat: Repeat) -> None:
    series = load_series(shared_data(FRAMES), sum_frames=False, lazy=True)["EDS"]
    made = series.apply_alignment(SHIFTS, crop=False, show_progressbar=False)
    made.save(tmp_path / "made.hspy")
    (file,) = history_of(made).paths
    assert Path(file) == shared_data(FRAMES).absolute()
    assert repeat(tmp_path / "made.hspy").comparison.equal


def test_reader_options_of_hyperspy_are_not_known(
    shared_data: Shared, tmp_path: Path, repeat: Repeat
) -> None:
    signals = hs.load(shared_data(FRAMES), sum_frames=False)
    (series,) = (each for each in signals if each.metadata.General.title == "EDS")
    made = series.apply_alignment(SHIFTS, crop=False, show_progressbar=False)
    made.save(tmp_path / "made.hspy")
    # HyperSpy keeps the name, and not where the file was.
    with pytest.raises(SourceError, match="are missing"):
        repeat(tmp_path / "made.hspy")
    with pytest.raises(SourceError, match="read with other options"):
        repeat(tmp_path / "made.hspy", shared_data(FRAMES))
    assert repeat(tmp_path / "made.hspy", series).comparison.equal


def test_a_slice_of_a_vendors_file_is_found_beside_the_result(
    shared_data: Shared, tmp_path: Path, repeat: Repeat
) -> None:
    shutil.copy(shared_data(DM), tmp_path)
    series = hs.load(shared_data(DM)).inav[1:]
    series.smartalign.prepare(transpose=True).save(tmp_path / "made.hspy")
    assert repeat(tmp_path / "made.hspy").comparison.equal


def test_an_emi_file_brings_its_ser_files(
    shared_data: Shared, tmp_path: Path, repeat: Repeat
) -> None:
    path = shared_data("stem-sto-ser-and-si110/16_STOimage.emi")
    image = load_series(path)
    image.smartalign.remove_ramp().save(tmp_path / "made.zspy")
    assert repeat(tmp_path / "made.zspy").comparison.equal


def test_zipped_velox_files(shared_data: Shared, tmp_path: Path, repeat: Repeat) -> None:
    with zipfile.ZipFile(shared_data("velox-si-frames/velox_EELS_EDS.zip")) as archive:
        names = [name for name in archive.namelist() if name.endswith(".emd")]
        path = Path(archive.extract(names[0], tmp_path))
    found = load_series(path, select_type="images")
    images = found if isinstance(found, dict) else {"": found}
    image = next(iter(images.values()))
    image.smartalign.remove_ramp().save(tmp_path / "made.hspy")
    assert repeat(tmp_path / "made.hspy").comparison.equal
