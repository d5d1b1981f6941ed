"""A notebook in JupyterLab: its cells, the widgets in their outputs, and the mouse."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.common.exceptions import (
    ElementNotInteractableException,
    StaleElementReferenceException,
    WebDriverException,
)
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

#: Elements that JupyterLab is just replacing or has not laid out.
_NOT_YET = (StaleElementReferenceException, ElementNotInteractableException)
_PROMPT = ".jp-InputPrompt"
_CELL = ".jp-Notebook .jp-CodeCell"


class Waited(AssertionError):
    """Something did not come in time."""


class LabPage:
    """What a person does with one notebook.

    Parameters
    ----------
    driver : selenium.webdriver.Chrome
    address : str
        Of the notebook, as `LabServer.write` returns it.
    pictures : Path
        Folder of the screenshots.
    """

    def __init__(self, driver: Chrome, address: str, pictures: Path) -> None:
        self.driver, self.pictures = driver, pictures
        driver.get(address)
        self.until(lambda: self.cells() and self._kernel_is_idle(), "the notebook", 60)

    # Cells.

    def cells(self) -> list[WebElement]:
        """The code cells, from the top."""
        return self.driver.find_elements(By.CSS_SELECTOR, _CELL)

    def run(self, number: int, wait: float = 120.0) -> str:
        """Run a cell by Shift+Enter, and return what it printed.

        Raises
        ------
        AssertionError
            It ended with an error, whose traceback is told.
        """

        before = self.until(lambda: self._prompt(number), f"cell {number}")

        def start() -> bool:
            cell = self.cells()[number]
            self.show(cell)
            # In command mode: the editor keeps its text whatever is pressed.
            cell.find_element(By.CSS_SELECTOR, _PROMPT).click()
            keys = ActionChains(self.driver)
            keys.key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
            # JupyterLab drops what comes before it is connected to the kernel.
            try:
                return bool(self.until(lambda: self._prompt(number) != before, "the start", 2))
            except Waited:
                return False

        self.until(start, f"the start of cell {number}", 30)
        if wait:
            self.until(
                lambda: self._prompt(number) not in (before, "[*]:") and self._kernel_is_idle(),
                f"the end of cell {number}",
                wait,
            )
        printed = self.printed(number)
        assert "Traceback (most recent call last)" not in printed, printed
        return printed

    def printed(self, number: int) -> str:
        """What stands in the text output of a cell."""
        texts = self.cells()[number].find_elements(
            By.CSS_SELECTOR, ".jp-OutputArea-output.jp-RenderedText"
        )
        return "\n".join(text.text for text in texts)

    # Elements.

    def find(self, selector: str, inside: WebElement | None = None) -> WebElement:
        """The first element of a CSS selector that is shown."""
        found: list[WebElement] = []

        def look() -> bool:
            found[:] = self.all(selector, inside)
            return bool(found)

        self.until(look, f"an element {selector!r}")
        return found[0]

    def all(self, selector: str, inside: WebElement | None = None) -> list[WebElement]:
        """All elements of a CSS selector that are shown."""
        elements = (inside or self.driver).find_elements(By.CSS_SELECTOR, selector)
        return [element for element in elements if element.is_displayed()]

    def show(self, element: WebElement) -> None:
        """Scroll to an element."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)

    def until(
        self, condition: Callable[[], Any], what: str = "the condition", wait: float = 60.0
    ) -> Any:
        """Wait for a condition, and return what it returned.

        Raises
        ------
        Waited
            It did not come true.
        """
        end = time.monotonic() + wait
        while True:
            try:
                value = condition()
            except _NOT_YET:
                value = None
            if value:
                return value
            if time.monotonic() > end:
                raise Waited(f"waited {wait:g} s for {what}")
            time.sleep(0.05)

    def settled(
        self,
        value: Callable[[], Any],
        right: Callable[[Any], bool] = lambda value: True,
        calm: float = 1.0,
        wait: float = 60.0,
    ) -> Any:
        """A value once it has stayed the same, and right, for a while of `calm` s."""
        kept: list[Any] = [None, time.monotonic()]

        def look() -> bool:
            now = value()
            if now != kept[0] or not right(now):
                kept[:] = [now, time.monotonic()]
            return time.monotonic() - kept[1] > calm

        self.until(look, "it to settle", wait)
        return kept[0]

    # Mouse and pictures.

    def drag(
        self, element: WebElement, start: tuple[float, float], stop: tuple[float, float]
    ) -> None:
        """Press at one place of an element, move and release at another.

        Places are parts of its size from its upper left corner, (x, y).
        """
        self.show(element)
        size = element.rect
        actions = ActionChains(self.driver, duration=30)
        steps = 8
        for step in range(steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, stop, strict=True))
            actions.move_to_element_with_offset(
                element, round((x - 0.5) * size["width"]), round((y - 0.5) * size["height"])
            )
            if step == 0:
                actions.pause(0.1).click_and_hold().pause(0.1)
        actions.pause(0.1).release().perform()

    def is_drawn(self, canvas: WebElement) -> bool:
        """Whether something stands on a canvas, or on the one below it."""
        return bool(
            self.driver.execute_script(
                "return [...arguments[0].parentElement.querySelectorAll('canvas')].some(c => "
                "c.width && c.getContext('2d').getImageData(0, 0, c.width, c.height)"
                ".data.some(v => v))",
                canvas,
            )
        )

    def picture(self, name: str, element: WebElement | None = None) -> Path:
        """Keep a screenshot, of the page or of an element."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        file = self.pictures / f"{name}.png"
        if element is None:
            self.driver.save_screenshot(str(file))
        else:
            self.show(element)
            element.screenshot(str(file))
        return file

    def faults(self) -> list[str]:
        """What the browser wrote to its console as errors since the last call."""
        try:
            entries = self.driver.get_log("browser")
        except WebDriverException:
            return []
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def _prompt(self, number: int) -> str:
        # Looked up each time: JupyterLab replaces the elements of a cell now and then.
        return self.cells()[number].find_element(By.CSS_SELECTOR, _PROMPT).text.strip()

    def _kernel_is_idle(self) -> bool:
        return bool(
            self.driver.find_elements(
                By.CSS_SELECTOR, ".jp-Notebook-ExecutionIndicator[data-status='idle']"
            )
        )
