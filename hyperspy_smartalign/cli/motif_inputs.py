"""What ``smartalign motif`` reads: images, motif, and signals that get the same tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperspy_smartalign.cli.aligning import log_told
from hyperspy_smartalign.cli.command import Reporter
from hyperspy_smartalign.cli.motif_options import UNIT_CELL
from hyperspy_smartalign.cli.preparing import prepared, prepared_alike
from hyperspy_smartalign.cli.reading import load, load_image, load_other, paths_of

if TYPE_CHECKING:
    from hyperspy.signals import BaseSignal


@dataclass(frozen=True)
class Inputs:
    """Files that the command reads.

    Attributes
    ----------
    series, source, second, spectra, template : sequence of Path
        Those of FILE, and of the options of these names; empty where there are none.
    """

    series: Sequence[Path]
    source: Sequence[Path]
    second: Sequence[Path]
    spectra: Sequence[Path]
    template: Sequence[Path]

    @classmethod
    def of(cls, files: Sequence[str], given: Mapping[str, Any]) -> Inputs:
        """The files that the arguments name, in order."""

        def listed(names: Sequence[str]) -> Sequence[Path]:
            return paths_of(names, sort=given["sort"]) if names else ()

        return cls(
            series=listed(files),
            source=listed([] if given["source"] is None else [given["source"]]),
            second=listed(given["second"]),
            spectra=listed(given["spectra"]),
            template=[given["template"]] if isinstance(given["template"], Path) else (),
        )

    @property
    def every(self) -> list[Path]:
        """All of them."""
        return [*self.series, *self.source, *self.second, *self.spectra, *self.template]


@dataclass(frozen=True, eq=False)
class Loaded:
    """What the files hold.

    Attributes
    ----------
    searched : Signal2D
        Image or series; aligned by shifts, where that was asked for.
    source : Signal2D or None
        What tiles are cut out of, where that is another series.
    template : Signal2D, array, region or str
        The motif, as template_match takes it.
    second, spectra : BaseSignal or None
        What gets the same tiles.
    """

    searched: BaseSignal
    source: BaseSignal | None
    template: Any
    second: BaseSignal | None
    spectra: BaseSignal | None


def load_all(inputs: Inputs, given: Mapping[str, Any], *, report: Reporter) -> Loaded:
    """Read everything, and refuse what cannot fit, before the search."""
    from hyperspy_smartalign.signals import recording

    series = load(inputs.series, given, report=report)
    if len(series.axes_manager.signal_axes) != 2:
        raise ValueError(
            f"{series!r} holds no images, in which motifs are searched. Give as FILE the images "
            "that were recorded with the spectra, and these with --spectra."
        )
    series = prepared(series, given, report=report)
    steps = recording.steps_of(series)
    source: BaseSignal | None = None
    if inputs.source:
        source = load(inputs.source, given, report=report)
        source = prepared_alike(source, steps, report=report)
    second, spectra = (
        _other(paths, name, series if source is None else source, given, report=report)
        for name, paths in (("second", inputs.second), ("spectra", inputs.spectra))
    )
    template = given["template"]
    if inputs.template:
        template = load_image(template, report=report)
    elif template == UNIT_CELL:
        template = "unit cell"
    if given["align"]:
        report.progress(f"Aligning {_frames_in(series)} frames")
        with report.working(), log_told(report):
            aligned = series.align_rigid(
                show_progressbar=report.show_progressbar, num_workers=given["workers"]
            )
        series, source = aligned, series
    return Loaded(series, source, template, second, spectra)


def _other(
    paths: Sequence[Path],
    name: str,
    series: BaseSignal,
    given: Mapping[str, Any],
    *,
    report: Reporter,
) -> BaseSignal | None:
    """The signal of another detector, with the frames that the series has."""
    if not paths:
        return None
    from hyperspy_smartalign.signals import recording

    how = {
        "signal": given[f"{name}_signal"],
        "lazy": True if given["lazy"] else None,
        "stack": given["stack"],
        "reader": given["spectra_reader"] if name == "spectra" else given["reader"],
    }
    n = _frames_in(series)
    signal = load_other(paths, how, n_frames=n, report=report)
    signal = prepared_alike(signal, recording.steps_of(series), report=report)
    own = _frames_in(signal)
    if own != n:
        raise ValueError(
            f"--{name}: {own} frame(s) in {len(paths)} file(s), and the images have {n}. Give the "
            f"same frames of both{_hint(name, own, n, paths)}."
        )
    return signal


def _frames_in(signal: BaseSignal) -> int:
    """Number of images or of spectrum images; 1 for a single one."""
    from hyperspy_smartalign.signals.targets import holds_spectra

    axes = signal.axes_manager.navigation_axes
    return math.prod(axis.size for axis in axes[2 if holds_spectra(signal) else 0 :])


def _hint(name: str, own: int, n: int, paths: Sequence[Path]) -> str:
    """What is likely to be the reason that there are other frames than those of the images."""
    if own == len(paths) == 1 and n > 1:
        return (
            f"; a pattern must stand in quotes (--{name} '{_pattern(paths[0])}'), or the shell "
            "makes images of its files"
        )
    if n == 1:
        return " (readers keep apart the frames in a file with sum_frames=False, else add them up)"
    return ""


def _pattern(path: Path) -> str:
    """The pattern that a file may be one of: its name with ``*`` for its last number."""
    stem = path.stem.rstrip("0123456789)]")
    return f"{stem}*{path.suffix}"
