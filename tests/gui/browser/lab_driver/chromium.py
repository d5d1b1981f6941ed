"""Chromium without a screen."""

from __future__ import annotations

import shutil
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def missing() -> str:
    """What is not installed that the tests need; empty if all is there."""
    if not any(map(shutil.which, _NAMES)):
        return f"none of {', '.join(_NAMES)} is installed"
    return "" if shutil.which("chromedriver") else "chromedriver is not installed"


def chromium(folder: Path, width: int = 1400, height: int = 1800) -> webdriver.Chrome:
    """A browser whose profile is in a folder of its own.

    Selenium is told where both programs are, as it would otherwise fetch its own.
    """
    options = Options()
    options.binary_location = next(filter(None, map(shutil.which, _NAMES)))
    for flag in (*_FLAGS, f"--window-size={width},{height}", f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
