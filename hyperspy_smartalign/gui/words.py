"""The words of the parameters for people, where they are not those of Python."""

from __future__ import annotations

#: Shown for None, by parameter: what None does there. By label where two of a name differ.
NONE = {
    "Lazy tiles": "in memory",
    "acceleration": "default (weak)",
    "band": "Nyquist frequency",
    "butterworth": "no filter",
    "continuous": "where the scan times are known",
    "crop": "as the alignment did",
    "equalise": "no",
    "exponent": "from the noise of the series",
    "fast_direction": "as in the file",
    "file": "none: the result stays in memory",
    "first": "from the start",
    "frames": "all frames",
    "last": "to the end",
    "lazy_output": "as the input",
    "line_time": "as in the file",
    "local_cycles": "all cycles",
    "max_iterations": "10, or 200 for the gradient solver",
    "max_shift": "as far as frames overlap enough",
    "min_distance": "from the motif",
    "num_workers": "all cores",
    "outlier_threshold": "from the spread of the pairs",
    "roi": "whole frame",
    "scan_rotation": "as in the file",
    "signal_range": "all channels",
    "smooth_reference": "by its own noise",
    "smoothing": "from the series",
    "template": "draw it, or type left, right, top, bottom",
    "working_folder": "none",
}
#: For other parameters.
OTHER_NONE = "automatic"


def none_of(name: str, label: str) -> str:
    """What None does as the value of a parameter, in words."""
    return NONE.get(label, NONE.get(name, OTHER_NONE))


#: Shown for words of Python. Other words are shown as they are, with spaces for underscores.
WORDS = {
    "high_snr": "high SNR",
    "low_snr": "low SNR",
    "map": "most probable (map)",
    "nan": "nan (no value)",
    "poisson": "Poisson",
    "gaussian": "Gaussian",
    "roi": "region of interest",
    "elliptical_gaussian": "elliptical Gaussian",
    "hann": "Hann",
    "hamming": "Hamming",
    "blackman": "Blackman",
    "tukey": "Tukey",
    "wiener": "Wiener",
    "fourier": "Fourier",
}

#: Shown for True and False where they are a choice, by parameter.
YES_AND_NO = {"crop": ("to the common area", "no: all that any frame saw")}
OTHER_YES_AND_NO = ("yes", "no")

#: Heading of a section, where it is not its group with a capital.
HEADINGS = {"pre-processing": "Data pre-processing"}

#: Groups of parameters in the order of the manual; unknown ones come before the last two.
GROUPS = (
    "frames",
    "pre-processing",
    "registration method",
    "estimating offsets",
    "refining",
    "cycles",
    "reference",
    "convergence",
    "scan",
    "advanced",
    "motif",
    "search",
    "threshold",
    "tiles",
    "channels",
    "output",
)
LAST_GROUPS = ("file", "work")
