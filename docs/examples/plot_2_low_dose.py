"""
Low dose: shift matrices and hop margins
========================================

Forty frames at 0.15 counts a pixel, at the brightest column. Many pairs of frames match best one
unit cell away from the truth. Do the frames end up in their places all the same?
"""

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np

import hyperspy_smartalign

# %%
# The series
# ----------
#
# A perovskite lattice with flaws that drifts by 57 pixels, three and a half unit cells.

recipe = hyperspy_smartalign.data.lattice_recipe(dose=0.15, frames=40)
series = hs.signals.Signal2D(recipe.stack)
known = recipe.truth.shifts - recipe.truth.shifts.mean(axis=0)

aligned = series.align_rigid(show_progressbar=False)
alignment = aligned.smartalign.alignment

# %%
# What the pairs said
# -------------------
#
# The upper row has the best match of each pair on its own, the lower row what the common solution
# makes of it. Lone cells of another colour in the upper row are pairs that went wrong.

aligned.smartalign.plot_shifts()
plt.show()

# %%
# How many pairs went wrong on their own? Half a unit cell counts as wrong. Rejected are only those
# none of whose maxima agrees with the common solution: a pair whose second maximum is right helps.

half_a_cell = 16.3 / 2
pairs = aligned.smartalign.pairs
i, j = pairs.indices.T
wrong = np.abs(pairs.shifts - (known[i] - known[j])).max(axis=1) > half_a_cell
print(f"pairs wrong on their own:  {wrong.sum()} of {len(wrong)}")
print(f"pairs rejected:            {(~pairs.accepted).sum()} of {len(wrong)}")

# %%
# Where the frames ended
# ----------------------

error = alignment.shifts - known
hopped = np.abs(error - np.median(error, axis=0)).max(axis=1) > half_a_cell
expected = (1 / (1 + np.exp(alignment.hop_margin))).sum()
rms = np.sqrt((error[~hopped] ** 2).mean())
reported = np.sqrt((alignment.precision**2).mean())
limit = recipe.truth.cramer_rao_shift().mean()
print(f"frames on a wrong cell:   {hopped.sum()} of {len(hopped)}")
print(f"expected by hop_margin:   {expected:.2g}")
print(f"rms error:                {rms:.3f} px")
print(f"reported standard error:  {reported:.3f} px")
print(f"physical limit:           {limit:.3f} px")

# %%
# The hop margin of each frame is the natural logarithm of the odds that its place is right. A
# margin of 5 is about 150 to 1.

figure, axis = plt.subplots(figsize=(8, 3), layout="constrained")
colours = np.where(hopped, "tab:red", "tab:blue")
axis.bar(np.arange(len(hopped)), alignment.hop_margin, color=colours)
axis.axhline(5, color="k", lw=0.8, ls="--")
axis.set(xlabel="frame", ylabel="hop margin", title="red: on a wrong cell")
plt.show()

# %%
# The average
# -----------

figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for axis, title, pixels in (
    (axes[0], "one frame", series.inav[0].data),
    (axes[1], "average of 40 aligned frames", aligned.smartalign.average().data),
):
    axis.imshow(pixels[:128, :128], cmap="gray", vmax=np.percentile(pixels, 99.8))
    axis.set(title=title, xticks=[], yticks=[])
plt.show()
