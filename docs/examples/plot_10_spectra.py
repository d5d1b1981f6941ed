"""
Spectra from many passes
========================

An image detector, an EELS and an EDS spectrometer record the same twelve fast passes over an
interface. The distortions are found on the images, and the spectra are added up where they belong.
Are the maps as sharp, and is the interface as narrow, as the specimen is?
"""

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_smartalign
from hyperspy_smartalign.quality.edges import edge_width
from hyperspy_smartalign.quality.sharpness import relative_blur

# %%
# A specimen with a known interface
# ---------------------------------
#
# Strontium titanate on the left, strontium manganite on the right. The share of manganese rises
# as an error function of sigma 3 px. Scan lines are off by 0.8 px rms, and the specimen drifts,
# also during a pass. A pixel gets about 40 counts of each spectrometer a pass.

shape, frames = (128, 128), 12
crystal = hyperspy_smartalign.data.lattice(
    "perovskite", spacing=16.3, angle=10, field=shape, margin=64
)
crystal = crystal.with_vacancies(0.05, depth=0.6).with_defects(15).with_blobs(4)
simulated = hyperspy_smartalign.data.simulate_series(
    shape=shape,
    frames=frames,
    crystal=crystal.with_interface(3),
    dose=20,
    drift=(0.6, -0.8),
    drift_walk=0.2,
    row_jitter=0.8,
    in_frame_drift=True,
    spectrum_image=("EELS", "EDS"),
    spectrum_dose=60,
    seed=1,
)
images = simulated.series
spectra = {kind: known.signal for kind, known in simulated.spectra.items()}
print(images)
for kind, signal in spectra.items():
    print(
        kind, signal, f"{signal.data.sum() / frames / np.prod(shape):.0f} counts a pixel and pass"
    )

# %%
# Align the images, add up the spectra
# ------------------------------------
#
# The aligned series of spectra is never made: its frames are added as they come. For comparison,
# the same with the shifts of the frames only, and with no alignment at all, a table of zeros.

rigid = images.align_rigid(show_progressbar=False)
aligned = rigid.align_nonrigid(show_progressbar=False)
alignments = {"as recorded": np.zeros((frames, 2)), "rigid": rigid, "non-rigid": aligned}
sums = {
    (kind, stage): signal.apply_alignment(alignment, show_progressbar=False)
    for kind, signal in spectra.items()
    for stage, alignment in alignments.items()
}
print(sums["EELS", "non-rigid"])

# %%
# Maps, known next to found
# -------------------------
#
# Every spectrum is a sum of a continuum and the edges or lines of three elements, whose shapes are
# known here. A fit gives the counts of each element. The truth is what a scan without noise, drift
# and jitter would have given.


def maps_of(kind, stage):
    """Counts of each element found in a sum, and those of the truth in the same area."""
    known, total = simulated.spectra[kind], sums[kind, stage]
    canvas = total.smartalign.alignment.canvas
    found = dict(zip(known.model.symbols, known.model.maps(total.data)[1:], strict=True))
    truth = {
        element: frames * known.undistorted_map(element, canvas.shape, origin=canvas.origin)
        for element in found
    }
    return found, truth


figure, axes = plt.subplots(3, 4, figsize=(12, 9), layout="constrained")
for row, element in zip(axes, ("Sr", "Ti", "Mn"), strict=True):
    row[0].set_ylabel(element)
    pictures = {stage: maps_of("EDS", stage)[0][element] for stage in alignments}
    pictures["known"] = maps_of("EDS", "non-rigid")[1][element]
    low, high = np.percentile(pictures["known"], (0.5, 99.8))
    for axis, (title, picture) in zip(row, pictures.items(), strict=True):
        axis.imshow(picture, cmap="magma", vmin=low, vmax=high)
        axis.set(xticks=[], yticks=[])
        if element == "Sr":
            axis.set_title(f"{title}, EDS")
plt.show()

# %%
# By which Gaussian are the maps blurred, against the truth? Sigma in pixels, along y and x.

print("          as recorded         rigid         non-rigid")
for kind in spectra:
    for element in ("Sr", "Ti", "Mn"):
        cells = []
        for stage in alignments:
            found, truth = maps_of(kind, stage)
            sigma = relative_blur(found[element], truth[element]).sigma
            cells.append(f"{sigma[0]:5.2f}, {sigma[1]:5.2f}")
        print(f"{kind:4s} {element}   " + "     ".join(cells))

# %%
# The width of the interface
# --------------------------
#
# Atoms of manganese over those of manganese and titanium, along x. From 10 to 90 % the error
# function takes 2.56 sigma.


def profile(maps, kind):
    """Share of manganese against x."""
    model = simulated.spectra[kind].model
    titanium, manganese = (
        maps[element].sum(axis=0) / model.elements[model.species(element)].sum()
        for element in ("Ti", "Mn")
    )
    return manganese / (manganese + titanium)


figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, layout="constrained")
for axis, kind in zip(axes, spectra, strict=True):
    for stage, colour in zip(alignments, ("tab:gray", "tab:red", "tab:blue"), strict=True):
        found, truth = maps_of(kind, stage)
        fitted, known = edge_width(profile(found, kind)), edge_width(profile(truth, kind))
        print(
            f"{kind:4s} {stage:12s} width {fitted.width:5.2f} ± {fitted.width_error:.2f} px, "
            f"known {known.width:.2f} px: {100 * (fitted.width / known.width - 1):+.1f} %"
        )
        x = np.arange(len(profile(found, kind))) - fitted.centre
        axis.plot(x, profile(found, kind), color=colour, label=stage, lw=1)
    x = np.arange(len(profile(truth, kind))) - known.centre
    axis.plot(x, profile(truth, kind), "k", lw=1, label="known")
    axis.set(title=kind, xlabel="x from the interface (px)", xlim=(-25, 25), ylim=(-0.2, 1.2))
axes[0].set_ylabel("Mn / (Mn + Ti)")
axes[1].legend()
plt.show()

# %%
# The summed spectrum
# -------------------
#
# Of the strontium columns, the brightest tenth of the area. Jitter carries their counts away, and
# brings those of their neighbours.

figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
for axis, kind in zip(axes, spectra, strict=True):
    known = simulated.spectra[kind]
    for stage, colour in zip(alignments, ("tab:gray", "tab:red", "tab:blue"), strict=True):
        total, strontium = sums[kind, stage], maps_of(kind, stage)[1]["Sr"]
        columns = strontium > np.percentile(strontium, 90)
        axis.plot(known.model.energies, total.data[columns].mean(axis=0), color=colour, label=stage)
    canvas = total.smartalign.alignment.canvas
    perfect = frames * known.undistorted(canvas.shape, origin=canvas.origin)
    axis.plot(known.model.energies, perfect[columns].mean(axis=0), "k:", label="known")
    axis.set(title=f"{kind}, Sr columns", xlabel=f"energy ({known.model.units})", yscale="log")
axes[0].set_ylabel("counts a pixel")
axes[1].legend()
plt.show()

# %%
# Errors
# ------
#
# ``variance="poisson"`` puts the variance of every value where HyperSpy's fits look for it. Is it
# right? The sum, less what is known, over the standard error should scatter by 1. It does a little
# more, as the maps are not perfectly sharp.

kind = "EDS"
total = spectra[kind].apply_alignment(aligned, variance="poisson", show_progressbar=False)
variance = total.metadata.Signal.Noise_properties.variance.data
canvas = total.smartalign.alignment.canvas
perfect = frames * simulated.spectra[kind].undistorted(canvas.shape, origin=canvas.origin)
bright = perfect > 5
pull = (total.data - perfect)[bright] / np.sqrt(np.maximum(variance[bright], 1e-6))
low, middle, high = np.percentile(pull, (16, 50, 84))
print(f"median {middle:+.2f}, half of the central 68 %: {(high - low) / 2:.2f}")
