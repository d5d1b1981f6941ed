"""A search that was broken off goes on from what its memory kept."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hyperspy_smartalign.motif import find_motif, prepared
from hyperspy_smartalign.parameters import TemplateParameters


class Counted:
    """Frames that say how often they were read, and break when told."""

    def __init__(self, frames, *, breaks_at=None):
        self.frames = frames
        self.breaks_at = breaks_at
        self.reads = 0

    def __len__(self):
        return len(self.frames)

    def frame(self, index):
        if self.breaks_at is not None and self.reads == self.breaks_at:
            raise OSError("the disk is gone")
        self.reads += 1
        return self.frames[index]


class Kept(dict):
    """A memory that holds results by what they depend on, the frames taken as known."""

    def recalled(self, *key, make):
        text = json.dumps(key, default=lambda value: repr(np.asarray(value, object).tolist()))
        if text not in self:
            self[text] = make()
        return self[text]

    def candidates(self, stage, frame, work, search):
        return self.recalled(stage, frame, dict(work), make=search)

    def average(self, stage, work, add_up):
        columns = {name: column.tolist() for name, column in work["matches"].columns().items()}
        return self.recalled(stage, columns, make=add_up)


def assert_equal(one, two):
    assert len(one.stages) == len(two.stages)
    for a, b in zip(one.stages, two.stages, strict=True):
        np.testing.assert_array_equal(a.motif, b.motif)
        np.testing.assert_array_equal(a.threshold, b.threshold)
        for name, column in a.candidates.columns().items():
            np.testing.assert_array_equal(b.candidates.columns()[name], column)


# The stages read 5 frames each: the searches, and the averages between them.
@pytest.mark.parametrize("breaks_at", [3, 8, 13])
def test_it_goes_on_where_it_was_broken_off(repeats, breaks_at, monkeypatch):
    # Nothing is kept from stage to stage but what the memory has.
    monkeypatch.setattr(prepared, "MOST_BYTES", 0)
    made = repeats(20, frames=5, size=(120, 131))
    options = TemplateParameters(refine=1)
    memory = Kept()
    broken = Counted(made.frames, breaks_at=breaks_at)
    with pytest.raises(OSError, match="disk is gone"):
        find_motif(broken, made.motif, options, memory=memory, num_workers=1)
    kept = len(memory)
    assert kept > 0
    going_on, whole = Counted(made.frames), Counted(made.frames)
    found = find_motif(going_on, made.motif, options, memory=memory, num_workers=1)
    plain = find_motif(whole, made.motif, options, num_workers=1)
    assert_equal(found, plain)
    # A frame less for each one of which there are candidates, all of them for an average.
    assert going_on.reads <= whole.reads - min(kept, 5)
    again = Counted(made.frames)
    assert_equal(find_motif(again, made.motif, options, memory=memory), plain)
    assert again.reads == 1  # its size


def test_what_does_not_fit_is_searched_anew(repeats):
    made = repeats(20, frames=2, size=(120, 131))
    memory = Kept()
    find_motif(made.frames, made.motif, TemplateParameters(), memory=memory)
    for changed in (
        {"threshold": 0.5},
        {"threshold": -0.5},
        {"coverage": 0.5},
        {"refine": 1},
        {"overlap": 0.2},
        {"min_distance": 20},
        {"angles": (0, 90)},
        {"mirror": True},
        {"subpixel": "none"},
        {"fixed_threshold": False},
    ):
        options = TemplateParameters(**changed)
        found = find_motif(made.frames, made.motif, options, memory=memory)
        assert_equal(found, find_motif(made.frames, made.motif, options))
    # All stages fit for other thresholds that are above the noise.
    counted = Counted(made.frames)
    find_motif(counted, made.motif, TemplateParameters(threshold=0.6), memory=memory)
    assert counted.reads == 1
