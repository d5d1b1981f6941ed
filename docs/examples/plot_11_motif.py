"""
Known and found repeats of a motif
==================================

Four frames of a crystal at 5 counts a pixel. A region of 32 x 33 pixels is drawn, its repeats are
found, and all of them are averaged. Are they where the unit cells are, and is the average the cell?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial import cKDTree

from hyperspy_smartalign.data import image_gradient, lattice, simulate_series
from hyperspy_smartalign.quality.sharpness import relative_blur

# %%
# The series and the region
# -------------------------
#
# Strong columns every 16.3 px, weak ones between them. The specimen drifts from frame to frame. The
# region is four numbers, left, right, top and bottom; the ROI tool of HyperSpy does as well.

shape, frames, dose = (256, 256), 4, 5
crystal = lattice("perovskite", spacing=16.3, angle=10, field=shape, margin=64)


def simulated(dose, **path):
    """Frames of the same crystal."""
    return simulate_series(
        shape=shape, frames=frames, crystal=crystal, dose=dose, drift=(0.6, -0.8), seed=1, **path
    )


known = simulated(dose)
series = known.series
region = left, right, top, bottom = 96, 129, 112, 144
tiles = series.template_match(region, show_progressbar=False)
matches = tiles.smartalign.matches
print(tiles)
print(matches)

# %%
# Known and found positions
# -------------------------
#
# Tiles repeat with the lattice. Those that lie inside a frame are known; each should be found, and
# nothing else. The error of a position is compared with the Cramér-Rao bound of the motif, below
# which no method can be. What all errors have in common does not count: it is where the noise of
# the region put its centre.

centre = np.array([top + bottom - 1, left + right - 1]) / 2
half = np.array([bottom - top - 1, right - left - 1]) / 2
strong = crystal.positions[crystal.species == 0]


def judged(known, matches):
    """Share of the known tiles that were found, false ones, errors (n, 2), and what they share."""
    shifts = known.truth.shifts
    here = centre - shifts[0]
    cells = strong - strong[np.argmin(np.linalg.norm(strong - here, axis=1))] + here
    found, there, false, errors = 0, 0, 0, []
    for frame, shift in enumerate(shifts):
        rows = matches.frame == frame
        places = np.stack([matches.y, matches.x], axis=1)[rows] - shift
        distance, nearest = cKDTree(cells).query(places)
        near = distance < 3
        inside = np.all((cells + shift > half + 1) & (cells + shift < shape - half - 2), axis=1)
        there += inside.sum()
        found += np.isin(np.flatnonzero(inside), nearest[near]).sum()
        false += np.sum(~near)
        errors.append((places - cells[nearest])[near])
    errors = np.concatenate(errors)
    common = errors.mean(axis=0)
    return found / there, false, errors - common, common


def bound(known):
    """Cramér-Rao bound (y, x) of the place of a tile."""
    corner = tuple(centre - half - known.truth.shifts[0])
    size = bottom - top, right - left
    gradient = image_gradient(crystal, size, origin=corner)
    fisher = np.einsum("aij,bij->ab", gradient, gradient / known.truth.image(size, origin=corner))
    return np.sqrt(np.diag(np.linalg.inv(known.truth.dose * fisher)))


print("counts   found   false   error / bound   score of each stage")
for counts in (1, 2, 5, 20, 50):
    other = simulated(counts)
    table = other.series.template_match(region, show_progressbar=False).smartalign.matches
    recall, false, errors, _ = judged(other, table)
    ratio = np.sqrt(np.mean(errors**2) / np.mean(bound(other) ** 2))
    scores = ", ".join(f"{score:.2f}" for score in table.peak_scores)
    print(f"{counts:6d}  {100 * recall:5.1f} %  {false:4d}  {ratio:10.2f}         {scores}")

# %%
# The last column is the median score of the matches. A region with noise in it is only a little
# like other regions with noise in them. The average of the tiles of the first search has far less
# noise, and its scores are higher: matches stand out of the rest. At 1 count they do not: strong
# and weak columns are no longer told apart, and the series has to be aligned first.

tiles.smartalign.plot_motif()
plt.show()

# %%
# Matches in the first frame:

tiles.smartalign.plot_matches(series)
plt.show()

# %%
# The averaged tile
# -----------------
#
# Next to the region that was drawn, and to the truth about the point where the motif settled. With
# ``variance=True`` each pixel has its standard error: the difference from the truth, over that,
# should scatter by 1.


def cell(known, offset, size):
    """Noise-free tile (h, w) about a point of the crystal, in counts."""
    corner = centre - known.truth.shifts[0] + offset - (np.array(size) - 1) / 2
    return known.truth.dose * known.truth.image(size, origin=tuple(corner))


average = tiles.smartalign.average(variance=True)
error = np.sqrt(average.get_noise_variance().data)
truth = cell(known, judged(known, matches)[-1], average.data.shape)
drawn = series.inav[0].isig[left:right, top:bottom].data
print(f"rms difference from the truth: region drawn {np.std(drawn - truth):.2f} counts, ", end="")
print(f"average of {len(matches)} tiles {np.std(average.data - truth):.3f} counts")
print(f"difference over standard error: {np.std((average.data - truth) / error):.2f} rms")

figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
pictures = {"the region drawn": drawn, f"{len(matches)} tiles": average.data, "known": truth}
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture, cmap="gray", vmin=0, vmax=truth.max())
    axis.set(title=title, xticks=[], yticks=[])
plt.show()

# %%
# Scan distortion
# ---------------
#
# One frame whose lines are off by 0.8 px rms, at 100 counts a pixel, and a region half as large
# again. Each tile is where its content is on average, but inside it the lines are displaced, and
# the average is blurred. The tiles are a series, so ``align_nonrigid`` takes that out. By which
# Gaussian is the average blurred, against the truth? Sigma in pixels, along y and x; negative where
# it is sharper, but for its error.

frames = 1
jittered = simulated(100, row_jitter=0.8)
wider = 88, 137, 104, 152
tiles = jittered.series.template_match(wider, show_progressbar=False)
straight = tiles.align_nonrigid(show_progressbar=False)
print(f"jitter found, px rms (y, x): {straight.smartalign.nonrigid.prior.rms}, known 0.8")

canvas = straight.smartalign.alignment.canvas
rows, columns = (slice(o, o + n) for o, n in zip(canvas.origin, canvas.shape, strict=True))
truth = cell(jittered, 0, tiles.data.shape[1:])[rows, columns]
pictures = {
    "one tile": tiles.inav[0].data[rows, columns],
    "average": tiles.smartalign.average().data[rows, columns],
    "average, non-rigid": straight.smartalign.average().data,
    "known": truth,
}
figure, axes = plt.subplots(1, 4, figsize=(12, 3.6), layout="constrained")
for axis, (title, picture) in zip(axes, pictures.items(), strict=True):
    axis.imshow(picture, cmap="gray", vmin=0, vmax=truth.max())
    axis.set(title=title, xticks=[], yticks=[])
    if title.startswith("average"):
        blur = relative_blur(picture, truth)
        print(f"{title:19s} blurred by {blur.sigma[0]:.2f}, {blur.sigma[1]:.2f} px")
plt.show()
