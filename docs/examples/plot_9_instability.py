"""
Hum in the scan
===============

A stray field of 50 Hz moves the probe while it scans. The offsets of the scan lines that
``align_nonrigid`` finds show how much, and at which frequency.
"""

from dataclasses import replace

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np

from hyperspy_smartalign import data  # adds align_nonrigid and smartalign to signals

# %%
# A series with a known hum
# -------------------------
#
# 12 frames of a lattice, with rough motion of 0.15 px rms in both directions, and a hum of 0.5 px
# amplitude along x on top. A line takes 1 ms. The hum goes on from frame to frame.

shape, frames, frequency, amplitude = (192, 160), 12, 50.0, 0.5
path = data.probe_path(
    frames,
    shape,
    drift=(0.6, -0.4),
    row_jitter=0.15,
    row_correlation=4,
    row_process="exponential",
    dwell_time=5e-6,
    flyback_time=200e-6,
    frame_gap=0.013,
    seed=2,
)
times = np.array([path.geometry.row_times(frame, shape[0]) for frame in range(frames)])
offsets = path.row_offsets.copy()
offsets[..., 1] += amplitude * np.sin(2 * np.pi * frequency * times)
path = replace(path, row_offsets=offsets)

crystal = data.named_crystal("perovskite", field=shape, reach=path.reach, seed=2)
rng = np.random.default_rng(2)
counts = np.stack([rng.poisson(30 * data.render_frame(crystal, path, i)) for i in range(frames)])
series = hs.signals.Signal2D(counts.astype(np.float32))
for axis in series.axes_manager.signal_axes:
    axis.scale, axis.units = 0.02, "nm"
series = series.smartalign.prepare(line_time=path.line_time)

# %%
# Align, and look at the spectrum
# -------------------------------

aligned = series.align_nonrigid(show_progressbar=False)
found = aligned.smartalign.instability()
found.plot()
plt.show()

# %%
# Known next to found
# -------------------
#
# The frequency is found to a fraction of the resolution. The amplitude is a little low: what all
# frames share is in no offset, and the offsets are smoothed.

pixel = 1e3 * series.axes_manager.signal_axes[0].scale
print(f"resolution {found.spectrum.resolution:.1f} Hz")
print(f"known: {frequency:.1f} Hz, {amplitude / np.sqrt(2) * pixel:.2f} pm rms along x")
for tone in found.spectrum.tones:
    mains = "none" if tone.mains is None else tone.mains.name
    print(
        f"found: {tone.frequency:.1f} Hz, {1e3 * tone.rms:.2f} pm rms along {tone.component}, "
        f"mains harmonic: {mains}"
    )

# %%
# As a signal it can be saved, and compared with that of another day.

spectra = found.to_signal()
print(spectra)
print("motion below 100 Hz (y, x):", 1e3 * found.spectrum.rms(0, 100), "pm rms")
