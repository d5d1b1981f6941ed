"""align_nonrigid in JupyterLab: convergence and average while the cycles run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser

START = """
%matplotlib widget
import numpy as np
import hyperspy.api as hs
import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
s = simulate_series(
    shape=(384, 392), frames=14, dose=400.0, drift=(0.3, -0.5), row_jitter=0.5, seed=3
).series
tool = s.align_nonrigid(interactive=True)
"""


def test_cycles_are_followed_while_they_run(
    notebook: Callable[..., Any], dialogue: Callable[..., Any]
) -> None:
    page = notebook(START, "print(tool.result.data.shape[0], tool.code)")
    page.run(0, wait=120)
    form = dialogue(page, 0)
    page.until(lambda: form.image().std() > 0.1, "the preview", 60)
    form.write("nonlinear_cycles", "40")
    page.until(lambda: "nonlinear_cycles=40" in form.code(), "the number of cycles")
    form.write("model", "free")
    page.until(lambda: 'model="free"' in form.code(), "the model")
    # What nothing would use is grey: scan lines are none of this model.
    page.until(lambda: not form.enabled("continuous"), "the grey row")
    form.write("model", "scan locked")
    page.until(lambda: form.enabled("continuous"), "the row to wake up")

    form.press("Apply")
    form.open_tab("Convergence")
    page.until(lambda: "ycle" in form.progress(), "progress", 60)
    pictures = set()

    def grows() -> bool:
        source, image = form.source(), form.image()
        # What stands there before the first cycle is one grey sentence.
        if form.progress() and image.size and image.std() > 0.05:
            pictures.add(source)
        return len(pictures) > 1

    page.until(grows, "the curve to grow while the cycles run", 60)
    form.picture("align_nonrigid_working")
    form.until_done(240)
    assert not form.message("error")
    frames, line = page.run(1).split(" ", 1)
    assert frames == "14"
    assert line == form.code() == "aligned = s.align_nonrigid(nonlinear_cycles=40)"
    form.picture("align_nonrigid_convergence")
    form.open_tab("Average")
    page.until(lambda: form.image().std() > 0.1, "the average")
    form.picture("align_nonrigid_average")
    form.open_tab("Displacement")
    page.until(lambda: form.image().std() > 0.05, "the displacement")
    form.picture("align_nonrigid_displacement")
    form.press("Close")
    page.until(lambda: "closed" in form.box.text, "the end")
