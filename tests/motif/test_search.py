from __future__ import annotations

import threading

import numpy as np
import pytest

from hyperspy_smartalign.data import lattice, render_image
from hyperspy_smartalign.motif import NoMatchError, find_motif, frame_tiles
from hyperspy_smartalign.parameters import TemplateParameters


@pytest.mark.parametrize("dose", [1, 5, 50])
def test_repeats_are_found_at_the_bound(repeats, dose):
    made = repeats(dose, frames=4)
    search = find_motif(made.frames, made.motif)
    recall, false, errors = made.judged(search.matches)
    assert recall >= (0.99 if dose >= 5 else 0.95)
    assert false <= (0 if dose >= 5 else 0.01 * len(errors))
    # What is common to all errors is where the noise of the first motif put its centre.
    rms = np.sqrt(np.mean((errors - np.median(errors, axis=0)) ** 2, axis=0))
    # Below 2 counts a refined motif of 600 tiles is itself noisy.
    np.testing.assert_array_less(rms / made.bound, 1.2 if dose >= 5 else 1.8)


def test_refining_raises_the_scores_and_keeps_the_shape(repeats):
    made = repeats(20)
    search = find_motif(made.frames, made.motif)
    assert len(search.stages) == 3
    assert search.motif.shape == made.shape
    # As in the plug-in's manual, where 0.59 becomes 0.77.
    first, second, third = search.peak_scores
    assert second > first + 0.1
    assert third == pytest.approx(second, abs=0.02)
    clean = 20 * made.clean[made.window]
    before = np.corrcoef(made.motif.ravel(), clean.ravel())[0, 1]
    after = np.corrcoef(search.motif.ravel(), clean.ravel())[0, 1]
    assert before < 0.85
    assert after > 0.99


def test_numbers_do_as_the_threshold_and_can_be_changed_later(repeats):
    made = repeats(20, frames=1)
    options = TemplateParameters(threshold=0.999, refine=0)
    search = find_motif(made.frames[0], made.motif, options)
    assert len(search.matches) == 1
    assert search.matches.score[0] == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(
        search.matches.centres[0], np.add(made.corner, (15.5, 16.0)), atol=1e-3
    )
    lower = search.last.with_threshold(0.5)
    assert len(lower.matches) > 100
    assert (lower.matches.score >= 0.5).all()
    assert lower.accepted.sum() + (lower.candidates.score < 0.5).sum() == len(lower.candidates)
    assert lower.histogram(bins=20).counts.sum() == len(lower.candidates)
    for wrong in ([0.1, 0.2], "auto", None):
        with pytest.raises(ValueError, match=r"^threshold is .*; give a finite number\.$"):
            search.last.with_threshold(wrong)


def test_thresholds_may_differ_from_frame_to_frame(repeats):
    made = repeats(20)
    # The second frame is noisier, so its matches score less.
    rng = np.random.default_rng(1)
    frames = made.frames + np.array([0, 6])[:, None, None] * rng.normal(size=made.frames.shape)
    motif = frames[0][made.window]
    fixed = find_motif(frames, motif, TemplateParameters(refine=1)).last.threshold
    own = find_motif(frames, motif, TemplateParameters(refine=1, fixed_threshold=False)).last
    assert fixed[0] == fixed[1]
    assert own.threshold[1] < own.threshold[0] - 0.05


def test_frames_are_not_touched_and_gaps_are_left_out(repeats):
    made = repeats(20)
    frames = made.frames.copy()
    frames[:, 100:104, 120:126] = np.nan
    frames[0, :, 250:] = np.nan
    frames.flags.writeable = False
    search = find_motif(frames, made.motif)
    matches = search.matches.in_frame(0)
    # Ninety per cent of a tile of 33 columns leave three beyond the rim.
    assert matches.x.max() < 250 - 16 + 4
    assert np.isfinite(search.motif).all()
    around = np.hypot(matches.y - 102, matches.x - 123) < 20
    assert around.sum() >= 2


def test_turned_and_mirrored_motifs_are_told_apart():
    """Two grains of an L-shaped motif: one turned by 30 degrees, one mirrored."""
    rng = np.random.default_rng(0)
    arms = np.array([(0, 0), (-9, 0), (-18, 0), (0, 8)], float)
    turn = np.deg2rad(30)
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    grid = np.indices((200, 300)).astype(float)
    image = np.full((200, 300), 0.2)
    placed = []
    for k, (y, x) in enumerate(np.ndindex(4, 6)):
        kind = k % 3
        points = [arms, arms @ spin.T, arms * (1, -1)][kind]
        centre = np.array([30 + 46 * y, 30 + 48 * x], float) + rng.uniform(-0.5, 0.5, 2)
        placed.append((*centre, kind))
        for dy, dx in points:
            r2 = (grid[0] - centre[0] - dy) ** 2 + (grid[1] - centre[1] - dx) ** 2
            image += np.exp(-r2 / 2 / 2.5**2)
    image = rng.poisson(30 * image).astype(np.float32)
    first = placed[0]
    top, left = round(first[0]) - 24, round(first[1]) - 15
    options = TemplateParameters(angles=(0, 30), mirror=True, refine=1)
    search = find_motif(image, image[top : top + 33, left : left + 31], options)
    matches = search.matches
    assert len(matches) == 24
    table = matches.columns()
    offset = np.array([top + 16, left + 15]) - first[:2]
    for y, x, kind in placed:
        matrix = [np.eye(2), spin, np.diag([1, -1])][kind]
        expected = np.array([y, x]) + matrix @ offset
        k = int(np.argmin(np.hypot(matches.y - expected[0], matches.x - expected[1])))
        assert np.hypot(*(matches.centres[k] - expected)) < 0.35
        assert (table["angle"][k], table["mirror"][k]) == [(0, False), (30, False), (0, True)][kind]
    tiles = frame_tiles(image, matches)
    inner = tiles[:, 6:-6, 6:-6].reshape(24, -1)
    assert np.corrcoef(inner).min() > 0.75


@pytest.mark.parametrize("subpixel", ["parabola", "none"])
def test_other_ways_to_place(repeats, subpixel):
    made = repeats(50, frames=1)
    search = find_motif(made.frames, made.motif, TemplateParameters(subpixel=subpixel))
    recall, false, errors = made.judged(search.matches)
    assert recall > 0.99
    assert false == 0
    assert np.isnan(search.matches.errors).all()
    whole = (search.matches.y - 15.5) % 1 == 0
    assert whole.all() == (subpixel == "none")
    assert errors.std() < (0.15 if subpixel == "parabola" else 0.4)


def test_progress_and_threads(repeats):
    made = repeats(20)
    seen = []

    def note(stage: str, done: int, total: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        seen.append((stage, done, total))

    one = find_motif(made.frames, made.motif, TemplateParameters(refine=1), progress=note)
    two = find_motif(made.frames, made.motif, TemplateParameters(refine=1), num_workers=1)
    # Those at the rim, which may lie beyond it, are left out of the average.
    tiles = int(seen[2][0].split()[1])
    assert 0.9 * len(one.stages[0].matches) < tiles <= len(one.stages[0].matches)
    assert seen == [
        (stage, done, 2)
        for stage in (
            "searching the motif",
            f"averaging {tiles} tiles",
            "searching the refined motif 1",
        )
        for done in (1, 2)
    ]
    np.testing.assert_array_equal(one.matches.centres, two.matches.centres)


def test_noise_has_no_repeats():
    frame = np.random.default_rng(0).normal(size=(200, 210))
    search = find_motif(frame, frame[50:80, 60:90])
    assert len(search.matches) == 1
    other = np.random.default_rng(1).normal(size=(30, 30))
    assert len(find_motif(frame, other, TemplateParameters(refine=0)).matches) == 0
    with pytest.raises(NoMatchError, match="refine it"):
        find_motif(frame, other)


def test_a_motif_from_elsewhere(repeats):
    made = repeats(5)
    motif = render_image(lattice("perovskite", spacing=16.3, angle=10, field=(32, 33), width=2.6))
    search = find_motif(made.frames, motif, TemplateParameters(refine=0))
    assert len(search.matches) > 300
    with pytest.raises(ValueError, match="smaller region"):
        find_motif(made.frames[:, :20], made.motif)


def test_each_frame_may_be_given_its_threshold(repeats):
    made = repeats(20)
    options = TemplateParameters(threshold=(0.5, 0.9))
    search = find_motif(made.frames, made.motif, options)
    np.testing.assert_array_equal(search.last.threshold, [0.5, 0.9])
    score = search.matches.score
    assert 0.5 <= score[search.matches.frame == 0].min() < 0.9
    assert (score[search.matches.frame == 1] >= 0.9).all()
    with pytest.raises(ValueError, match="2 numbers, and 1 frame"):
        find_motif(made.frames[0], made.motif, options)
