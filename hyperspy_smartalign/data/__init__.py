"""Simulated series with a known answer, to try settings on.

Positions are analytic: the intensity of the specimen is evaluated where the probe is, and no frame
is ever interpolated.
"""

from hyperspy_smartalign.data.cells import UnitCell, unit_cell
from hyperspy_smartalign.data.composition import SpectrumModel, spectrum_model
from hyperspy_smartalign.data.crystal import Crystal
from hyperspy_smartalign.data.damage import Damage
from hyperspy_smartalign.data.detector import Detector
from hyperspy_smartalign.data.interfaces import Interface
from hyperspy_smartalign.data.lattices import lattice
from hyperspy_smartalign.data.path import ProbePath
from hyperspy_smartalign.data.recipes import lattice_recipe, scan_recipe, tilt_boundary_recipe
from hyperspy_smartalign.data.render import (
    image_gradient,
    render_frame,
    render_gradient,
    render_image,
)
from hyperspy_smartalign.data.scan import probe_path, row_covariance
from hyperspy_smartalign.data.simulate import SimulatedStack, named_crystal, simulate_stack
from hyperspy_smartalign.data.simulated_series import SimulatedSeries, simulate_series
from hyperspy_smartalign.data.simulated_spectra import SimulatedSpectra
from hyperspy_smartalign.data.spoiling import spoil
from hyperspy_smartalign.data.truth import Truth

__all__ = [
    "Crystal",
    "Damage",
    "Detector",
    "Interface",
    "ProbePath",
    "SimulatedSeries",
    "SimulatedSpectra",
    "SimulatedStack",
    "SpectrumModel",
    "Truth",
    "UnitCell",
    "image_gradient",
    "lattice",
    "lattice_recipe",
    "named_crystal",
    "probe_path",
    "render_frame",
    "render_gradient",
    "render_image",
    "row_covariance",
    "scan_recipe",
    "simulate_series",
    "simulate_stack",
    "spectrum_model",
    "spoil",
    "tilt_boundary_recipe",
    "unit_cell",
]
