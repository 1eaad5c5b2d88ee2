"""The browsers of a test run: each is started when it is first asked for, once in each process of pytest."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.browsers.pages import Browser
from tests.browsers.puppets import Puppets
from tests.browsers.webkit import WebKit, mini_browser

BROWSERS = ("Chromium", "Firefox", "WebKitGTK")
_STARTED: pytest.StashKey[dict[str, Browser]] = pytest.StashKey()


def launched(config: pytest.Config, name: str) -> Browser:
    """The browser of that name. Where there is none the test is skipped; where `CI` is set it fails."""
    started = config.stash.setdefault(_STARTED, {})
    if name in started and started[name].runs:
        return started[name]
    browser = started[name] = _start(name)
    config.add_cleanup(browser.stop)
    return browser


def _start(name: str) -> Browser:
    match name:
        case "Chromium":
            return Puppets(name, _need("chromium", "chromium"))
        case "Firefox":
            return Puppets(name, _need("firefox-esr", "firefox-esr"))
    _need("WebKitWebDriver", "webkit2gtk-driver")
    _need("Xvfb", "xvfb")
    binary = mini_browser()
    return WebKit(binary if binary is not None else Path(_need("MiniBrowser", "webkit2gtk-driver")))


def _need(command: str, package: str) -> str:
    found = shutil.which(command)
    if found is None:
        lacking = pytest.fail if os.environ.get("CI") else pytest.skip
        lacking(f"{command} is not installed (Debian, Ubuntu: apt-get install {package})")
    return str(found)
