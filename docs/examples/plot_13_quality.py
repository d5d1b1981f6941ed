"""
Can I believe it?
=================

``smartalign.quality()`` says what an aligned series is worth: how fine the detail is that its
frames agree on, which Bragg spots only the average shows, and how large the errors are. Here the
answers stand next to the truth.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

from hyperspy_smartalign import data  # adds align_nonrigid and smartalign to signals
from hyperspy_smartalign.quality.ring_correlation import ring_correlation

# %%
# A noisy series
# --------------
#
# 12 frames of a lattice at 8 counts a pixel. It drifts, and its scan lines are off by 0.5 px rms.

simulated = data.simulate_series(shape=(144, 144), frames=12, dose=8, row_jitter=0.5, seed=4)
series = simulated.series

with warnings.catch_warnings():
    # In a perfect lattice, whole cells cannot be told apart from the drift alone.
    warnings.simplefilter("ignore")
    aligned = series.align_nonrigid(show_progressbar=False)

# %%
# All in one page
# ---------------
#
# Frames are split into two halves; the averages of the halves agree up to the resolution. The
# stages are drawn from the frames as they were recorded: as they are, shifted, and corrected.

quality = aligned.smartalign.quality(show_progressbar=False)
quality.plot()
plt.show()

# %%
# The same in words:

print(quality)

# %%
# Known next to found
# -------------------
#
# The true resolution of the average is where it correlates by 0.5 with the image without noise.
# That is what the limit of 1/7 between two halves stands for.

alignment = aligned.smartalign.alignment
average = aligned.smartalign.average().data
offset = (alignment.shifts - simulated.truth.shifts).mean(axis=0)
truth = simulated.truth.image(
    average.shape, origin=tuple(np.array(alignment.canvas.origin) + offset)
)
with_truth = ring_correlation(average, truth)
above = np.flatnonzero(with_truth.correlation > 0.5)[-1]
known = quality.pixel / with_truth.frequency[above : above + 2].mean()
finer, coarser = (quality.pixel * period for period in quality.rings["nonrigid"].interval())
print(f"known resolution: {known:.3f} nm")
print(f"found: {quality.resolution():.3f} nm, between {finer:.3f} and {coarser:.3f} nm")

# %%
# Spots that only the average shows
# ---------------------------------
#
# At this dose one frame shows the first spots of the lattice. The average has twelve times the
# signal to noise ratio, and finer ones.

spots = quality.spots
print(f"in one frame: {np.count_nonzero(spots.visible_frame)} spots to {spots.finest_frame:.3f} nm")
print(
    f"in the average: {np.count_nonzero(spots.visible_average)} spots to "
    f"{spots.finest_average:.3f} nm"
)
quality.plot_spots()
plt.show()

# %%
# Errors
# ------
#
# Where every pixel of every frame was is known too. What all frames share cannot be found from one
# scan direction, and is taken off.

top, left = alignment.canvas.origin
height, width = alignment.canvas.shape
there = np.s_[:, top : top + height, left : left + width]
errors = np.array(
    [
        alignment.displacement_field(frame) - simulated.truth.displacement(frame)[there]
        for frame in range(12)
    ]
)
errors -= errors.mean(axis=0)
print(f"known: lines are off by {np.sqrt((errors**2).mean()):.2f} px rms")
print(quality.precision.words)
