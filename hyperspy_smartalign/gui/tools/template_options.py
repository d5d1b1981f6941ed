"""Arguments of template_match that are no parameters of the matching."""

from __future__ import annotations

from hyperspy_smartalign.gui.tools.options import WorkOptions
from hyperspy_smartalign.parameters._kinds import Choice, FilePath, Flag, Indices, Region


class TemplateOptions(WorkOptions):
    """What is searched, and where that is kept."""

    template = Region(
        None,
        label="Region of the motif",
        desc=(
            "One repeat, with some of what is around it: (left, right, top, bottom), each an int "
            "(index) or a float (value on the axis). It is taken from the first frame that takes "
            "part, or from the average where the series is aligned."
        ),
        group="motif",
    )
    search = Choice(
        "auto",
        words=("auto", "frames", "average"),
        label="Search in",
        desc=(
            "For series: 'frames' searches each frame. 'average' searches the average of the "
            "aligned series, and carries the matches back to every frame. 'auto' takes the average "
            "of a series that carries an alignment, and else the frames."
        ),
        group="search",
    )
    frames = Indices(
        None,
        label="Frames",
        desc="Numbers of the frames that take part, counted from 0. None: all.",
        group="search",
        rare=True,
    )
    working_folder = FilePath(
        None,
        label="Working folder",
        desc=(
            "Folder for what has been found so far: one that does not exist, is empty, or was used "
            "so before. A search that was broken off goes on from there."
        ),
        group="work",
        rare=True,
    )
    lazy_output = Flag(
        None,
        label="Lazy tiles",
        desc=(
            "Whether the tiles are cut anew, frame by frame, whenever they are asked for, so that "
            "they need not fit into memory. None and False: in memory."
        ),
        group="work",
        rare=True,
    )
