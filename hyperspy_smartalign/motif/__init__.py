"""Template matching: repeats of a motif found, cut out, and compared."""

from hyperspy_smartalign.motif.averages import TileAverage, average_tiles
from hyperspy_smartalign.motif.classes import TileClasses, classify_tiles
from hyperspy_smartalign.motif.deviations import Deviations, deviations_from_lattice
from hyperspy_smartalign.motif.fitting import Fitted, MotifFit
from hyperspy_smartalign.motif.matches import Matches, joined
from hyperspy_smartalign.motif.memory import SearchMemory
from hyperspy_smartalign.motif.on_lattice import LatticeFit, fit_to_lattice, unit_cell_motif
from hyperspy_smartalign.motif.orientations import Orientation, orientations, oriented
from hyperspy_smartalign.motif.peaks import Peaks, find_peaks, keep_best, smallest_distance
from hyperspy_smartalign.motif.scores import ScoreMap, SearchedFrame, score_map, tile_centre
from hyperspy_smartalign.motif.search import NoMatchError, find_motif
from hyperspy_smartalign.motif.sources import as_source
from hyperspy_smartalign.motif.stages import MotifSearch, Stage
from hyperspy_smartalign.motif.threshold import (
    ScoreHistogram,
    automatic_threshold,
    noise_floor,
    score_histogram,
)
from hyperspy_smartalign.motif.tiles import (
    cut_matches,
    frame_matches,
    frame_tiles,
    tile_size,
)

__all__ = [
    "Deviations",
    "Fitted",
    "LatticeFit",
    "Matches",
    "MotifFit",
    "MotifSearch",
    "NoMatchError",
    "Orientation",
    "Peaks",
    "ScoreHistogram",
    "ScoreMap",
    "SearchMemory",
    "SearchedFrame",
    "Stage",
    "TileAverage",
    "TileClasses",
    "as_source",
    "automatic_threshold",
    "average_tiles",
    "classify_tiles",
    "cut_matches",
    "deviations_from_lattice",
    "find_motif",
    "find_peaks",
    "fit_to_lattice",
    "frame_matches",
    "frame_tiles",
    "joined",
    "keep_best",
    "noise_floor",
    "orientations",
    "oriented",
    "score_histogram",
    "score_map",
    "smallest_distance",
    "tile_centre",
    "tile_size",
    "unit_cell_motif",
]
