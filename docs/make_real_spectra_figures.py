"""Make the figure of the page "Real series" that shows spectrum images.

    python docs/make_real_spectra_figures.py DATA_FOLDER

DATA_FOLDER holds the folders that the page names. The figure goes to docs/_static.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import numpy.typing as npt
from make_real_data_figures import STATIC, Panel, draw, quiet_load
from scipy import ndimage

import hyperspy_smartalign

# Elements of the dust particle with a strong line, and the window around it in keV.
LINES = {"Si": (1.64, 1.84), "Fe": (6.25, 6.55)}
# Blur of the pictures, px: there is less than one count a pixel in a line.
BLUR = 1.5


def smoothed(counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Counts averaged over neighbours, to be looked at."""
    return np.asarray(ndimage.gaussian_filter(counts.astype(float), BLUR))


def steepness(image: npt.NDArray[Any]) -> float:
    """Rms slope over the mean, at a scale of three pixels."""
    slope = np.gradient(ndimage.gaussian_filter(image.astype(float), 3.0))
    return float(np.sqrt((np.hypot(*slope)[8:-8, 8:-8] ** 2).mean()) / image.mean())


def dust(data: Path) -> None:
    """Element maps of a dust particle, from three tilts, by the shifts of the HAADF images."""
    folder = data / "eds-haadf-series-L2083"
    detectors = [quiet_load(folder / f"{tilt}.bcf") for tilt in (0, 5, -5)]
    haadf = hs.stack([each[0] for each in detectors], show_progressbar=False)
    spectra = [each[1] for each in detectors]
    aligned = haadf.align_rigid(show_progressbar=False)
    start = time.perf_counter()
    total = hyperspy_smartalign.apply_alignment(aligned, spectra, show_progressbar=False)
    print(f"dust: {total}, {time.perf_counter() - start:.1f} s")
    canvas = total.smartalign.alignment.canvas
    inside = slice(canvas.top, canvas.bottom), slice(canvas.left, canvas.right)
    recorded = sum(each.data[inside].astype(np.float32) for each in spectra)
    before = spectra[0].inav[: total.data.shape[1], : total.data.shape[0]].deepcopy()
    before.data = recorded
    images = haadf.data.astype(float).sum(0)[inside], aligned.data.mean(0)
    print(f"    image {steepness(images[1]) / steepness(images[0]):.2f} times as steep")
    panels: list[Panel] = []
    for name, window in LINES.items():
        maps = [each.isig[window[0] : window[1]].data.sum(-1) for each in (before, total)]
        print(f"    {name} {steepness(maps[1]) / steepness(maps[0]):.2f} times as steep")
        panels += [
            (f"{name}, added as recorded", smoothed(maps[0])),
            (f"{name}, aligned", smoothed(maps[1])),
        ]
    draw(panels, STATIC / "real_spectra_dust.png")


def multi_frame(data: Path) -> None:
    """X-rays of 14 frames, aligned by their own counts; the pictures hardly differ."""
    file = data / "eds-jeol-14frames" / "View000_0000006.pts"
    series = quiet_load(file, sum_frames=False, downsample=4, rebin_energy=16)
    aligned = series.align_rigid(show_progressbar=False)
    shifts = aligned.smartalign.alignment.shifts
    print(f"JEOL: {aligned}, up to {np.abs(shifts - shifts[0]).max(0).round(2)} px")


def main() -> None:
    """Make the figure, and print what the page says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the microscope files")
    data = parser.parse_args().data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for make in (dust, multi_frame):
            make(data)


if __name__ == "__main__":
    main()
