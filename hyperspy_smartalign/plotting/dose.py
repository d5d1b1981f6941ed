"""Dose series: what more frames gain, and what fades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.style import (
    BLUE,
    GREY,
    SEQUENTIAL,
    SMALL,
    TITLE,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
    whole_numbers,
)

if TYPE_CHECKING:
    from hyperspy_smartalign.quality.dose_series import DoseCurves

# Bands that are drawn frame by frame, at most.
_MOST_BANDS = 5
# Critical doses beyond so many series are off the axis.
_LONGEST = 30.0


def plot_dose_series(
    series: DoseCurves,
    *,
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot a dose series in four panels.

    Above, against the number of first frames in the average: resolution by ring correlation, and
    information (dots: measured; line: expected from signal, noise and fading of the whole series).
    Open triangles: halves still agree at the highest frequency, so that the pixels are the limit.
    Below: amplitude of every frame in some bands of spatial frequency with their fits, and the
    number of frames after which a band is down to 1/e, with the law that
    ``average(weights="damage")`` uses.

    Parameters
    ----------
    series : DoseCurves
        What to plot.
    fig : Figure or SubFigure, optional
        Where to make the axes; by default a new figure.
    axes : four Axes, optional
        Axes to use instead.

    Returns
    -------
    (2, 2) array of Axes

    Raises
    ------
    ValueError
        If `axes` are not four, or both `fig` and `axes` are given.
    """
    made = panels((2, 2), fig=fig, axes=axes, size=(9.0, 6.4))
    _resolution(made[0, 0], series)
    _information(made[0, 1], series)
    _amplitudes(made[1, 0], series)
    _critical(made[1, 1], series)
    for ax in made.ravel().tolist():
        small_ticks(ax)
        ax.grid(color="0.92", linewidth=0.6)
        ax.set_axisbelow(True)
    return made


def _resolution(ax: Axes, series: DoseCurves) -> None:
    criteria = (("1/7", BLUE, "o", "1/7"), ("half_bit", VERMILION, "s", "half bit"))
    for criterion, colour, marker, label in criteria:
        values = series.resolution(criterion)  # type: ignore[arg-type]
        if np.isfinite(values).any():
            ax.plot(series.counts, values, marker, ls="-", color=colour, ms=4, lw=1.1, label=label)
        beyond = np.array([rings.beyond_nyquist(criterion) for rings in series.rings])  # type: ignore[arg-type]
        if beyond.any():
            finest = series.scale / series.rings[0].frequency[-1]
            ax.plot(
                series.counts[beyond],
                np.full(np.count_nonzero(beyond), finest),
                "v",
                color=colour,
                mfc="none",
                ms=5,
                label=f"{label}: pixels limit",
            )
    resolved = len(ax.lines) > 0
    if not resolved:
        ax.text(0.5, 0.5, "nothing in common", transform=ax.transAxes, ha="center", color=GREY)
        ax.set_ylim(0, 1)
    _mark_best(ax, series)
    ax.set_xlim(0, series.counts[-1] + 1)
    ax.set_title("resolution of the average", fontsize=TITLE)
    _label(ax, "first frames in the average", f"period ({series.units})")
    whole_numbers(ax, y=False)
    if resolved:
        ax.legend(fontsize=SMALL)


def _information(ax: Axes, series: DoseCurves) -> None:
    count = np.arange(1, len(series.expected) + 1)
    ax.plot(count, series.expected, color=GREY, lw=1.4, label="expected")
    ax.plot(series.counts, series.information, "o", color=BLUE, ms=4, label="measured")
    _mark_best(ax, series)
    ax.set_xlim(0, len(count) + 1)
    ax.set_ylim(0, None)
    ax.set_title("information in the average", fontsize=TITLE)
    _label(ax, "first frames in the average", "bits a pixel")
    whole_numbers(ax, y=False)
    ax.legend(fontsize=SMALL, loc="lower right")


def _mark_best(ax: Axes, series: DoseCurves) -> None:
    if series.best_count < len(series.frames):
        ax.axvline(series.best_count, color=VERMILION, ls="--", lw=1, label="best number")


def _amplitudes(ax: Axes, series: DoseCurves) -> None:
    fading = series.fading
    shown = np.flatnonzero(fading.shown)
    # Those that are known best tell most.
    clearest = shown[np.argsort(np.nanmedian(fading.error[:, shown], axis=0))][:_MOST_BANDS]
    chosen = np.sort(clearest)
    smooth = np.linspace(float(fading.exposure.min()), float(fading.exposure.max()), 100)
    number = np.interp(smooth, fading.exposure, series.frames)
    for place, band in enumerate(chosen):
        colour = colormaps[SEQUENTIAL](0.9 * place / max(len(chosen) - 1, 1))
        ax.errorbar(
            series.frames,
            fading.amplitude[:, band],
            fading.error[:, band],
            fmt=".",
            color=colour,
            ms=4,
            elinewidth=0.6,
            label=f"{series.scale / fading.frequency[band]:.3g} {series.units}",
        )
        ax.plot(number, np.exp(-fading.rate[band] * smooth), color=colour, lw=1.2)
    ax.axhline(0, color="0.7", lw=0.7)
    if series.onset is not None:
        ax.axvline(series.onset, color=VERMILION, ls="--", lw=1, label="significant")
    ax.set_title("amplitude of each frame", fontsize=TITLE)
    _label(ax, "frame", "over that before exposure")
    whole_numbers(ax, y=False)
    if len(chosen):
        low = float(min(np.nanmin(fading.amplitude[:, chosen]), 0.0))
        high = float(max(np.nanmax(fading.amplitude[:, chosen]), 1.0))
        ax.set_ylim(max(low, -0.5) - 0.05, min(high, 1.6) + 0.05)
        ax.legend(fontsize=SMALL, ncols=2)


def _critical(ax: Axes, series: DoseCurves) -> None:
    fading, frames = series.fading, len(series.frames)
    unit = 1.0 if series.dose is None else float(series.dose.mean())
    shown = fading.shown
    frequency = fading.frequency / series.scale
    rate, error = fading.rate / unit, fading.rate_error / unit
    # The inverse of a rate near zero has no symmetric error: rates are drawn, named by doses.
    ax.errorbar(
        frequency[shown], rate[shown], error[shown], fmt="o", color=BLUE, ms=4, elinewidth=0.9,
        label="bands",
    )  # fmt: skip
    if shown.any():
        at = np.linspace(0, float(fading.edges[-1]), 200)
        law = series.law()
        ax.plot(at / series.scale, law.rate(at) / unit, color=GREY, lw=1.4, label="law")
        top = float(np.max(np.append(rate[shown], 0.0))) + float(np.median(error[shown]))
        low = float(np.min(np.append(rate[shown] - error[shown], 0.0)))
        top = max(top, 1 / (_LONGEST * frames * unit))
        ax.set_ylim(max(low, -top) * 1.05, top * 1.15)
        ax.legend(fontsize=SMALL, loc="upper left")
    ax.axhline(0, color="0.7", lw=0.7)
    ax.set_xlim(0, None)
    ax.set_title("how fast detail fades", fontsize=TITLE)
    per = "1/frames" if series.dose is None else "Å²/e"
    _label(ax, f"spatial frequency (1/{series.units})", f"1 / critical dose ({per})")
    ax.ticklabel_format(axis="y", scilimits=(-3, 4), useMathText=True)
    ax.yaxis.get_offset_text().set_fontsize(SMALL)


def _label(ax: Axes, x: str, y: str) -> None:
    ax.set_xlabel(x, fontsize=SMALL + 1)
    ax.set_ylabel(y, fontsize=SMALL + 1)
