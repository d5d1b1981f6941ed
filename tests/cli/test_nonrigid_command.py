"""``smartalign nonrigid`` from files to files, with a registration that knows the answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hyperspy.api as hs
import numpy as np
import pytest
from click.testing import Result

from hyperspy_smartalign.nonrigid import Cycle, NonrigidResult
from hyperspy_smartalign.quality.noise import NoiseModel
from hyperspy_smartalign.transforms import Alignment, ScanLine

Run = Callable[..., Result]


class KnownLines:
    """Adds offsets of scan lines to the start."""

    parameters: Any = None
    frame_shape: tuple[int, int] = (0, 0)

    def __call__(self, frames, start, parameters, *, excluded, **_: Any) -> NonrigidResult:
        self.parameters, self.frame_shape = parameters, frames.frame(0).shape
        self.start = tuple(start)
        rows = self.frame_shape[0]
        wave = 0.5 * np.stack([np.zeros(rows), np.sin(np.arange(rows) / 3)], axis=1)
        ones = np.ones(len(frames))
        return NonrigidResult(
            transforms=tuple(t.compose(ScanLine(wave)) for t in start),
            precision=np.full((len(frames), 2), 0.05),
            line_errors=None,
            excluded=np.array(excluded),
            similarity_before=0.5 * ones,
            similarity=0.75 * ones,
            cycles=(Cycle("affine", (0.25,), 1.0, 0.5 * ones, True),),
            prior=None,
            undetermined="the mean shear",
            noise=NoiseModel(0.0, 1.0, 0.1),
        )


@pytest.fixture(autouse=True)
def core(monkeypatch: pytest.MonkeyPatch) -> KnownLines:
    known = KnownLines()
    monkeypatch.setattr("hyperspy_smartalign.signals.nonrigid.align_frames_nonrigid", known)
    return known


def test_help_groups_the_options(run: Run) -> None:
    assert "nonrigid" in run("--help").stdout
    text = run("nonrigid", "--help").stdout
    for heading in ("Cycles:", "Reference:", "Convergence:", "Scan:", "Advanced:", "Output:"):
        assert heading in text
    assert "--rigid / --no-rigid" in text
    assert "--crop common|none|LEFT,RIGHT,TOP,BOTTOM" in text
    assert "--model scan_locked|row_fitting|free|WORD,WORD..." in text


def test_all_outputs(run: Run, saved: Path, tmp_path: Path, core: KnownLines) -> None:
    out, average = tmp_path / "o.hspy", tmp_path / "a.tif"
    figure, table = tmp_path / "f.png", tmp_path / "t.npz"
    result = run(
        *("nonrigid", saved / "series.hspy", "-o", out, "--average", average),
        *("--figure", figure, "--alignment", table),
    )
    assert result.exit_code == 0, result.stderr
    signal = hs.load(out)
    np.testing.assert_allclose(hs.load(average).data, signal.data.mean(axis=0), rtol=1e-5)
    assert not np.isnan(signal.data).any()
    alignment = Alignment.from_signal(signal)
    assert Alignment.load(table) == alignment
    assert {t.kind for t in alignment.transforms} == {"ScanLine"}
    assert figure.read_bytes()[:4] == b"\x89PNG"
    assert "8 frames of 80 x 96 px, ScanLine, onto" in result.stdout
    assert "undetermined: the mean shear" in result.stderr
    assert signal.smartalign.nonrigid.cycles[0].model == "affine"


@pytest.mark.slow
def test_options_reach_the_verb(run: Run, saved: Path, tmp_path: Path, core: KnownLines) -> None:
    result = run(
        *("nonrigid", saved / "series.hspy", "-o", tmp_path / "o.hspy", "--no-rigid"),
        *("--model", "scan_locked,free", "--weights", "1,2,3,4,5,6,7,8", "--crop", "8,40,4,30"),
        *("--convergence", "strong", "--no-guard", "--smoothing", "4", "--continuous", "-q"),
        *("--figure", tmp_path / "f.png"),
    )
    assert (result.exit_code, result.output) == (0, "")
    changed = {
        "model": ("scan_locked", "free"),
        "weights": (1, 2, 3, 4, 5, 6, 7, 8),
        "crop": (8, 40, 4, 30),
        "convergence": "strong",
        "guard": False,
        "smoothing": 4,
        "continuous": True,
        "rigid": False,
    }
    assert core.parameters.changed() == changed
    assert hs.load(tmp_path / "o.hspy").data.shape == (8, 26, 32)


@pytest.mark.slow
def test_an_aligned_series_with_and_without_its_source(
    run: Run, saved: Path, aligned: Path, tmp_path: Path, core: KnownLines
) -> None:
    once = tmp_path / "once.hspy"
    result = run(
        *("nonrigid", aligned, "--source", saved / "series.hspy", "-o", once),
        *("--figure", tmp_path / "f.png"),
    )
    assert result.exit_code == 0, result.stderr
    assert "second time" not in result.stderr
    assert core.frame_shape == (80, 96)
    steps = [step["name"] for step in Alignment.from_signal(hs.load(once)).steps]
    assert steps.count("align_rigid") == steps.count("align_nonrigid") == 1
    result = run("nonrigid", aligned, "-o", tmp_path / "twice.hspy")
    assert result.exit_code == 0, result.stderr
    assert "second time" in result.stderr
    assert core.frame_shape == hs.load(aligned).data.shape[1:]
    result = run(*("nonrigid", aligned, "-o", tmp_path / "x.hspy", "--figure", tmp_path / "x.png"))
    assert result.exit_code == 2
    assert "add --source FILE" in result.stderr
    assert not (tmp_path / "x.hspy").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--model", "rows"), "model"),
        (("--model", "free,free,free,free,free"), "model names 5 models"),
        (("--crop", "1,2,3"), "is not written as LEFT,RIGHT,TOP,BOTTOM"),
        (("--acceleration", "strong"), "it is for solver='gradient'"),
        (("--interpolation", "fourier"), "'spline', 'linear', 'nearest'"),
    ],
)
def test_wrong_usage(run: Run, saved: Path, tmp_path: Path, options: tuple, said: str) -> None:
    result = run("nonrigid", saved / "series.hspy", "-o", tmp_path / "o.hspy", *options)
    assert result.exit_code == 2
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []
