"""Make the figure of the page "Row jumps" from two real files.

    python docs/make_row_jumps_figure.py DATA_FOLDER

DATA_FOLDER holds the folders eels-si-sto-interface-dm3 and tem-carbon-6frames. The figure goes to
docs/_static/row_jumps.png.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import hyperspy.api as hs
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

import hyperspy_smartalign  # noqa: F401  (adds signal.smartalign)

STATIC = Path(__file__).resolve().parent / "_static"


def main() -> None:
    """Straighten both images and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lattice = hs.load(data / "tem-carbon-6frames" / "scan-image.hspy")
        strip = hs.load(data / "eels-si-sto-interface-dm3" / "DMReader_SI-HAADF.dm3")
    figure = plt.figure(figsize=(10.5, 11.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.35))
    # A part of each, so that single rows show. The strip's lattice has a period of 64 px.
    for part, image, keywords in (
        (above, lattice.isig[:128, 120:], {}),
        (below, strip.isig[:, 640:1200], {"max_shift": 32}),
    ):
        straight = image.smartalign.straighten_rows(**keywords)
        axes = straight.smartalign.plot_row_jumps(image, fig=part)
        print(f"{image}: {axes[2].lines[-1].get_ydata().std():.3g} px")
    figure.savefig(STATIC / "row_jumps.png", dpi=110)


if __name__ == "__main__":
    main()
