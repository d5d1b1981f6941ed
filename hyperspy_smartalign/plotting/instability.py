"""Instability spectrum: motion of the scan lines against frequency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    SMALL,
    TITLE,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
)
from hyperspy_smartalign.plotting.units import readable

if TYPE_CHECKING:
    from hyperspy_smartalign.quality.instability import InstabilitySpectrum
    from hyperspy_smartalign.quality.tones import Mains

# Decades below the strongest frequency that a logarithmic plot shows.
_DECADES = 5
# More marks than this and only those with a tone are drawn.
_MOST_MARKS = 12


def plot_instability(
    spectrum: InstabilitySpectrum,
    *,
    scale: Literal["log", "linear"] = "log",
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot an instability spectrum: one panel a component.

    The line is the power spectral density with the noise floor subtracted, the band its confidence
    interval, the dashed line the noise floor. Dotted lines mark mains harmonics, at their alias
    where they lie above the Nyquist frequency; dots mark tones, with their rms.

    Parameters
    ----------
    spectrum : InstabilitySpectrum
        What to plot.
    scale : {"log", "linear"}
        Of both axes.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : two Axes, optional
        Axes to use instead.

    Returns
    -------
    (2,) array of Axes

    Raises
    ------
    ValueError
        If `scale` is another word, `axes` are not two, or both `fig` and `axes` are given.
    """
    if scale not in ("log", "linear"):
        raise ValueError(f"scale={scale!r} is not known; use 'log' or 'linear'.")
    layout = {} if axes is not None else {"sharex": True, "sharey": True}
    made: AxesArray = panels((2, 1), fig=fig, axes=axes, size=(7.2, 5.6), **layout)[:, 0]
    factor, units = readable(float(spectrum.rms().max()), spectrum.units)
    used = slice(1, None)
    top = float(spectrum.upper[:, used].max()) * factor**2
    if not top > 0:
        top = max(float(spectrum.measured[:, used].max()) * factor**2, 1e-12)
    bottom = top / 10**_DECADES if scale == "log" else 0.0
    if scale == "log":
        # The noise floor stays in sight, and one decade below it.
        floor = spectrum.noise[:, 1] * factor**2
        shown = floor[floor > 0]
        bottom = max(bottom, float(shown.min()) / 10) if shown.size else bottom
    for row, ax in enumerate(made):
        _draw(ax, spectrum, row, factor, units, bottom)
        ax.set_xscale(scale)
        # Limits first: a scale that is set looks for limits of its own, and finds none in silence.
        ax.set_ylim(bottom, top * (12 if scale == "log" else 1.3))
        ax.set_yscale(scale)
        first = spectrum.frequencies[1] if scale == "log" else 0.0
        ax.set_xlim(first, spectrum.nyquist)
        ax.set_ylabel(f"along {spectrum.components[row]} ({units}²/Hz)", fontsize=SMALL + 1)
        ax.grid(color="0.92", linewidth=0.6)
        ax.set_axisbelow(True)
        small_ticks(ax)
        ax.tick_params(which="both", labelsize=SMALL)
        # The first panel tells its own rms; the last one explains all.
        handles, labels = ax.get_legend_handles_labels()
        if row == 0:
            chosen = [k for k, text in enumerate(labels) if text.startswith("motion")]
            handles, labels = [handles[k] for k in chosen], [labels[k] for k in chosen]
        corner = "lower left" if scale == "log" else "upper right"
        ax.legend(handles, labels, fontsize=SMALL, framealpha=0.9, loc=corner)
    frames = "1 frame" if spectrum.frames == 1 else f"{spectrum.frames} frames"
    made[0].set_title(
        f"instability spectrum, {frames}, resolution {spectrum.resolution:.3g} Hz", fontsize=TITLE
    )
    made[-1].set_xlabel("frequency (Hz)", fontsize=SMALL + 1)
    return made


def _draw(
    ax: Axes, spectrum: InstabilitySpectrum, row: int, factor: float, units: str, bottom: float
) -> None:
    frequencies = spectrum.frequencies[1:]
    values, lower, upper, noise = (
        array[row, 1:] * factor**2
        for array in (spectrum.density, spectrum.lower, spectrum.upper, spectrum.noise)
    )
    rms = spectrum.rms()[row] * factor
    # Values of zero would break a line on a logarithmic axis.
    tiny = bottom / 10 if bottom > 0 else 0.0
    ax.fill_between(
        frequencies,
        np.maximum(lower, tiny),
        np.maximum(upper, tiny),
        color=BLUE,
        alpha=0.2,
        linewidth=0,
        label=f"{100 * spectrum.confidence:g} % confidence",
    )
    ax.plot(
        frequencies,
        np.maximum(values, tiny),
        color=BLUE,
        linewidth=1.2,
        label=f"motion, {rms:.3g} {units} rms",
    )
    if noise.max() > bottom:
        ax.plot(frequencies, noise, color=GREY, linestyle="--", linewidth=1.1, label="noise floor")
    _mark_mains(ax, spectrum, label=row == 1)
    for tone in spectrum.tones:
        if tone.component != spectrum.components[row]:
            continue
        nearest = int(np.argmin(np.abs(frequencies - tone.frequency)))
        height = values[max(0, nearest - 1) : nearest + 2].max()
        ax.plot(tone.frequency, height, "o", color=VERMILION, markersize=4)
        named = "" if tone.mains is None else f"\n({tone.mains.name})"
        right = tone.frequency > 0.6 * spectrum.nyquist
        ax.annotate(
            f"{tone.frequency:.4g} Hz{named}\n{tone.rms * factor:.3g} {units} rms",
            (tone.frequency, height),
            xytext=(-5 if right else 5, 2),
            textcoords="offset points",
            ha="right" if right else "left",
            va="bottom",
            fontsize=SMALL - 1,
            color=VERMILION,
        )


def _mark_mains(ax: Axes, spectrum: InstabilitySpectrum, *, label: bool) -> None:
    """Dotted lines at the harmonics of the mains, their orders written at the top."""
    for line in _marks(spectrum):
        ax.axvline(line.frequency, color=GREY, linestyle=":", linewidth=0.8, zorder=0.5)
        ax.text(
            line.frequency,
            0.985,
            f"{line.mains * line.order:g}" + ("*" if line.aliased else ""),
            transform=ax.get_xaxis_transform(),
            fontsize=SMALL - 2,
            color=GREY,
            rotation=90,
            ha="right",
            va="top",
        )
    if label and spectrum.mains:
        ax.plot([], [], color=GREY, linestyle=":", linewidth=0.8, label="mains (Hz), * alias")


def _marks(spectrum: InstabilitySpectrum) -> tuple[Mains, ...]:
    """Harmonics to draw: those below Nyquist and those with a tone, or the latter only."""
    hit = {tone.mains for tone in spectrum.tones if tone.mains is not None}
    chosen = tuple(line for line in spectrum.mains if not line.aliased or line in hit)
    if len(chosen) > _MOST_MARKS:
        few = tuple(line for line in chosen if line.order <= 3 or line in hit)
        return few if len(few) <= _MOST_MARKS else tuple(line for line in chosen if line in hit)
    return chosen
