"""signal.smartalign: what it offers, and that it only passes on."""

from __future__ import annotations

import inspect

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign import Alignment, ScanGeometry
from hyperspy_smartalign.parameters import ParameterError, PrepareParameters
from hyperspy_smartalign.signals import recording
from hyperspy_smartalign.signals.accessor import SmartAlign

MEMBERS = {
    "integrate",
    "prepare",
    "remove_ramp",
    "average",
    "alignment",
    "pairs",
    "noise",
    "nonrigid",
    "matches",
    "find_motif",
    "plot_matches",
    "plot_scores",
    "plot_motif",
    "select_tiles",
    "classify",
    "lattice_deviations",
    "unit_cell",
    "scan_geometry",
    "plot_shifts",
    "plot_drift",
    "plot_average",
    "plot_row_jumps",
    "plot_convergence",
    "plot_row_offsets",
    "plot_displacement",
    "plot_comparison",
    "plot_similarity",
    "instability",
    "straighten_rows",
    "lattice",
    "plot_lattice",
    "line_profile",
    "drift_from_lattice",
    "compensate_drift",
    "dose_series",
    "find_source",
    "quality",
    "report",
}

# Arguments that open a tool.
OF_TOOLS = ("interactive", "display", "toolkit")


@pytest.fixture
def series():
    return hs.signals.Signal2D(np.arange(4 * 9 * 11, dtype=np.float32).reshape(4, 9, 11))


def test_completion_and_words(series) -> None:
    offered = {name for name in dir(series.smartalign) if not name.startswith("_")}
    assert offered == MEMBERS
    for name in MEMBERS:
        documentation = inspect.getdoc(getattr(SmartAlign, name))
        assert documentation is not None
        assert "{parameters}" not in documentation
        assert name in repr(series.smartalign)
    assert list(inspect.signature(series.smartalign.prepare).parameters) == [
        *PrepareParameters.names(),
        *OF_TOOLS,
    ]


def test_it_holds_nothing(series) -> None:
    assert series.smartalign is not series.smartalign
    with pytest.raises(AttributeError):
        series.smartalign.note = 1
    copy = series.deepcopy()
    copy.data[:] = 0
    assert series.smartalign.average().data.max() > 0
    assert copy.smartalign.average().data.max() == 0


def test_prepare_and_remove_ramp_pass_on_and_check(series) -> None:
    prepared = series.smartalign.prepare(first=1, last=2, fast_direction="vertical")
    np.testing.assert_array_equal(prepared.data, series.data[1:3])
    assert prepared.smartalign.scan_geometry.fast_direction == "vertical"
    assert series.smartalign.scan_geometry is None
    # The series is a plane in each frame, so that nothing is left.
    flat = series.smartalign.remove_ramp()
    np.testing.assert_allclose(flat.data, 0, atol=1e-3)
    with pytest.raises(TypeError, match="Did you mean 'first'"):
        series.smartalign.prepare(frist=1)
    with pytest.raises(ParameterError, match="order=0"):
        series.smartalign.remove_ramp(order=0)


def test_prepare_has_the_defaults_of_its_parameters() -> None:
    from hyperspy_smartalign.signals.preparing import prepare, remove_ramp

    for function, name in ((prepare, "prepare"), (remove_ramp, "remove_ramp")):
        own = inspect.signature(function).parameters
        shown = inspect.signature(getattr(SmartAlign, name)).parameters
        defaults = [(key, entry.default) for key, entry in own.items()][1:]
        of_method = [(key, entry.default) for key, entry in shown.items() if key not in OF_TOOLS]
        assert defaults == of_method[1:]


def test_alignment_and_scan_geometry_are_read(series) -> None:
    with pytest.raises(ValueError, match="align_rigid"):
        _ = series.smartalign.alignment
    alignment = Alignment.from_shifts(
        [(0, 0), (1, 0), (1, 2.5), (2, 3)], frame_shape=(9, 11), navigation_shape=(4,)
    )
    recording.write_alignment(series, alignment)
    recording.write_scan_geometry(series, ScanGeometry(line_time=1e-3))
    assert series.smartalign.alignment == Alignment.from_signal(series)
    np.testing.assert_array_equal(series.smartalign.alignment.shifts, alignment.shifts)
    assert series.smartalign.scan_geometry.line_time == 1e-3


def test_plots_get_the_alignment(series, monkeypatch) -> None:
    from hyperspy_smartalign import plotting

    alignment = Alignment.from_shifts(np.zeros((4, 2)), frame_shape=(9, 11))
    recording.write_alignment(series, alignment)
    calls = []
    for name in ("plot_shifts", "plot_drift"):
        monkeypatch.setattr(
            plotting, name, lambda given, **keywords: calls.append((given, keywords))
        )
    series.smartalign.plot_shifts(raw=False)
    series.smartalign.plot_drift()
    assert calls == [(alignment, {"pairs": None, "raw": False}), (alignment, {})]


def test_spectra_have_it_too() -> None:
    spectra = hs.signals.Signal1D(np.ones((3, 4, 5, 6)))
    assert isinstance(spectra.smartalign, SmartAlign)
    assert spectra.smartalign.average().data.shape == (4, 5, 6)
    assert spectra.smartalign.integrate().data.shape == (3, 4, 5)
