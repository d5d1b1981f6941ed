"""How good an aligned series is: everything that was measured, in one object."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_smartalign.quality.bragg import SpotTable
from hyperspy_smartalign.quality.ring_correlation import CRITERIA, RingCorrelation
from hyperspy_smartalign.quality.transfer import SpectralQuality

if TYPE_CHECKING:
    from hyperspy_smartalign.quality.closure import Closure
    from hyperspy_smartalign.quality.frame_quality import FrameQuality
    from hyperspy_smartalign.quality.held_out import HeldOut
    from hyperspy_smartalign.quality.precision import Precision
    from hyperspy_smartalign.quality.verdicts import Verdict

_MARKS = {"good": "+", "caution": "!", "bad": "x", "unknown": "?"}
_NAMES = {"raw": "as recorded", "rigid": "rigid", "nonrigid": "non-rigid"}


@dataclass(frozen=True, eq=False)
class Quality:
    """How good an aligned series is, with plots; what ``signal.smartalign.quality()`` gives.

    Print it for a summary in words.

    Attributes
    ----------
    rings : mapping of str to RingCorrelation
        Fourier ring correlation of the two halves of the frames, at every stage that could be
        drawn: "raw", "rigid", "nonrigid".
    spectral : SpectralQuality
        Signal to noise of one frame and of the average, and the transfer from one to the other, at
        the last stage.
    spots : SpotTable or None
        Bragg spots in one frame and in the average; None where nothing is periodic.
    precision : Precision or None
        Errors of the shifts against their bound, and the motion left in the frames; None where the
        series does not tell.
    closure : Closure or None
        Whether the shifts of pairs of frames close in triangles; None where no pairs are known.
    frames : FrameQuality or None
        Quality and suggested weight of each frame; None for a series that was not aligned.
    held_out : HeldOut or None
        Whether non-rigid correction helped on data that it had not seen; None where there was none.
    verdicts : tuple of Verdict
        What all this says, in words.
    messages : tuple of str
        What limits these figures.
    scale : (y, x)
        Size of a pixel in `units`.
    units : str
        Of lengths; "px" where there is none.
    title : str
        Title of the series.
    spectra : mapping of str to SpectralQuality
        As `spectral`, at every stage that could be drawn.
    """

    rings: Mapping[str, RingCorrelation]
    spectral: SpectralQuality
    spots: SpotTable | None
    precision: Precision | None
    closure: Closure | None
    frames: FrameQuality | None
    held_out: HeldOut | None
    verdicts: tuple[Verdict, ...]
    messages: tuple[str, ...]
    scale: tuple[float, float]
    units: str
    title: str = ""
    spectra: Mapping[str, SpectralQuality] = field(default_factory=dict)

    @property
    def stage(self) -> str:
        """Name of the last stage: "raw", "rigid" or "nonrigid"."""
        return list(self.rings)[-1]

    @property
    def pixel(self) -> float:
        """Size of a square pixel of the same area, in `units`."""
        return math.sqrt(self.scale[0] * self.scale[1])

    def resolution(self, criterion: str = "1/7", stage: str | None = None) -> float:
        """Period of the finest detail that the halves agree on, in `units`.

        Parameters
        ----------
        criterion : {"1/7", "half_bit"}
            See `RingCorrelation`.
        stage : str, optional
            One of `rings`; the last unless given.

        Returns
        -------
        float
            NaN where the halves agree on nothing, or up to the Nyquist limit.
        """
        name = self.stage if stage is None else stage
        if name not in self.rings:
            raise ValueError(f"stage={stage!r} was not measured; there is {', '.join(self.rings)}.")
        return self.rings[name].resolution(criterion) * self.pixel  # type: ignore[arg-type]

    def summary(self) -> str:
        """What was found, in words, a line each."""
        from hyperspy_smartalign.plotting.ring_correlation import resolution_words

        spectral = self.spectral
        heading = f"Quality of {self.title or 'the series'}, {spectral.frames} frames"
        lines = [heading, "-" * len(heading)]
        for name, curve in self.rings.items():
            words = [
                f"{resolution_words(curve, criterion, scale=self.pixel, units=self.units)} "  # type: ignore[arg-type]
                f"({criterion.replace('_', ' ')})"
                for criterion in CRITERIA
            ]
            lines.append(f"Resolution, {_NAMES.get(name, name)}: {', '.join(words)}")
        if self.spots is not None:
            lines.append(
                f"Bragg spots: {np.count_nonzero(self.spots.visible_frame)} in one frame, "
                f"{np.count_nonzero(self.spots.visible_average)} in the average"
                + _spacing(", down to", self.spots.finest_average, self.spots.units)
            )
        lines.append(
            f"Information: {spectral.frame_information:.3g} bits in one frame, "
            f"{spectral.information:.3g} in the average"
        )
        lines += [f"[{_MARKS.get(v.level, '?')}] {v.words}" for v in self.verdicts]
        lines += [f"Note: {message}" for message in self.messages]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.summary()

    def __repr__(self) -> str:
        from hyperspy_smartalign.plotting.ring_correlation import resolution_words

        words = resolution_words(self.rings[self.stage], scale=self.pixel, units=self.units)
        return (
            f"Quality({self.title!r}, {self.spectral.frames} frames, "
            f"{_NAMES.get(self.stage, self.stage)}, resolution {words}, "
            f"{len(self.verdicts)} verdicts)"
        )

    def to_dict(self) -> dict[str, Any]:
        """All figures as types that JSON knows: numbers that are not finite become None."""
        content = {each.name: _plain(getattr(self, each.name)) for each in fields(self)}
        for name, curve in self.rings.items():
            content["rings"][name] |= {
                "resolution": {c: _plain(self.resolution(c, name)) for c in CRITERIA},
                "half_bit": _plain(curve.half_bit),
                "error": _plain(curve.error),
            }
        content["spectral"] |= {
            "information": _plain(self.spectral.information),
            "frame_information": _plain(self.spectral.frame_information),
        }
        return content

    def plot(self, **keywords: Any) -> Any:
        """Plot all panels in one figure, over the verdicts in words.

        Parameters
        ----------
        **keywords
            fig: the Figure or SubFigure to draw in.

        Returns
        -------
        dict of str to matplotlib.axes.Axes
        """
        from hyperspy_smartalign.plotting.quality import plot_quality

        drawings: dict[str, Any] = {
            "rings": (1, lambda axes: self.plot_ring_correlation(axes=axes)),
            "information": (2, lambda axes: self.plot_information(axes=axes)),
        }
        if self.spots is not None:
            drawings["spots"] = (1, lambda axes: self.plot_spots(axes=axes))
        if self.precision is not None:
            drawings["precision"] = (1, lambda axes: self.plot_precision(axes=axes))
        if self.closure is not None:
            drawings["closure"] = (1, lambda axes: self.plot_closure(axes=axes))
        if self.frames is not None:
            drawings["frames"] = (1, lambda axes: self.plot_frames(axes=axes))
        return plot_quality(drawings, self.verdicts, title=self.title, **keywords)

    def plot_ring_correlation(self, **keywords: Any) -> Any:
        """Plot the ring correlations; see `hyperspy_smartalign.plotting.ring_correlation`.

        Parameters
        ----------
        **keywords
            criterion, fig, axes.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from hyperspy_smartalign.plotting.ring_correlation import plot_ring_correlation

        return plot_ring_correlation(self.rings, scale=self.pixel, units=self.units, **keywords)

    def plot_information(self, **keywords: Any) -> Any:
        """Plot spectral signal to noise, and the transfer into the average.

        Parameters
        ----------
        **keywords
            fig, axes.

        Returns
        -------
        (2,) array of matplotlib.axes.Axes
        """
        from hyperspy_smartalign.plotting.information import plot_information

        spectra = self.spectra or {self.stage: self.spectral}
        return plot_information(spectra, scale=self.pixel, units=self.units, **keywords)

    def plot_spots(self, **keywords: Any) -> Any:
        """Plot where the Bragg spots of one frame and of the average lie.

        Parameters
        ----------
        **keywords
            fig, axes.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            Nothing in the series is periodic.
        """
        from hyperspy_smartalign.plotting.spots import plot_spots

        table = self._known("spots", "nothing in the average is periodic above its noise")
        return plot_spots(table, scale=self.scale, **keywords)

    def plot_precision(self, **keywords: Any) -> Any:
        """Plot the errors of the shifts against their bound.

        Parameters
        ----------
        **keywords
            fig, axes.

        Raises
        ------
        ValueError
            The series does not tell.
        """
        from hyperspy_smartalign.plotting.precision import plot_precision

        known = self._known("precision", "the series tells nothing about the errors of its shifts")
        return plot_precision(known, **keywords)

    def plot_closure(self, **keywords: Any) -> Any:
        """Plot how the shifts of pairs of frames close in triangles.

        Parameters
        ----------
        **keywords
            fig, axes.

        Raises
        ------
        ValueError
            No three frames of which all pairs were measured and accepted.
        """
        from hyperspy_smartalign.plotting.closure import plot_closure

        known = self._known("closure", "no three frames have shifts of all their pairs")
        return plot_closure(known, **keywords)

    def plot_frames(self, **keywords: Any) -> Any:
        """Plot the quality and the suggested weight of every frame.

        Parameters
        ----------
        **keywords
            fig, axes.

        Raises
        ------
        ValueError
            The frames were not judged one by one.
        """
        from hyperspy_smartalign.plotting.frame_quality import plot_frame_quality

        known = self._known("frames", "the frames were not judged one by one")
        return plot_frame_quality(known, **keywords)

    def _known(self, name: str, why_not: str) -> Any:
        value = getattr(self, name)
        if value is None:
            raise ValueError(f"There is nothing to plot: {why_not} ({name} is None).")
        return value


def _spacing(words: str, length: float, units: str) -> str:
    return f"{words} {length:.3g} {units}" if math.isfinite(length) else ""


def _plain(value: Any) -> Any:
    """A value as types that JSON knows."""
    if hasattr(value, "to_dict"):
        return _plain(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
