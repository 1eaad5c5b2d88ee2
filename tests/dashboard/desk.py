"""Somebody at the dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page
from tests.api.served import Served

TIMEOUT_MS = 15_000
# What Chromium says of answers that the page itself shows as a message.
_EXPECTED = "Failed to load resource: the server responded with a status of 4"


class Desk:
    """A page of its own, in a browser context of its own: nobody else’s cookies, tabs or storage."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.problems: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("console", self._heard)

    def go(self, path: str) -> Desk:
        """To a place such as `/#/flags?app=shop`."""
        self.page.goto(f"{self.url}{path}")
        return self

    def button(self, name: str, **options: Any) -> Locator:
        return self.page.get_by_role("button", name=name, **options)

    def switch(self, flag: str, environment: str) -> Locator:
        return self.page.get_by_role("switch", name=f"{flag} in {environment}", exact=True)

    def row(self, flag: str) -> Locator:
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("link", name=flag, exact=True))

    def said(self, text: str) -> Locator:
        """The message with this text."""
        return self.page.get_by_role("region", name="Messages").get_by_text(text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def focused(self) -> str:
        """The text of what has the focus."""
        return str(self.page.evaluate("document.activeElement?.textContent ?? ''"))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_EXPECTED):
            self.problems.append(f"{message.type}: {message.text}")


@contextmanager
def desks(chromium: Browser, server: Served) -> Iterator[Callable[..., Desk]]:
    """A function that opens a desk, with cookies if given; at the end all are left."""
    opened: list[Desk] = []

    def open_one(path: str = "/", *cookies: Any) -> Desk:
        page = _context(chromium).new_page()
        desk = Desk(page, server.url)
        opened.append(desk)
        _begin(page, server.url, list(cookies))
        return desk.go(path)

    try:
        yield open_one
        for desk in opened:
            assert not desk.problems, desk.problems
    finally:
        for desk in opened:
            _leave(desk.page.context)


def _context(chromium: Browser) -> BrowserContext:
    """One that nobody has a page in: it has in its cache what a new one has to fetch and compile."""
    for context in chromium.contexts:
        if not context.pages:
            return context
    # (what moves is waited for before it is clicked)
    return chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")


def _begin(page: Page, url: str, cookies: list[Any]) -> None:
    """With these cookies, and with nothing that anybody has left."""
    devtools = page.context.new_cdp_session(page)
    kept = "local_storage,indexeddb,cache_storage,service_workers"
    devtools.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": kept})
    devtools.detach()
    page.context.clear_cookies()
    if cookies:
        page.context.add_cookies(cookies)


def _leave(context: BrowserContext) -> None:
    """As it was, for the next."""
    for page in context.pages:
        page.close()
    context.set_offline(False)
    context.clear_permissions()
