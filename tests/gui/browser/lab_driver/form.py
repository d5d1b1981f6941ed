"""A dialogue in a notebook, used by mouse and keyboard."""

from __future__ import annotations

import io
from pathlib import Path

import matplotlib.image
import numpy as np
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

from lab_driver.page import LabPage

_BOX = ".smartalign"
_CANVAS = ".jupyter-matplotlib-canvas-container canvas"


class ToolForm:
    """The dialogue in the output of a cell.

    Parameters
    ----------
    page : LabPage
    cell : int
    """

    def __init__(self, page: LabPage, cell: int) -> None:
        self._page, self._cell = page, cell
        page.until(lambda: self.box.is_displayed(), "the dialogue")

    @property
    def box(self) -> WebElement:
        """All of the dialogue."""
        return self._page.find(_BOX, self._page.cells()[self._cell])

    # The form.

    def row(self, name: str) -> WebElement:
        """The row of a parameter, scrolled to; its section is unfolded if need be."""
        row = self.box.find_element(By.CSS_SELECTOR, f".smartalign-row-{name}")
        if not row.is_displayed():
            folded = row.find_element(
                By.XPATH, "ancestor::*[contains(@class,'jupyter-widget-Collapse')]"
            )
            header = folded.find_element(By.CSS_SELECTOR, ".jupyter-widget-Collapse-header")
            self._page.show(header)
            header.click()
            self._page.until(row.is_displayed, f"the row of {name}")
        self._page.show(row)
        return row

    def field(self, name: str) -> WebElement:
        """What the value of a parameter is changed with."""
        return self._page.find("input, select", self.row(name))

    def write(self, name: str, text: str) -> None:
        """Write a value into a field, and press Enter."""
        field = self.field(name)
        field.click()
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text or Keys.DELETE)
        field.send_keys(Keys.ENTER)

    def choose(self, name: str, shown: str) -> None:
        """Choose from a list, by what is shown."""
        Select(self.field(name)).select_by_visible_text(shown)

    def tick(self, name: str) -> None:
        """Click a checkbox."""
        self.field(name).click()

    def value(self, name: str) -> str:
        """What a field shows."""
        field = self.field(name)
        if field.tag_name == "select":
            return Select(field).first_selected_option.text
        return str(field.get_property("value"))

    def enabled(self, name: str) -> bool:
        """Whether a field is not greyed out."""
        return self.field(name).is_enabled()

    def complaint(self, name: str) -> str:
        """What stands in red below a field, empty if nothing."""
        notes = self._page.all(".smartalign-note", self.row(name))
        return notes[0].text if notes else ""

    def is_wrong(self, name: str) -> bool:
        """Whether a field has a red border."""
        return bool(self._page.all(".smartalign-invalid", self.row(name)))

    def slide(self, words: str, steps: int) -> None:
        """Move a slider by some of its steps, with the arrow keys."""
        sliders = [
            slider
            for slider in self._page.all(".widget-hslider", self.box)
            if slider.text.strip().startswith(words)
        ]
        assert sliders, f"there is no slider {words!r}"
        handle = self._page.find(".noUi-handle", sliders[0])
        self._page.show(handle)
        handle.click()
        keys = ActionChains(self._page.driver)
        for _ in range(abs(steps)):
            keys.send_keys(Keys.ARROW_RIGHT if steps > 0 else Keys.ARROW_LEFT)
        keys.perform()

    # What it tells.

    def message(self, kind: str = "") -> str:
        """The messages, of all kinds or one."""
        css = f".smartalign-{kind}" if kind else ".smartalign-message"
        return "\n".join(message.text for message in self._page.all(css, self.box))

    def code(self) -> str:
        """The line of Python."""
        return self._page.find("code.smartalign-code", self.box).text

    def progress(self) -> str:
        """What stands beside the progress bar; empty while nothing works."""
        bars = self._page.all(".widget-hprogress", self.box)
        if not bars:
            return ""
        return bars[0].find_element(By.XPATH, "following-sibling::*").text

    def counted(self) -> str:
        """How many candidates are matches."""
        shown = self._page.all(".smartalign-counted", self.box)
        return shown[0].text if shown else ""

    def until_done(self, wait: float = 240.0) -> None:
        """Wait for the end of work that was started just now."""
        # It takes a moment until the bar comes; nothing to see for so long is the end.
        self._page.settled(self.progress, lambda progress: not progress, 2.0, wait)

    # Buttons and pictures.

    def button(self, words: str) -> WebElement:
        """A button by its words."""
        buttons = self._page.until(
            lambda: [b for b in self._page.all("button", self.box) if b.text.strip() == words],
            f"a button {words!r}",
        )
        return buttons[0]

    def press(self, words: str) -> None:
        """Click a button, which must not be greyed out."""
        button = self._page.until(
            lambda: self.button(words).is_enabled() and self.button(words), f"{words!r} to wake up"
        )
        self._page.show(button)
        button.click()

    def has_button(self, words: str) -> bool:
        """Whether there is such a button now."""
        return any(b.text.strip() == words for b in self._page.all("button", self.box))

    def open_tab(self, title: str) -> None:
        """Bring a picture to the front."""
        tabs = {tab.text.strip(): tab for tab in self._page.all(".lm-TabBar-tab", self.box)}
        assert title in tabs, f"there is no tab {title!r}, only {', '.join(tabs)}"
        self._page.show(tabs[title])
        # Tabs of ipywidgets come to the front when the mouse is pressed.
        ActionChains(self._page.driver).move_to_element(tabs[title]).click().perform()

    def image(self) -> np.ndarray:
        """The picture in front, grey values (y, x); no pixels before it has come."""
        images = self._page.all("img.widget-image", self.box)
        if not images:
            return np.empty((0, 0))
        file = io.BytesIO(images[0].screenshot_as_png)
        return np.asarray(matplotlib.image.imread(file, format="png"))[..., :3].mean(axis=2)

    def source(self) -> str:
        """Address of the picture in front; another one for each that is sent."""
        images = self._page.all("img.widget-image", self.box)
        return str(images[0].get_attribute("src")) if images else ""

    def plot(self) -> WebElement:
        """The canvas of the plot that takes the mouse: the first one below the dialogue."""
        canvases = self._page.until(
            lambda: self._page.all(f".widget-output {_CANVAS}", self.box), "a plot"
        )
        # Two lie on each other, and the upper one takes the mouse.
        return canvases[1]

    def canvas(self) -> WebElement:
        """The canvas of a picture that takes the mouse."""
        return self._page.until(
            lambda: self._page.all(f".widget-tab {_CANVAS}", self.box), "a picture to drag in"
        )[1]

    def picture(self, name: str) -> Path:
        """Keep a screenshot of the dialogue."""
        return self._page.picture(name, self.box)
