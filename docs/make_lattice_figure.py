"""Make the figure of the page "Lattice, line profiles and drift within the frame".

python docs/make_lattice_figure.py
"""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from PIL import Image

import hyperspy_smartalign  # noqa: F401
from hyperspy_smartalign.data import lattice, simulate_series

STATIC = Path(__file__).resolve().parent / "_static"


def main() -> None:
    """Draw the lattice of the simulated series of the gallery's example."""
    crystal = lattice("perovskite", spacing=16.0, angle=10.0, field=(256, 256), margin=96)
    simulated = simulate_series(
        frames=12,
        crystal=crystal.with_defects(10),
        dose=5,
        drift=(-3.0, 5.0),
        drift_walk=0,
        in_frame_drift=True,
        seed=1,
    )
    series = simulated.series
    for axis in series.axes_manager.signal_axes:
        axis.scale, axis.units = 0.39 / 16, "nm"
    aligned = series.align_rigid(show_progressbar=False)
    axes = aligned.smartalign.plot_lattice()
    drawn = io.BytesIO()
    axes[0].figure.savefig(drawn, dpi=85)
    path = STATIC / "lattice.png"
    Image.open(drawn).convert("RGB").quantize(160, kmeans=4).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
