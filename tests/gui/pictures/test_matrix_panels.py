"""The matrices that fill and are solved, in places that need not be found."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hyperspy_smartalign.gui.pictures.matrices import ShiftPicture
from hyperspy_smartalign.rigid.result import PairsMeasured, PairTable
from hyperspy_smartalign.transforms import Alignment

N = 7


@pytest.fixture
def picture():
    return ShiftPicture(seen=True)


def alignment_of(**fields):
    steps = np.arange(N, dtype=float)
    shifts = np.stack([steps - 3, 6 - 2 * steps], axis=1)
    return Alignment.from_shifts(shifts, frame_shape=(48, 64), **fields)


def pairs_of(alignment, reach=N):
    used = np.flatnonzero(~alignment.excluded)
    indices = np.array([(i, j) for i in used for j in used if i < j <= i + reach])
    shifts = alignment.shifts[indices[:, 0]] - alignment.shifts[indices[:, 1]]
    accepted = np.arange(len(indices)) != 2
    shifts[~accepted] += 9
    return PairTable(indices, shifts, np.full(len(indices), 0.5), accepted)


def panel(picture, title):
    (found,) = (ax for ax in picture.figure.axes if ax.get_title() == title)
    return found


def key_of(picture):
    (legend,) = picture.figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_nothing_has_to_be_laid_out(picture):
    alignment = alignment_of()
    picture.set_result(alignment, pairs_of(alignment))
    assert picture.figure.get_layout_engine() is None
    assert len(picture.figure.axes) == 9
    # No panel or word reaches over another or over the edge, in the room that a window has.
    figure = picture.figure
    figure.set_size_inches(7.0, 6.1)
    FigureCanvasAgg(figure).draw()
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    boxes += [legend.get_window_extent() for legend in figure.legends]
    for k, box in enumerate(boxes):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
        for other in boxes[:k]:
            overlap = box.intersection(box, other)
            assert overlap is None or min(overlap.width, overlap.height) < 1


def test_the_solution_stands_below_what_was_measured(picture):
    alignment = alignment_of()
    pairs = pairs_of(alignment)
    picture.set_result(alignment, pairs)
    raw = panel(picture, "y shift, raw").images[-1]
    corrected = panel(picture, "y shift, corrected").images[-1]
    assert raw.get_clim() == corrected.get_clim() == (-6.0, 6.0)
    # Pair (0, 3) was rejected: the later frame in rows.
    assert raw.get_array()[3, 0] == pytest.approx(3 - 9)
    assert corrected.get_array()[3, 0] == pytest.approx(3)
    verdicts = panel(picture, "20 of 21 pairs accepted").images[-1].get_array()
    assert (verdicts[3, 0], verdicts[2, 0]) == (0, 1)
    (crosses,) = panel(picture, "x shift, raw").lines
    np.testing.assert_array_equal(crosses.get_xydata(), [(0, 3)])
    assert key_of(picture) == ["accepted", "rejected", "rejected pair"]


def test_the_key_names_gaps_and_excluded_frames(picture):
    alignment = alignment_of(
        excluded=np.arange(N) == 4, exclusion_reasons=[""] * 4 + ["blank"] + [""] * 2
    )
    picture.set_result(alignment, pairs_of(alignment, reach=2))
    assert key_of(picture)[2:] == ["not measured", "rejected pair", "excluded frame 4"]


def test_bars_tell_how_long_a_pixel_is(picture):
    alignment = alignment_of(frame_scale=(-0.01, 0.02), frame_units=("nm", "px"))
    picture.set_result(alignment, pairs_of(alignment))
    units = [ax.get_xlabel() for ax in picture.figure.axes[3:6]]
    assert units == ["px   (1 px = 10 pm)", "px", "correlation coefficient"]


def test_what_fills_keeps_its_axes(picture):
    def told(*indices):
        return PairsMeasured(
            np.array(indices), np.ones((len(indices), 2)), np.full(len(indices), 0.4), N, 2
        )

    picture.add(told((0, 1)))
    axes = list(picture.figure.axes)
    picture.add(told((0, 2)))
    assert picture.figure.axes == axes
    assert axes[0].images[-1].get_array()[2, 0] == -1
    assert [text.get_text() for text in picture.figure.texts] == ["2 pairs of frames measured"]
