"""Parameters of the template matching."""

from __future__ import annotations

from hyperspy_smartalign.parameters._base import Parameters
from hyperspy_smartalign.parameters._kinds import (
    Choice,
    Flag,
    Integer,
    Numbers,
    PositiveReal,
    Real,
)


class TemplateParameters(Parameters):
    """Parameters of template_match."""

    threshold = Numbers(
        "auto",
        words=("auto",),
        low=-1,
        high=1,
        label="Threshold",
        desc=(
            "Smallest score of a match that is kept: 1 is a perfect match, 0 is none. 'auto' "
            "separates the main peak of the histogram of scores from its tail. A number, or one "
            "for each frame that is searched, counts for the last search; those that refine the "
            "motif use 'auto'."
        ),
        group="threshold",
    )
    fixed_threshold = Flag(
        True,
        label="Fixed threshold",
        desc=(
            "True finds one threshold for all frames, False one for each, for series whose "
            "contrast changes. With threshold='auto'."
        ),
        group="threshold",
    )
    refine = Integer(
        2,
        low=0,
        high=20,
        label="Refinements of the motif",
        desc=(
            "How often the tiles found are averaged to a refined motif that is searched again. 0 "
            "searches the motif as it is, for one from a simulation or a better image."
        ),
        group="motif",
    )
    angles = Numbers(
        0.0,
        noun="an angle in degrees, or a list of one or more such as (0, 60, 120)",
        label="Rotations",
        desc=(
            "Angles by which the motif is turned, counter-clockwise on the screen, for grains of "
            "other orientations; each match keeps the best."
        ),
        group="motif",
        rare=True,
        unit="degrees",
    )
    mirror = Flag(
        False,
        label="Mirrored motif",
        desc="Search the mirror image of the motif too.",
        group="motif",
        rare=True,
    )
    other_sites = Flag(
        False,
        label="Other sites",
        desc=(
            "Accept candidates on sites of the lattice that only look like the motif, such as "
            "those of another atom. Their scores are lower on the average, not one by one, so that "
            "with noise no threshold keeps them apart."
        ),
        group="search",
        rare=True,
    )
    min_distance = PositiveReal(
        None,
        label="Smallest distance",
        desc=(
            "Of matches whose centres are nearer than this the best stays. None: three "
            "quarters of the shortest distance at which the motif repeats within itself, or of its "
            "shorter side."
        ),
        group="search",
        unit="px",
    )
    overlap = Real(
        1.0,
        low=0,
        high=1,
        label="Overlap",
        desc=(
            "Largest share of a tile that another may cover: 1 lets tiles overlap as cells of a "
            "lattice do, 0 keeps tiles that share no pixel."
        ),
        group="search",
    )
    coverage = Real(
        0.9,
        low=0.1,
        high=1,
        label="Coverage",
        desc="Smallest share of a tile that must have been observed, where frames have gaps.",
        group="search",
        rare=True,
    )
    subpixel = Choice(
        "fit",
        words=("fit", "parabola", "none"),
        label="Positions",
        desc=(
            "How matches are placed between the pixels: 'fit' of the motif to the pixels of the "
            "frame, weighted by their noise; 'parabola' through the scores beside each maximum; "
            "or 'none', whole pixels."
        ),
        group="search",
        rare=True,
    )
    upsample = PositiveReal(
        1.0,
        high=16,
        label="Up-sampling",
        desc="Pixels of a tile for one pixel of the frame along each axis: super-resolution.",
        group="tiles",
    )
    interpolation = Choice(
        "spline",
        words=("spline", "linear", "nearest"),
        label="Interpolation",
        desc="Kernel of the one interpolation of a tile: cubic B-spline, linear or nearest.",
        group="tiles",
        rare=True,
    )

    def idle(self) -> dict[str, str]:
        """Parameters that nothing would use with the present values, and why."""
        return {} if self.threshold == "auto" else {"fixed_threshold": "threshold is a number"}
