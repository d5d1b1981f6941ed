"""Damaged records in ``metadata.Smart_align`` and wrong metadata of vendors.

Whatever is in the record, its readers work or raise ValueError with words.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.transforms import Alignment, AlignmentFormatError

Path = tuple[Any, ...]
DROPPED = object()

NONSENSE: dict[str, Any] = {
    "dropped": DROPPED,
    "text": "x",
    "NaN": float("nan"),
    "negative": -1,
    "huge": 1e30,
    "huge whole": 10**12,
    "no list": [],
    "no dictionary": {},
    "flag": True,
    "zero": 0,
    "nothing": None,
    "mixed": ["x", 1, None],
    "many": [10**12] * 7,
    "complex": np.array([1j, 2.0]),
    "texts": np.array(["a", "b"]),
    "numbers": np.arange(5.0),
}


def paths(tree: Any, above: Path = ()) -> Iterator[Path]:
    """Places of all that is in a tree of dictionaries and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield (*above, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*above, key))


def spoiled_values(value: Any) -> dict[str, Any]:
    """Values that are wrong in place of one."""
    wrong = dict(NONSENSE)
    if isinstance(value, np.ndarray) and value.size:
        wrong |= {"shorter": value[:-1], "twice": np.concatenate([value, value])}
        wrong |= {"as text": value.astype(str), "one axis more": value[None]}
        wrong["objects"] = value.astype(object)
        if value.dtype.kind == "f":
            wrong |= {"all NaN": value * np.nan, "all huge": value * 0 + 1e30}
        if value.dtype.kind in "iu":
            wrong |= {"all negative": -value - 1, "all large": value + 10**9}
    if isinstance(value, list) and value:
        wrong |= {"shorter": value[:-1], "nested": [value], "nothings": [None] * len(value)}
    return wrong


def spoiled(tree: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of a tree with another value somewhere, or without it."""
    tree = copy.deepcopy(tree)
    node: Any = tree
    for key in path[:-1]:
        node = node[key]
    if value is DROPPED:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return tree


def with_record(signal: Any, record: dict[str, Any]) -> Any:
    changed = signal.deepcopy()
    recording.write_record(changed, record)
    return changed


def at(tree: Any, path: Path) -> Any:
    for key in path:
        tree = tree[key]
    return tree


LIGHT: dict[str, dict[str, Callable[[Any, Any], Any]]] = {
    "rigid": {
        "alignment": lambda s, raw: s.smartalign.alignment,
        "pairs": lambda s, raw: s.smartalign.pairs,
        "noise": lambda s, raw: s.smartalign.noise,
        "scan_geometry": lambda s, raw: s.smartalign.scan_geometry,
        "steps": lambda s, raw: recording.steps_of(s),
        "average": lambda s, raw: s.smartalign.average(),
    },
    "nonrigid": {
        "alignment": lambda s, raw: repr(s.smartalign.alignment),
        "nonrigid": lambda s, raw: s.smartalign.nonrigid,
        "field": lambda s, raw: s.smartalign.alignment.displacement_field(0),
    },
    "tiles": {
        "matches": lambda s, raw: s.smartalign.matches,
        "places": lambda s, raw: (s.smartalign.matches.calibrated, repr(s.smartalign.matches)),
        "select": lambda s, raw: s.smartalign.select_tiles(slice(0, 5)),
    },
}
HEAVY: dict[str, dict[str, Callable[[Any, Any], Any]]] = {
    "rigid": {
        "apply": lambda s, raw: raw.apply_alignment(s),
        "align": lambda s, raw: s.align_rigid(refinements=0),
        "search": lambda s, raw: s.template_match("unit cell", refine=0),
        "shifts": lambda s, raw: s.smartalign.plot_shifts(),
        "drift": lambda s, raw: s.smartalign.plot_drift(),
        "prepare": lambda s, raw: s.smartalign.prepare(first=1),
        "rows": lambda s, raw: s.smartalign.straighten_rows(),
    },
    "nonrigid": {
        "apply": lambda s, raw: raw.apply_alignment(s),
        "convergence": lambda s, raw: s.smartalign.plot_convergence(),
        "similarity": lambda s, raw: s.smartalign.plot_similarity(),
        "offsets": lambda s, raw: s.smartalign.plot_row_offsets(),
        "displacement": lambda s, raw: s.smartalign.plot_displacement(1),
        "drift": lambda s, raw: s.smartalign.plot_drift(),
        "average": lambda s, raw: s.smartalign.plot_average(),
    },
    "tiles": {
        "apply": lambda s, raw: raw.apply_alignment(s),
        "plot": lambda s, raw: s.smartalign.plot_matches(),
        "scores": lambda s, raw: s.smartalign.plot_scores(),
        "motif": lambda s, raw: s.smartalign.plot_motif(),
        "deviations": lambda s, raw: s.smartalign.lattice_deviations(),
        "classes": lambda s, raw: s.smartalign.classify(2),
        "align": lambda s, raw: s.align_rigid(),
    },
}


@pytest.fixture
def signals(series: Any, rigid: Any, nonrigid: Any, tiles: Any) -> dict[str, Any]:
    return {"raw": series, "rigid": rigid, "nonrigid": nonrigid, "tiles": tiles}


def read_all(readers: dict[str, Callable[[Any, Any], Any]], signal: Any, raw: Any) -> None:
    """All readers, which work or raise ValueError with words."""
    for reader in readers.values():
        try:
            reader(signal, raw)
        except ValueError as error:
            assert len(str(error).split()) > 3, error  # noqa: PT017
    plt.close("all")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("kind", LIGHT)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_a_damaged_record_is_read_or_refused(
    signals: dict[str, Any], kind: str, data: st.DataObject
) -> None:
    signal = signals[kind]
    record = recording.record_of(signal)
    path = data.draw(st.sampled_from(list(paths(record))), label="path")
    values = spoiled_values(at(record, path))
    name = data.draw(st.sampled_from(sorted(values)), label="value")
    changed = with_record(signal, spoiled(record, path, values[name]))
    read_all(LIGHT[kind], changed, signals["raw"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
@pytest.mark.parametrize("kind", HEAVY)
def test_damaged_records_in_everything_that_reads_them(signals: dict[str, Any], kind: str) -> None:
    signal = signals[kind]
    record = recording.record_of(signal)
    cases = [(path, name) for path in paths(record) for name in spoiled_values(at(record, path))]
    for path, name in np.random.default_rng(7).permutation(np.array(cases, object))[:20]:
        changed = with_record(signal, spoiled(record, path, spoiled_values(at(record, path))[name]))
        try:
            read_all({**LIGHT[kind], **HEAVY[kind]}, changed, signals["raw"])
        except Exception as error:
            error.add_note(f"{name} at {path}")
            raise


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("pairs.indices", np.full((15, 2), 6), "indices holds numbers from 6 to 6 for 6 frames"),
        ("pairs.similarity", 0.5, "pairs is corrupt"),
        ("pairs.shifts", {}, "pairs is corrupt"),
        ("pairs", 3, "pairs is corrupt: it is a int, and no dictionary"),
        ("noise.gain", np.nan, "noise is corrupt: it holds .* not all finite"),
        ("noise.gain", [], "noise is corrupt"),
    ],
)
def test_what_is_wrong_is_said(rigid: Any, place: str, value: Any, words: str) -> None:
    record = spoiled(recording.record_of(rigid), tuple(place.split(".")), value)
    changed = with_record(rigid, record)
    with pytest.raises(ValueError, match=words):
        getattr(changed.smartalign, place.split(".")[0])


@pytest.mark.parametrize(
    ("part", "value"), [("parameters", "x"), ("parameters", 3), ("results", [1, 2])]
)
def test_steps_that_are_none_are_refused(rigid: Any, series: Any, part: str, value: Any) -> None:
    record = spoiled(recording.record_of(rigid), ("steps", 1, part), value)
    changed = with_record(rigid, record)
    with pytest.raises(ValueError, match=rf"steps is corrupt: steps\[1\].{part} must be a mapping"):
        recording.steps_of(changed)
    with pytest.raises(AlignmentFormatError, match=rf"steps\[1\].{part} must be a mapping"):
        series.apply_alignment(changed)


def test_steps_without_parameters_are_read(rigid: Any, series: Any) -> None:
    record = spoiled(recording.record_of(rigid), ("steps", 1, "parameters"), DROPPED)
    assert recording.steps_of(with_record(rigid, record))[1]["parameters"] == {}


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("rejected.score", DROPPED, "rejected candidates have no score"),
        ("frame", np.full(54, -1), "frame holds numbers from -1 to -1"),
        ("frame", np.full(54, 6), "those of the series go from 0 to 5"),
        ("angle", np.full(54, np.nan), "angle holds NaN"),
        ("y", np.full(54, np.inf), "y holds NaN or infinite"),
        ("tile_shape", [0, 5], "tile_shape"),
        ("tile_shape", [10**12, 5], "tile_shape"),
        ("upsample", np.nan, "upsample"),
        ("upsample", -2.0, "upsample"),
        ("edges", np.zeros((2, 4)), "edges has shape"),
        ("frame", 1e30, "matches is corrupt"),
    ],
)
def test_wrong_tables_of_matches_are_refused(
    tiles: Any, place: str, value: Any, words: str
) -> None:
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = np.resize(value, len(tiles.data))
    record = spoiled(recording.record_of(tiles), ("matches", *place.split(".")), value)
    with pytest.raises(ValueError, match=words):
        _ = with_record(tiles, record).smartalign.matches


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
def test_damaged_records_come_from_files_too(
    rigid: Any, tmp_path: Any, suffix: str, lazy: bool
) -> None:
    damages: list[tuple[Path, Any]] = [
        (("shifts",), np.zeros((2, 2))),
        (("canvas",), 5),
        (("frame_shape",), "large"),
        (("schema_version",), 10**6),
        (("navigation_shape",), [10**12]),
        (("excluded",), np.full(6, 7)),
    ]
    for number, (path, value) in enumerate(damages):
        file = tmp_path / f"{number}{suffix}"
        with_record(rigid, spoiled(recording.record_of(rigid), path, value)).save(file)
        with pytest.raises(AlignmentFormatError, match=r"Upgrade|corrupt|key|shape|belongs"):
            _ = hs.load(file, lazy=lazy).smartalign.alignment


@pytest.mark.parametrize("lazy", [False, True])
def test_wrong_metadata_of_vendors(series: Any, tmp_path: Any, lazy: bool) -> None:
    import hyperspy_smartalign

    spoilt = hs.signals.Signal2D(np.array(series.data[:3]))
    x, y = spoilt.axes_manager.signal_axes
    x.units, y.units = "<undefined>", "furlong per fortnight"
    x.scale, y.scale = -0.1, -0.1
    spoilt.metadata.set_item("Acquisition_instrument.TEM.dwell_time", "two seconds")
    spoilt.original_metadata.add_dictionary(
        {
            "ImageList": {"TagGroup0": {"ImageTags": {"DigiScan": {"Sample Time": "soon"}}}},
            "Scan": {"DwellTime": "-1", "ScanRotation": [1, 2], "LineTime": {}},
            "ObjectInfo": "gone",
            "PTTD Data": 5,
        }
    )
    spoilt.save(tmp_path / "a.hspy")
    loaded = hyperspy_smartalign.load_series(tmp_path / "a.hspy", lazy=lazy)
    assert loaded.smartalign.scan_geometry is None
    assert all(axis.scale > 0 for axis in loaded.axes_manager.signal_axes)
    assert loaded.align_rigid(refinements=0).smartalign.alignment.n_frames == 3


def test_alignments_with_nonsense_in_a_dictionary(rigid: Any) -> None:
    content = rigid.smartalign.alignment.to_dict()
    for path in paths(content):
        for name, value in spoiled_values(at(content, path)).items():
            try:
                Alignment.from_dict(spoiled(content, path, value))
            except AlignmentFormatError:
                continue
            except Exception as error:
                error.add_note(f"{name} at {path}")
                raise
