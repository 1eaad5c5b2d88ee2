"""Chromium and Firefox, driven by `puppets.mjs`."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from tests.browsers.pages import Browser, Page
from tests.clients.npm import packages
from tests.runtimes.lines import Lines

HERE = Path(__file__).parent
START_S = 60

# As root there is no sandbox; nothing here may ask for anything on the internet; each page has its process.
_CHROMIUM = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-features=SpareRendererForSitePerProcess"),
)
_FIREFOX = {"dom.ipc.processPrelaunch.enabled": False, "dom.ipc.processCount.webIsolated": 8}


class PuppetPage(Page):
    """A tab that can also be clicked and typed into."""

    def __init__(self, url: str, ask: Callable[..., Any]) -> None:
        super().__init__(url)
        self._ask = ask

    async def evaluate(self, code: str) -> Any:
        return await self._ask(do="evaluate", code=code)

    async def goto(self, url: str) -> None:
        await self._ask(do="goto", url=url)

    async def reload(self) -> None:
        await self._ask(do="reload")

    async def close(self) -> None:
        await self._ask(do="close")

    async def screenshot(self, path: Path) -> None:
        await self._ask(do="screenshot", path=str(path))

    async def click(self, selector: str) -> None:
        """The middle of what the CSS selector finds; it is scrolled to."""
        await self._ask(do="click", selector=selector)

    async def type(self, selector: str, text: str) -> None:
        """Key by key, into what the CSS selector finds."""
        await self._ask(do="type", selector=selector, text=text)

    async def press(self, key: str) -> None:
        """`Tab`, `Enter`, `Escape`, `a` …: to what has the focus."""
        await self._ask(do="press", key=key)

    async def offline(self, is_offline: bool) -> None:
        """As if the machine were."""
        await self._ask(do="offline", offline=is_offline)


class Puppets(Browser):
    """Chromium or Firefox, headless, with an empty profile."""

    def __init__(self, name: str, executable: str) -> None:
        self.name = name
        options: dict[str, Any] = {
            "executablePath": executable,
            "headless": True,
            "acceptInsecureCerts": True,
        }
        if name == "Chromium":
            options |= {"browser": "chrome", "args": _CHROMIUM}
        else:
            options |= {"browser": "firefox", "extraPrefsFirefox": _FIREFOX}
        self._hello: Future[dict[str, Any]] = Future()
        self._pages: dict[int, PuppetPage] = {}
        self._lines = Lines(
            ["node", str(HERE / "puppets.mjs"), json.dumps(options)],
            heard=self._hear,
            TRICAST_NPM=str(packages(HERE / "package.json")),
        )
        hello = self._hello.result(START_S)
        self.version, self.pid = hello["version"], hello["pid"]

    @property
    def runs(self) -> bool:
        return self._lines.runs

    async def open(self, url: str) -> PuppetPage:
        number = await self._lines.ask(do="page", url=url)
        ask = functools.partial(self._lines.ask, page=number)
        page = self._pages[number] = PuppetPage(url, ask)
        return page

    def clear(self) -> None:
        self._pages.clear()
        self._lines.tell(do="clear").result(START_S)

    def stop(self) -> None:
        self._lines.end(START_S)

    def _hear(self, message: dict[str, Any]) -> None:
        match message:
            case {"page": number, "failure": failure}:
                if number in self._pages:
                    self._pages[number].errors.append(failure)
            case hello:
                self._hello.set_result(hello)
