"""apply_alignment(alignment, target): signals, lists of them, files, patterns and folders."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_smartalign
from hyperspy_smartalign import Alignment
from hyperspy_smartalign.signals.targets import load_target
from hyperspy_smartalign.transforms import AlignmentMismatchError, Canvas

N = 11
SHAPE = (12, 10)
SHIFTS = np.stack([np.arange(N) % 3 - 1, -(np.arange(N) % 4) + 1], axis=1)
COMMON = Canvas.common(SHIFTS, SHAPE)
pytestmark = pytest.mark.filterwarnings("ignore:The NestedDirectoryStore")


@pytest.fixture
def frames():
    """Spectrum images of eleven frames, and what they show in common. Frames differ by a factor
    that tells one from the other."""

    def make(*, kind="spectra", signal_type="EELS"):
        rng = np.random.default_rng(0)
        scene = rng.integers(1, 100, (24, 22, 6)).astype(np.float32)
        if kind == "images":
            scene = scene[..., 0]
        signals = []
        for number, (y, x) in enumerate(SHIFTS):
            data = scene[6 - y : 18 - y, 6 - x : 16 - x] * (number + 1)
            if kind == "images":
                signal = hs.signals.Signal2D(data)
                first, second = signal.axes_manager.signal_axes
            else:
                signal = hs.signals.Signal1D(data)
                signal.set_signal_type(signal_type)
                first, second = signal.axes_manager.navigation_axes
            for axis, name in ((first, "x"), (second, "y")):
                axis.name, axis.scale, axis.units = name, 0.5, "nm"
            signals.append(signal)
        window = scene[6:, 6:][COMMON.slices]
        return signals, window

    return make


@pytest.fixture
def files(frames, tmp_path):
    """One spectrum image a file, numbered without leading zeros, in a folder with a stranger."""

    def make(suffix=".hspy", **keywords):
        signals, window = frames(**keywords)
        for number, signal in enumerate(signals):
            signal.save(tmp_path / f"map_{number + 1}{suffix}")
        return tmp_path, window

    return make


def aligned_series(frames):
    """All frames aligned, in their order."""
    return np.arange(1, N + 1).reshape(-1, 1, 1, 1) * frames


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
@pytest.mark.parametrize("form", ["pattern", "folder", "list", "paths"])
def test_files_in_natural_order(files, form, suffix):
    folder, window = files(suffix)
    target = {
        "pattern": str(folder / f"map_*{suffix}"),
        "folder": folder,
        "list": [str(folder / f"map_{k + 1}{suffix}") for k in range(N)],
        "paths": [folder / f"map_{k + 1}{suffix}" for k in range(N)],
    }[form]
    series = hyperspy_smartalign.apply_alignment(SHIFTS, target, output="series")
    # Files of spectra are opened as they are needed, so the series is lazy.
    assert series._lazy
    np.testing.assert_array_equal(np.asarray(series.data), aligned_series(window))
    total = hyperspy_smartalign.apply_alignment(SHIFTS, target)
    assert not total._lazy
    assert type(total).__name__ == "EELSSpectrum"
    np.testing.assert_allclose(total.data, N * (N + 1) / 2 * window, rtol=1e-6)


def test_a_list_is_taken_in_its_order(files):
    folder, window = files()
    order = [folder / f"map_{k + 1}.hspy" for k in range(N)][::-1]
    series = hyperspy_smartalign.apply_alignment(SHIFTS[::-1], order, output="series")
    np.testing.assert_array_equal(np.asarray(series.data), aligned_series(window)[::-1])


def test_one_file_with_all_frames(frames, tmp_path):
    signals, window = frames()
    hs.stack(signals, show_progressbar=False).save(tmp_path / "all.hspy")
    alignment = Alignment.from_shifts(
        SHIFTS,
        frame_shape=SHAPE,
        canvas=COMMON,
        frame_scale=(0.5, 0.5),
        frame_units=("nm", "nm"),
    )
    result = hyperspy_smartalign.apply_alignment(alignment, tmp_path / "all.hspy")
    np.testing.assert_allclose(result.data, N * (N + 1) / 2 * window, rtol=1e-6)


@pytest.mark.parametrize("lazy", [False, True])
def test_signals_of_a_frame_each(frames, lazy):
    signals, window = frames()
    given = [signal.as_lazy() if lazy else signal for signal in signals]
    for target in (given, tuple(given)):
        result = hyperspy_smartalign.apply_alignment(SHIFTS, target)
        assert type(result).__name__ == "EELSSpectrum"
        np.testing.assert_allclose(result.data, N * (N + 1) / 2 * window, rtol=1e-6)
    assert all(signal._lazy is lazy for signal in given)
    assert all(signal.axes_manager.navigation_dimension == 2 for signal in given)


def test_one_signal_is_as_its_method(frames):
    signals, _ = frames()
    series = hs.stack(signals, show_progressbar=False)
    expected = series.apply_alignment(SHIFTS, binning=2, counts="share")
    result = hyperspy_smartalign.apply_alignment(SHIFTS, series, binning=2, counts="share")
    np.testing.assert_array_equal(result.data, expected.data)
    assert result.metadata.General.title == expected.metadata.General.title


def test_images_from_files(files):
    folder, window = files(kind="images")
    result = hyperspy_smartalign.apply_alignment(SHIFTS, folder / "map_*.hspy")
    assert not result._lazy
    np.testing.assert_array_equal(result.data, np.arange(1, N + 1).reshape(-1, 1, 1) * window)


def test_an_aligned_signal_carries_it(frames):
    images, _ = frames(kind="images")
    spectra, window = frames()
    aligned = hs.stack(images, show_progressbar=False).apply_alignment(SHIFTS)
    result = hyperspy_smartalign.apply_alignment(aligned, spectra)
    np.testing.assert_allclose(result.data, N * (N + 1) / 2 * window, rtol=1e-6)


def test_the_result_goes_into_a_file(files, tmp_path):
    folder, window = files()
    result = hyperspy_smartalign.apply_alignment(
        SHIFTS, folder / "map_*.hspy", file=tmp_path / "sum.zspy"
    )
    np.testing.assert_allclose(np.asarray(result.data), N * (N + 1) / 2 * window, rtol=1e-6)
    again = hs.load(tmp_path / "sum.zspy")
    np.testing.assert_array_equal(again.data, np.asarray(result.data))


# Several signals in the files


def test_load_target_takes_the_series_of_spectra(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    image = hs.signals.Signal2D(rng.random((3, *SHAPE)))
    eds = hs.signals.Signal1D(rng.random((3, *SHAPE, 4)))
    eels = hs.signals.Signal1D(rng.random((2, *SHAPE, 4)))
    found = {"HAADF": image, "EDS": eds, "EELS": eels}
    path = tmp_path / "x.hspy"

    def loading(content):
        def load_series(paths, *, signal=None, lazy, **options):
            chosen = content if signal is None else content[signal]
            if isinstance(chosen, dict):
                return {name: each.as_lazy() if lazy else each for name, each in chosen.items()}
            return chosen.as_lazy() if lazy else chosen

        monkeypatch.setattr("hyperspy_smartalign.signals.targets.load_series", load_series)

    loading({"HAADF": image, "EDS": eds})
    series = load_target([path], n_frames=3)
    assert series._lazy
    assert series.data.shape == eds.data.shape
    # Of two, the one that has the frames of the alignment.
    loading(found)
    assert load_target([path], n_frames=2).data.shape == eels.data.shape
    with pytest.raises(ValueError, match=r"3 signals \(0: 'HAADF', 1: 'EDS', 2: 'EELS'\).*signal="):
        load_target([path], n_frames=7)
    assert load_target([path], n_frames=3, signal="HAADF")._lazy is False
    loading({"HAADF": image, "BF": image})
    with pytest.raises(ValueError, match="2 signals"):
        load_target([path], n_frames=3)
    loading({"HAADF": image, "sum": hs.signals.Signal1D(rng.random((4,)))})
    assert load_target([path], n_frames=3).data.shape == image.data.shape


# What is refused


def test_the_wrong_way_round(frames):
    signals, _ = frames()
    series = hs.stack(signals, show_progressbar=False)
    aligned = series.apply_alignment(SHIFTS)
    for given in ((series, aligned), (series, aligned.smartalign.alignment)):
        with pytest.raises(TypeError, match=r"takes the alignment first. Turn the two round"):
            hyperspy_smartalign.apply_alignment(*given)


def test_options_of_files_for_signals(frames):
    signals, _ = frames()
    for name, value in (("signal", 0), ("reader", {"sum_frames": False})):
        with pytest.raises(TypeError, match=rf"{name}= says how files are read"):
            hyperspy_smartalign.apply_alignment(SHIFTS, signals, **{name: value})


def test_files_that_do_not_fit(files, frames, tmp_path):
    folder, _ = files()
    with pytest.raises(
        ValueError, match=r"one spectrum image, and the alignment has 11.*sum_frames"
    ):
        hyperspy_smartalign.apply_alignment(SHIFTS, folder / "map_1.hspy")
    alignment = Alignment.from_shifts(SHIFTS, frame_shape=SHAPE, canvas=COMMON)
    with pytest.raises(AlignmentMismatchError, match=r"11 frames.*9"):
        hyperspy_smartalign.apply_alignment(
            alignment, [folder / f"map_{k + 1}.hspy" for k in range(9)]
        )
    with pytest.raises(FileNotFoundError):
        hyperspy_smartalign.apply_alignment(SHIFTS, folder / "none_*.hspy")
    with pytest.raises(TypeError, match="interpolation"):
        hyperspy_smartalign.apply_alignment(SHIFTS, folder / "map_*.hspy", interpolaton="linear")
    with pytest.raises(ValueError, match="an input too"):
        hyperspy_smartalign.apply_alignment(
            SHIFTS, folder / "map_*.hspy", file=folder / "map_4.hspy", overwrite=True
        )
    loaded = [hs.load(folder / f"map_{k + 1}.hspy", lazy=True) for k in range(N)]
    with pytest.raises(ValueError, match="an input too"):
        hyperspy_smartalign.apply_alignment(
            SHIFTS, loaded, file=folder / "map_4.hspy", overwrite=True
        )


def test_signals_that_do_not_go_together(frames):
    signals, _ = frames()
    with pytest.raises(ValueError, match=r"2 shapes, \(12, 10, 4\) and \(12, 10, 6\)"):
        hyperspy_smartalign.apply_alignment(SHIFTS, [*signals[:-1], signals[-1].isig[:4]])
    with pytest.raises((ValueError, TypeError, FileNotFoundError)):
        hyperspy_smartalign.apply_alignment(SHIFTS, [])


def test_the_same_files_in_another_order_are_refused(tmp_path, make_series, known_shifts):
    shifts = [(0, 0), (2, 1), (-1, 3)]
    known_shifts(shifts)
    series, _ = make_series(shifts)
    names = []
    for number, name in enumerate(("0.hspy", "5.hspy", "-5.hspy")):
        series.inav[number].save(tmp_path / name)
        names.append(str(tmp_path / name))
    aligned = hyperspy_smartalign.load_series(names).align_rigid()
    result = hyperspy_smartalign.apply_alignment(aligned, names)
    np.testing.assert_array_equal(result.data, aligned.data)
    with pytest.raises(AlignmentMismatchError, match=r"0.hspy, 5.hspy, -5.hspy.*another order"):
        hyperspy_smartalign.apply_alignment(aligned, sorted(names))


def test_a_table_as_target_is_the_wrong_way_round(make_series):
    series, _ = make_series([(0, 0), (1, 1)])
    with pytest.raises(TypeError, match=r"takes the alignment first"):
        hyperspy_smartalign.apply_alignment(series, np.zeros((2, 2)))
