"""
Scans at 0 and 90 degrees
=========================

What all frames have in common cannot be seen in frames of one scan direction: they fit on each
other perfectly, and their average is as distorted as each of them. Frames scanned at 0 and at 90
degrees see each other's distortions.
"""

import matplotlib.pyplot as plt
import numpy as np

from hyperspy_smartalign import data  # adds align_nonrigid and smartalign to signals

# %%
# Two series of one specimen
# --------------------------
#
# Eight frames each: all scanned alike, or at 0 and 90 degrees in turn. Line offsets of 0.5 px rms,
# and a drift of 1 px a frame. Frames are stored rotated back, so that the specimen has the same
# orientation in all of them; those at 90 degrees have their scan lines along y.

shape, frames = (160, 160), 8
crystal = data.lattice("perovskite", spacing=16.3, angle=10.0, field=shape, margin=64)
crystal = crystal.with_vacancies(0.05, depth=0.6).with_defects(15).with_blobs(4)


def simulated(scan_rotation):
    return data.simulate_series(
        shape=shape,
        frames=frames,
        crystal=crystal,
        dose=20,
        drift=(0.6, -0.8),
        drift_walk=0,
        in_frame_drift=True,
        row_jitter=0.5,
        scan_rotation=scan_rotation,
        seed=1,
    )


# %%
# The simulator writes into its series how the frames were scanned. With files that do not tell:
# ``series = series.smartalign.prepare(scan_rotation="pairs")``.

pairs = simulated("pairs")
print(pairs.series.smartalign.scan_geometry.rotation)

# %%
# Known next to found
# -------------------
#
# The mean error of all frames is the common part: it distorts the average. What remains is the
# relative part: it blurs the average. A shift of the whole image matters to nobody, and is taken
# off.


def error_of(aligned, truth):
    """Common part (y or x, row, column) and relative part (frame, y or x, row, column)."""
    transforms = aligned.smartalign.alignment.transforms
    error = np.array(
        [t.displacement(shape) - truth.displacement(i) for i, t in enumerate(transforms)]
    )[..., 20:-20, 20:-20]
    common = error.mean(axis=0)
    return common - common.mean(axis=(1, 2), keepdims=True), error - common


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


maps = {}
print("scan directions   alignment    common part    relative part (px rms)")
for name, rotation in (("one", "none"), ("0, 90", "pairs")):
    series = simulated(rotation)
    rigid = series.series.align_rigid(show_progressbar=False)
    aligned = rigid.align_nonrigid(show_progressbar=False)
    for stage, result in (("rigid", rigid), ("non-rigid", aligned)):
        common, relative = error_of(result, series.truth)
        print(f"{name:15s}   {stage:10s} {rms(common):13.3f} {rms(relative):16.3f}")
        maps[f"{stage}, {name}"] = common
    print("   ", aligned.smartalign.nonrigid.undetermined)

# %%
# The common part
# ---------------
#
# By how much the average is distorted along x, before and after. With one direction the mean
# wobble of the lines stays. With two it is solved, and so is the drift within the frames.

figure, axes = plt.subplots(1, 4, figsize=(11, 3.3), layout="constrained")
for axis, (title, common) in zip(axes, maps.items(), strict=True):
    drawn = axis.imshow(common[1], cmap="RdBu_r", vmin=-0.6, vmax=0.6)
    axis.set(title=f"{title}: {rms(common):.3f} px", xticks=[], yticks=[])
figure.colorbar(drawn, ax=axes, label="common x displacement (px)")
plt.show()

# %%
# Offsets of the lines of both directions, each along its own scan:

aligned.smartalign.plot_row_offsets()
plt.show()
