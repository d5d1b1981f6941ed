"""Verbs that are followed by an observer: what it is told, and how it ends them."""

from __future__ import annotations

import sys
import threading
import time
import warnings
from types import SimpleNamespace

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.nonrigid import CycleDone
from hyperspy_smartalign.rigid import PairsMeasured
from hyperspy_smartalign.signals.progressing import (
    held_together,
    interruptible,
    observed_by,
    present_observer,
    progress_bar,
    watch,
)
from hyperspy_smartalign.signals.retelling import retold
from hyperspy_smartalign.signals.telling import gathered, tell

N = 6


class Enough(KeyboardInterrupt):
    """Raised by an observer."""


class Observer:
    """Notes everything, and ends the work at its k-th report, or when a stage begins."""

    def __init__(self, last: int | None = None, stage: str | None = None) -> None:
        self.reports, self.events, self.warnings = [], [], []
        self.threads, self.last, self.stage = set(), last, stage

    def progressed(self, stage, done, total):
        self.reports.append((stage, done, total))
        self._count()
        if self.stage is not None and stage.partition(":")[0] == self.stage:
            self.stage = None
            raise Enough

    def found(self, event):
        self.events.append(event)
        self._count()

    def warned(self, message):
        self.warnings.append(message)

    def _count(self):
        self.threads.add(threading.current_thread())
        if self.last is not None and len(self.reports) + len(self.events) >= self.last:
            self.last = None
            raise Enough

    @property
    def stages(self):
        """Those told of, in order, less the figures in them."""
        return list(dict.fromkeys(stage.partition(":")[0] for stage, _, _ in self.reports))


@pytest.fixture(scope="module")
def simulated():
    return simulate_series(
        shape=(64, 56),
        frames=N,
        dose=30,
        spectrum_image="EELS",
        channels=12,
        row_jitter=0.3,
        seed=3,
    )


@pytest.fixture(scope="module")
def aligned(simulated):
    return simulated.series.align_rigid(show_progressbar=False)


@pytest.fixture(scope="module")
def motif(aligned):
    return aligned.smartalign.average().data[20:36, 20:36].astype(np.float32)


#: By name, what is called with what was given.
VERBS = {
    "align_rigid": lambda g: g.series.align_rigid(),
    "align_rigid average": lambda g: g.series.align_rigid(output="average"),
    "align_rigid lazy": lambda g: g.lazy.align_rigid(lazy_output=False),
    "align_rigid smoothness": lambda g: g.series.align_rigid(outliers="smoothness"),
    "align_rigid spectra": lambda g: g.spectra.align_rigid(),
    "align_rigid lazy spectra": lambda g: g.spectra.as_lazy().align_rigid(),
    "align_nonrigid": lambda g: g.series.align_nonrigid(affine_cycles=1, nonlinear_cycles=1),
    "apply_alignment": lambda g: g.series.apply_alignment(g.known),
    "apply_alignment average": lambda g: g.series.apply_alignment(g.known, output="average"),
    "apply_alignment spectra": lambda g: g.spectra.apply_alignment(g.known),
    "apply_alignment lazy spectra": lambda g: g.spectra.as_lazy().apply_alignment(g.known),
    "template_match": lambda g: g.series.template_match(g.motif),
    "prepare": lambda g: g.series.smartalign.prepare(equalise="row", resample=0.5, normalise=True),
    "prepare lazy": lambda g: g.lazy.smartalign.prepare(resample=0.5, normalise=True),
}


@pytest.fixture
def call(simulated, aligned, motif):
    series, spectra = simulated.series, simulated.spectrum_image
    known = aligned.smartalign.alignment

    def run(name, observer=None):
        given = SimpleNamespace(
            series=series, lazy=series.as_lazy(), spectra=spectra, known=known, motif=motif
        )
        if observer is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return VERBS[name](given)
        with observed_by(observer):
            return VERBS[name](given)

    return run


def pixels(signal):
    if signal._lazy:
        signal.compute(show_progressbar=False)
    return signal.data


@pytest.mark.parametrize("name", VERBS)
def test_followed_and_not_followed_are_equal(call, name):
    observer = Observer()
    with warnings.catch_warnings():
        # Nobody but the observer is told.
        warnings.simplefilter("error")
        followed = call(name, observer)
    assert observer.reports
    assert observer.threads == {threading.current_thread()}
    assert all(0 <= done <= total for _, done, total in observer.reports)
    told = len(observer.reports)
    np.testing.assert_allclose(pixels(followed), pixels(call(name)), rtol=1e-4, atol=1e-2)
    # What was left lazy does not tell when it is computed.
    assert len(observer.reports) == told
    assert present_observer() is None


@pytest.mark.parametrize("share", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("name", VERBS)
def test_a_cancelled_verb_leaves_everything(call, simulated, name, share):
    counted = Observer()
    call(name, counted)
    # How many reports there are depends on the speed of the machine; the stages do not.
    stage = counted.stages[int(share * len(counted.stages))]
    before = simulated.series.data.copy(), simulated.spectrum_image.data.copy()
    metadata = simulated.series.metadata.as_dictionary()
    with pytest.raises(Enough):
        call(name, Observer(stage=stage))
    np.testing.assert_array_equal(simulated.series.data, before[0])
    np.testing.assert_array_equal(simulated.spectrum_image.data, before[1])
    assert simulated.series.metadata.as_dictionary() == metadata


def test_pairs_and_cycles_are_told(call):
    observer = Observer()
    call("align_nonrigid", observer)
    kinds = [type(event) for event in observer.events]
    assert set(kinds) == {PairsMeasured, CycleDone}
    # The rigid stage comes first.
    assert kinds.index(CycleDone) > max(k for k, kind in enumerate(kinds) if kind is PairsMeasured)
    assert "looking for blank frames" in observer.stages


def test_pairs_of_spectra_are_told(call):
    observer = Observer()
    call("align_rigid spectra", observer)
    assert {type(event) for event in observer.events} == {PairsMeasured}


def test_the_best_is_kept_where_that_was_asked_for(simulated):
    class AfterFirstCycle(Observer):
        def found(self, event):
            if isinstance(event, CycleDone) and event.number == 1:
                raise Enough

    with observed_by(AfterFirstCycle()):
        result = simulated.series.align_nonrigid(keep_on_cancel=True)
    assert result.smartalign.nonrigid.cancelled
    assert len(result.smartalign.nonrigid.cycles) == 1


def test_a_file_is_not_there_after_cancelling_and_goes_on(simulated, aligned, tmp_path):
    spectra, known = simulated.spectrum_image, aligned.smartalign.alignment
    path = tmp_path / "sum.hspy"
    with observed_by(Observer(last=3)), pytest.raises(Enough):
        spectra.apply_alignment(known, file=path)
    assert not path.exists()
    spectra.apply_alignment(known, file=path, resume=True, show_progressbar=False)
    expected = spectra.apply_alignment(known, show_progressbar=False)
    np.testing.assert_allclose(hs.load(path).data, expected.data, rtol=1e-5)


def test_warnings_go_to_the_observer(simulated, aligned, recwarn):
    observer = Observer()
    with observed_by(observer):
        aligned.align_rigid()
        simulated.series.smartalign.prepare(normalise=True)
    assert any("a second time" in message for message in observer.warnings)
    assert any("grey levels" in message for message in observer.warnings)
    assert not recwarn.list


def test_warnings_of_spectra_are_told_once(simulated, monkeypatch):
    observer = Observer()
    stack = simulated.spectrum_image.deepcopy()
    stack.data[..., :] = stack.data[:, :, :1] if stack.data.ndim == 3 else stack.data
    stack.data[:] = stack.data[:1]
    with observed_by(observer):
        stack.align_rigid()
    assert len([m for m in observer.warnings if "frames are equal" in m]) == 1


def test_the_filters_of_warnings_are_left_alone(call, monkeypatch):
    """They are of all threads, so that none may change them while others work."""
    callers = []

    class Noticed(warnings.catch_warnings):
        def __enter__(self):
            callers.append(sys._getframe(1).f_globals["__name__"])
            return super().__enter__()

    with monkeypatch.context() as patch:
        patch.setattr(warnings, "catch_warnings", Noticed)
        for name in ("align_rigid spectra", "align_rigid lazy spectra", "template_match"):
            call(name, Observer())
    assert not [name for name in callers if name.startswith("hyperspy_smartalign")]


def test_an_observer_is_of_its_own_thread():
    seen = []
    with observed_by(Observer()):
        thread = threading.Thread(target=lambda: seen.append(present_observer()))
        thread.start()
        thread.join()
        assert present_observer() is not None
    assert seen == [None]
    assert watch() is None


def test_nested_observers():
    outer, inner = Observer(), Observer()
    with observed_by(outer):
        with observed_by(inner), progress_bar(False) as report:
            report("inside", 1, 2)
        with progress_bar(False) as report:
            report("outside", 1, 2)
    assert [stage for stage, _, _ in inner.reports] == ["inside"]
    assert [stage for stage, _, _ in outer.reports] == ["outside"]


def test_what_an_observer_raises_can_wait():
    done = []

    def work():
        with held_together(), progress_bar(None) as report:
            report("half", 1, 2)
            done.append("whole")

    with observed_by(Observer(last=1)), pytest.raises(Enough):
        work()
    assert done == ["whole"]
    # Without an observer nothing is held.
    work_of_nobody = held_together()
    with work_of_nobody, pytest.raises(Enough):
        raise Enough


def test_a_loop_can_be_interrupted():
    seen = []

    def work():
        for step in interruptible(range(10)):
            seen.append(step)

    with observed_by(Observer(last=3)), pytest.raises(Enough):
        work()
    assert seen == [0, 1]
    assert list(interruptible(range(3))) == [0, 1, 2]


def test_lazy_reading_can_be_cancelled(simulated):
    import dask.array as da

    def slow(block):
        time.sleep(0.05)
        return block

    spectra = simulated.spectrum_image.as_lazy()
    spectra.data = spectra.data.rechunk((1, *spectra.data.shape[1:])).map_blocks(slow)
    assert isinstance(spectra.data, da.Array)
    with observed_by(Observer(last=2)), pytest.raises(Enough):
        spectra.align_rigid()


def test_gathered_warnings_keep_their_category():
    with gathered() as said:
        tell("a", UserWarning)
        warnings.warn("b", DeprecationWarning, stacklevel=1)
    assert [(each.message, each.category) for each in said] == [
        ("a", UserWarning),
        ("b", DeprecationWarning),
    ]
    observer = Observer()
    with observed_by(observer):
        with gathered() as said:
            tell("c")
            with progress_bar(None) as report:
                report("stage", 1, 1)
        with retold(1):
            tell("d")
            tell("d")
    assert [each.message for each in said] == ["c"]
    assert observer.warnings == ["d"]
    assert ("stage", 1, 1) in observer.reports
