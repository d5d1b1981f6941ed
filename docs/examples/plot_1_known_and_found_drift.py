"""
Known and found drift
=====================

Sixteen frames of a lattice at two counts a pixel drift over the detector. How well is the drift
found, and do the error bars tell the truth?
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_smartalign

# %%
# A series with a known answer
# ----------------------------
#
# The content of the frames moves by (1.5, -2.0) pixels a frame, in (y, x), and wanders on top of
# that. The strongest column of the lattice gives two counts a pixel.

simulated = hyperspy_smartalign.data.simulate_series(
    frames=16, dose=2, drift=(1.5, -2.0), drift_walk=0.8, seed=1
)
series = simulated.series
print(series)

# %%
# Align it
# --------

aligned = series.align_rigid(show_progressbar=False)
image = aligned.smartalign.average()
print(aligned.smartalign.alignment)

# %%
# One frame, the average of the frames as they are, and the average of the aligned ones:

images = {
    "one frame": series.inav[0].data,
    "average, not aligned": series.data.mean(axis=0),
    "average, aligned": image.data,
}
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for axis, (title, pixels) in zip(axes, images.items(), strict=True):
    low, high = np.percentile(pixels, (1, 99.8))
    axis.imshow(pixels[:128, :128], cmap="gray", vmin=low, vmax=high)
    axis.set(title=title, xticks=[], yticks=[])

# %%
# Known next to found
# -------------------
#
# Only differences of shifts can be measured, so both are given with a mean of zero.

alignment = aligned.smartalign.alignment
known = simulated.truth.shifts - simulated.truth.shifts.mean(axis=0)
found = alignment.shifts
error = found - known

print("frame    known y, x        found y, x       standard error")
table = np.hstack([known, found, alignment.precision])
for frame, (ky, kx, fy, fx, sy, sx) in enumerate(table):
    print(f"{frame:5d}  {ky:7.2f} {kx:7.2f}   {fy:7.2f} {fx:7.2f}   {sy:.3f} {sx:.3f}")

rms = np.sqrt((error**2).mean())
bound = simulated.truth.cramer_rao_shift().mean()
reported = np.sqrt((alignment.precision**2).mean())
print(f"\nrms error {rms:.3f} px; reported {reported:.3f}; physical limit {bound:.3f}")

# %%
# The path of the drift, and what is left of it. Two thirds of the points should lie within one
# error bar of zero.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(known[:, 1], known[:, 0], "k-", label="known")
left.errorbar(
    found[:, 1],
    found[:, 0],
    xerr=alignment.precision[:, 1],
    yerr=alignment.precision[:, 0],
    fmt="o",
    ms=4,
    label="found",
)
left.set(xlabel="x shift (px)", ylabel="y shift (px)", title="drift")
left.invert_yaxis()
left.legend()
for offset, name, column in ((-0.15, "y", 0), (0.15, "x", 1)):
    right.errorbar(
        np.arange(len(found)) + offset,
        error[:, column],
        yerr=alignment.precision[:, column],
        fmt="o",
        ms=4,
        label=name,
    )
right.axhline(0, color="k", lw=0.8)
right.set(xlabel="frame", ylabel="found - known (px)", title="error")
right.legend()
plt.show()
