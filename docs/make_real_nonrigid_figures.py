"""Make the figures of the page "Real series" that show non-rigid alignment.

    python docs/make_real_nonrigid_figures.py DATA_FOLDER

DATA_FOLDER holds the folders that the page names. The figures go to docs/_static.
"""

from __future__ import annotations

import argparse
import io
import warnings
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from make_real_data_figures import STATIC, Panel, draw, mean_of, quiet_load
from PIL import Image
from scipy import ndimage

from hyperspy_smartalign.series import SeriesWarning

SEED = 1
BLUE, ORANGE = "#0072b2", "#d55e00"


def both(name: str, series: Any, **keywords: Any) -> tuple[Any, Any]:
    """The series aligned by shifts, and without scan distortions; prints what was found."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeriesWarning)
        rigid = series.align_rigid(show_progressbar=False)
        aligned = rigid.align_nonrigid(show_progressbar=False, **keywords)
    record = aligned.smartalign.nonrigid
    print(f"{name}: {aligned.data.shape}")
    for cycle in record.cycles:
        print(f"    {cycle.model}: gain {cycle.gain:.4g}{'' if cycle.kept else ', dropped'}")
    before, after = np.nanmean(record.similarity_before), np.nanmean(record.similarity)
    print(f"    similarity {before:.4f} to {after:.4f}")
    if record.prior is not None:
        print(f"    rms {record.prior.rms.round(2)} px over {record.prior.length.round(1)} lines")
    for label, each in (("shifted", rigid), ("non-rigid", aligned)):
        data = each.data
        pairs = [correlation(data[i], data[i + 1]) for i in range(min(len(data) - 1, 4))]
        print(f"    neighbours correlate, {label}: {np.round(pairs, 3)}")
    return rigid, aligned


def correlation(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Correlation of two frames where both are known."""
    seen = np.isfinite(first) & np.isfinite(second)
    return float(np.corrcoef(first[seen], second[seen])[0, 1])


def spectrum(image: npt.NDArray[Any], reach: int) -> npt.NDArray[np.float64]:
    """Logarithm of the power spectrum up to `reach` cycles a frame, on a square."""
    size = min(image.shape)
    part = image[:size, :size] - image[:size, :size].mean()
    window = np.hanning(size)
    power = np.fft.fftshift(np.abs(np.fft.fft2(part * window[:, None] * window)) ** 2)
    middle = size // 2
    near = power[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
    smooth = ndimage.gaussian_filter(near, 0.7)
    return np.asarray(np.log(smooth + 1e-4 * smooth.max()))


def silicon(data: Path) -> None:
    """One area of Si(111)-7x7 twice, with creep within the frames."""
    channels = quiet_load(data / "stm-si111-7x7" / "si77_028_032.hspy")
    rigid, aligned = both("Si(111)-7x7", channels.inav[0].smartalign.remove_ramp())
    panels: list[Panel] = []
    for title, each in (("shifted", rigid), ("non-rigid", aligned)):
        image = mean_of(each)[:110, :110]
        image = image - ndimage.gaussian_filter(image, 12)
        panels += [(f"top of the mean, {title}", image), ("its spectrum", spectrum(image, 45))]
    draw(panels, STATIC / "real_nonrigid_silicon.png")
    figure = plt.figure(figsize=(8, 4.6), layout="constrained")
    aligned.smartalign.plot_row_offsets(fig=figure)
    save(figure, "real_nonrigid_silicon_rows.png")


def force_microscopy(data: Path) -> None:
    """Three AFM frames, sheared against each other."""
    series = quiet_load(data / "afm-fastscan-3frames" / "fastscan_height_3frames.hspy")
    flat = series.smartalign.remove_ramp(order=2).smartalign.prepare(equalise="row")
    rigid, aligned = both("AFM", flat)
    draw(
        [
            ("mean, shifted", mean_of(rigid)[:330, :680]),
            ("mean, non-rigid", mean_of(aligned)[:330, :680]),
        ],
        STATIC / "real_nonrigid_force_microscopy.png",
    )


def fast_scanning(data: Path) -> None:
    """Graphene on nickel, 18 frames a second."""
    film = quiet_load(data / "faststm-movies" / "20141003_24_uf.hspy")
    rigid, aligned = both("20141003_24", film)
    both("F20190424_1", quiet_load(data / "faststm-movies" / "F20190424_1_uf.hspy"))
    part = slice(0, 98)
    draw(
        [
            ("one frame", np.sqrt(np.maximum(film.data[20] - film.data[20].min(), 0.0))[part]),
            *(
                (title, np.sqrt(np.maximum(mean_of(each) - mean_of(each).min(), 0.0))[part])
                for title, each in (("mean, shifted", rigid), ("mean, non-rigid", aligned))
            ),
        ],
        STATIC / "real_nonrigid_fast_scanning.png",
    )


def carbon(data: Path) -> None:
    """Amorphous carbon on a camera, where there is next to nothing to correct."""
    series = quiet_load(data / "tem-carbon-6frames" / "tem_carbon_6frames.hspy")
    for model in ("scan_locked", "free"):
        _, aligned = both(f"carbon, {model}", series, model=model)
        fields = [each.displacement((512, 512)) for each in aligned.smartalign.alignment.transforms]
        spread = np.array([field.std(axis=(1, 2)) for field in fields])
        print(f"    within the frames {spread.mean(0).round(3)} px rms")


def displaced_windows(image: npt.NDArray[Any], peak: float) -> tuple[Any, npt.NDArray[np.float64]]:
    """Windows of an image whose lines are displaced, with Poisson noise; and the displacement."""
    rng = np.random.default_rng(SEED)
    n, size = 12, 224
    walk = np.cumsum(rng.normal((0.8, -0.5), 0.5, (n, 2)), axis=0)
    jitter = ndimage.gaussian_filter1d(rng.normal(size=(n, size, 2)), 6.0, axis=1)
    during = (np.arange(size) / size - 0.5)[:, None] * np.array((0.8, -0.5))
    offsets = (walk - walk.mean(0))[:, None] + during + 0.7 * jitter / jitter.std()
    low, high = np.percentile(image, (0.1, 99.9))
    coefficients = ndimage.spline_filter(np.clip((image - low) / (high - low), 0.02, None))
    top, left = (np.array(image.shape) - size) // 2
    y, x = np.mgrid[:size, :size].astype(float)
    frames = [
        ndimage.map_coordinates(
            coefficients, (top + y - each[:, :1], left + x - each[:, 1:]), prefilter=False
        )
        for each in offsets
    ]
    counts = rng.poisson(peak * np.maximum(frames, 0.0)).astype(np.uint16)
    return hs.signals.Signal2D(counts), offsets


def line_errors(aligned: Any, offsets: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Found less known displacement of the lines, but for what all frames share."""
    found = []
    for transform in aligned.smartalign.alignment.transforms:
        place = np.stack(np.broadcast_arrays(np.arange(offsets.shape[1])[:, None] * 1.0, [[112.0]]))
        moved = np.zeros_like(place)
        for _ in range(20):
            moved = transform.at(place - moved)
        found.append(moved[:, :, 0].T)
    error = np.array(found) - offsets
    return np.asarray(error - error.mean(0))[:, 12:-12]


def strontium_titanate(data: Path) -> None:
    """Windows of one image of SrTiO3, lines displaced by known offsets."""
    folder = data / "stem-atomic-single-images"
    image = quiet_load(folder / "STO_ADF_crop512.hspy").data
    for peak in (1.0, 4.0, 20.0):
        series, offsets = displaced_windows(image, peak)
        rigid, aligned = both(f"SrTiO3 at {peak:g} counts", series)
        before, after = (line_errors(each, offsets) for each in (rigid, aligned))
        told = aligned.smartalign.nonrigid.line_errors[:, 12:-12]
        print(
            f"    rms error of lines {np.sqrt((before**2).mean()):.3f} to "
            f"{np.sqrt((after**2).mean()):.3f} px, told {np.sqrt((told**2).mean()):.3f}"
        )
        if peak == 4.0:
            draw(
                [
                    ("one frame", series.data[0][:128, :128]),
                    ("mean, shifted", mean_of(rigid)[:128, :128]),
                    ("mean, non-rigid", mean_of(aligned)[:128, :128]),
                ],
                STATIC / "real_nonrigid_windows.png",
            )
            rows = np.arange(12, offsets.shape[1] - 12)
            known = (offsets - offsets.mean(0))[2, 12:-12]
            figure, axes = plt.subplots(2, 1, figsize=(8, 4), sharex=True, layout="constrained")
            for axis, column, name in zip(axes, (0, 1), "yx", strict=True):
                value = known[:, column] + after[2, :, column]
                error = told[2, :, column]
                axis.fill_between(rows, value - error, value + error, color=BLUE, alpha=0.3, lw=0)
                axis.plot(rows, value, color=BLUE, label="found, ± standard error")
                axis.plot(rows, known[:, column], color=ORANGE, label="known")
                axis.set_ylabel(f"{name} offset (px)")
            axes[0].legend(frameon=False, ncols=2, fontsize=8)
            axes[1].set_xlabel("scan line of one frame")
            save(figure, "real_nonrigid_windows_rows.png")


def save(figure: Any, name: str) -> None:
    """Write a figure in 64 colours to keep the file small."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=85)
    plt.close(figure)
    path = STATIC / name
    Image.open(drawn).convert("RGB").quantize(64).save(path, optimize=True)
    print(f"    {name}: {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Make all figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the microscope files")
    data = parser.parse_args().data
    for make in (silicon, force_microscopy, fast_scanning, strontium_titanate, carbon):
        make(data)


if __name__ == "__main__":
    main()
