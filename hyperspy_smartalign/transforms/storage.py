"""Alignments as dictionaries that survive in HyperSpy's metadata.

Only int, float, str, bool, list, dict with str keys and numpy arrays are written: the types that
.hspy and .zspy give back. Schema 1 has the fields of `Alignment` under their own names
(`scan_geometry` for the scan) and the transforms in one of two forms. When every frame is only
shifted, `kind` is "Translation" and `shifts` (n, 2) is all there is. Otherwise `transforms` holds
groups of frames with transforms of one kind and size, their numbers stacked along a first axis
of frames (an alignment locked to scan lines is one group with `offsets` (n, lines, 2)), and
`shifts` holds the mean displacements for information.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ._base import Transform
from ._validation import as_int, as_shape
from .affine import Affine
from .canvas import Canvas
from .field import Field
from .scan_line import ScanLine
from .translation import Translation

if TYPE_CHECKING:
    from .alignment import Alignment

SCHEMA_VERSION = 1
LARGEST_FIELDS = 1_000_000
"""Bytes of dense fields that metadata may hold without being asked to."""

# Anything beyond is a corrupt file; refused before memory is asked for.
_MOST_FRAMES = 2**24
_LONGEST_SIDE = 2**20
_MOST_VALUES = 2**35

_KINDS: dict[str, type[Transform]] = {
    cls.kind: cls for cls in (Translation, Affine, ScanLine, Field)
}
# What the constructors take, and the number of axes of each.
_ARGUMENTS: dict[str, dict[str, int]] = {
    "Translation": {"shift": 1},
    "Affine": {"matrix": 2, "shift": 1, "centre": 1},
    "ScanLine": {"offsets": 2, "rotation": 2, "axis": 0, "first_row": 0, "line_centre": 0},
    "Field": {"values": 3, "origin": 1, "spacing": 1},
}
_OPTIONAL = ("rotation",)
_TEXTS = ("frame_units", "exclusion_reasons")


class AlignmentFormatError(ValueError):
    """A stored alignment is corrupt, of another kind, or newer than this version."""


def storable(value: Any, name: str) -> Any:
    """Copy of a value in types that HyperSpy stores in every format.

    Tuples become lists, numpy scalars Python's; entries of a mapping that are None are left out.

    Raises
    ------
    TypeError
        If there is no such form; the message says where.
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, list | tuple):
        return [storable(item, f"{name}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        bad = [key for key in value if not isinstance(key, str)]
        if bad:
            raise TypeError(f"{name} has key {bad[0]!r}; only text can be a key of metadata")
        return {
            str(key): storable(item, f"{name}.{key}")
            for key, item in value.items()
            if item is not None
        }
    array = np.asarray(value)
    if array.dtype.kind not in "biufcU":
        raise TypeError(
            f"{name} is a {type(value).__name__}, which HyperSpy cannot store; convert it to "
            "numbers, text, lists, dictionaries or an array"
        )
    return array.copy()


def alignment_to_dict(alignment: Alignment, *, keep_fields: bool = False) -> dict[str, Any]:
    """Dictionary of an alignment; see `Alignment.to_dict`."""
    dense = sum(
        t.values.nbytes for t in alignment.transforms if isinstance(t, Field) and t.is_dense
    )
    if dense > LARGEST_FIELDS and not keep_fields:
        raise ValueError(
            f"dense displacement fields of {dense / 1e6:.1f} MB would be copied at every slice of "
            "the signal; keep them in a file with Alignment.save(path), or insist with "
            "keep_fields=True"
        )
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "package_version": alignment.package_version,
        "navigation_shape": list(alignment.navigation_shape),
        "frame_shape": list(alignment.frame_shape),
        "frame_scale": list(alignment.frame_scale),
        "frame_offset": list(alignment.frame_offset),
        "frame_units": list(alignment.frame_units),
        "canvas": alignment.canvas.to_dict(),
        "shifts": alignment.shifts.copy(),
        "shifts_units": "px",
        "excluded": alignment.excluded.copy(),
        "exclusion_reasons": list(alignment.exclusion_reasons),
        "steps": [storable(step, "steps") for step in alignment.steps],
    }
    if alignment.is_rigid:
        content["kind"] = Translation.kind
    else:
        kinds = {t.kind for t in alignment.transforms}
        content["kind"] = kinds.pop() if len(kinds) == 1 else "mixed"
        content["transforms"] = _grouped(alignment.transforms)
    if alignment.precision is not None:
        content["precision"] = alignment.precision.copy()
    if alignment.hop_margin is not None:
        content["hop_margin"] = alignment.hop_margin.copy()
    if alignment.scan is not None:
        content["scan_geometry"] = storable(alignment.scan.to_dict(), "scan_geometry")
    return content


def read_alignment(content: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `Alignment` from a dictionary, every value checked.

    Raises
    ------
    AlignmentFormatError
        If the content is corrupt or of a newer schema.
    """
    _check_schema(content)
    with reading("navigation_shape"):
        navigation_shape = as_shape("navigation_shape", _numbers(content["navigation_shape"]))
        n = math.prod(navigation_shape)
        if n > _MOST_FRAMES:
            raise ValueError(f"{n} frames are more than any series has")
    with reading("frame_shape"):
        frame_shape = as_shape("frame_shape", _numbers(content["frame_shape"]), 2)
        _check_sides(frame_shape)
    with reading("canvas"):
        stored = content["canvas"]
        canvas = Canvas(stored["top"], stored["left"], stored["height"], stored["width"])
        _check_sides(canvas.shape)
    arguments = {
        "navigation_shape": navigation_shape,
        "frame_shape": frame_shape,
        "canvas": canvas,
        "transforms": _read_transforms(content, n),
    }
    sizes = {
        "frame_scale": (2,),
        "frame_offset": (2,),
        "precision": (n, 2),
        "hop_margin": (n,),
        "excluded": (n,),
    }
    for key in sizes.keys() & content.keys():
        with reading(key):
            _check_shape(content[key], sizes[key])
            arguments[key] = np.asarray(content[key])
    for key in _TEXTS:
        if key in content:
            with reading(key):
                arguments[key] = tuple(_text(text) for text in content[key])
    with reading("package_version"):
        arguments["package_version"] = _text(content["package_version"])
    with reading("steps"):
        arguments["steps"] = tuple(
            storable(step.as_dictionary() if hasattr(step, "as_dictionary") else step, "steps")
            for step in content.get("steps", ())
        )
    if "scan_geometry" in content:
        with reading("scan_geometry"):
            from hyperspy_smartalign.series.geometry import ScanGeometry

            arguments["scan"] = ScanGeometry.from_dict(content["scan_geometry"])
    return arguments


def transform_from_dict(content: Mapping[str, Any]) -> Transform:
    """Transform of a dictionary made by its `to_dict`; AlignmentFormatError when corrupt."""
    with reading("kind"):
        kind = _text(content["kind"])
        if kind not in _KINDS:
            raise ValueError(
                f"{kind!r} is no transform this version knows ({', '.join(_KINDS)}); upgrade with "
                "pip install --upgrade hyperspy_smartalign"
            )
    arguments = {}
    for key, ndim in _ARGUMENTS[kind].items():
        if key in content:
            _check_size(key, content[key], ndim)
            arguments[key] = content[key]
        elif key not in _OPTIONAL:
            raise AlignmentFormatError(f"key '{key}' is missing from a stored {kind}")
    with reading(kind):
        return _KINDS[kind](**arguments)


@contextmanager
def reading(key: str) -> Iterator[None]:
    """Turn whatever goes wrong with a key into an AlignmentFormatError that names it."""
    try:
        yield
    except AlignmentFormatError:
        raise
    except KeyError as error:
        raise AlignmentFormatError(f"key {error} of a stored alignment is missing") from error
    except OSError as error:
        raise AlignmentFormatError(
            f"key '{key}': its file can no longer be read ({error}); load the signal again and "
            "do not close its file before"
        ) from error
    except (
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
        ArithmeticError,
        MemoryError,
    ) as error:
        raise AlignmentFormatError(f"key '{key}' of a stored alignment: {error}") from error


def _grouped(transforms: tuple[Transform, ...]) -> dict[str, dict[str, Any]]:
    """Transforms stacked by kind and size: {"group_0": {"kind", "frames", ...}, ...}."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    stored = [transform.to_dict() for transform in transforms]
    for i, entry in enumerate(stored):
        signature = tuple(
            value if key == "kind" else (key, np.shape(value)) for key, value in entry.items()
        )
        groups.setdefault(signature, []).append(i)
    content = {}
    for number, frames in enumerate(groups.values()):
        first = stored[frames[0]]
        group = {
            key: np.stack([np.asarray(stored[i][key]) for i in frames])
            for key in first
            if key != "kind"
        }
        content[f"group_{number}"] = {"kind": first["kind"], "frames": np.array(frames), **group}
    return content


def _read_transforms(content: Mapping[str, Any], n: int) -> tuple[Transform, ...]:
    with reading("kind"):
        kind = _text(content["kind"])
    if kind == Translation.kind:
        with reading("shifts"):
            _check_shape(content["shifts"], (n, 2))
            return tuple(Translation(shift) for shift in np.asarray(content["shifts"]))
    transforms: dict[int, Transform] = {}
    with reading("transforms"):
        for name, group in content["transforms"].items():
            with reading(f"transforms.{name}"):
                transforms.update(_read_group(group, n))
        if len(transforms) != n:
            raise ValueError(f"there are transforms for {len(transforms)} of {n} frames")
    return tuple(transforms[i] for i in range(n))


def _read_group(group: Mapping[str, Any], n: int) -> dict[int, Transform]:
    kind = _text(group["kind"])
    if len(np.shape(group["frames"])) != 1 or np.shape(group["frames"])[0] > n:
        raise ValueError(f"frames has shape {np.shape(group['frames'])} for a series of {n}")
    frames = [as_int("frames", i) for i in np.asarray(group["frames"])]
    if any(not 0 <= i < n for i in frames) or len(set(frames)) < len(frames):
        raise ValueError(f"frames must be different numbers from 0 to {n - 1}")
    arguments = {}
    for key, ndim in _ARGUMENTS.get(kind, {}).items():
        if key in group:
            _check_size(key, group[key], ndim + 1)
            if np.shape(group[key])[0] != len(frames):
                raise ValueError(
                    f"{key} holds {np.shape(group[key])[0]} entries for {len(frames)} frames"
                )
            arguments[key] = np.asarray(group[key])
    return {
        i: transform_from_dict({"kind": kind, **{k: v[j] for k, v in arguments.items()}})
        for j, i in enumerate(frames)
    }


def _check_schema(content: Mapping[str, Any]) -> None:
    with reading("schema_version"):
        version = as_int("schema_version", content["schema_version"])
    if version > SCHEMA_VERSION:
        raise AlignmentFormatError(
            f"this alignment was written by hyperspy_smartalign "
            f"{content.get('package_version', '(unknown version)')} with schema version {version}; "
            f"this version reads up to {SCHEMA_VERSION}. Upgrade with "
            "pip install --upgrade hyperspy_smartalign"
        )
    if version < 1:
        raise AlignmentFormatError(f"key 'schema_version': {version} never existed")


def _check_sides(shape: tuple[int, ...]) -> None:
    if max(shape) > _LONGEST_SIDE:
        raise ValueError(f"{shape} px is larger than any image ({_LONGEST_SIDE} px)")


def _check_shape(value: Any, shape: tuple[int, ...]) -> None:
    """Compare shapes before a lazy array is read into memory."""
    if np.shape(value) != shape:
        raise ValueError(f"shape {np.shape(value)} where {shape} belongs")


def _check_size(key: str, value: Any, ndim: int) -> None:
    """Refuse, before reading a lazy array, one with other axes or beyond any image's size."""
    with reading(key):
        shape = np.shape(value)
        if len(shape) != ndim:
            raise ValueError(f"{len(shape)} axes where {ndim} belong")
        if any(side > _MOST_FRAMES for side in shape) or math.prod(shape) > _MOST_VALUES:
            raise ValueError(f"shape {shape} is larger than any alignment")


def _numbers(value: Any) -> list[Any]:
    """List of the few numbers of a shape; HyperSpy may have made an array or a tuple of it."""
    array = np.asarray(value)
    if array.ndim != 1 or array.size > 32:
        raise ValueError(f"a list of numbers belongs here, not {value!r}")
    return list(array.tolist())


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text belongs here, not {value!r}")
    return str(value)
