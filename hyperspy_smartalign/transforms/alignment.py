"""The alignment of a whole series: one transform a frame, and how good they are."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from ._base import Transform
from ._records import as_figures, as_flags, as_scale, as_step, as_texts, same_values
from ._validation import FloatArray, as_floats, as_pair, as_shape, frozen, real_array
from .canvas import Canvas
from .storage import AlignmentFormatError, alignment_to_dict, read_alignment
from .translation import Translation

if TYPE_CHECKING:
    from hyperspy_smartalign.series.geometry import ScanGeometry

# Scales of one calibration stored by different programs agree to this fraction.
_SCALE_TOLERANCE = 1e-3


class AlignmentMismatchError(ValueError):
    """An alignment was given to a series, or to an alignment, that it does not fit."""


class NoAlignmentError(ValueError, LookupError):
    """A signal carries no alignment."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How the frames of a series fit on each other.

    Parameters
    ----------
    transforms : sequence of Transform
        One a frame, frames in C order of the navigation shape. ``aligned[p] = frame[p + d(p)]``
        with p in pixels of the common frame.
    navigation_shape : tuple of int
        Navigation shape in numpy order.
    frame_shape : (height, width)
        Shape in pixels of the raw frames that the transforms lead to.
    canvas : Canvas
        Window of the common frame that the output covers.
    frame_scale, frame_offset : (y, x)
        Calibration of the raw frames, in `frame_units`; scales may be negative, not zero.
    frame_units : (y, x)
        Units of the calibration; "px" says that there is none.
    precision : (n, 2) array-like, optional
        Standard error (y, x) of each frame's shift in pixels, NaN where it is not known.
    hop_margin : (n,) array-like, optional
        By how much each frame's place beats the next best one a unit cell away (negative where
        it does not), NaN where it is not known.
    excluded : (n,) array-like of bool, optional
        True for frames that must not enter an average.
    exclusion_reasons : sequence of str
        One a frame, empty for frames that are not excluded.
    scan : ScanGeometry, optional
        How the series was scanned.
    steps : sequence of mappings
        The steps taken so far, each ``{"name": ..., "parameters": {...}}``.
    package_version : str
        Version of this package that made the alignment; this one unless given.

    Raises
    ------
    TypeError, ValueError
        If a value does not fit the number of frames, or is not of its kind.
    """

    transforms: tuple[Transform, ...]
    navigation_shape: tuple[int, ...]
    frame_shape: tuple[int, int]
    canvas: Canvas
    frame_scale: tuple[float, float] = (1.0, 1.0)
    frame_offset: tuple[float, float] = (0.0, 0.0)
    frame_units: tuple[str, str] = ("px", "px")
    precision: FloatArray | None = None
    hop_margin: FloatArray | None = None
    excluded: npt.NDArray[np.bool_] = ()  # type: ignore[assignment]
    exclusion_reasons: tuple[str, ...] = ()
    scan: ScanGeometry | None = None
    steps: tuple[Mapping[str, Any], ...] = ()
    package_version: str = ""

    def __post_init__(self) -> None:
        transforms = tuple(self.transforms)
        for i, transform in enumerate(transforms):
            if not isinstance(transform, Transform):
                raise TypeError(f"transforms[{i}] is a {type(transform).__name__}, no transform")
        n = len(transforms)
        navigation_shape = as_shape("navigation_shape", self.navigation_shape)
        if not navigation_shape or math.prod(navigation_shape) != n:
            raise ValueError(
                f"{n} transforms do not fit navigation shape {navigation_shape}; give one "
                "transform a frame"
            )
        if not isinstance(self.canvas, Canvas):
            raise TypeError(f"canvas must be a Canvas, not {type(self.canvas).__name__}")
        checked = {
            "transforms": transforms,
            "navigation_shape": navigation_shape,
            "frame_shape": as_shape("frame_shape", self.frame_shape, 2),
            "frame_scale": as_scale(self.frame_scale),
            "frame_offset": tuple(as_pair("frame_offset", self.frame_offset).tolist()),
            "frame_units": as_texts("frame_units", self.frame_units, 2),
            "precision": as_figures("precision", self.precision, (n, 2)),
            "hop_margin": as_figures("hop_margin", self.hop_margin, (n,)),
            "excluded": as_flags(self.excluded, n),
            "exclusion_reasons": as_texts(
                "exclusion_reasons", self.exclusion_reasons or ("",) * n, n
            ),
            "steps": tuple(as_step(i, step) for i, step in enumerate(self.steps)),
            "package_version": str(self.package_version) or _this_version(),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        if self.precision is not None and np.any(self.precision < 0):
            raise ValueError("precision must not be negative; use NaN where it is not known")

    @classmethod
    def from_shifts(
        cls,
        shifts: npt.ArrayLike,
        *,
        frame_shape: tuple[int, int],
        navigation_shape: tuple[int, ...] | None = None,
        canvas: Canvas | None = None,
        **details: Any,
    ) -> Self:
        """Alignment from a table of shifts, for instance of another program.

        Parameters
        ----------
        shifts : array-like of shape (n, 2) or (\\*navigation_shape, 2)
            Measured displacement (y, x) of each frame's content in pixels: HyperSpy's
            ``estimate_shift2D`` as it is; scikit-image's ``phase_cross_correlation`` gives the
            correction, so negate that.
        frame_shape : (height, width)
            Shape of the frames in pixels.
        navigation_shape : tuple of int, optional
            Navigation shape in numpy order; that of the table when not given.
        canvas : Canvas, optional
            Window that the output covers. When not given, the area common to all frames that
            are not excluded.
        **details
            Other fields of the class.

        Raises
        ------
        ValueError
            If the shape of the table does not fit, or a shift is not finite.
        """
        array = real_array("shifts", shifts)
        if array.ndim < 2 or array.shape[-1] != 2:
            raise ValueError(
                f"shifts must have shape (n, 2) or (*navigation_shape, 2) with y before x, not "
                f"{array.shape}"
            )
        navigation = (
            array.shape[:-1]
            if navigation_shape is None
            else as_shape("navigation_shape", navigation_shape)
        )
        n = math.prod(navigation)
        if array.shape[:-1] not in {navigation, (n,)}:
            raise ValueError(
                f"shifts of shape {array.shape} do not fit navigation shape {navigation}; give "
                + " or ".join(dict.fromkeys(map(str, ((n, 2), (*navigation, 2)))))
            )
        table = as_floats("shifts", array.reshape(-1, 2), (None, 2))
        if canvas is None:
            kept = ~as_flags(details.get("excluded", ()), n)
            canvas = Canvas.common(table[kept] if kept.any() else table, frame_shape)
        return cls(
            tuple(Translation(shift) for shift in table),
            navigation_shape=navigation,
            frame_shape=frame_shape,
            canvas=canvas,
            **details,
        )

    @classmethod
    def from_signal(cls, signal: Any) -> Self:
        """The alignment recorded in a signal.

        Parameters
        ----------
        signal : hyperspy signal
            A result of this package; arrays that were loaded lazily are read now.

        Raises
        ------
        NoAlignmentError
            If the signal carries none.
        AlignmentFormatError
            If what it carries is corrupt, or newer than this version.
        """
        metadata = getattr(signal, "metadata", None)
        if metadata is None or not hasattr(metadata, "get_item"):
            raise TypeError(f"expected a HyperSpy signal, not {type(signal).__name__}")
        content = as_dictionary(metadata.get_item("Smart_align", None))
        if not isinstance(content, Mapping) or "schema_version" not in content:
            raise NoAlignmentError(
                "the signal carries no alignment (metadata.Smart_align); align it first, for "
                "instance with signal.align_rigid(), or take Alignment.load(path)"
            )
        return cls.from_dict(content)

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.transforms)

    @property
    def is_rigid(self) -> bool:
        """Whether every frame is only shifted."""
        return all(isinstance(t, Translation) for t in self.transforms)

    @cached_property
    def shifts(self) -> FloatArray:
        """Displacement (n, 2) of each frame's content, (y, x) in pixels.

        For transforms other than `Translation`, the mean displacement over the canvas.
        """
        means = [t.mean(self.canvas.shape, origin=self.canvas.origin) for t in self.transforms]
        return frozen(np.array(means))

    def displacement_field(self, i: int) -> FloatArray:
        """Displacement (2, canvas height, canvas width) of frame `i`, in pixels.

        Output pixel q samples frame i at ``q + canvas.origin + field[:, q]``.

        Raises
        ------
        IndexError
            If there is no frame `i`.
        """
        if not -self.n_frames <= i < self.n_frames:
            raise IndexError(f"frame {i} does not exist: the alignment has {self.n_frames} frames")
        return self.transforms[i].displacement(self.canvas.shape, origin=self.canvas.origin)

    def compose(self, other: Alignment) -> Alignment:
        """One alignment for two stages, so that pixels are interpolated once.

        Parameters
        ----------
        other : Alignment
            The later stage, estimated on the output of this one: its pixels are those of
            this alignment's canvas.

        Returns
        -------
        Alignment
            From the raw frames of `self` to the output of `other`. Steps of both; precision and
            hop margin of `other` where it knows them, else of `self`; frames that either stage
            excluded.

        Raises
        ------
        AlignmentMismatchError
            If `other` is for another number of frames or another frame shape.

        Notes
        -----
        Approximate where the composition of the transforms is: see `ScanLine` and `Field`.
        """
        other.check_applies_to(self.navigation_shape, self.canvas.shape)
        top, left = self.canvas.origin
        return replace(
            self,
            transforms=tuple(
                first.compose(second.moved((-top, -left)))
                for first, second in zip(self.transforms, other.transforms, strict=True)
            ),
            canvas=other.canvas.moved((top, left)),
            precision=_known(other.precision, self.precision),
            hop_margin=_known(other.hop_margin, self.hop_margin),
            excluded=self.excluded | other.excluded,
            exclusion_reasons=tuple(
                mine or theirs
                for mine, theirs in zip(
                    self.exclusion_reasons, other.exclusion_reasons, strict=True
                )
            ),
            scan=self.scan if other.scan is None else other.scan,
            steps=self.steps + other.steps,
            package_version=_this_version(),
        )

    def inverse(self) -> Alignment:
        """The alignment that takes an aligned series back onto the grid of the raw frames.

        It applies to frames of the canvas's shape, and its own canvas is the raw frame.

        Raises
        ------
        ValueError
            If a transform has no inverse (it folds); the message names the frame.
        """
        top, left = self.canvas.origin
        back = []
        for i, transform in enumerate(self.transforms):
            try:
                back.append(transform.inverse().plus((-top, -left)))
            except ValueError as error:
                raise ValueError(f"frame {i}: {error}") from error
        start = np.asarray(self.frame_offset) + np.multiply((top, left), self.frame_scale)
        return replace(
            self,
            transforms=tuple(back),
            frame_shape=self.canvas.shape,
            frame_offset=tuple(start.tolist()),
            canvas=Canvas.of_frame(self.frame_shape),
            steps=(*self.steps, {"name": "inverse", "parameters": {}}),
        )

    def with_canvas(self, canvas: Canvas) -> Alignment:
        """The same alignment with another output window."""
        return replace(self, canvas=canvas)

    def regridded(
        self,
        step: npt.ArrayLike,
        start: npt.ArrayLike,
        *,
        frame_shape: tuple[int, int],
        frame_scale: tuple[float, float],
        frame_offset: tuple[float, float],
        frame_units: tuple[str, str],
    ) -> Alignment:
        """The same alignment for frames with other pixels, recorded by the same scan.

        Parameters
        ----------
        step, start : (y, x)
            Pixel P of the other frames has its centre at ``step * P + start`` in pixels of
            these; see `Transform.regridded`.
        frame_shape, frame_scale, frame_offset, frame_units
            Shape and calibration of the other frames.

        Returns
        -------
        Alignment
            Transforms, precision and the times of the scan are those of the other pixels. The
            canvas holds the whole pixels inside the old one, whether or not the other frames
            reach so far. The change is the last of the steps, named "regrid".

        Raises
        ------
        ValueError
            If a step is not positive, or no whole pixel lies inside the canvas.
        """
        from ._regrid import alignment_on_grid

        return alignment_on_grid(
            self,
            step,
            start,
            frame_shape=frame_shape,
            frame_scale=frame_scale,
            frame_offset=frame_offset,
            frame_units=frame_units,
        )

    def check_applies_to(
        self,
        navigation_shape: Sequence[int],
        frame_shape: Sequence[int],
        scale: Sequence[float] | None = None,
    ) -> None:
        """Refuse a series that the alignment was not made for.

        Parameters
        ----------
        navigation_shape : tuple of int
            Navigation shape of the series in numpy order.
        frame_shape : (height, width)
            Shape of its frames.
        scale : (y, x), optional
            Calibration of its frames in the units of the alignment. Compared, without regard to
            sign and to 1 part in 1000, unless the alignment has none (units "px").

        Raises
        ------
        AlignmentMismatchError
            With both numbers and what to do.
        """
        navigation, frame = tuple(navigation_shape), tuple(frame_shape)
        if navigation != self.navigation_shape:
            raise AlignmentMismatchError(
                f"the alignment is for {self.n_frames} frames (navigation shape "
                f"{self.navigation_shape}), the series has {math.prod(navigation)} (navigation "
                f"shape {navigation}). Slicing a signal with inav does not slice its alignment: "
                "apply it to the whole series and slice the result, or align the sliced series"
            )
        if frame != self.frame_shape:
            raise AlignmentMismatchError(
                f"the alignment is for frames of {_size(self.frame_shape)} px, the series has "
                f"frames of {_size(frame)} px. Apply it to the series as it was before cropping "
                "or rebinning, or align this series"
            )
        if scale is not None and self.frame_units != ("px", "px"):
            ours, theirs = np.abs(self.frame_scale), np.abs(np.asarray(scale, np.float64))
            if theirs.shape != (2,) or not np.allclose(theirs, ours, rtol=_SCALE_TOLERANCE, atol=0):
                units = "/".join(dict.fromkeys(self.frame_units))
                raise AlignmentMismatchError(
                    f"the alignment is for pixels of {self.frame_scale} {units} (y, x), the "
                    f"series has pixels of {tuple(np.asarray(scale).tolist())}. If both show "
                    "the same scan, correct the scale of the signal axes; else align this series"
                )

    def to_dict(self, *, keep_fields: bool = False) -> dict[str, Any]:
        """Dictionary for `signal.metadata`, of types that HyperSpy saves in any format.

        Parameters
        ----------
        keep_fields : bool
            Keep dense displacement fields of more than 1 MB. HyperSpy copies metadata at every
            slice of a signal, so they make everything slow.

        Raises
        ------
        ValueError
            If dense fields exceed 1 MB and `keep_fields` is False.
        """
        return alignment_to_dict(self, keep_fields=keep_fields)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Alignment of a dictionary made by :meth:`to_dict`, also after HyperSpy stored it.

        Raises
        ------
        AlignmentFormatError
            If the content is corrupt (the message names the key) or of a newer version.
        """
        content = as_dictionary(content)
        if not isinstance(content, Mapping):
            raise AlignmentFormatError(
                f"an alignment is stored as a dictionary, not as a {type(content).__name__}"
            )
        arguments = read_alignment(content)
        try:
            return cls(**arguments)
        except (TypeError, ValueError) as error:
            raise AlignmentFormatError(f"a stored alignment is corrupt: {error}") from error

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Save to one file, dense fields included.

        The file is written aside and renamed when complete, so a file of that name is never
        left broken.

        Parameters
        ----------
        path : path
            Must end in ``.npz``.
        overwrite : bool
            Replace a file that exists.

        Raises
        ------
        ValueError
            If the suffix is another one.
        FileExistsError
            If the file exists and `overwrite` is False.
        """
        from ._file import write_file

        write_file(path, self.to_dict(keep_fields=True), overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Alignment from a file made by :meth:`save`.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        AlignmentFormatError
            If the file is truncated, of another kind, or of a newer version.
        """
        from ._file import read_file

        try:
            return cls.from_dict(read_file(path))
        except AlignmentFormatError as error:
            raise AlignmentFormatError(f"{os.fspath(path)}: {error}") from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Alignment):
            return NotImplemented
        return all(same_values(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        kinds = ", ".join(
            f"{count} {kind}" for kind, count in Counter(t.kind for t in self.transforms).items()
        )
        low, high = self.shifts.min(axis=0), self.shifts.max(axis=0)
        navigation = f" {self.navigation_shape}" if len(self.navigation_shape) > 1 else ""
        lost = f", {int(self.excluded.sum())} excluded" if self.excluded.any() else ""
        steps = ", ".join(str(step["name"]) for step in self.steps) or "none"
        return (
            f"<Alignment: {kinds}{navigation}{lost}; frames {_size(self.frame_shape)} px; canvas "
            f"{_size(self.canvas.shape)} px at {self.canvas.origin}; shifts y {low[0]:.2f} to "
            f"{high[0]:.2f}, x {low[1]:.2f} to {high[1]:.2f} px; steps: {steps}>"
        )


def as_dictionary(node: Any) -> Any:
    """A dictionary for HyperSpy's DictionaryTreeBrowser; anything else as it is."""
    return node.as_dictionary() if hasattr(node, "as_dictionary") else node


def _known(second: FloatArray | None, first: FloatArray | None) -> FloatArray | None:
    """Figures of the second stage where it has them, else those of the first."""
    if first is None or second is None:
        return first if second is None else second
    return np.where(np.isnan(second), first, second)


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _this_version() -> str:
    from hyperspy_smartalign import __version__

    return __version__
