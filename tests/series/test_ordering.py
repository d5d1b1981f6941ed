"""File lists: natural order, folders, patterns, pairs."""

from __future__ import annotations

import pytest

from hyperspy_smartalign.series import expand_files, natural_order


@pytest.fixture
def folder(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).touch()
        return tmp_path

    return make


def names(paths):
    return [path.name for path in paths]


def test_numbers_count_as_numbers(folder):
    root = folder("Name_10.dm4", "Name_2.dm4", "Name_001.dm4")
    expected = ["Name_001.dm4", "Name_2.dm4", "Name_10.dm4"]
    assert names(expand_files(root)) == expected
    assert names(expand_files(f"{root}/Name_*.dm4")) == expected
    assert names(expand_files(str(root / "Name_10.dm4"))) == ["Name_10.dm4"]


def test_hyphens_are_no_minus_signs_unless_all_names_are_numbers():
    assert names(natural_order(["scan-10.dm4", "scan-2.dm4"])) == ["scan-2.dm4", "scan-10.dm4"]
    assert names(natural_order(["5.bcf", "-5.bcf", "0.bcf"])) == ["-5.bcf", "0.bcf", "5.bcf"]


def test_the_order_of_a_list_is_kept_and_repeats_dropped(folder):
    root = folder("b.dm4", "a.dm4", "c_2.dm4", "c_1.dm4")
    listed = expand_files([root / "b.dm4", root / "a.dm4", f"{root}/c_*.dm4", root / "b.dm4"])
    assert names(listed) == ["b.dm4", "a.dm4", "c_1.dm4", "c_2.dm4"]


def test_emi_loads_its_ser(folder):
    root = folder("x.emi", "x_1.ser", "x_2.ser", "y_1.ser")
    assert names(expand_files(root)) == ["x.emi", "y_1.ser"]
    assert names(expand_files(f"{root}/*.ser")) == ["x_1.ser", "x_2.ser", "y_1.ser"]


def test_folder_ignores_what_is_no_image(folder):
    root = folder("a_1.TIF", "a_2.tiff", "notes.txt", ".a_3.tif", "settings.json")
    assert names(expand_files(root)) == ["a_1.TIF", "a_2.tiff"]
    assert names(expand_files(root, suffixes=[".txt"])) == ["notes.txt"]


def test_folder_of_several_kinds_is_refused(folder):
    root = folder("a_1.dm4", "a_2.dm4", "b.dm3")
    with pytest.raises(ValueError, match=r"2 x \.dm4, 1 x \.dm3.*\*\.dm4"):
        expand_files(root)


def test_zspy_folder_is_a_file(tmp_path):
    (tmp_path / "a.zspy").mkdir()
    assert names(expand_files(tmp_path)) == ["a.zspy"]
    assert names(expand_files(tmp_path / "a.zspy")) == ["a.zspy"]


def test_brackets_in_a_name_are_no_pattern(folder):
    root = folder("a[1].dm4")
    assert names(expand_files(root / "a[1].dm4")) == ["a[1].dm4"]


def test_missing(folder):
    root = folder("a.dm4", "readme.txt")
    with pytest.raises(FileNotFoundError, match=r"b_\*\.dm4"):
        expand_files(f"{root}/b_*.dm4")
    with pytest.raises(FileNotFoundError, match=r"nothing\.dm4"):
        expand_files(root / "nothing.dm4")
    with pytest.raises(ValueError, match="no image files"):
        expand_files(root, suffixes=[".ser"])
    with pytest.raises(ValueError, match="no files"):
        expand_files([])
    with pytest.raises(TypeError, match="NoneType"):
        expand_files(None)
    with pytest.raises(TypeError, match="3 is not a path"):
        expand_files([3])
