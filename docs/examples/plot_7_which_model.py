"""
Which model: a particle that turns
==================================

A particle on its support turns a little from frame to frame, while scan lines jitter. Offsets of
lines alone cannot undo a rotation; ``model="row_fitting"`` lets the lines of a frame turn too.
"""

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import map_coordinates

from hyperspy_smartalign import data  # adds align_nonrigid and smartalign to signals

# %%
# The series
# ----------
#
# Eight frames. The particle turns by 0.5 degrees a frame, its lines are off by 0.3 px rms. The
# intensity is computed where the probe was on the particle: nothing is interpolated.

shape, frames, dose = (128, 128), 8, 20
angles = np.deg2rad(0.5) * (np.arange(frames) - (frames - 1) / 2)
crystal = data.lattice("square", spacing=14.0, angle=10.0, field=shape, margin=32, background=0.1)
crystal = crystal.with_defects(8).nanoparticle(0.36 * min(shape))
path = data.probe_path(frames, shape, drift=(0.4, -0.3), row_jitter=0.3, seed=0)


def turned(points, angle):
    """Points (y, x) of the image, turned about the middle of the particle."""
    y, x = points - crystal.centre[:, None, None]
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * y - s * x, s * y + c * x]) + crystal.centre[:, None, None]


rng = np.random.default_rng(0)
stack = np.empty((frames, *shape), np.float32)
for frame, angle in enumerate(angles):
    seen = crystal.intensity(turned(path.probe_positions(frame), angle))
    stack[frame] = rng.poisson(dose * seen)
series = hs.signals.Signal2D(stack)

# %%
# What is known: a point of the particle is turned back, and then displaced by the scan.

grid = np.indices(shape, dtype=float)
known = []
for frame, angle in enumerate(angles):
    place = turned(grid, -angle)
    scan = [map_coordinates(each, place, order=1) for each in path.displacement(frame)]
    known.append(place + scan - grid)
known = np.array(known)
particle = np.hypot(*(grid - crystal.centre[:, None, None])) < 0.33 * min(shape)

# %%
# Three ways
# ----------
#
# Without affine cycles, to see what the models themselves can do; and the default, whose affine
# cycles turn the frames before its lines are fitted.


def errors_of(aligned):
    """Error (frame, y or x, row, column) of the displacements, less what all frames share."""
    transforms = aligned.smartalign.alignment.transforms
    errors = np.array([t.displacement(shape) for t in transforms]) - known
    return errors - errors.mean(axis=0)


def residual(aligned):
    """Rms error in px on the particle."""
    return np.sqrt(np.mean(errors_of(aligned)[..., particle] ** 2))


rigid = series.align_rigid(show_progressbar=False)
results = {
    "rigid": rigid,
    "scan_locked alone": rigid.align_nonrigid(
        model="scan_locked", affine_cycles=0, crop="none", show_progressbar=False
    ),
    "row_fitting alone": rigid.align_nonrigid(
        model="row_fitting", affine_cycles=0, crop="none", show_progressbar=False
    ),
    "default": rigid.align_nonrigid(crop="none", show_progressbar=False),
}
print("model                residual (px rms)   gain on held-out pixels")
for name, aligned in results.items():
    gain = "" if name == "rigid" else f"{aligned.smartalign.nonrigid.cycles[-1].gain:.0f}"
    print(f"{name:20s} {residual(aligned):8.3f} {gain:>26s}")

# %%
# The turn of each frame
# ----------------------
#
# What row fitting found, from the change of the displacement along the lines: content that turns
# moves up at one end of a line and down at the other. Only differences between frames can be
# measured.

alignment = results["row_fitting alone"].smartalign.alignment
found = np.array([np.rad2deg(t.rotation[:, 0].mean()) for t in alignment.transforms])
found -= found.mean()
print("known:", *(f"{angle:6.2f}" for angle in np.rad2deg(angles)))
print("found:", *(f"{angle:6.2f}" for angle in found))

# %%
# What is left
# ------------
#
# The error of the first frame on the particle, less what all frames share.

figure, axes = plt.subplots(1, 4, figsize=(11, 3.4), layout="constrained")
for axis, (name, aligned) in zip(axes, results.items(), strict=True):
    left = np.where(particle, np.hypot(*errors_of(aligned)[0]), np.nan)
    drawn = axis.imshow(left[16:-16, 16:-16], cmap="viridis", vmin=0, vmax=1.5)
    axis.set(title=f"{name}\n{residual(aligned):.2f} px rms", xticks=[], yticks=[])
figure.colorbar(drawn, ax=axes, label="error (px)")
plt.show()

# %%
# The displacement of the first frame: a turn, and on top of it the offsets of the lines.

results["row_fitting alone"].smartalign.plot_displacement(0)
plt.show()
