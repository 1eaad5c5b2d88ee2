"""The dashboard in Chromium: a toggle until it is painted, the first load, 5,000 flags scrolled, memory."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from math import ceil

from bench.bench import Bench, Run
from bench.browser import Tab, chromium
from bench.cores import pinned_to
from bench.errors import LoadFailed
from bench.figures import Figure, Target, at_most
from bench.requests import Connection, request
from bench.servers.server import Server
from bench.servers.tricast import APP

NAME = "dashboard"
TOGGLES, LOADS = 100, 20
FEW, MANY = 200, 5_000
KEY, ENVIRONMENT = "flag-0007", "production"
MOST_TOGGLE_MS, MOST_FIRST_KIB, MOST_USABLE_MS = 100, 120, 300
# What one sees as a stutter: longer than a frame of 60 Hz by a quarter.
LONG_FRAME_MS = 20
_SCROLL_PX = 300
# What is typed, and how many of the few flags that leaves.
_SEARCH = ("77", 2)


def run(bench: Bench) -> list[Figure]:
    """Needs tricast alone, and Chromium with playwright."""
    if "tricast" not in bench.wanted:
        return []
    if shutil.which("chromium") is None:
        bench.say("[yellow]Chromium is not installed: the dashboard is not measured.[/]")
        return []
    with bench.servers("tricast") as servers, chromium() as opened:
        server = servers["tricast"]
        _fill(server, "few", FEW)
        _fill(server, "many", MANY)
        return [
            *_toggles(bench, server, opened),
            *_first_loads(bench, server, opened),
            *_scrolling(bench, server, opened),
        ]


def _toggles(bench: Bench, server: Server, opened: Callable[[], Tab]) -> Iterator[Figure]:
    """Turns one flag on and off, by HTTP and by the command, while a page has it on the screen."""
    rounds = 20 if bench.quick else TOGGLES
    ways = {"HTTP call": _by_http(server), "tricast flags toggle": _by_command(bench, server)}
    with _page(opened, server, "few") as tab:
        tab.page.locator(".link-state.live").wait_for()
        tab.page.evaluate("(label) => bench.watch(label)", f"{KEY} in {ENVIRONMENT}")
        count = 0
        for way, toggle in ways.items():
            bench.say(f"{NAME}: {rounds} toggles by {way}")
            times: dict[str, list[float]] = {"called": [], "event": []}
            for turn in range(rounds + 3):
                count += 1
                began = time.time() * 1000
                toggle(count % 2 == 1)
                seen = tab.page.evaluate("(count) => bench.change(count)", count)
                if seen["isOn"] != (count % 2 == 1):
                    raise LoadFailed("the page showed another state than the flag has")
                if turn >= 3:  # (the first ones warm up)
                    times["called"].append(seen["paintedAt"] - began)
                    times["event"].append(seen["paintedAt"] - _event_ms(server))
            bench.runs.append(Run(NAME, server.name, way, dict(times)))
            target = at_most(MOST_TOGGLE_MS)
            if way == "HTTP call":
                yield from _spread(f"toggle, {way}: sent → painted", times["called"], target)
            else:
                yield from _spread(f"toggle, {way}: event’s time → painted", times["event"], target)
                yield from _spread(f"toggle, {way}: command started → painted", times["called"])


def _by_http(server: Server) -> Callable[[bool], None]:
    def toggle(on: bool) -> None:
        body = {"environment": ENVIRONMENT, "state": "ENABLED" if on else "DISABLED"}
        with Connection(server.port) as connection:
            path = f"/v1/flags/{KEY}/toggle?app=few"
            connection.ask(request("POST", path, body, If_Match="*"))

    return toggle


def _by_command(bench: Bench, server: Server) -> Callable[[bool], None]:
    command = [sys.executable, "-m", "tricast", "flags", "toggle", KEY, "--app", "few"]
    env = os.environ | {"PYTHONPATH": str(APP), "TRICAST_URL": f"http://127.0.0.1:{server.port}"}

    def toggle(on: bool) -> None:
        how = ["--environment", ENVIRONMENT, "--state", "on" if on else "off"]
        done = subprocess.run(
            [*command, *how],
            capture_output=True,
            text=True,
            check=False,
            env=env,
            preexec_fn=pinned_to(bench.cores.load),
        )
        if done.returncode:
            raise LoadFailed(f"tricast flags toggle: {done.stderr.strip()[-500:]}")

    return toggle


def _event_ms(server: Server) -> float:
    """The `time` of the flag's last event, ms since 1970."""
    with Connection(server.port) as connection:
        path = f"/v1/flags/{KEY}?app=few"
        at = connection.ask(request("GET", path)).json()["updated_at"]
    return datetime.fromisoformat(at).timestamp() * 1000


def _first_loads(bench: Bench, server: Server, opened: Callable[[], Tab]) -> Iterator[Figure]:
    """With nothing in the cache; the floor is a page of one file of the same server, in turns."""
    rounds = 5 if bench.quick else LOADS
    bench.say(f"{NAME}: {rounds} first loads")
    usable, floor, search, size, requests = [], [], [], 0, 0
    for turn in range(rounds + 2):
        with opened() as tab:
            tab.go(f"http://127.0.0.1:{server.port}/static/icon.svg")
            alone = tab.page.evaluate("() => bench.shown")["ms"]
        with _page(opened, server, "few", wait=False) as tab:
            seen = tab.page.evaluate("() => bench.usable")
            found = tab.page.evaluate("([text, count]) => bench.find(text, count)", _SEARCH)
            if not found["accepted"]:
                raise LoadFailed("the search did not take a key")
            tab.page.locator(".link-state.live").wait_for()
            size, requests = tab.received, tab.requests
        if turn >= 2:
            usable.append(seen["ms"])
            search.append(found["ms"])
            floor.append(alone)
    bench.runs.append(Run(NAME, server.name, "first load", {"usable": usable, "floor": floor}))
    yield _figure("first load: transferred", "KiB", size / 1024, target=at_most(MOST_FIRST_KIB))
    yield _figure("first load: requests", "", requests)
    for what, part in (("median", 0.5), ("worst", 1.0)):
        target = at_most(MOST_USABLE_MS) if part == 0.5 else None
        name = f"first load: list painted, search takes a key: {what}"
        yield _figure(name, "ms", _at(usable, part), floor=_at(floor, part), target=target)
    yield _figure("a key in the search → painted: median", "ms", _at(search, 0.5))


def _scrolling(bench: Bench, server: Server, opened: Callable[[], Tab]) -> Iterator[Figure]:
    """5,000 flags; the floor are the frames of the same page while nothing is done."""
    bench.say(f"{NAME}: {MANY} flags scrolled")
    window_ms = bench.duration_s * 1000
    with _page(opened, server, "many") as tab:
        tab.page.locator(".link-state.live").wait_for()
        heap, nodes = tab.memory()
        idle = tab.page.evaluate("(ms) => bench.frames(ms, 0)", window_ms)
        busy_before = tab.busy_s()
        frames = tab.page.evaluate("([ms, px]) => bench.frames(ms, px)", [window_ms, _SCROLL_PX])
        busy = tab.busy_s() - busy_before
    with _page(opened, server, "few") as tab:
        small, _ = tab.memory()
    bench.runs.append(Run(NAME, server.name, "frames", {"scrolling": frames, "idle": idle}))
    name = f"{MANY:,} flags, {_SCROLL_PX} px a frame: "
    yield _figure(f"{name}frames over {LONG_FRAME_MS} ms", "%", _long(frames), floor=_long(idle))
    yield _figure(f"{name}longest frame", "ms", max(frames), floor=max(idle))
    yield _figure(f"{name}work of the page per frame", "ms", busy * 1000 / len(frames))
    yield _figure(f"heap with {FEW} flags", "MiB", small / 2**20)
    yield _figure(f"heap with {MANY:,} flags", "MiB", heap / 2**20)
    yield _figure(f"DOM nodes with {MANY:,} flags", "", nodes)


@contextmanager
def _page(opened: Callable[[], Tab], server: Server, app: str, *, wait: bool = True) -> Iterator[Tab]:
    """A browser that has never been here, at the list of an app's flags."""
    with opened() as tab:
        tab.go(f"http://127.0.0.1:{server.port}/#/flags?app={app}")
        if wait:
            tab.page.locator(".virtual .flag-row .switch").first.wait_for()
        yield tab


def _fill(server: Server, app: str, count: int) -> None:
    names = {"name": app, "environments": ["development", ENVIRONMENT]}
    one = {"state": "DISABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    flags = json.dumps({"flags": {f"flag-{number:04}": one for number in range(count)}}).encode()
    with Connection(server.port) as connection:
        connection.ask(request("PUT", f"/v1/apps/{app}", names), expected=201)
        for environment in names["environments"]:
            path = f"/v1/flags/import?app={app}&environment={environment}"
            connection.ask(request("POST", path, flags))


def _spread(name: str, times: list[float], target: Target | None = None) -> Iterator[Figure]:
    yield _figure(f"{name}: median", "ms", statistics.median(times), target=target)
    yield _figure(f"{name}: p99", "ms", _at(times, 0.99))


def _at(times: list[float], part: float) -> float:
    return sorted(times)[ceil(len(times) * part) - 1]


def _long(frames: list[float]) -> float:
    return 100 * sum(each > LONG_FRAME_MS for each in frames) / len(frames)


def _figure(
    name: str, unit: str, value: float, *, floor: float | None = None, target: Target | None = None
) -> Figure:
    return Figure(scenario=NAME, name=name, unit=unit, tricast=value, floor=floor, target=target)
