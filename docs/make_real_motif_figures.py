"""Make the figures of the page "Real series" that show template matching.

    python docs/make_real_motif_figures.py DATA_FOLDER

DATA_FOLDER holds the folders that the page names. The figures go to docs/_static.
"""

from __future__ import annotations

import argparse
import io
import time
import warnings
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import numpy.typing as npt
from make_real_data_figures import STATIC, plt, quiet_load
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from scipy.optimize import curve_fit
from scipy.spatial import cKDTree

from hyperspy_smartalign.series import SeriesWarning

Array = npt.NDArray[Any]
#: left, right, top, bottom.
Sides = tuple[int, int, int, int]

MATCH, REST, DRAWN = "red", "deepskyblue", "gold"
COLOURS = ("tab:orange", "tab:cyan")
SINGLE = "stem-atomic-single-images"


def told(name: str, image: Any, template: Any, **keywords: Any) -> Any:
    """Tiles of an image, with what the page says of them."""
    start = time.perf_counter()
    tiles = image.template_match(template, show_progressbar=False, **keywords)
    seconds = time.perf_counter() - start
    table = tiles.smartalign.matches
    scores = " to ".join(f"{score:.3f}" for score in table.peak_scores[[0, -1]])
    number = len(table) + len(table.rejected["score"])
    print(f"{name}: {len(table)} of {number} candidates, scores {scores}, {seconds:.1f} s")
    try:
        fit = tiles.smartalign.lattice_deviations()
    except ValueError as error:
        print(f"    {error}")
    else:
        lengths = np.linalg.norm(fit.vectors, axis=1)
        room = np.subtract(image.data.shape, tiles.data.shape[1:]) + 1
        cells = np.prod(room) / abs(np.linalg.det(fit.vectors))
        print(f"    base vectors {lengths.round(2)} px, room for {cells:.0f} cells")
    return tiles


def positions(tiles: Any) -> Array:
    """Centres of tiles, (y, x) px."""
    table = tiles.smartalign.matches
    return np.stack([table.y, table.x], axis=1)


def grey(axis: Axes, picture: Array, title: str) -> None:
    """A picture without ticks."""
    low, high = np.nanpercentile(picture, (1, 99.7))
    axis.imshow(picture, cmap="gray", vmin=low, vmax=high)
    axis.set_title(title, fontsize=9)
    axis.set_xticks([])
    axis.set_yticks([])


def dots(axis: Axes, centres: Array, colour: str, size: float = 5) -> None:
    """Places over a picture."""
    limits = axis.get_xlim(), axis.get_ylim()
    axis.plot(centres[:, 1], centres[:, 0], ".", color=colour, markersize=size, mew=0)
    axis.set(xlim=limits[0], ylim=limits[1])


def frame(axis: Axes, sides: Sides, colour: str = DRAWN) -> None:
    """Border of a region."""
    left, right, top, bottom = sides
    corner, size = (left - 0.5, top - 0.5), (right - left, bottom - top)
    axis.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=1.5))


def region(image: Array, sides: Sides) -> Array:
    """Pixels of a region."""
    left, right, top, bottom = sides
    return image[top:bottom, left:right]


def save(figure: Figure, name: str) -> None:
    """Write a figure with 160 colours, to keep the file small."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100)
    plt.close(figure)
    path = STATIC / name
    picture = Image.open(drawn).convert("RGB")
    # The few pixels of the markers keep their colours.
    picture = picture.quantize(160, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    picture.save(path, optimize=True)
    print(f"    {path.name}: {path.stat().st_size / 1000:.0f} kB")


def sulphide(data: Path) -> None:
    """One frame of MoS2: a noisy region, its repeats, their average and scores."""
    image = quiet_load(data / SINGLE / "Se_implanted_MoS2.dm3")
    sides = 400, 452, 400, 452
    window = slice(200, 760)
    tiles = told("MoS2", image, sides)
    table = tiles.smartalign.matches
    figure, axes = plt.subplot_mosaic(
        [["image", "drawn", "mean"], ["image", "scores", "scores"]],
        figsize=(10, 5.6),
        width_ratios=(2.3, 1, 1),
        layout="constrained",
    )
    grey(axes["image"], image.data, "Se-implanted MoS$_2$: matches red, others blue")
    dots(axes["image"], positions(tiles), MATCH)
    rest = np.stack([table.rejected["y"], table.rejected["x"]], axis=1)
    dots(axes["image"], rest, REST)
    axes["image"].set(xlim=(window.start, window.stop), ylim=(window.stop, window.start))
    frame(axes["image"], sides)
    grey(axes["drawn"], region(image.data, sides), "motif as drawn")
    grey(axes["mean"], tiles.data.mean(axis=0), f"mean of {len(tiles.data)} tiles")
    for stage, words, colour in zip(
        (table.stages[0], table.stages[-1]),
        ("motif as drawn", "refined motif"),
        ("0.6", MATCH),
        strict=True,
    ):
        histogram = stage.histogram
        axes["scores"].stairs(
            histogram.counts, histogram.edges, fill=True, alpha=0.6, color=colour, label=words
        )
    axes["scores"].axvline(float(table.threshold[0]), color="k", linestyle=":", label="threshold")
    axes["scores"].set(xlabel="score", ylabel="candidates", xlim=(0.2, 1))
    axes["scores"].legend(fontsize=8, frameon=False, loc="upper left")
    save(figure, "real_motif_sulphide.png")


def boundaries(data: Path) -> None:
    """Two stackings in one image: a motif of each, and classes of all tiles."""
    figure, axes = plt.subplot_mosaic(
        [["telluride", "above", "selenide", "first"], ["telluride", "below", "selenide", "second"]],
        figsize=(10, 3.7),
        width_ratios=(2, 1, 2, 1),
        layout="constrained",
    )
    image = quiet_load(data / SINGLE / "WS2Te2_0040_cut.tif")
    grey(axes["telluride"], image.data, "WS$_2$Te$_2$, two motifs")
    for name, sides, colour in zip(
        ("above", "below"), ((60, 110, 40, 90), (60, 110, 240, 290)), COLOURS, strict=True
    ):
        tiles = told(f"WS2Te2, {name}", image, sides)
        dots(axes["telluride"], positions(tiles), colour)
        frame(axes["telluride"], sides, colour)
        grey(axes[name], tiles.data.mean(axis=0), f"{len(tiles.data)} tiles")
        axes[name].title.set_color(colour)
    image = quiet_load(data / SINGLE / "MoSe2_GB_2H3R.tif")
    tiles = told("MoSe2, all", image, (60, 110, 60, 110), threshold=0.5)
    sorted_tiles = tiles.smartalign.classify(classes=2)
    print(f"    {sorted_tiles}")
    grey(axes["selenide"], image.data, "MoSe$_2$, one motif, two classes")
    frame(axes["selenide"], (60, 110, 60, 110))
    for label, (name, colour) in enumerate(zip(("first", "second"), COLOURS, strict=True)):
        some = sorted_tiles.tiles(label)
        dots(axes["selenide"], positions(some), colour)
        grey(axes[name], some.data.mean(axis=0), f"class of {len(some.data)} tiles")
        axes[name].title.set_color(colour)
    save(figure, "real_motif_boundaries.png")


def two_detectors(data: Path) -> None:
    """The same tiles of two detectors, and the two kinds of cell."""
    adf, abf = (quiet_load(data / SINGLE / f"STO_{name}_crop512.hspy") for name in ("ADF", "ABF"))
    sides = 230, 300, 230, 300
    tiles = told("SrTiO3, ADF", adf, sides, threshold=0.9)
    others = abf.apply_alignment(tiles, show_progressbar=False)
    sorted_tiles = tiles.smartalign.classify(classes=2)
    fit = tiles.smartalign.lattice_deviations()
    lengths = np.linalg.norm(fit.vectors * fit.scale, axis=1)
    print(f"    {sorted_tiles}, {lengths.round(4)} {fit.units}")
    figure, axes = plt.subplots(1, 6, figsize=(10, 2.0), layout="constrained")
    kinds = [image.data for image in sorted_tiles.means]
    pictures = (
        ("ADF, region", region(adf.data, sides)),
        (f"ADF, {len(tiles.data)} tiles", tiles.data.mean(axis=0)),
        ("ABF, region", region(abf.data, sides)),
        ("ABF, same tiles", others.data.mean(axis=0)),
        ("ADF, alternate cells", kinds[0]),
        ("the others, less those", kinds[1] - kinds[0]),
    )
    for axis, (title, picture) in zip(axes, pictures, strict=True):
        grey(axis, picture, title)
    save(figure, "real_motif_two_detectors.png")


def published(path: Path) -> tuple[Array, Array, Array]:
    """Image, its published column centres (y, x) px, and the image of the published model."""
    content = np.load(path)
    centres = content["coords"][:, ::-1] / float(content["dx"]) - 1
    return content["obs"], centres, content["model"]


def column_in(motif: Array) -> Array:
    """Where the column lies from the centre of a motif, (y, x) px."""
    y, x = np.indices(motif.shape, float)
    y -= (motif.shape[0] - 1) / 2
    x -= (motif.shape[1] - 1) / 2

    def column(_: Any, cy: float, cx: float, sigma: float, height: float, level: float) -> Array:
        squares = (y - cy) ** 2 + (x - cx) ** 2
        return np.asarray((height * np.exp(-squares / (2 * sigma**2)) + level).ravel())

    start = 0.0, 0.0, motif.shape[0] / 4, np.ptp(motif), motif.min()
    return np.asarray(curve_fit(column, None, motif.ravel(), start)[0][:2])


def columns(data: Path) -> None:
    """Matches of one column against the published places of all."""
    figure, axes = plt.subplots(
        1, 3, figsize=(10, 3.4), width_ratios=(1, 1, 1), layout="constrained"
    )
    for axis, name, title, sides, window in zip(
        axes[:2],
        ("cspbbr3", "pb_nanoparticle"),
        ("CsPbBr$_3$", "PbSe-like particle"),
        ((83, 94, 52, 63), (194, 207, 145, 158)),
        ((30, 160, 10, 140), (50, 230, 20, 200)),
        strict=True,
    ):
        obs, centres, model = published(data / "statstem-coordinates" / f"{name}.npz")
        tiles = told(name, hs.signals.Signal2D(obs), sides)
        found = positions(tiles) + column_in(tiles.data.mean(axis=0))
        reach = cKDTree(centres).query(found)[0]
        near = reach < 3
        middle, most = np.percentile(reach[near], (50, 90))
        print(f"    to the published: {middle:.3f} px, 90 % {most:.3f} px, {(~near).sum()} false")
        clean = hs.signals.Signal2D(model).template_match(sides, show_progressbar=False)
        peaks = positions(clean) + column_in(clean.data.mean(axis=0))
        away = cKDTree(centres).query(peaks)[0]
        print(f"    of the published model: {np.median(away[away < 3]):.3f} px")
        grey(axis, obs, title)
        dots(axis, centres, REST, 12)
        dots(axis, found, MATCH, 6)
        frame(axis, sides)
        left, right, top, bottom = window
        axis.set(xlim=(left, right), ylim=(bottom, top))
        axes[2].hist(
            reach[near],
            bins=np.linspace(0, 1.5, 46),
            density=True,
            histtype="step",
            linewidth=1.5,
            label=f"{title}: median {middle:.2f} px",
        )
    axes[2].set(xlabel="distance to the published place (px)", ylabel="matches a px")
    axes[2].legend(fontsize=8, frameon=False)
    save(figure, "real_motif_columns.png")


def scan_lines(data: Path) -> None:
    """Tiles of a frame whose lines jitter, before and after the lines were aligned."""
    image = quiet_load(data / "stem-sto-ser-and-si110" / "16_STOimage_1.ser")
    tiles = told("SrTiO3, jitter", image, (500, 580, 500, 580))
    some = tiles.smartalign.select_tiles(np.arange(0, len(tiles.data), 5))
    start = time.perf_counter()
    with warnings.catch_warnings():
        # Of a second interpolation: the tiles are cut out anew below.
        warnings.simplefilter("ignore", SeriesWarning)
        aligned = some.align_nonrigid(show_progressbar=False)
    aligned = image.apply_alignment(aligned, show_progressbar=False)
    print(f"    {len(some.data)} tiles, {time.perf_counter() - start:.0f} s, {aligned}")
    shape = aligned.data.shape[1:]
    first = [(n - m) // 2 for n, m in zip(some.data.shape[1:], shape, strict=True)]
    same = some.data[:, first[0] :, first[1] :][:, : shape[0], : shape[1]]
    for words, stack in (("before", same), ("after", aligned.data)):
        left = stack - np.nanmean(stack, axis=0)
        shared = np.nanmean(left[:, 1:] * left[:, :-1])
        print(f"    {words}: rms from the mean {left.std():.0f}, shared by lines {shared**0.5:.0f}")
    figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), layout="constrained")
    number = int(np.argmax([np.abs(np.diff(tile, axis=0)).mean() for tile in same]))
    for axis, (title, picture) in zip(
        axes,
        (
            ("a tile", same[number]),
            ("its lines aligned", aligned.data[number]),
            (f"mean of {len(same)} tiles", same.mean(axis=0)),
            ("mean, lines aligned", aligned.data.mean(axis=0)),
        ),
        strict=True,
    ):
        grey(axis, picture, title)
    save(figure, "real_motif_scan_lines.png")


FIGURES = {
    "sulphide": sulphide,
    "boundaries": boundaries,
    "two_detectors": two_detectors,
    "columns": columns,
    "scan_lines": scan_lines,
}


def main() -> None:
    """Make the figures, and print what the page says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with the microscope files")
    parser.add_argument("--only", nargs="+", choices=list(FIGURES), default=list(FIGURES))
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for name in options.only:
            FIGURES[name](options.data)


if __name__ == "__main__":
    main()
