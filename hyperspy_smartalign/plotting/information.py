"""Signal to noise of one frame and of the average, and what arrives in the average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from hyperspy_smartalign.plotting.ring_correlation import STAGES
from hyperspy_smartalign.plotting.style import (
    SMALL,
    TITLE,
    VERMILION,
    AxesArray,
    FigureLike,
    panels,
    small_ticks,
)
from hyperspy_smartalign.quality.transfer import SpectralQuality

# Decades of signal to noise that are shown at most.
_DECADES = 6
_LOWEST = 1e-2
# Transfer with a larger standard error says nothing, and is not drawn.
_LARGEST_ERROR = 0.25


def plot_information(
    spectra: Mapping[str, SpectralQuality],
    *,
    scale: float = 1.0,
    units: str = "px",
    fig: FigureLike | None = None,
    axes: Axes | Sequence[Axes] | npt.NDArray[Any] | None = None,
) -> AxesArray:
    """Plot the spectral ratio of signal to noise, and the transfer from a frame to the average.

    First panel: of the average (lines), and of one frame at the last stage (thin line with dots).
    Second panel: amplitude in the average over that in one frame, with standard errors: 1 where all
    frames are in register. Rings in which the error is above 0.25 are left out.

    Parameters
    ----------
    spectra : mapping of str to SpectralQuality
        By the name of their stage.
    scale : float
        Size of a pixel in `units`.
    units : str
        Of lengths.
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
        If there are no spectra, or `axes` are not two.
    """
    if not spectra:
        raise ValueError("there are no spectra to plot.")
    made: AxesArray = panels((1, 2), fig=fig, axes=axes, size=(9.6, 3.8))[0]
    top, reach = 1.0, 0.0
    # Earlier stages are drawn thicker, so that they are seen where later ones lie on them.
    for number, (name, quality) in enumerate(spectra.items()):
        colour, words = STAGES.get(name, (VERMILION, name))
        frequency = quality.frequency / scale
        ratio = np.where(quality.ssnr_average > 0, quality.ssnr_average, np.nan)
        top = max(top, float(np.nanmax(ratio, initial=1.0)))
        label = f"average of {quality.frames}, {words}"
        width = 1.4 + 0.6 * (len(spectra) - 1 - number)
        made[0].plot(frequency, ratio, color=colour, linewidth=width, label=label)
        error = np.nan_to_num(quality.transfer_error)
        known = np.isfinite(quality.transfer) & (error < _LARGEST_ERROR)
        reach = max(reach, float(frequency[known].max(initial=0.0)))
        made[1].errorbar(
            frequency,
            np.where(known, quality.transfer, np.nan),
            yerr=error,
            color=colour,
            linewidth=1.2,
            elinewidth=0.7,
            marker="o",
            markersize=2.5,
            label=words,
        )
    name, last = list(spectra.items())[-1]
    colour = STAGES.get(name, (VERMILION, ""))[0]
    made[0].plot(
        last.frequency / scale,
        np.where(last.ssnr_frame > 0, last.ssnr_frame, np.nan),
        color=colour,
        linewidth=0.7,
        marker=".",
        markersize=3,
        label="one frame",
    )
    made[0].axhline(1, color="black", linestyle="--", linewidth=0.9)
    made[0].set_yscale("log")
    made[0].set_ylim(max(_LOWEST, top / 10**_DECADES), 2 * top)
    made[0].set_ylabel("signal / noise (power)", fontsize=SMALL + 1)
    made[0].set_title("spectral signal to noise", fontsize=TITLE)
    made[1].axhline(1, color="black", linestyle="--", linewidth=0.9)
    made[1].set_ylim(0, 1.3)
    made[1].set_ylabel("amplitude, average / frame", fontsize=SMALL + 1)
    made[1].set_title("transfer into the average", fontsize=TITLE)
    for ax in made:
        ax.set_xlim(0, last.frequency[-1] / scale)
        ax.set_xlabel(f"spatial frequency (1/{units})", fontsize=SMALL + 1)
        ax.grid(color="0.92", linewidth=0.6)
        ax.set_axisbelow(True)
        small_ticks(ax)
        ax.tick_params(which="both", labelsize=SMALL)
        if ax.get_legend_handles_labels()[0]:
            ax.legend(fontsize=SMALL, framealpha=0.9, loc="best")
    if reach:
        made[1].set_xlim(0, 1.05 * reach)
    return made
