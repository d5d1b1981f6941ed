"""Make the figures of the page "Real series" from real microscope files.

    python docs/make_real_data_figures.py DATA_FOLDER

DATA_FOLDER holds the folders that the page names. The figures go to docs/_static.
"""

from __future__ import annotations

import argparse
import io
import warnings
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from PIL import Image

import hyperspy_smartalign
from hyperspy_smartalign.series import SeriesWarning

STATIC = Path(__file__).resolve().parent / "_static"
SEED = 3

#: A picture and the words above it.
Panel = tuple[str, npt.NDArray[Any]]


def quiet_load(path: Path, **keywords: Any) -> Any:
    """Load a file without the deprecation warnings of its reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hs.load(path, **keywords)


def aligned_and_told(name: str, series: Any, **keywords: Any) -> Any:
    """Align a series and print what was found."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SeriesWarning)
        aligned = series.align_rigid(show_progressbar=False, **keywords)
    alignment = aligned.smartalign.alignment
    to_apply = alignment.shifts[0] - alignment.shifts
    print(f"{name}: shift to apply to the last frame {np.round(to_apply[-1], 2)} px")
    print(f"    standard errors {np.round(np.nanmedian(alignment.precision, axis=0), 3)} px")
    print(f"    least hop margin {np.nanmin(alignment.hop_margin):.1f}")
    for warning in caught:
        if issubclass(warning.category, SeriesWarning):
            print(f"    {warning.message}")
    return aligned


def mean_of(series: Any) -> npt.NDArray[np.float64]:
    """Mean of the frames of a series."""
    return np.asarray(series.data, np.float64).mean(0)


def tilt_series(data: Path) -> list[Panel]:
    """HAADF of three tilts, and the X-rays counted on the same pixels."""
    files = [data / "eds-haadf-series-L2083" / f"{tilt}.bcf" for tilt in (0, 5, -5)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detectors = hyperspy_smartalign.load_series(files)
    haadf, x_rays = detectors["HAADF"], detectors["EDX"]
    maps = x_rays.sum(axis="Energy").as_signal2D((0, 1))
    aligned = aligned_and_told("tilt series", haadf)
    moved = maps.apply_alignment(aligned, show_progressbar=False)
    return [
        ("HAADF, mean as recorded", mean_of(haadf)),
        ("HAADF, mean aligned", mean_of(aligned)),
        ("X-rays, mean as recorded", mean_of(maps)),
        ("X-rays, same shifts", mean_of(moved)),
    ]


def silicon(data: Path) -> list[Panel]:
    """One area of Si(111)-7x7 twice."""
    channels = quiet_load(data / "stm-si111-7x7" / "si77_028_032.hspy")
    series = channels.inav[0].smartalign.remove_ramp().smartalign.prepare(equalise="row")
    aligned = aligned_and_told("Si(111)-7x7", series)
    return [
        ("first frame", series.data[0]),
        ("8 minutes later", series.data[1]),
        ("mean as recorded", mean_of(series)),
        ("mean aligned", mean_of(aligned)),
    ]


def force_microscopy(data: Path) -> list[Panel]:
    """Three AFM frames that drift by a quarter of the field."""
    series = quiet_load(data / "afm-fastscan-3frames" / "fastscan_height_3frames.hspy")
    flat = series.smartalign.remove_ramp(order=2).smartalign.prepare(equalise="row")
    aligned_and_told("AFM, as recorded", series)
    aligned = aligned_and_told("AFM", flat)
    return [
        ("first frame", flat.data[0]),
        ("last frame", flat.data[-1]),
        ("mean as recorded", mean_of(flat)),
        ("mean aligned", mean_of(aligned)),
    ]


def moving_windows(data: Path) -> list[Panel]:
    """Windows cut from two simultaneous images of SrTiO3 along a known path, few counts."""
    rng = np.random.default_rng(SEED)
    walk = np.cumsum(rng.normal((1.2, -0.8), 1.5, (24, 2)), axis=0)
    path = np.round(walk - walk.mean(0)).astype(int)
    detectors = {}
    for name in ("ADF", "ABF"):
        image = quiet_load(data / "stem-atomic-single-images" / f"STO_{name}_crop512.hspy").data
        frames = np.stack([image[128 - y :, 128 - x :][:256, :256] for y, x in path])
        low, high = np.percentile(image, (0.1, 99.9))
        expected = np.clip((frames - low) / (high - low), 0.02, None)
        detectors[name] = hs.signals.Signal2D(rng.poisson(expected).astype(np.uint16))
    aligned = aligned_and_told("SrTiO3 at 1 count", detectors["ADF"])
    error = aligned.smartalign.alignment.shifts - path
    error -= error.mean(0)
    print(
        f"    rms error {np.sqrt((error**2).mean(0)).round(3)} px, largest {abs(error).max():.2f}"
    )
    moved = detectors["ABF"].apply_alignment(aligned, show_progressbar=False)
    return [
        ("ADF, one frame", detectors["ADF"].data[0]),
        ("ADF, mean as recorded", mean_of(detectors["ADF"])),
        ("ADF, mean aligned", mean_of(aligned)),
        ("ABF, same shifts", mean_of(moved)),
    ]


def draw(panels: list[Panel], path: Path) -> None:
    """Pictures side by side, in 48 greys to keep the file small."""
    height, width = panels[0][1].shape
    figure, axes = plt.subplots(
        1, len(panels), figsize=(10, 10 / len(panels) * height / width + 0.35), layout="constrained"
    )
    for axis, (title, picture) in zip(axes, panels, strict=True):
        low, high = np.percentile(picture, (1, 99.5))
        axis.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-12))
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=85)
    plt.close(figure)
    Image.open(drawn).convert("L").quantize(48).save(path, optimize=True)
    print(f"    {path.name}: {path.stat().st_size / 1000:.0f} kB")


FIGURES = {
    "real_tilt_series.png": tilt_series,
    "real_silicon.png": silicon,
    "real_force_microscopy.png": force_microscopy,
    "real_moving_windows.png": moving_windows,
}


def main() -> None:
    """Make all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the microscope files")
    data = parser.parse_args().data
    for name, make in FIGURES.items():
        draw(make(data), STATIC / name)


if __name__ == "__main__":
    main()
