"""
The spectra of two sites
========================

Four passes over strontium titanate, with 0.1 counts in a channel of a pixel: nothing to see in any
spectrum. The cell repeats a hundred times in each pass. Its repeats are found on the images, and
the spectra of all of them are added up. Which element sits where, and how much of it?
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.spatial import cKDTree

from hyperspy_smartalign.data import lattice, simulate_series

# %%
# Images, EELS and EDS of the same passes
# ---------------------------------------
#
# Strontium on the strong columns, titanium on the weak ones, 16.3 px from cell to cell.

shape, passes = (192, 192), 4
crystal = lattice("perovskite", spacing=16.3, angle=10, field=shape, margin=64)
simulated = simulate_series(
    shape=shape,
    frames=passes,
    crystal=crystal,
    dose=10,
    drift=(0.6, -0.8),
    spectrum_image=("EELS", "EDS"),
    spectrum_dose=10,
    seed=1,
)
images = simulated.series
for kind, known in simulated.spectra.items():
    print(f"{kind:4s} {known.signal.data.mean():.3f} counts a channel and pixel")

# %%
# Find the repeats on the images, add up the spectra
# --------------------------------------------------

region = left, right, top, bottom = 80, 104, 80, 104
tiles = images.template_match(region, show_progressbar=False)
cells = {
    kind: known.signal.apply_alignment(tiles, show_progressbar=False)
    for kind, known in simulated.spectra.items()
}
print(tiles)
for cell in cells.values():
    print(cell)

# %%
# Maps, known next to found
# -------------------------
#
# Every spectrum is a sum of a continuum and the edges or lines of the elements, whose shapes are
# known here. The truth is what a scan without noise would have given at the same place, once for
# each tile. That place is where the tiles are on average, from the strong column nearest to each.

matches = tiles.smartalign.matches
size = bottom - top, right - left
strong = crystal.positions[crystal.species == 0]
places = np.stack([matches.y, matches.x], axis=1) - simulated.truth.shifts[matches.frame]
around = places - strong[cKDTree(strong).query(places)[1]]
column = strong[np.argmin(np.linalg.norm(strong - crystal.centre, axis=1))]
corner = column + around.mean(axis=0) - (np.array(size) - 1) / 2
truth = {
    kind: len(tiles.data) * known.undistorted(size, origin=tuple(corner))
    for kind, known in simulated.spectra.items()
}

figure, axes = plt.subplots(2, 5, figsize=(12, 5.2), layout="constrained")
for row, (kind, known) in zip(axes, simulated.spectra.items(), strict=True):
    one = known.signal.data[0, top:bottom, left:right]
    found = dict(zip(known.model.symbols, known.model.maps(cells[kind].data)[1:], strict=True))
    perfect = dict(zip(known.model.symbols, known.model.maps(truth[kind])[1:], strict=True))
    row[0].imshow(known.model.maps(one)[2], cmap="magma")
    row[0].set(title="Ti, one cell", ylabel=kind)
    for axis, element in zip(row[1::2], ("Sr", "Ti"), strict=True):
        axis.imshow(found[element], cmap="magma", vmin=0, vmax=perfect[element].max())
        axis.set(title=f"{element}, {len(tiles.data)} cells")
    for axis, element in zip(row[2::2], ("Sr", "Ti"), strict=True):
        axis.imshow(perfect[element], cmap="magma", vmin=0, vmax=perfect[element].max())
        axis.set(title=f"{element}, known")
for axis in axes.flat:
    axis.set(xticks=[], yticks=[])
plt.show()

# %%
# The spectrum of each site
# -------------------------
#
# Within 3.5 px of a column of each kind.

rows, columns = np.indices(size)
sites = {}
for species, name in enumerate(("Sr site", "Ti site")):
    places = crystal.positions[crystal.species == species] - corner
    y, x = places[np.argmin(np.linalg.norm(places - (np.array(size) - 1) / 2, axis=1))]
    sites[name] = np.hypot(rows - y, columns - x) < 3.5

figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
for axis, (kind, known) in zip(axes, simulated.spectra.items(), strict=True):
    energies = known.model.energies
    for (name, site), colour in zip(sites.items(), ("tab:red", "tab:blue"), strict=True):
        spectrum, expected = (cube[site].sum(axis=0) for cube in (cells[kind].data, truth[kind]))
        axis.step(energies, spectrum, color=colour, where="mid", label=name)
        axis.step(energies, expected, "k:", lw=1, where="mid")
    axis.plot([], "k:", lw=1, label="known")
    axis.set(title=kind, xlabel=f"energy ({known.model.units})", ylabel="counts", yscale="log")
axes[0].legend()
plt.show()

# %%
# Counts of the elements, with errors
# -----------------------------------
#
# The fit is linear in the counts, so that their Poisson noise gives its error. A count takes part
# in several tiles, but in each at another place, and only once in the spectrum of a site.

for kind, known in simulated.spectra.items():
    fit = known.model.maps(np.eye(len(known.model.energies)))[1:]
    own = []
    for k, (name, site) in enumerate(sites.items()):
        spectrum = cells[kind].data[site].sum(axis=0)
        counts, errors = fit @ spectrum, np.sqrt(fit**2 @ spectrum)
        expected = fit @ truth[kind][site].sum(axis=0)
        for element, *numbers in zip(known.model.symbols, counts, errors, expected, strict=True):
            found, error, true = numbers
            print(f"{kind:4s} {name}: {element} {found:7.0f} ± {error:4.0f}, known {true:7.0f}")
        own.append((counts[k], errors[k], expected[k]))
    (sr, sr_error, sr_known), (ti, ti_error, ti_known) = own
    ratio = sr / ti
    error = ratio * np.hypot(sr_error / sr, ti_error / ti)
    print(f"{kind:4s} Sr : Ti {ratio:.3f} ± {error:.3f}, known {sr_known / ti_known:.3f}")
