"""
Bad frames
==========

A blank frame, one out of focus, and one during which the specimen jumped. Which are left out of the
average, with what reason, and how does one notice what was not?
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_smartalign
from hyperspy_smartalign.data import spoil

# %%
# Spoil three frames of a series
# ------------------------------

simulated = hyperspy_smartalign.data.simulate_series(
    frames=16, dose=10, drift=(1.0, 1.5), drift_walk=0.5, seed=4
)
series = simulated.series
known = {3: "blank", 8: "jump", 12: "blur"}
for frame, kind in known.items():
    series.data = spoil(series.data, kind=kind, frame=frame)

# %%
# Align
# -----
#
# A warning says what was left out.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    aligned = series.align_rigid(show_progressbar=False)
for warning in caught:
    print(warning.message)

# %%
# Known next to found
# -------------------

alignment = aligned.smartalign.alignment
print("frame   known   found")
for frame in range(alignment.n_frames):
    if frame in known or alignment.excluded[frame]:
        reason = alignment.exclusion_reasons[frame] or "-"
        print(f"{frame:5d}   {known.get(frame, 'good'):6s}  {reason}")

# %%
# What was kept although it is bad
# --------------------------------
#
# A frame that jumped half way fits with one half, and may be kept. It is less similar to the other
# frames than these are among themselves.

pairs = aligned.smartalign.pairs
compared = np.unique(pairs.indices)
similarity = []
for frame in compared:
    its_pairs = (pairs.indices == frame).any(axis=1)
    similarity.append(pairs.similarity[its_pairs].mean())
figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
axis.bar(compared, similarity)
axis.set(xlabel="frame", ylabel="mean similarity to the others")
plt.show()

# %%
# Leave it out by hand, and compare with the truth once more.


def rms_error(alignment):
    """Root mean square error in pixels of the frames that were not left out."""
    kept = ~alignment.excluded
    known_shifts = simulated.truth.shifts[kept]
    error = alignment.shifts[kept] - known_shifts
    return np.sqrt(((error - error.mean(axis=0)) ** 2).mean())


print(f"as it was:        {rms_error(alignment):.3f} px")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    aligned = series.align_rigid(exclude=[8], show_progressbar=False)
print(f"without frame 8:  {rms_error(aligned.smartalign.alignment):.3f} px")

# %%
# Left-out frames stay in the aligned series, so that frames keep their numbers. The average does
# not count them.

shown = [*known, 0]
brightest = np.percentile(series.data, 99.8)
figure, axes = plt.subplots(1, 5, figsize=(13, 3), layout="constrained")
for axis, frame in zip(axes, shown, strict=False):
    axis.imshow(series.data[frame], cmap="gray", vmin=0, vmax=brightest)
    axis.set(title=f"{frame}: {known.get(frame, 'good')}", xticks=[], yticks=[])
axes[-1].imshow(aligned.smartalign.average().data, cmap="gray")
axes[-1].set(title="average of the others", xticks=[], yticks=[])
plt.show()
