"""prepare and apply_alignment in JupyterLab, spectra, real files, and the inline backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

START = """
%matplotlib widget
import numpy as np
import hyperspy.api as hs
import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
"""
SPECTRA = """
simulated = simulate_series(
    shape=(40, 44), frames=5, dose=4000.0, drift=(0.5, -0.4), seed=6, spectrum_image="EELS"
)
eels = simulated.spectrum_image
alignment = simulated.series.align_rigid(show_progressbar=False).smartalign.alignment
tool = eels.apply_alignment(alignment, interactive=True)
"""
INLINE = """
%matplotlib inline
import hyperspy.api as hs
import hyperspy_smartalign
from hyperspy_smartalign.data import simulate_series
s = simulate_series(shape=(64, 72), frames=6, dose=500.0, seed=4).series
tool = s.align_rigid(interactive=True)
"""


def test_a_series_is_prepared(notebook: Callable[..., Any], dialogue: Callable[..., Any]) -> None:
    page = notebook(
        START + "s = simulate_series(shape=(96, 112), frames=8, dose=400.0, seed=5).series\n"
        "tool = s.smartalign.prepare(interactive=True)",
        "print(tool.result.data.shape, float(tool.result.data.max()))",
    )
    page.run(0)
    form = dialogue(page, 0)
    page.until(lambda: form.image().std() > 0.1, "the preview")
    # A real clash: the frames end before they begin.
    form.write("first", "6")
    form.write("last", "2")
    page.until(lambda: form.message("error"), "the clash in words")
    form.write("last", "")
    page.until(lambda: not form.message("error"), "the end of the clash")
    form.write("first", "2")
    page.until(lambda: "first=2" in form.code(), "the first frame")
    before = form.source()
    form.tick("normalise")
    page.until(lambda: "normalise=True" in form.code(), "the tick")
    form.slide("Frame", 3)
    page.until(lambda: form.source() != before, "another frame")
    form.picture("prepare_preview")
    form.press("Apply")
    form.until_done()
    assert not form.message("error")
    assert page.run(1) == "(6, 96, 112) 1.0"
    form.press("Close")
    page.until(lambda: "closed" in form.box.text, "the end")


def test_an_alignment_is_applied_to_spectra(
    notebook: Callable[..., Any], dialogue: Callable[..., Any]
) -> None:
    pytest.importorskip("exspy", reason="exspy is not installed")
    page = notebook(
        START + SPECTRA,
        "print(type(tool.result).__name__, tool.result.data.shape)",
        "eels.data.shape",
    )
    page.run(0, wait=120)
    form = dialogue(page, 0)
    page.until(lambda: form.image().std() > 0.05, "the preview", 60)
    assert form.code() == "aligned = eels.apply_alignment(alignment)"
    form.choose("output", "sum")
    page.until(lambda: 'output="sum"' in form.code(), "the output")
    form.press("Apply")
    form.until_done()
    assert not form.message("error")
    name, shape = page.run(1).split(" ", 1)
    assert name == "EELSSpectrum"
    # One spectrum image, cropped to what all frames saw.
    assert shape.count(",") == 2
    form.open_tab("Result")
    page.until(lambda: form.image().std() > 0.05, "the result", 60)
    form.picture("apply_alignment_result")
    form.press("Close")
    page.until(lambda: "closed" in form.box.text, "the end")


def test_a_real_series_of_a_camera(
    notebook: Callable[..., Any],
    dialogue: Callable[..., Any],
    shared_data: Callable[[str], Path],
) -> None:
    file = shared_data("tem-carbon-6frames/tem_carbon_6frames.hspy")
    page = notebook(
        START + f"s = hs.load({str(file)!r}, lazy=True)\ntool = s.align_rigid(interactive=True)",
        "print(len(tool.result), np.abs(tool.result.smartalign.alignment.shifts).max() < 1)",
    )
    page.run(0)
    form = dialogue(page, 0)
    page.until(lambda: form.image().std() > 0.1, "the preview", 60)
    form.press("Apply")
    form.until_done()
    assert not form.message("error")
    assert page.run(1) == "6 True"


def test_without_a_live_backend_the_region_is_typed(
    notebook: Callable[..., Any], dialogue: Callable[..., Any]
) -> None:
    page = notebook(INLINE, "print(tool.result.data.shape[0])")
    page.run(0)
    form = dialogue(page, 0)
    page.until(lambda: form.image().std() > 0.1, "the preview")
    before = form.source()
    form.write("roi", "8, 40, 8, 48")
    page.until(lambda: "roi=(8, 40, 8, 48)" in form.code(), "the region")
    page.until(lambda: form.source() != before, "its preview")
    form.press("Apply")
    form.until_done()
    assert not form.message("error")
    assert page.run(1) == "6"
    # The result is plotted below the dialogue, as a picture.
    page.until(lambda: page.all(".widget-output img", form.box), "the plot of the result")
