"""A series whose lines jitter, aligned in two ways."""

from __future__ import annotations

import pytest

from hyperspy_smartalign.data import simulate_series
from hyperspy_smartalign.signals.quality.gathering import gather


@pytest.fixture(scope="session")
def raw():
    return simulate_series(
        shape=(80, 72),
        frames=8,
        dose=20.0,
        row_jitter=0.5,
        drift=(0.4, -0.5),
        drift_walk=0.0,
        seed=2,
    ).series


@pytest.fixture(scope="session")
def rigid(raw):
    return raw.align_rigid(show_progressbar=False)


@pytest.fixture(scope="session")
def nonrigid(rigid, raw):
    return rigid.align_nonrigid(show_progressbar=False)


@pytest.fixture(scope="session")
def rigid_evidence(rigid, raw):
    return gather(rigid, source=raw)[0]


@pytest.fixture(scope="session")
def evidence(nonrigid, raw):
    return gather(nonrigid, source=raw)[0]
