"""Make the figure of the page "Quality: can I believe it?".

python docs/make_quality_figure.py
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from PIL import Image

import hyperspy_smartalign  # noqa: F401
from hyperspy_smartalign.data import simulate_series

STATIC = Path(__file__).resolve().parent / "_static"


def main() -> None:
    """Draw the page of the simulated series of the gallery's example."""
    simulated = simulate_series(shape=(144, 144), frames=12, dose=8, row_jitter=0.5, seed=4)
    with warnings.catch_warnings():
        # In a perfect lattice, whole cells cannot be told apart from the drift alone.
        warnings.simplefilter("ignore")
        aligned = simulated.series.align_nonrigid(show_progressbar=False)
    made = aligned.smartalign.quality(show_progressbar=False).plot()
    drawn = io.BytesIO()
    made["rings"].figure.figure.savefig(drawn, dpi=85)
    path = STATIC / "quality.png"
    Image.open(drawn).convert("RGB").quantize(160, kmeans=4).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
