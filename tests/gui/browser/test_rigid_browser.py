"""align_rigid in JupyterLab: the form, the region on the plot, progress, cancelling, the result."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.browser

START = """
%matplotlib widget
import numpy as np
import hyperspy.api as hs
import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
simulated = simulate_series(
    shape=(96, 112), frames=8, crystal="perovskite", dose=500.0, drift=(0.4, -0.8), seed=4
)
s = simulated.series
"""
OPEN = "tool = s.align_rigid(interactive=True)"
# Noise that needs about a minute with all pairs, and no time without.
LONG = """
%matplotlib widget
import numpy as np
import hyperspy.api as hs
import hyperspy_smartalign
frame = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
s = hs.signals.Signal2D(np.stack([np.roll(frame, 2 * n, axis=0) for n in range(40)]))
tool = s.align_rigid(interactive=True)
"""


def sides(text: str) -> np.ndarray:
    return np.array(ast.literal_eval(text))


def test_a_series_is_aligned_by_hand(
    notebook: Callable[..., Any], dialogue: Callable[..., Any]
) -> None:
    page = notebook(
        START,
        OPEN,
        "error = tool.result.smartalign.alignment.shifts - simulated.truth.shifts\n"
        "print(np.abs(error - error.mean(axis=0)).max() < 0.1, tool.result.data.shape[0])",
        "print(tool.code)",
        "again = s.align_rigid(interactive=True)",
    )
    page.run(0)
    page.run(1)
    form = dialogue(page, 1)
    assert form.code() == "aligned = s.align_rigid()"
    page.until(lambda: form.image().std() > 0.1, "the preview")
    form.picture("align_rigid_opened")

    # The region is drawn on HyperSpy's plot.
    form.press("Draw")
    page.until(lambda: form.value("roi"), "the region")
    before = sides(form.value("roi"))
    first = form.source()
    plot = form.plot()
    page.until(lambda: page.is_drawn(plot), "the plot")
    page.drag(plot, (0.40, 0.50), (0.47, 0.42))
    page.until(lambda: not np.array_equal(sides(form.value("roi")), before), "the region to move")
    after = sides(page.settled(lambda: form.value("roi")))
    left, right, top, bottom = after - before
    assert left > 0.05
    assert top < -0.05
    # It was moved, not resized; to the pixel of 0.024 nm.
    assert right == pytest.approx(left, abs=0.03)
    assert bottom == pytest.approx(top, abs=0.03)
    shown = tuple(float(side) for side in after)
    page.until(lambda: f"roi={shown}" in form.code(), "the line of Python")
    page.until(lambda: form.source() != first, "the preview of the region")
    form.picture("align_rigid_region")

    # A word that is no number is refused beside the field, and changes nothing.
    line = form.code()
    form.write("neighbours", "many")
    page.until(lambda: form.is_wrong("neighbours"), "the red border")
    assert "many" in form.complaint("neighbours")
    assert form.code() == line
    form.picture("align_rigid_refused")
    form.press("Apply")
    page.until(lambda: "Neighbours" in form.message("error"), "the error in words")
    form.write("neighbours", "3")
    page.until(lambda: "neighbours=3" in form.code(), "the number")
    assert not form.is_wrong("neighbours")

    # The preview follows what the values lead to.
    before_filter = form.source()
    form.choose("prefilter", "median")
    page.until(lambda: 'prefilter="median"' in form.code(), "the filter")
    page.until(lambda: form.source() != before_filter, "the filtered preview")
    form.press("Whole frame")
    page.until(lambda: "roi" not in form.code(), "the whole frame")
    assert form.value("roi") == ""

    form.press("Apply")
    form.until_done()
    assert not form.message("error")
    assert page.run(2) == "True 8"
    assert page.run(3) == form.code()
    form.open_tab("Shift matrices")
    page.until(lambda: form.image().std() > 0.1, "the shift matrices")
    form.picture("align_rigid_shifts")

    # The next one begins with these values; until they are forgotten.
    page.run(4)
    again = dialogue(page, 4)
    assert again.value("neighbours") == "3"
    again.press("Defaults")
    page.until(lambda: again.code() == "aligned = s.align_rigid()", "the defaults")
    again.press("Forget settings")
    page.until(lambda: "forgotten" in again.message(), "the answer")
    again.press("Close")
    page.until(lambda: "closed" in again.box.text, "the end")
    page.run(4)
    assert dialogue(page, 4).value("neighbours") == "auto"

    form.press("Close")
    page.until(lambda: "closed" in form.box.text, "the end")
    assert page.run(2) == "True 8"


def test_work_is_cancelled_and_the_notebook_answers_meanwhile(
    notebook: Callable[..., Any], dialogue: Callable[..., Any]
) -> None:
    page = notebook(
        LONG,
        "print(tool.state, tool.result)",
        "print(np.ptp(tool.result.smartalign.alignment.shifts))",
    )
    page.run(0)
    form = dialogue(page, 0)
    form.write("neighbours", "all")
    page.until(lambda: 'neighbours="all"' in form.code(), "the number of neighbours")
    form.press("Apply")
    page.until(lambda: " of 780" in form.progress(), "progress", 60)
    assert page.run(1, wait=10) == "working None"
    form.open_tab("Shift matrices")
    page.until(lambda: form.image().std() > 0.02, "the shift matrices")
    first = form.source()
    page.until(lambda: form.source() != first, "more of them")
    form.picture("align_rigid_working")

    form.press("Cancel")
    page.until(lambda: "Really cancel?" in form.box.text, "the question")
    form.picture("align_rigid_asked")
    form.press("Go on")
    page.until(lambda: not form.has_button("Stop the work"), "the work to go on")
    form.press("Cancel")
    form.press("Stop the work")
    page.until(lambda: "Cancelled" in form.message(), "the end", 60)
    assert page.run(1) == "ready None"

    form.write("neighbours", "1")
    page.until(lambda: "neighbours=1" in form.code(), "the number of neighbours")
    form.press("Apply")
    form.until_done()
    assert float(page.run(2)) == pytest.approx(78, abs=0.2)
