"""
Known and found scan distortion
===============================

The scan lines of twelve frames are off by half a pixel, and the specimen drifts while it is
scanned. Are the offsets found as well as the noise allows, and do the error bars tell the truth?
"""

import matplotlib.pyplot as plt
import numpy as np

from hyperspy_smartalign import data  # adds align_nonrigid and smartalign to signals

# %%
# A series with known distortions
# -------------------------------
#
# 20 counts a pixel at the brightest columns. Offsets of 0.5 px rms along y and along x, alike over
# 6 lines or so, on top of a drift of 1 px a frame that goes on within the frames.

shape, frames = (160, 160), 12
crystal = data.lattice("perovskite", spacing=16.3, angle=10, field=shape, margin=64)
crystal = crystal.with_vacancies(0.05, depth=0.6).with_defects(15).with_blobs(4)
simulated = data.simulate_series(
    shape=shape,
    frames=frames,
    crystal=crystal,
    dose=20,
    drift=(0.6, -0.8),
    drift_walk=0,
    in_frame_drift=True,
    row_jitter=0.5,
    row_correlation=6,
    seed=1,
)
series = simulated.series

# %%
# Align it
# --------
#
# Rigidly first, to compare. ``series.align_nonrigid()`` would do both.

rigid = series.align_rigid(show_progressbar=False)
aligned = rigid.align_nonrigid(show_progressbar=False)

record = aligned.smartalign.nonrigid
jitter, length = record.prior.rms, record.prior.length
print("jitter (y, x)  known: 0.50, 0.50 px rms, alike over 6, 6 lines")
print(f"               found: {jitter[0]:.2f}, {jitter[1]:.2f} px rms", end="")
print(f", alike over {length[0]:.0f}, {length[1]:.0f} lines")
print(record.undetermined)

# %%
# Known next to found
# -------------------
#
# A series tells how its frames differ. What is common to all of them is taken off the known
# displacements and off those that were found, here in the middle column of the common frame.


def differences(displacements):
    """Displacement (frame, y or x, line) of the middle column, less what all frames share."""
    column = np.array(displacements)[..., shape[1] // 2]
    return column - column.mean(axis=0)


def found_by(signal):
    """Displacements that an alignment undoes."""
    return [t.displacement(shape) for t in signal.smartalign.alignment.transforms]


truth = simulated.truth
known = differences([truth.displacement(frame) for frame in range(frames)])
found = differences(found_by(aligned))
shifted = differences(found_by(rigid))
errors = record.line_errors

frame, lines = 3, np.arange(shape[0])
figure, axes = plt.subplots(2, 1, figsize=(9, 4.6), sharex=True, layout="constrained")
for axis, name, component in zip(axes, ("y", "x"), (0, 1), strict=True):
    middle, error = found[frame, component], errors[frame, :, component]
    axis.fill_between(lines, middle - error, middle + error, alpha=0.4, label="found ± error")
    axis.plot(lines, middle)
    axis.plot(lines, known[frame, component], "k", lw=1, label="known")
    axis.plot(lines, shifted[frame, component], ":", color="tab:red", label="rigid")
    axis.set(ylabel=f"{name} (px)")
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
axes[0].set(title=f"displacement of the lines of frame {frame}")
axes[1].set(xlabel="scan line")
plt.show()

# %%
# The physical limit
# ------------------
#
# The best that is possible with these counts, the image being known and the jitter's rms and
# correlation too, is a bound by Cramér and Rao. Sixteen lines at either edge are left out, where
# not all frames saw the specimen.

inside = slice(16, -16)


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


bounds = [truth.cramer_rao_rows(i, rms=0.5, correlation=6)[inside] for i in range(frames)]
print("frame     rigid    non-rigid    error told    bound (px rms)")
for i in range(frames):
    print(
        f"{i:5d} {rms((shifted - known)[i, :, inside]):9.3f} "
        f"{rms((found - known)[i, :, inside]):12.3f} {rms(errors[i, inside]):13.3f} "
        f"{rms(bounds[i]):8.3f}"
    )
residual = rms((found - known)[..., inside])
print(f"all   {rms((shifted - known)[..., inside]):9.3f} {residual:12.3f}", end="")
print(f" {rms(errors[:, inside]):13.3f} {rms(bounds):8.3f}")
print(f"residual / bound: {residual / rms(bounds):.2f}")

# %%
# The offsets of all lines
# ------------------------
#
# In the order in which they were scanned, less mean and drift of each frame, with their standard
# errors: wide where a line crosses little, or lies at an edge.

aligned.smartalign.plot_row_offsets()
plt.show()

# %%
# How the work went
# -----------------
#
# Left, how far each iteration still moved the lines. Right, how much better pixels are explained
# that were held out of the fit. A cycle that makes those worse is dropped.

aligned.smartalign.plot_convergence()
plt.show()

# %%
# Each frame against the mean of the others, before and after. The rest that is missing to 1 is
# noise.

aligned.smartalign.plot_similarity()
plt.show()

# %%
# What was done to the pixels of one frame:

aligned.smartalign.plot_displacement(frame)
plt.show()

# %%
# The average
# -----------
#
# Before: the frames are shifted only. Spots far out in the power spectrum are those that jitter
# blurs first.

aligned.smartalign.plot_comparison(rigid)
plt.show()
