"""
Drift that a known lattice reveals
==================================

Twelve frames of a perovskite drift while they are scanned. Rigid alignment puts them on each other,
but every frame is sheared alike, and so is their average. The square lattice tells by how much.
"""

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np

from hyperspy_smartalign.data import lattice, simulate_series

# %%
# The series
# ----------
#
# A lattice of 0.39 nm, 5 counts a pixel at its brightest columns. The specimen moves by -3 pixels
# in y and 5 pixels in x a frame.

shape, frames, drift = (256, 256), 12, (-3.0, 5.0)
crystal = lattice("perovskite", spacing=16.0, angle=10.0, field=shape, margin=96).with_defects(10)
simulated = simulate_series(
    shape=shape,
    frames=frames,
    crystal=crystal,
    dose=5,
    drift=drift,
    drift_walk=0,
    in_frame_drift=True,
    seed=1,
)
series = simulated.series
for axis in series.axes_manager.signal_axes:
    axis.scale, axis.units = 0.39 / 16, "nm"

aligned = series.align_rigid(show_progressbar=False)

# %%
# The lattice
# -----------

found = aligned.smartalign.lattice()
print("known:   0.3900 nm, 0.3900 nm, 90.00 degrees")
print(
    f"found:   {found.lengths[0]:.4f} nm, {found.lengths[1]:.4f} nm, {found.angle:.2f} degrees, "
    f"with errors of {found.length_errors.max():.5f} nm and {found.angle_error:.2f} degrees"
)
aligned.smartalign.plot_lattice(found)
plt.show()

# %%
# The drift
# ---------

measured = aligned.smartalign.drift_from_lattice(angle=90, ratio=1)
known = np.array(drift) / shape[0]
print(f"known drift (y, x):  {known[0]:+.4f}, {known[1]:+.4f} px a line")
print(f"found:               {measured.per_line[0]:+.4f}, {measured.per_line[1]:+.4f} px a line")
print(f"standard errors:      {measured.per_line_error[0]:.4f},  {measured.per_line_error[1]:.4f}")
print(f"in physical units:   {measured.rate[0]:+.3f}, {measured.rate[1]:+.3f} nm/s")

# %%
# Without it
# ----------
#
# With ``source=``, pixels are interpolated once, from the raw frames.

straight = aligned.smartalign.compensate_drift(
    drift=measured, source=series, show_progressbar=False
)
after = straight.smartalign.lattice()
print(f"angle {after.angle:.2f} ± {after.angle_error:.2f} degrees")
print(f"ratio {after.ratio:.4f} ± {after.ratio_error:.4f}")
straight.smartalign.plot_lattice(after)
plt.show()

# %%
# A line profile
# --------------
#
# Along a, over two cells, averaged over 8 equivalent lines.

before = aligned.smartalign.line_profile("a", cells=2, lines=8, lattice=found)
profile = straight.smartalign.line_profile("a", cells=2, lines=8, lattice=after)
hs.plot.plot_spectra([before, profile], legend=["as aligned", "drift taken out"])
plt.show()
