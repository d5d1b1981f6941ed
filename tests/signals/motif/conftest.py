"""Stacks of tiles whose tables are known, without a search."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.motif import Matches, frame_tiles
from hyperspy_smartalign.motif.orientations import Orientation
from hyperspy_smartalign.motif.threshold import ScoreHistogram
from hyperspy_smartalign.motif.tiles import tile_size
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.motif.match_table import MatchTable, StageRecord, write_matches
from hyperspy_smartalign.signals.staging import unmoved
from hyperspy_smartalign.signals.validating import layout_of_axes


@pytest.fixture(autouse=True)
def _no_progress_bars():
    before = hs.preferences.General.show_progressbar
    hs.preferences.General.show_progressbar = False
    yield
    hs.preferences.General.show_progressbar = before


def calibrate(x, y, scale=0.2):
    for axis, name, offset in ((x, "x", 5.0), (y, "y", -3.0)):
        axis.name, axis.scale, axis.offset, axis.units = name, scale, offset, "nm"


@pytest.fixture
def make_images():
    """Images (n, h, w), or one; a read-only calibrated signal."""

    def make(data, scale=0.2):
        data = np.array(data)
        data.flags.writeable = False
        signal = hs.signals.Signal2D(data)
        calibrate(*signal.axes_manager.signal_axes, scale)
        signal.metadata.General.title = "image"
        return signal

    return make


@pytest.fixture
def make_spectra():
    """Spectra (n, h, w, E), or one spectrum image; a read-only calibrated signal."""

    def make(data, scale=0.2, signal_type="", dimension=1):
        data = np.array(data)
        data.flags.writeable = False
        kind = {1: hs.signals.Signal1D, 2: hs.signals.Signal2D}[dimension]
        signal = kind(data)
        if signal_type:
            signal.set_signal_type(signal_type)
        calibrate(*signal.axes_manager.navigation_axes[:2], scale)
        axis = signal.axes_manager.signal_axes[0]
        axis.name, axis.scale, axis.offset, axis.units = "Energy", 0.5, 1.0, "keV"
        signal.metadata.General.title = "map"
        return signal

    return make


@pytest.fixture
def make_tiles():
    """The tiles of images at known places; gives the stack as template_match leaves it."""

    def make(
        images,
        centres,
        *,
        frame=0,
        tile_shape=(8, 7),
        upsample=1.0,
        angle=0.0,
        mirror=False,
        parent=None,
        search="frames",
        searched=None,
    ):
        centres = np.asarray(centres, np.float64)
        n = len(centres)
        manager = images.axes_manager
        x, y = manager.signal_axes
        shape = tuple(axis.size for axis in reversed(manager.navigation_axes)) or (1,)
        layout = layout_of_axes(shape, y, x)
        parent = unmoved(layout) if parent is None else parent
        frame = np.broadcast_to(frame, n)
        stack = images.data.reshape(-1, *layout.frame_shape)
        size = tile_size(tile_shape, upsample)
        pixels = np.empty((n, *size), np.float32)
        places = np.empty((n, 2))
        for i in range(n):
            match = Matches.at(centres[i : i + 1], tile_shape=tile_shape)
            match = Matches(
                **{
                    **{name: getattr(match, name) for name in ("frame", "y", "x", "score")},
                    "orientation": match.orientation,
                    "errors": match.errors,
                    "tile_shape": tile_shape,
                    "orientations": (Orientation(angle, mirror),),
                }
            )
            transform = parent.transforms[frame[i]]
            origin = parent.canvas.origin
            point = centres[i] + origin
            places[i] = point + transform.at(point[:, None])[:, 0]
            pixels[i] = frame_tiles(
                stack[frame[i]], match, upsample=upsample, transform=transform, origin=origin
            )[0]
        columns = {
            "frame": frame,
            "y": centres[:, 0],
            "x": centres[:, 1],
            "score": np.linspace(0.9, 0.6, n),
            "y_error": np.full(n, 0.1),
            "x_error": np.full(n, 0.1),
            "angle": np.full(n, float(angle)),
            "mirror": np.full(n, mirror),
            "source_y": places[:, 0],
            "source_x": places[:, 1],
        }
        if searched is None:
            searched = parent.n_frames if search == "frames" else 1
        histogram = ScoreHistogram(np.array([1, n]), np.array([0.0, 0.5, 1.0]))
        motif = np.zeros(tile_shape, np.float32)
        table = MatchTable(
            columns={name: np.array(column) for name, column in columns.items()},
            rejected={name: np.empty(0) for name in ("frame", "y", "x", "score")},
            tile_shape=tile_shape,
            upsample=upsample,
            stages=(StageRecord(motif, np.full(searched, 0.5), histogram, np.array([0, n]), 0.8),),
            parent=parent,
        )
        axes = [{"name": "tile", "size": n, "navigate": True}]
        for name, length, own in zip("yx", size, (y, x), strict=True):
            axes.append(
                {"name": name, "size": length, "scale": own.scale / upsample, "units": own.units}
            )
        tiles = hs.signals.Signal2D(pixels, axes=axes)
        recording.append_step(tiles, "template_match", {"search": search})
        write_matches(tiles, table)
        return tiles

    return make
