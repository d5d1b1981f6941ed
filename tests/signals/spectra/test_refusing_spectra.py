"""What apply_alignment does not do with spectra, in words that name what to type instead."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign import Alignment
from hyperspy_smartalign.parameters import ParameterError
from hyperspy_smartalign.series.checks import SeriesWarning
from hyperspy_smartalign.signals.validating import NotASeriesError
from hyperspy_smartalign.transforms import AlignmentMismatchError, Canvas

SHAPE = (24, 20)


@pytest.mark.parametrize(
    ("keywords", "error", "said"),
    [
        (
            {"fill": "mean"},
            ParameterError,
            r"fill='mean' cannot be used for spectra.*Give",
        ),
        (
            {"interpolation": "fourier"},
            ParameterError,
            r"'fourier' cannot be used for spectra",
        ),
        ({"variance": "poisson", "output": "series"}, ParameterError, r"belongs to an average or"),
        ({"counts": "share", "interpolation": "linear"}, ParameterError, "does not interpolate"),
        ({"resume": True}, ParameterError, r"needs file="),
        ({"interpolaton": "linear"}, TypeError, "Did you mean 'interpolation'"),
        ({"counts": "shared"}, ParameterError, "'share'"),
        ({"variance": "gauss"}, ParameterError, "'poisson'"),
        ({"binning": 0}, ParameterError, "binning"),
        ({"binning": 17}, ValueError, r"binning=17 is more than.*16 adds them all"),
        ({"signal_range": (5, 5)}, ValueError, "holds no channel"),
        ({"signal_range": (5, 40)}, ValueError, r"40 lies outside the Energy axis.*16 channels"),
        ({"signal_range": (1, 2, 3, 4)}, ValueError, r"holds 4 numbers.*\(start, stop\)"),
        ({"signal_range": "Fe"}, (TypeError, ParameterError), "signal_range"),
        ({"area": "roi"}, ParameterError, "area='image'"),
        ({"fill": np.inf}, ParameterError, "fill"),
    ],
)
def test_parameters(make_spectra, shifts, keywords, error, said):
    signal, _ = make_spectra()
    with pytest.raises(error, match=said):
        signal.apply_alignment(shifts, **keywords)


def test_variance_of_images_that_stay_a_series(make_series, shifts):
    images, _ = make_series(shifts)
    with pytest.raises(ParameterError, match="output='sum' or output='average' too"):
        images.apply_alignment(shifts, variance="poisson")


@pytest.mark.parametrize(
    ("name", "value"), [("binning", 2), ("signal_range", (1, 4)), ("signal_range", (0, 2, 0, 2))]
)
def test_channels_of_images(make_series, shifts, name, value):
    images, _ = make_series(shifts)
    with pytest.raises(ParameterError, match=rf"{name}=.*is for spectra.*leave {name} out"):
        images.apply_alignment(shifts, **{name: value})


@pytest.mark.parametrize("fill", ["nan", 0.5, -1])
def test_values_that_integers_cannot_hold(make_spectra, shifts, fill):
    signal, _ = make_spectra(dtype=np.uint16)
    with pytest.raises(ValueError, match=r"uint16 cannot hold fill"):
        signal.apply_alignment(shifts, output="series", interpolation="nearest", fill=fill)
    if fill != "nan":
        with pytest.raises(ValueError, match=r"uint32 cannot hold fill"):
            signal.apply_alignment(shifts, counts="whole", fill=fill)


def test_complex_spectra():
    spectra = hs.signals.ComplexSignal1D(np.ones((5, *SHAPE, 4), complex))
    with pytest.raises(TypeError, match=r"complex128.*signal.amplitude"):
        hyperspy_smartalign.apply_alignment(np.zeros((5, 2)), spectra)


def test_numbers_of_frames(make_spectra, shifts):
    signal, _ = make_spectra()
    alignment = signal.apply_alignment(shifts).smartalign.alignment
    with pytest.raises(AlignmentMismatchError, match=r"5 frames.*the series has 4"):
        signal.inav[:, :, 1:].apply_alignment(alignment)
    with pytest.raises(ValueError, match=r"\(4, 2\) do not fit navigation shape \(5,\)"):
        signal.apply_alignment(shifts[:4])
    with pytest.raises(NotASeriesError, match="one frame"):
        signal.inav[:, :, :1].apply_alignment(alignment)
    with pytest.raises(NotASeriesError, match="2 navigation axes, but the series has 1"):
        signal.inav[:, :, 0].apply_alignment(alignment)
    with pytest.raises(ValueError, match="finite"):
        signal.apply_alignment(shifts * np.nan)


def test_another_grid_without_calibration(make_spectra, shifts):
    signal, _ = make_spectra()
    alignment = Alignment.from_shifts(shifts, frame_shape=(40, 40), canvas=Canvas(3, 4, 30, 30))
    with pytest.raises(AlignmentMismatchError, match=r"40 x 40 px.*24 x 20 px.*cannot be"):
        signal.apply_alignment(alignment)


def test_no_alignment(make_spectra, shifts):
    signal, _ = make_spectra()
    with pytest.raises(ValueError, match="carries no alignment"):
        signal.apply_alignment(signal)
    with pytest.raises(TypeError, match=r"str is no alignment. Give an Alignment"):
        signal.apply_alignment("aligned.hspy")


def test_axes_that_are_not_uniform(make_spectra, shifts):
    signal, _ = make_spectra()
    signal.axes_manager["x"].convert_to_non_uniform_axis()
    with pytest.raises(NotImplementedError, match="interpolate_on_axis"):
        signal.apply_alignment(shifts)


# Warnings


def test_warnings_point_at_the_callers_line(make_spectra, shifts):
    signal, _ = make_spectra()
    first = signal.apply_alignment(shifts, output="series")
    calls = (
        lambda: first.apply_alignment(np.ones((5, 2))),
        lambda: hyperspy_smartalign.apply_alignment(np.ones((5, 2)), first),
    )
    for call in calls:
        with pytest.warns(SeriesWarning, match=r"second time.*compose") as caught:
            call()
        assert [warning.filename for warning in caught] == [__file__]


def test_aligned_by_the_same_shifts(make_spectra, shifts):
    signal, _ = make_spectra()
    alignment = Alignment.from_shifts(shifts, frame_shape=SHAPE, canvas=Canvas.of_frame(SHAPE))
    result = signal.apply_alignment(alignment, output="series")
    with pytest.raises(ValueError, match="aligned by these shifts already"):
        result.apply_alignment(alignment)


def test_other_preparation_is_warned_of(make_spectra, make_series, known_shifts, shifts):
    images, _ = make_series(shifts[::-1], shape=SHAPE)
    signal, _ = make_spectra()
    known_shifts(shifts)
    first = images.smartalign.prepare(reverse=True).align_rigid()
    with pytest.warns(SeriesWarning, match=r"with reverse=True, and") as caught:
        signal.apply_alignment(first)
    assert caught[0].filename == __file__
