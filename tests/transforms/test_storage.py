"""Dictionaries and files: round trips, what is refused, and what is said then."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import (
    Affine,
    Alignment,
    AlignmentFormatError,
    Canvas,
    Field,
    ScanLine,
    Translation,
)

SHAPE = (24, 31)
PLAIN = (bool, int, float, str, list, dict, np.ndarray)


def of(*transforms, **details) -> Alignment:
    return Alignment(
        transforms,
        (len(transforms),),
        frame_shape=SHAPE,
        canvas=Canvas(-1, 2, 20, 19),
        **details,
    )


def rich() -> Alignment:
    """Every kind of transform and every detail."""
    rng = np.random.default_rng(0)
    return of(
        Translation((1.5, -2)),
        ScanLine(rng.normal(size=(24, 2))),
        ScanLine(rng.normal(size=(24, 2)), first_row=0.5),
        ScanLine(rng.normal(size=(24, 2)), rotation=0.01, axis=1, line_centre=3),
        ScanLine(rng.normal(size=(31, 2)), axis=1),
        Affine([[1.01, 0], [0.02, 1]], (1, 2), (3, 4)),
        Field(rng.normal(size=(2, 4, 5)), (-1, -2.5), (8, 7)),
        Field(rng.normal(size=(2, 24, 31))),
        frame_scale=(0.1, -0.2),
        frame_offset=(3, 4),
        frame_units=("nm", "µm"),
        precision=np.vstack([rng.random((7, 2)), [[np.nan, np.nan]]]),
        hop_margin=np.arange(8.0),
        excluded=[0, 1, 0, 0, 0, 0, 0, 0],
        exclusion_reasons=("", "blank frame", "", "", "", "", "", ""),
        scan=ScanGeometry(rotation=(0.0, 90.0), line_time=1e-3),
        steps=[
            {"name": "prepare", "parameters": {"first": 2, "skip": [], "note": ""}},
            {"name": "align_rigid", "parameters": {"roi": (1, 2.5), "mask": np.eye(3), "m": {}}},
        ],
    )


def leaves(value):
    if isinstance(value, dict):
        for key, item in value.items():
            assert type(key) is str
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def test_round_trip_of_everything() -> None:
    alignment = rich()
    content = alignment.to_dict()
    assert Alignment.from_dict(content) == alignment
    for leaf in leaves(content):
        assert type(leaf) in PLAIN
        assert not (isinstance(leaf, np.ndarray) and leaf.dtype == object)
    assert content["schema_version"] == 1
    assert content["shifts_units"] == "px"
    assert content["kind"] == "mixed"


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_round_trip_of_any_transforms(strategies: SimpleNamespace, data) -> None:
    transforms = data.draw(st.lists(strategies.any_transforms(), min_size=1, max_size=5))
    alignment = of(*transforms)
    assert Alignment.from_dict(alignment.to_dict()) == alignment


def test_shifts_are_one_table() -> None:
    shifts = np.random.default_rng(0).normal(size=(40, 2))
    content = Alignment.from_shifts(shifts, frame_shape=SHAPE).to_dict()
    assert content["kind"] == "Translation"
    assert "transforms" not in content
    np.testing.assert_array_equal(content["shifts"], shifts)


def test_scan_lines_are_two_numbers_a_row() -> None:
    offsets = np.random.default_rng(0).normal(size=(5, 24, 2))
    content = of(*map(ScanLine, offsets)).to_dict()
    assert content["kind"] == "ScanLine"
    assert list(content["transforms"]) == ["group_0"]
    np.testing.assert_array_equal(content["transforms"]["group_0"]["offsets"], offsets)
    assert "rotation" not in content["transforms"]["group_0"]
    arrays = [leaf for leaf in leaves(content) if isinstance(leaf, np.ndarray)]
    # 2 float64 a row; the rest are some numbers a frame.
    assert sum(a.nbytes for a in arrays) < offsets.nbytes + 5 * 100


def test_dense_fields_need_to_be_asked_for(tmp_path: Path) -> None:
    dense = of(*(Field(np.zeros((2, 256, 256))) for _ in range(2)))
    with pytest.raises(ValueError, match=r"2\.1 MB.*Alignment\.save\(path\).*keep_fields=True"):
        dense.to_dict()
    assert Alignment.from_dict(dense.to_dict(keep_fields=True)) == dense
    dense.save(tmp_path / "dense.npz")
    assert Alignment.load(tmp_path / "dense.npz") == dense
    of(Field(np.zeros((2, 300, 300)), spacing=4.0)).to_dict()


def as_handed_back(value):
    """What HyperSpy may make of stored values."""
    if isinstance(value, dict):
        return {key: as_handed_back(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, int | float) for item in value):
            return tuple(float(item) for item in value)
        return tuple(as_handed_back(item) for item in value)
    if isinstance(value, np.ndarray):
        return da.from_array(value)
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, int):
        return np.float64(value)
    return np.str_(value) if isinstance(value, str) else value


def test_what_hyperspy_hands_back_is_understood() -> None:
    alignment = rich()
    assert Alignment.from_dict(as_handed_back(alignment.to_dict())) == alignment


def test_unknown_keys_are_left_alone() -> None:
    content = rich().to_dict() | {"pairs": {"weights": np.eye(4)}}
    assert Alignment.from_dict(content) == rich()


def edited(path: str, value) -> dict:
    """Stored content with one value replaced, or removed when it is Ellipsis."""
    content = rich().to_dict()
    *parents, key = path.split("/")
    node = content
    for parent in parents:
        node = node[parent]
    if value is ...:
        del node[key]
    else:
        node[key] = value
    return content


huge = da.zeros((8, 2**40, 2), chunks=-1)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("schema_version", ..., "schema_version"),
        ("schema_version", "one", "schema_version.*whole number"),
        ("schema_version", 0, "schema_version"),
        ("navigation_shape", [9], "8 of 9 frames"),
        ("navigation_shape", [2**30], "navigation_shape"),
        ("navigation_shape", [1.5], "navigation_shape"),
        ("navigation_shape", "8", "navigation_shape"),
        ("frame_shape", [24], "frame_shape"),
        ("frame_shape", [24, 2**40], "frame_shape"),
        ("frame_scale", [1.0], "frame_scale"),
        ("frame_scale", [0.0, 1.0], "frame_scale"),
        ("frame_offset", [np.nan, 1.0], "frame_offset"),
        ("frame_units", ["nm", 3], "frame_units"),
        ("canvas", ..., "canvas"),
        ("canvas/top", ..., "top"),
        ("canvas/height", 2**40, "canvas"),
        ("canvas/height", -1, "canvas"),
        ("canvas", "all", "canvas"),
        ("kind", ..., "kind"),
        ("kind", 3, "kind"),
        ("transforms", ..., "transforms"),
        ("transforms", [1, 2], "transforms"),
        ("transforms/group_0", ..., "7 of 8 frames"),
        ("transforms/group_0/kind", "Wobble", "group_0.*'Wobble'|'Wobble'"),
        ("transforms/group_0/shift", ..., "'shift' is missing"),
        ("transforms/group_0/shift", np.array([[np.inf, 0]]), "shift"),
        ("transforms/group_0/frames", np.array([9]), "group_0.*0 to 7"),
        ("transforms/group_1/frames", np.array([1, 1]), "group_1.*different"),
        ("transforms/group_1/offsets", huge, "offsets.*larger than any"),
        ("transforms/group_1/offsets", np.zeros((3, 24, 2)), "offsets holds 3"),
        ("transforms/group_1/offsets", np.zeros((2, 24)), "offsets.*axes"),
        ("transforms/group_1/axis", np.array([0, 5]), "axis"),
        ("transforms/group_5/spacing", np.zeros((1, 2)), "spacing"),
        ("precision", np.zeros((8, 3)), "precision"),
        ("precision", -np.ones((8, 2)), "precision"),
        ("precision", da.zeros((2**40, 2), chunks=-1), "precision"),
        ("hop_margin", "none", "hop_margin"),
        ("excluded", np.full(8, 7), "excluded"),
        ("exclusion_reasons", ["blank"], "exclusion_reasons"),
        ("steps", [3], "steps"),
        ("steps", 7, "steps"),
        ("scan_geometry", {"line_time": -1.0}, "scan_geometry"),
        ("package_version", ..., "package_version"),
    ],
)
def test_corrupt_content_is_refused_by_key(path: str, value, words: str) -> None:
    with pytest.raises(AlignmentFormatError, match=words):
        Alignment.from_dict(edited(path, value))


def test_corrupt_shifts_are_refused() -> None:
    content = Alignment.from_shifts(np.zeros((3, 2)), frame_shape=SHAPE).to_dict()
    for shifts in (np.zeros((2, 2)), np.full((3, 2), np.nan), "zero", np.zeros((3, 2)) * 1j):
        with pytest.raises(AlignmentFormatError, match="shifts"):
            Alignment.from_dict(content | {"shifts": shifts})


def test_newer_schema_names_its_writer() -> None:
    content = {"schema_version": 2, "package_version": "9.8.7"}
    with pytest.raises(
        AlignmentFormatError, match=r"9\.8\.7 with schema version 2.*up to 1.*pip install --upgrade"
    ):
        Alignment.from_dict(content)


def test_no_dictionary() -> None:
    with pytest.raises(AlignmentFormatError, match="not as a list"):
        Alignment.from_dict([1])  # type: ignore[arg-type]


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "series.npz"
    rich().save(path)
    assert Alignment.load(str(path)) == rich()
    assert [p.name for p in tmp_path.iterdir()] == ["series.npz"]
    # numpy alone can read it as well.
    with np.load(path, allow_pickle=False) as archive:
        assert "array_0" in archive.files


@given(data=st.data())
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_file_round_trip_of_any_transforms(strategies, tmp_path: Path, data) -> None:
    transforms = data.draw(st.lists(strategies.any_transforms(), min_size=1, max_size=4))
    path = tmp_path / "any.npz"
    of(*transforms).save(path, overwrite=True)
    assert Alignment.load(path) == of(*transforms)


def test_file_names_and_overwriting(tmp_path: Path) -> None:
    for name in ("series.hspy", "series", "series.npz.bak"):
        with pytest.raises(ValueError, match=r"saved as \.npz.*use '.*\.npz'"):
            rich().save(tmp_path / name)
    path = tmp_path / "series.npz"
    rich().save(path)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        of(Translation((0, 0))).save(path)
    assert path.read_bytes() == before
    of(Translation((0, 0))).save(path, overwrite=True)
    assert Alignment.load(path) == of(Translation((0, 0)))


def test_crash_while_saving_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "series.npz"
    rich().save(path)
    before = path.read_bytes()

    def full_disk(*args, **keywords):
        raise OSError("no space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    with pytest.raises(OSError, match="no space left"):
        rich().save(path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["series.npz"]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Alignment.load(tmp_path / "none.npz")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    rich().save(good)
    content = good.read_bytes()
    for length in [0, 1, 30, *range(50, len(content), len(content) // 20), len(content) - 1]:
        bad.write_bytes(content[:length])
        with pytest.raises(AlignmentFormatError, match=r"bad\.npz"):
            Alignment.load(bad)


def test_flipped_bytes_never_give_another_alignment(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    rich().save(good)
    content = bytearray(good.read_bytes())
    refused = 0
    for position in np.random.default_rng(0).integers(0, len(content), 150):
        broken = content.copy()
        broken[position] ^= 0x5A
        bad.write_bytes(broken)
        try:
            # Dates and attributes in the archive mean nothing: then it is the same alignment.
            assert Alignment.load(bad) == rich()
        except AlignmentFormatError:
            refused += 1
    assert refused > 100


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.npz"
    np.savez(path, a=np.zeros(3))
    with pytest.raises(AlignmentFormatError, match="no file of an alignment"):
        Alignment.load(path)
    path.write_text("y,x\n0,1\n")
    with pytest.raises(AlignmentFormatError, match="no file of an alignment"):
        Alignment.load(path)


def header_of(path: Path, header, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", header)
        for name, member in members.items():
            archive.writestr(f"{name}.npy", member)
    return path


def test_archives_that_lie_are_refused(tmp_path: Path) -> None:
    kind = "hyperspy_smartalign alignment"
    content = json.dumps({"format": kind, "content": {"shifts": {"__array__": "a"}}})
    giant = b"\x93NUMPY\x01\x00v\x00" + (
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 2), }".ljust(117)
        + b"\n"
    )
    path = tmp_path / "x.npz"
    for header, members, words in (
        (content, {"a": giant}, "claims an array"),
        (content, {"a": b"nonsense"}, "damaged"),
        (content, {}, "missing"),
        ("{", {}, "damaged"),
        ("[]", {}, "no file of an alignment"),
        (json.dumps({"format": "other"}), {}, "no file of an alignment"),
        (json.dumps({"format": kind, "content": 3}), {}, "holds no alignment"),
    ):
        with pytest.raises(AlignmentFormatError, match=words):
            Alignment.load(header_of(path, header, **members))


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    header = {"format": "hyperspy_smartalign alignment", "content": {"a": {"__array__": "a"}}}
    path = header_of(tmp_path / "x.npz", json.dumps(header), a=(tmp_path / "a.npy").read_bytes())
    with pytest.raises(AlignmentFormatError, match="claims an array"):
        Alignment.load(path)
