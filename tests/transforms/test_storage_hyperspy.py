"""Alignments inside signals, through the files HyperSpy writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hyperspy_smartalign.series.geometry import ScanGeometry
from hyperspy_smartalign.transforms import (
    Affine,
    Alignment,
    AlignmentFormatError,
    Canvas,
    Field,
    NoAlignmentError,
    ScanLine,
    Translation,
)

hs = pytest.importorskip("hyperspy.api")

SHAPE = (12, 9)
RNG = np.random.default_rng(0)
DETAILS = {
    "frame_scale": (0.1, 0.2),
    "frame_offset": (-3.0, 4.5),
    "frame_units": ("nm", "µm"),
    "precision": [[0.1, 0.2], [np.nan, np.nan], [0.3, 0.4], [0.5, 0.6]],
    "hop_margin": [1.0, 2.0, np.nan, 4.0],
    "excluded": [False, True, False, False],
    "exclusion_reasons": ("", "blank frame", "", ""),
    "scan": ScanGeometry(rotation=(0.0, 90.0), line_time=1e-3, source="DM DigiScan"),
    "steps": [
        {"name": "prepare", "parameters": {"skip": [], "equalise": True, "resample": 2.0}},
        {
            "name": "align_rigid",
            "parameters": {
                "roi": (1, 2.5, 3, 4),
                "weights": np.eye(3, dtype=np.float32),
                "nested": {"list": [{"a": 1}, {"b": [1, 2]}], "empty": {}},
                "neighbours": "auto",
            },
        },
    ],
}
TRANSFORMS = {
    "translation": tuple(Translation(RNG.normal(size=2)) for _ in range(4)),
    "scan_line": tuple(ScanLine(RNG.normal(size=(12, 2))) for _ in range(4)),
    "mixed": (
        Translation((1.5, -2)),
        ScanLine(RNG.normal(size=(9, 2)), axis=1, rotation=0.01, first_row=0.25),
        Affine([[1, 0.01], [0, 1]], (1, 2), (3, 4)),
        Field(RNG.normal(size=(2, 3, 4)), (-1, -2), 4.0),
    ),
}


def aligned(kind: str, *, shape: tuple[int, ...] = (4,)) -> Alignment:
    return Alignment(
        TRANSFORMS[kind], shape, frame_shape=SHAPE, canvas=Canvas(-1, 2, 10, 6), **DETAILS
    )


def signal(alignment: Alignment):
    result = hs.signals.Signal2D(np.zeros((4, 10, 6), np.float32))
    result.metadata.Smart_align = alignment.to_dict()
    return result


@pytest.mark.parametrize("kind", TRANSFORMS)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
def test_round_trip(tmp_path: Path, kind: str, lazy: bool, suffix: str, caplog) -> None:
    alignment = aligned(kind)
    path = tmp_path / f"aligned{suffix}"
    signal(alignment).save(path)
    loaded = hs.load(path, lazy=lazy)
    assert Alignment.from_signal(loaded) == alignment
    # What HyperSpy cannot write it only logs.
    assert not [r for r in caplog.records if r.levelname in ("ERROR", "WARNING")]


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
def test_round_trip_twice_through_lazy_signals(tmp_path: Path, suffix: str) -> None:
    alignment = aligned("mixed")
    signal(alignment).save(tmp_path / f"first{suffix}")
    hs.load(tmp_path / f"first{suffix}", lazy=True).save(tmp_path / f"second{suffix}")
    again = hs.load(tmp_path / f"second{suffix}", lazy=True)
    assert Alignment.from_signal(again) == alignment
    again.compute()
    assert Alignment.from_signal(again) == alignment


def test_slices_and_copies_carry_the_alignment() -> None:
    alignment = aligned("scan_line")
    whole = signal(alignment)
    for part in (whole.inav[1:3], whole.isig[2:4, 1:5], whole.deepcopy(), whole.T, whole.sum()):
        assert Alignment.from_signal(part) == alignment


def test_two_navigation_axes(tmp_path: Path) -> None:
    alignment = aligned("scan_line", shape=(2, 2))
    signal(alignment).save(tmp_path / "grid.hspy")
    assert Alignment.from_signal(hs.load(tmp_path / "grid.hspy")).navigation_shape == (2, 2)


def test_signal_without_alignment() -> None:
    with pytest.raises(NoAlignmentError, match="carries no alignment"):
        Alignment.from_signal(hs.signals.Signal2D(np.zeros((2, 3, 3))))
    prepared = hs.signals.Signal2D(np.zeros((2, 3, 3)))
    prepared.metadata.set_item("Smart_align.steps", [{"name": "prepare"}])
    with pytest.raises(NoAlignmentError, match="carries no alignment"):
        Alignment.from_signal(prepared)


def test_closed_file_is_explained(tmp_path: Path) -> None:
    signal(aligned("scan_line")).save(tmp_path / "closed.hspy")
    lazy = hs.load(tmp_path / "closed.hspy", lazy=True)
    lazy.close_file()
    with pytest.raises(AlignmentFormatError, match=r"can no longer be read.*load the signal again"):
        Alignment.from_signal(lazy)
