"""Flags that nobody seems to need any more, as the dashboard shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect
from tests.api.served import Served
from tests.dashboard.clocked import clocked, set_behind
from tests.dashboard.desk import desks
from tests.dashboard.shop import a_flag, make_app

_DAY_S = 86_400


@pytest.fixture(scope="module")
def aged() -> Iterator[Served]:
    """Forty days ago three flags were made, and two of them evaluated; today one of these is, again."""
    with clocked(40 * _DAY_S, "--port", "0", dev=True) as (server, behind):
        make_app(server, "old")
        for key in ("never-asked", "asked-once", "asked-today"):
            a_flag(server, "old", key)
        evaluate(server, "asked-once", "asked-today")
        set_behind(behind, 0)
        evaluate(server, "asked-today")
        yield server


def evaluate(server: Served, *keys: str) -> None:
    with server.http() as http:
        for key in keys:
            path = f"/ofrep/v1/evaluate/flags/{key}"
            answer = http.post(
                path,
                params={"app": "old", "environment": "production"},
                json={"context": {"targetingKey": "x"}},
            )
            assert answer.status_code == 200, answer.text


def test_what_is_stale_is_said_with_the_reason(chromium: Browser, aged: Served) -> None:
    with ExitStack() as stack:
        opened = stack.enter_context(desks(chromium, aged))
        at = opened("/#/flags?app=old")
        whys = {"never-asked": "never evaluated, last changed", "asked-once": "last evaluated"}
        for key, why in whys.items():
            expect(at.row(key).get_by_text("stale")).to_have_attribute("title", re.compile(f"^{why} "))
        expect(at.row("asked-today").get_by_text("stale")).to_have_count(0)

        at.go("/#/flags?app=old&show=stale")
        expect(at.page.locator(".flag-row .flag-name a")).to_have_text(["asked-once", "never-asked"])

        at.go("/#/flags/asked-once?app=old&env=production&tab=usage")
        notice = at.page.locator(".notice.warn")
        said = r"Stale\. Neither evaluated nor changed for 30 days \(last evaluated .+, last changed .+\)\."
        expect(notice).to_have_text(re.compile(said))
        at.go("/#/flags/never-asked?app=old&env=production&tab=usage")
        expect(notice).to_contain_text("(never evaluated, last changed ")
        at.go("/#/flags/asked-today?app=old&env=production&tab=usage")
        expect(at.page.get_by_text("Evaluations").first).to_be_visible()
        expect(notice).to_have_count(0)
