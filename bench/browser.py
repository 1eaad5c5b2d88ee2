"""Chromium, with tabs that count what they receive and hold."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from bench.errors import LoadFailed

_IN_PAGE = Path(__file__).resolve().parent / "clients" / "dashboard_page.js"
# As root there is no sandbox; and nothing may ask for anything on the internet.
_OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


class Tab:
    """A page in a context of its own: an empty cache, no cookies. `received` is in bytes, heads included."""

    def __init__(self, browser: Any) -> None:
        self._context = browser.new_context(viewport={"width": 1280, "height": 800})
        self._context.add_init_script(path=_IN_PAGE)
        self.page = self._context.new_page()
        self.received = self.requests = 0
        self._devtools = self._context.new_cdp_session(self.page)
        self._devtools.on("Network.loadingFinished", self._loaded)
        self._devtools.send("Network.enable")
        self._devtools.send("Performance.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def go(self, url: str) -> None:
        self.page.goto(url, wait_until="commit")

    def memory(self) -> tuple[int, int]:
        """Bytes of the heap and DOM nodes, after a collection."""
        self._devtools.send("HeapProfiler.collectGarbage")
        told = self._metrics()
        return int(told["JSHeapUsedSize"]), int(told["Nodes"])

    def busy_s(self) -> float:
        """Seconds that the page's main thread has worked."""
        return self._metrics()["TaskDuration"]

    def _metrics(self) -> dict[str, float]:
        metrics = self._devtools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: float(each["value"]) for each in metrics}

    def _loaded(self, event: dict[str, Any]) -> None:
        self.requests += 1
        self.received += int(event["encodedDataLength"])


@contextmanager
def chromium() -> Iterator[Callable[[], Tab]]:
    """A function that opens a tab; Chromium may use all cores, as it does at home. Raises LoadFailed."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise LoadFailed("playwright is not installed: pip install 'tricast[test]'") from None
    path = shutil.which("chromium")
    if path is None:
        raise LoadFailed("Chromium is not installed: apt-get install chromium")
    playwright = sync_playwright().start()
    try:
        browser = playwright.chromium.launch(executable_path=path, args=list(_OPTIONS))
        yield lambda: Tab(browser)
        browser.close()
    finally:
        playwright.stop()
