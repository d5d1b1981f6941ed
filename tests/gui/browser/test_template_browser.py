"""template_match in JupyterLab: the motif is drawn, the threshold dragged, the tiles extracted."""

from __future__ import annotations

import re
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
simulated = simulate_series(shape=(192, 208), frames=2, crystal="perovskite", dose=200.0, seed=2)
s = simulated.series.inav[0]
tool = s.template_match(interactive=True)
"""
# Where the line stands in the picture, (x, y) as parts of its size from the upper left corner.
WHERE = """
figure = tool.thresholds.figure
bars = max(figure.axes, key=lambda axes: len(axes.patches))
middle = bars.transData.inverted().transform(bars.bbox.get_points().mean(axis=0))[1]
place = bars.transData.transform((tool.picked_threshold, middle))
x, y = figure.transFigure.inverted().transform(place)
print(x, 1 - y, *bars.get_position().intervalx)
"""


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.split()]


def count(text: str) -> int:
    """The first number of a sentence."""
    found = re.search(r"\d[\d,]*", text)
    assert found, text
    return int(found.group().replace(",", ""))


def test_a_motif_is_found_by_hand(
    notebook: Callable[..., Any], dialogue: Callable[..., Any]
) -> None:
    page = notebook(
        START,
        WHERE,
        "print(tool.picked_threshold, len(tool.chosen().matches.score))",
        "print(tool.result.data.shape[0])",
        "print(tool.code)",
    )
    page.run(0)
    form = dialogue(page, 0)
    form.press("Search")
    page.until(lambda: "Draw the motif" in form.message("error"), "what to do first")

    form.press("Draw")
    page.until(lambda: form.value("template"), "the region")
    before = form.value("template")
    plot = form.plot()
    page.until(lambda: page.is_drawn(plot), "the plot")
    page.drag(plot, (0.40, 0.50), (0.44, 0.46))
    page.until(lambda: form.value("template") != before, "the region to move")
    region = page.settled(lambda: form.value("template"))
    assert f"({region})" in form.code()
    form.picture("template_match_drawn")

    form.press("Search")
    form.until_done()
    assert not form.message("error")
    canvas = form.canvas()
    page.until(lambda: page.is_drawn(canvas), "the histogram")
    found = page.settled(form.counted)
    automatic, matches = numbers(page.run(2))
    assert count(found) == matches
    form.picture("template_match_found")

    # To the right: fewer matches.
    x, y, _, right = numbers(page.run(1))
    page.drag(canvas, (x, y), (x + 0.25 * (right - x), y))
    page.until(lambda: form.counted() not in ("", found), "the count")
    fewer = count(page.settled(form.counted))
    threshold, matches = numbers(page.run(2))
    assert threshold > automatic
    assert fewer == matches < count(found)
    assert "threshold=" in form.code()
    form.picture("template_match_dragged")

    # Back, and from there by the slider, with the keys.
    form.press("Automatic")
    page.until(lambda: form.counted() == found, "the count of the search")
    form.slide("Threshold", 10)
    page.until(lambda: form.counted() not in ("", found), "the count")
    shown = count(page.settled(form.counted))
    threshold, matches = numbers(page.run(2))
    assert threshold > automatic
    assert shown == matches
    assert f"threshold={threshold:g}" in form.code()

    form.press("OK: extract tiles")
    page.until(lambda: "tiles were extracted" in form.message(), "the tiles", 60)
    assert count(form.message()) == int(page.run(3))
    assert 0 < int(page.run(3)) <= shown
    assert page.run(4) == form.code()
    form.open_tab("Tiles")
    page.until(lambda: form.image().std() > 0.1, "the average of the tiles")
    assert np.ptp(form.image()) > 0.5
    form.picture("template_match_tiles")

    # Another value makes the candidates old.
    form.write("min_distance", "12")
    page.until(lambda: "search again" in form.box.text, "what to do")
    assert not form.button("OK: extract tiles").is_enabled()
    form.press("Close")
    page.until(lambda: "closed" in form.box.text, "the end")
    assert int(page.run(3)) > 0
