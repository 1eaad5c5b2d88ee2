"""WebKit (GTK's MiniBrowser) over WebDriver (https://www.w3.org/TR/webdriver2/), on a display of its own."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import httpx2
from tests.browsers.pages import Browser, Page

START_S = 60
SCRIPT_S = 60
_DONE = """
const done = arguments[arguments.length - 1];
Promise.resolve().then(() => (%s)).then(
  (value) => done({ value: value ?? null }), (error) => done({ error: `${error} ${error?.stack}` }));
"""


def mini_browser() -> Path | None:
    """Where Debian's package has it."""
    return next(iter(sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))), None)


class WebKitPage(Page):
    """A tab: the driver calls it a window."""

    def __init__(self, url: str, browser: WebKit, handle: str) -> None:
        super().__init__(url)
        self._browser = browser
        self._handle = handle

    async def _ask(self, path: str, body: dict[str, Any] | None) -> Any:
        return await asyncio.to_thread(self._browser.at, self._handle, path, body)

    async def evaluate(self, code: str) -> Any:
        said = await self._ask("/execute/async", {"script": _DONE % code, "args": []})
        assert "error" not in said, said["error"]
        return said["value"]

    async def goto(self, url: str) -> None:
        await self._ask("/url", {"url": url})

    async def reload(self) -> None:
        await self._ask("/refresh", {})

    async def close(self) -> None:
        await asyncio.to_thread(self._browser.shut, self._handle)

    async def screenshot(self, path: Path) -> None:
        picture = base64.b64decode(await self._ask("/screenshot", None))
        await asyncio.to_thread(path.write_bytes, picture)


class WebKit(Browser):
    """MiniBrowser under Xvfb. One command at a time goes to its driver."""

    name = "WebKitGTK"
    outlives_pages = False

    def __init__(self, binary: Path) -> None:
        self._folder = tempfile.mkdtemp(prefix="tricast-webkit-")
        self._turn = threading.Lock()
        self._display, display = _display()
        environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        places = ("HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
        environment |= {
            **dict.fromkeys(places, self._folder),
            "DISPLAY": display,
            "GDK_BACKEND": "x11",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "WEBKIT_DISABLE_COMPOSITING_MODE": "1",
            # (its sandbox needs namespaces, which root in a container hasn't)
            "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
        }
        port = _free_port()
        self._driver = subprocess.Popen(
            ["WebKitWebDriver", f"--port={port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        self.pid = self._driver.pid
        retrying = httpx2.HTTPTransport(retries=8)
        self._http = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=SCRIPT_S + 5, transport=retrying, trust_env=False
        )
        options = {"binary": str(binary), "args": ["--automation"]}
        session = self._ask(
            "POST", "/session", {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        )
        self.version = session["capabilities"]["browserVersion"]
        self._session = f"/session/{session['sessionId']}"
        self._ask("POST", f"{self._session}/timeouts", {"script": SCRIPT_S * 1000})
        self._first = self._ask("GET", f"{self._session}/window")
        self._handles: list[str] = []

    @property
    def runs(self) -> bool:
        return self._driver.poll() is None

    async def open(self, url: str) -> WebKitPage:
        return await asyncio.to_thread(self._open, url)

    def at(self, handle: str, path: str, body: dict[str, Any] | None) -> Any:
        """What the window `handle` answers."""
        with self._turn:
            self._ask("POST", f"{self._session}/window", {"handle": handle})
            return self._ask("GET" if body is None else "POST", self._session + path, body)

    def shut(self, handle: str) -> None:
        """Close a window."""
        self._handles.remove(handle)
        with self._turn:
            self._ask("POST", f"{self._session}/window", {"handle": handle})
            self._ask("DELETE", f"{self._session}/window")

    def clear(self) -> None:
        for handle in tuple(self._handles):
            self.shut(handle)

    def stop(self) -> None:
        self._ask("DELETE", self._session)
        self._http.close()
        for process in (self._driver, self._display):
            process.terminate()
            process.wait(START_S)
        shutil.rmtree(self._folder)

    def _open(self, url: str) -> WebKitPage:
        with self._turn:
            # (the first window stays, with nothing in it: without any the browser ends)
            self._ask("POST", f"{self._session}/window", {"handle": self._first})
            handle = self._ask("POST", f"{self._session}/window/new", {"type": "tab"})["handle"]
            self._handles.append(handle)
            self._ask("POST", f"{self._session}/window", {"handle": handle})
            self._ask("POST", f"{self._session}/url", {"url": url})
        return WebKitPage(url, self, handle)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = (
            self._http.request(method, path, json=body)
            if body is not None
            else self._http.request(method, path)
        )
        value = answer.json()["value"]
        assert answer.status_code == 200, f"{path}: {value}"
        return value


def _display() -> tuple[subprocess.Popen[bytes], str]:
    """A display, on the first number that is free."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"],
        stderr=subprocess.DEVNULL,
        pass_fds=[writing],
        start_new_session=True,
    )
    os.close(writing)
    with os.fdopen(reading) as said:
        number = said.readline().strip()
    assert re.fullmatch(r"\d+", number), "Xvfb did not start"
    return process, f":{number}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
