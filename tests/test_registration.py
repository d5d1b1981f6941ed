"""The verbs reach the signals: each row of the table in a process without history."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
import yaml

import hyperspy_smartalign
from hyperspy_smartalign.parameters import (
    ApplyParameters,
    NonrigidParameters,
    RigidParameters,
    TemplateParameters,
)
from hyperspy_smartalign.signals.accessor import SmartAlign

SCRIPT = Path(__file__).with_name("registration_rows.py")
VENDOR_FILES = [
    "rsciio-small-vendor/test_stackbuilder_imagestack.dm3",
    "rsciio-small-vendor/64x64x5_TEM_preview_1.ser",
    "rsciio-small-vendor/64x64x5_TEM_preview.emi",
    "rsciio-small-vendor/test_loading_image_saved_with_DM_stack.tif",
    "rsciio-small-vendor/16x16-spectrum_image_5x5x4000-not_square_1.ser",
    "rsciio-small-vendor/EELS_SI.dm4",
    "eels-si-sto-interface-dm3/DMReader_SI-HAADF.dm3",
    "tem-carbon-6frames/tem_carbon_6frames.hspy",
]


@cache
def rows(case: str, folder: Path, *files: str) -> dict[str, Any]:
    """What the script finds in a fresh process."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), case, str(folder), *files],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("registration")


@pytest.fixture(scope="module")
def own_files(folder: Path) -> list[str]:
    """Image stack and spectrum image in HyperSpy's own formats."""
    files = []
    for name, signal in {
        "images": hs.signals.Signal2D(np.ones((3, 8, 8), np.uint16)),
        "spectra": hs.signals.Signal1D(np.ones((3, 4, 5, 8))),
    }.items():
        for suffix in ("hspy", "zspy"):
            path = folder / f"{name}.{suffix}"
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The NestedDirectoryStore")
                signal.save(path)
            files.append(str(path))
    return files


@pytest.mark.parametrize("case", ["load", "load_without_exspy"])
def test_own_files_have_the_verbs_without_an_import(
    case: str, folder: Path, own_files: list[str]
) -> None:
    found = rows(case, folder, *own_files)
    assert len(found) == 2 * len(own_files)
    assert all(found.values()), found


@pytest.mark.parametrize("case", ["load", "load_without_exspy"])
def test_microscope_files_have_the_verbs_without_an_import(
    case: str, folder: Path, shared_data: Callable[[str], Path]
) -> None:
    files = [str(shared_data(name)) for name in VENDOR_FILES]
    found = rows(case, folder, *files)
    assert len(found) == 2 * len(files)
    assert all(found.values()), found


@pytest.mark.slow
def test_with_the_import_every_signal_has_the_verbs(folder: Path) -> None:
    found = rows("import", folder)
    # HyperSpy has no hook for these; the docs say that they need the import.
    not_without = {"made before, at first", "EELS file alone"}
    not_meant = {"ComplexSignal2D", "BaseSignal"}
    missing = {row for row, there in found.items() if not there}
    assert missing == not_without | not_meant
    assert len(found) > 50


def test_the_import_works_without_exspy(folder: Path) -> None:
    found = rows("import_without_exspy", folder)
    assert not found.pop("exspy")
    assert all(found.values()), found


def test_signals_made_by_hand_need_the_import_or_a_choice_of_class(folder: Path) -> None:
    found = rows("by_hand", folder)
    assert found == {"by hand": False, "inav": False, "after T": True}


def test_nothing_of_hyperspy_or_exspy_is_overwritten(folder: Path) -> None:
    found = rows("nothing_overwritten", folder)
    assert found["changed"] == []
    assert found["added"] == [
        "Signal1D.align_nonrigid",
        "Signal1D.align_rigid",
        "Signal1D.apply_alignment",
        "Signal1D.smartalign",
        "Signal2D.align_nonrigid",
        "Signal2D.align_rigid",
        "Signal2D.apply_alignment",
        "Signal2D.smartalign",
        "Signal2D.template_match",
    ]
    assert found["classes"] >= 18  # 12 of HyperSpy, and exspy's


@pytest.mark.parametrize("place", ["first", "last"])
def test_only_four_core_classes_are_redirected_whatever_the_order(folder: Path, place: str) -> None:
    found = rows("extensions", folder, place)
    assert found == {
        "ours": ["LazySignal1D", "LazySignal2D", "Signal1D", "Signal2D"],
        "same class": True,
        "EELS": "exspy",
        "facts unchanged": True,
    }


def test_what_others_attached_stays(folder: Path) -> None:
    found = rows("foreign_attribute", folder)
    assert found["kept"]
    assert found["inherited kept"]
    assert found["other attached"]
    first, second = found["warnings"][:2]
    assert len(found["warnings"]) == 3  # align_rigid, and smartalign of both classes
    assert "Signal1D.smartalign: hyperspy.signal.BaseSignal already has it" in first
    assert "Signal2D.align_rigid: hyperspy._signals.signal2d.Signal2D" in second
    assert "from __main__" in second


def test_register_again_changes_nothing() -> None:
    classes = (hs.signals.Signal1D, hs.signals.Signal2D, hs.signals.BaseSignal)
    before = [dict(vars(signal_class)) for signal_class in classes]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hyperspy_smartalign.register()
    assert before == [dict(vars(signal_class)) for signal_class in classes]


def test_methods_tell_their_parameters() -> None:
    method = hs.signals.Signal2D(np.ones((2, 8, 8))).align_rigid
    arguments = list(inspect.signature(method).parameters)
    assert arguments[: len(RigidParameters.names())] == list(RigidParameters.names())
    assert method.__name__ == "align_rigid"
    assert method.__module__.partition(".")[0] == "hyperspy_smartalign"
    for name in RigidParameters.names():
        assert f"\n    {name} : " in method.__doc__
    nonrigid = hs.signals.Signal2D.align_nonrigid
    assert set(NonrigidParameters.names()) < set(inspect.signature(nonrigid).parameters)
    for name in NonrigidParameters.names():
        assert f"\n    {name} : " in nonrigid.__doc__
    apply = hs.signals.Signal1D.apply_alignment
    assert list(inspect.signature(apply).parameters)[:2] == ["signal", "alignment"]
    for name in ApplyParameters.names():
        assert f"\n    {name} : " in apply.__doc__
    match = hs.signals.Signal2D.template_match
    assert list(inspect.signature(match).parameters)[:2] == ["signal", "template"]
    for name in TemplateParameters.names():
        assert f"\n    {name} : " in match.__doc__


def test_the_verbs_are_functions_too() -> None:
    assert hs.signals.Signal2D.align_rigid is hyperspy_smartalign.align_rigid
    assert hs.signals.Signal2D.align_nonrigid is hyperspy_smartalign.align_nonrigid
    assert hs.signals.Signal2D.apply_alignment is hs.signals.Signal1D.apply_alignment
    # The functions of these two take files as well, and have the defaults of the methods.
    method = inspect.signature(hs.signals.Signal2D.template_match).parameters
    function = inspect.signature(hyperspy_smartalign.template_match).parameters
    assert set(function) - set(method) == {"target", "reader"}
    for name in set(method) - {"signal"}:
        assert function[name].default == method[name].default
    assert not hasattr(hs.signals.Signal1D, "template_match")
    assert hs.signals.Signal2D.smartalign is SmartAlign


def test_public_names_resolve() -> None:
    assert set(hyperspy_smartalign.__all__) <= set(dir(hyperspy_smartalign))
    for name in hyperspy_smartalign.__all__:
        assert getattr(hyperspy_smartalign, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_ours"):
        _ = hyperspy_smartalign.nothing_of_ours


def test_the_extension_file_is_package_data() -> None:
    path = Path(hyperspy_smartalign.__file__).with_name("hyperspy_extension.yaml")
    content = yaml.safe_load(path.read_text())
    assert {entry["module"] for entry in content["signals"].values()} == {
        "hyperspy_smartalign._signals"
    }


def test_hyperspy_does_not_take_a_toolkit_for_installed() -> None:
    """It would then fail to plot a series of spectrum images, where it has no sliders."""
    path = Path(hyperspy_smartalign.__file__).with_name("hyperspy_extension.yaml")
    assert not yaml.safe_load(path.read_text())["GUI"]
