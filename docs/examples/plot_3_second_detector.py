"""
A second detector
=================

A dark-field and a bright-field detector record the same scan. The shifts are found on the one that
shows more and applied to the other.
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_smartalign

# %%
# Two detectors, one probe path
# -----------------------------

simulated = hyperspy_smartalign.data.simulate_series(
    frames=20, dose=10, drift=(-1.2, 1.7), drift_walk=0.6, second_detector=True, seed=3
)
dark, bright = simulated.series, simulated.second

# %%
# Align one, apply to the other
# -----------------------------
#
# The pixels of the bright-field series are interpolated once, from its raw frames.

aligned = dark.align_rigid(show_progressbar=False)
aligned_bright = bright.apply_alignment(aligned, show_progressbar=False)
print(aligned)
print(aligned_bright)

# %%
# Both carry the same alignment, so that it can be handed on from either, also after saving and
# loading.

same = np.array_equal(
    aligned.smartalign.alignment.shifts, aligned_bright.smartalign.alignment.shifts
)
print("the same shifts:", same)

# %%
# Known next to found
# -------------------
#
# The noise-free bright-field image is known. How much of it is in the averages?

truth = simulated.truth
canvas = aligned.smartalign.alignment.canvas
perfect = hyperspy_smartalign.data.render_image(
    truth.crystal.inverted(), canvas.shape, origin=canvas.origin
)
rows = slice(canvas.top, canvas.top + canvas.height)
columns = slice(canvas.left, canvas.left + canvas.width)
images = {
    "noise-free": perfect,
    "one frame": aligned_bright.inav[0].data,
    "average, not aligned": bright.data.mean(axis=0)[rows, columns],
    "average, aligned": aligned_bright.smartalign.average().data,
}
for title, pixels in images.items():
    correlation = np.corrcoef(pixels.ravel(), perfect.ravel())[0, 1]
    print(f"{title:22s} correlation with the truth {correlation:.3f}")

# %%

figure, axes = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
for axis, (title, pixels) in zip(axes, images.items(), strict=True):
    low, high = np.percentile(pixels, (0.5, 99.5))
    axis.imshow(pixels[:120, :120], cmap="gray", vmin=low, vmax=high)
    axis.set(title=title, xticks=[], yticks=[])
plt.show()
