"""Hours of work at the dashboard: `python -m tests.dashboard.soak --minutes 60 --rate 50`.

One page is open on the flags with the drawer, then on the activity, then on the events, then
goes round all pages, a quarter of the time each, while flags are changed and plain events are
published. What it holds is read at intervals, after a forced collection. Flat: the median of
the last quarter of a leg is at most a tenth above that of the first.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Self, TextIO

from httpx2 import Client
from playwright.sync_api import Browser, Page, sync_playwright
from tests.api.served import Served, serve
from tests.clients.present import command
from tests.dashboard.browser import OPTIONS
from tests.dashboard.pulse import Pulse, Sample
from tests.dashboard.shop import a_flag, make_app

APP = "soak"
FLAGS = 30
MOST_GROWTH = 1.10
LEGS = ("flags", "activity", "events", "rounds")
# A page that is new fills its lists and caches first.
WARM_UP = 0.2
_ROUND = ("flags/flag-03", "activity", "audit", "events", "connections", "settings/apps", "flags")
# By its heading; not of the page before.
_THERE = {
    "flags": "h1:has-text('Flags')",
    "activity": "h1:has-text('Activity')",
    "audit": "h1:has-text('Audit')",
    "events": "h1:has-text('Events')",
    "connections": "h1:has-text('Connections')",
    "settings": "h1:has-text('Settings')",
}
_PATHS = {"flags": "flags/flag-00", "activity": "activity", "events": "events", "rounds": "flags"}


@dataclass(slots=True)
class Leg:
    """One page over its time."""

    name: str
    samples: list[Sample] = field(default_factory=list)

    def quarter(self, which: int, value: str) -> float:
        """The median of a value over the first (0) … last (3) quarter, the warm-up left out."""
        kept = self.samples[int(len(self.samples) * WARM_UP) :]
        size = max(1, len(kept) // 4)
        part = kept[-size:] if which == 3 else kept[which * size : (which + 1) * size]
        return median(getattr(sample, value) for sample in part)

    def growth(self, value: str) -> float:
        """The last quarter's median in units of the first's."""
        return self.quarter(3, value) / max(1.0, self.quarter(0, value))

    @property
    def grown(self) -> list[str]:
        """What isn't flat."""
        return [value for value in ("heap", "nodes", "listeners") if self.growth(value) > MOST_GROWTH]


class Traffic:
    """Changes and events at a steady rate while a `with` block runs. `sent` counts them."""

    def __init__(self, server: Served, rate: float) -> None:
        self.sent = 0
        self._server = server
        self._rate = rate
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(1, "traffic")

    def __enter__(self) -> Self:
        self._sending = self._pool.submit(self._send)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        self._sending.result()

    def _send(self) -> None:
        began = time.monotonic()
        with self._server.http() as http:
            while not self._over.wait(max(0.0, began + self.sent / self._rate - time.monotonic())):
                self._one(http, self.sent)
                self.sent += 1

    def _one(self, http: Client, number: int) -> None:
        """Every other is a plain event; every fifth change makes the page read the flag whole."""
        key, turn = f"flag-{number // 2 % FLAGS:02}", number // 2 // FLAGS
        wanted: dict[str, Any] = {"params": {"app": APP}, "headers": {"if-match": "*"}}
        if number % 2:
            body = {"topic": f"{APP}/orders/{number % 7}", "data": {"n": number, "note": "x" * 60}}
            answer = http.post("/v1/events", json=body)
        elif turn % 5 == 4:
            variants = {"on": True, "off": False, f"v{turn % 3}": True}
            answer = http.patch(f"/v1/flags/{key}", json={"variants": variants}, **wanted)
        else:
            state = "ENABLED" if turn % 2 else "DISABLED"
            body = {"environment": "production", "state": state, "reason": f"turn {turn}"}
            answer = http.post(f"/v1/flags/{key}/toggle", json=body, **wanted)
        assert answer.status_code in (200, 201), answer.text


def soak(
    browser: Browser,
    server: Served,
    *,
    seconds: float,
    rate: float,
    every_s: float,
    legs: tuple[str, ...] = LEGS,
    at_least: int = 8,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[list[Leg], int]:
    """The legs with their readings (`at_least` so many each), and how much came meanwhile."""
    make_app(server, APP)
    for number in range(FLAGS):
        a_flag(server, APP, f"flag-{number:02}")
    readings = max(at_least, round(seconds / len(legs) / every_s))
    with _page(browser) as page, Traffic(server, rate) as traffic:
        found = [_leg(page, server, name, readings, every_s, tell) for name in legs]
    return found, traffic.sent


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        yield context.new_page()
    finally:
        context.close()


def _leg(
    page: Page, server: Served, name: str, readings: int, every_s: float, tell: Callable[[str], None]
) -> Leg:
    leg = Leg(name)
    page.goto("about:blank")  # (each begins with a page of its own)
    page.goto(_url(server, _PATHS[name]))
    page.locator(".link-state.live").wait_for()
    if name == "flags":
        page.locator(".drawer").get_by_role("tab").first.wait_for()
    began = time.monotonic()
    with Pulse(page) as pulse:
        for turn in range(1, readings + 1):
            if name == "rounds":
                _go_round(page)
            page.wait_for_timeout(max(20.0, (began + turn * every_s - time.monotonic()) * 1000))
            leg.samples.append(pulse.sample())
            tell(f"{name} {time.monotonic() - began:.0f} s: {_words(leg.samples[-1])}")
    return leg


def _go_round(page: Page) -> None:
    """Through all pages by their links, and back to the list."""
    for path in _ROUND:
        page.evaluate("(hash) => { location.hash = hash; }", f"#/{path}?app={APP}{_topic(path)}")
        page.locator(_THERE[path.partition("/")[0]]).first.wait_for()


def _url(server: Served, path: str) -> str:
    return f"{server.url}/#/{path}?app={APP}{_topic(path)}"


def _topic(path: str) -> str:
    return f"&topic={APP}/**" if path == "events" else ""


def _words(sample: Sample) -> str:
    return f"{sample.heap / 1e6:.2f} MB, {sample.nodes} nodes, {sample.listeners} listeners"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.dashboard.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=50, help="changes and events a second")
    parser.add_argument("--every", type=float, default=10, metavar="S", help="seconds between two readings")
    parser.add_argument("--only", action="append", choices=LEGS)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where every reading goes")
    options = parser.parse_args()
    with sync_playwright() as playwright, serve() as server:
        path = command("chromium", "chromium")
        legs, sent = soak(
            playwright.chromium.launch(executable_path=path, args=list(OPTIONS)),
            server,
            seconds=options.minutes * 60,
            rate=options.rate,
            every_s=options.every,
            legs=tuple(options.only or LEGS),
            tell=lambda text: _say(text, sys.stderr),
        )
    if options.json:
        readings = {leg.name: [asdict(sample) for sample in leg.samples] for leg in legs}
        options.json.write_text(json.dumps(readings))
    _say(f"{sent} changes and events in {options.minutes:g} minutes; first quarter → last quarter:")
    for leg in legs:
        for value, unit in (("heap", 1e6), ("nodes", 1), ("listeners", 1)):
            first, last = leg.quarter(0, value) / unit, leg.quarter(3, value) / unit
            _say(f"  {leg.name:9} {value:9} {first:10.2f} → {last:10.2f}  × {leg.growth(value):.3f}")
    grown = [f"{leg.name}: {', '.join(leg.grown)}" for leg in legs if leg.grown]
    _say("not flat: " + "; ".join(grown) if grown else "flat")
    return 1 if grown else 0


def _say(text: str, file: TextIO = sys.stdout) -> None:
    file.write(f"{text}\n")
    file.flush()


if __name__ == "__main__":
    sys.exit(main())
