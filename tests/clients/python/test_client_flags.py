"""Flags in the Python client: a snapshot kept true by events, evaluated without a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from openfeature.exception import (
    FlagNotFoundError,
    OpenFeatureError,
    ProviderNotReadyError,
    TypeMismatchError,
)
from tests.api.served import Served
from tests.clients.dialects import BRISK
from tests.clients.faultproxy import FaultProxy, proxying
from tests.clients.waiting import until
from tests.flags.ofrep.hosted import FLAGS, App, boolean
from tests.harness.sockets import patience

from tricast.client import Client, Closed, Options
from tricast.client.flags import Flags
from tricast.client.flagset import FlagChange
from tricast.errors import Forbidden, NotFound

PRO = {"targetingKey": "ann", "plan": "pro"}


@pytest.fixture
def app(guarded: Served, request: pytest.FixtureRequest) -> App:
    """An app with a flag of each kind, of this test alone."""
    app = App(guarded, f"app-{abs(hash(request.node.name)):x}")
    app.load(FLAGS)
    return app


@asynccontextmanager
async def following(
    app: App, *transports: str, key: str | None = None
) -> AsyncIterator[tuple[Flags, FaultProxy, Client]]:
    given: dict[str, Any] = BRISK | {"trust_env": False}
    if transports:
        given["transports"] = transports
    topics = f"{app.name}/flags/production"
    token = key or app.token("flags:read", subscribe=[topics])
    async with (
        proxying(app.served.address[1]) as proxy,
        Client(proxy.url, token=token, memory={}, options=Options(**given)) as client,
    ):
        yield client.flags(app.name, app.environment), proxy, client


async def ready(flags: Flags) -> Flags:
    async with patience():
        await flags.ready()
    return flags


async def test_values_are_of_the_type_of_the_default_and_for_the_context(app: App) -> None:
    async with following(app) as (flags, _, _):
        await ready(flags)
        assert flags.get("banner", False) is True
        assert flags.get("color", "?") == "#00f"
        assert flags.get("retries", 0) == 5
        assert flags.get("ratio", 0.0) == 3.0
        assert flags.get("layout", {})["columns"] == 3
        assert flags.get("pro-banner", False) is False
        assert flags.get("pro-banner", False, PRO) is True
        assert not flags.stale


async def test_where_there_is_no_value_the_default_holds_and_why_can_be_asked(app: App) -> None:
    async with following(app) as (flags, _, _):
        await ready(flags)
        assert flags.get("nothing", "default") == "default"
        assert flags.get("hidden", False) is False
        assert flags.get("banner", "text") == "text"
        with pytest.raises(FlagNotFoundError):
            flags.evaluate("nothing", False)
        with pytest.raises(TypeMismatchError):
            flags.evaluate("banner", "text")
        found = flags.evaluate("banner", False)
        assert (found.value, found.variant, found.reason) == (True, "on", "STATIC")
        assert found.flag_metadata["version"] == 1


async def test_all_values_are_those_that_the_server_gives(app: App) -> None:
    async with following(app) as (flags, _, _):
        await ready(flags)
        answers = app.evaluate(body={"context": PRO}).json()["flags"]
        expected = {answer["key"]: answer["value"] for answer in answers if "value" in answer}
        mine = {key: value for key, value in flags.all(PRO).items() if value is not None}
        assert mine == expected


@pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
async def test_changes_come_and_are_told(app: App, transport: str) -> None:
    async with following(app, transport) as (flags, _, _):
        told: list[FlagChange] = []
        await ready(flags)
        flags.on_change(told.extend)
        await asyncio.to_thread(app.toggle, "banner")
        await until(lambda: flags.get("banner", True) is True and len(told) == 1)
        assert flags.evaluate("banner", True).reason == "DISABLED"
        [change] = told
        assert (change.key, change.before and change.before["state"]) == ("banner", "ENABLED")
        assert change.after is not None
        assert change.after["state"] == "DISABLED"
        await asyncio.to_thread(app.delete, "color")
        await until(lambda: "color" not in flags.all())
        await asyncio.to_thread(app.load, {"new": boolean("on")})
        await until(lambda: flags.get("new", False) is True)
        assert [change.key for change in told] == ["banner", "color", "new"]


async def test_settings_of_the_environment_come_too(app: App) -> None:
    async with following(app) as (flags, _, _):
        await ready(flags)
        shared = {"isPro": {"==": [{"var": "plan"}, "pro"]}}
        staff = boolean("off", targeting={"if": [{"$ref": "isPro"}, "on", "off"]})
        load = {"flags": {"staff": staff}, "$evaluators": shared, "metadata": {"team": "web"}}
        members = {name: value for name, value in load.items() if name != "flags"}
        await asyncio.to_thread(lambda: app.load(load["flags"], **members))
        await until(lambda: flags.get("staff", False, PRO) is True)
        assert flags.get("staff", True, {"plan": "free"}) is False
        assert flags.evaluate("banner", False).flag_metadata["team"] == "web"


async def test_without_a_connection_the_last_state_holds_and_is_stale(app: App) -> None:
    async with following(app) as (flags, proxy, _):
        told: list[bool] = []
        await ready(flags)
        flags.on_stale(told.append)
        proxy.faults.refuses = True
        proxy.cut()
        await until(lambda: flags.stale)
        assert flags.get("banner", False) is True
        await asyncio.to_thread(app.toggle, "banner")
        proxy.faults.refuses = False
        await until(lambda: not flags.stale)
        assert flags.evaluate("banner", True).reason == "DISABLED"
        assert told == [True, False]


async def test_after_a_gap_the_snapshot_is_read_again(app: App) -> None:
    async with following(app) as (flags, _, client):
        told: list[FlagChange] = []
        await ready(flags)
        flags.on_change(told.extend)
        # (as if what happened meanwhile had been trimmed)
        flags._set._flags["banner"]["state"] = "DISABLED"
        client._exchange.listeners.tell("reset", {"reason": "trimmed"})
        await until(lambda: [change.key for change in told] == ["banner"])
        assert flags.get("banner", False) is True
        await asyncio.to_thread(app.toggle, "color")
        await until(lambda: flags.evaluate("color", "?").reason == "DISABLED")


async def test_who_may_not_read_them_is_told(app: App) -> None:
    topics = f"{app.name}/flags/production"
    token = app.token(subscribe=[topics])
    async with following(app, key=token) as (flags, _, client):
        with pytest.raises(Forbidden, match="flags:read"):
            await ready(flags)
        assert client.state != "failed"


async def test_an_environment_that_is_not_there_is_told(app: App) -> None:
    key = app.served.key
    async with following(app, key=key) as (_, _, client):
        with pytest.raises(NotFound, match="nowhere"):
            await ready(client.flags(app.name, "nowhere"))


async def test_flags_may_be_asked_from_many_threads_while_they_change(app: App) -> None:
    async with following(app) as (flags, _, _):
        await ready(flags)

        def look(_: int) -> set[Any]:
            return {flags.get("pro-banner", False, PRO) for _ in range(200)}

        def change() -> None:
            for _ in range(10):
                app.toggle("banner")

        with ThreadPoolExecutor(4) as threads:
            loop = asyncio.get_running_loop()
            changing = loop.run_in_executor(threads, change)
            looks = [loop.run_in_executor(threads, look, number) for number in range(9)]
            assert await asyncio.gather(*looks) == [{True}] * 9
            await changing


async def test_after_closing_nothing_is_followed_any_more(app: App) -> None:
    async with following(app) as (flags, _, client):
        await ready(flags)
        await flags.close()
        await until(lambda: client.state == "connecting")
        assert flags.get("banner", False) is True


async def test_an_environment_that_comes_later_is_read_then(app: App) -> None:
    async with following(app, key=app.served.key) as (_, _, client):
        flags = client.flags(app.name, "later")
        told: list[Any] = []
        flags.on_error(told.append)
        with pytest.raises(NotFound):
            await ready(flags)
        with pytest.raises(ProviderNotReadyError):
            flags.evaluate("banner", False)
        assert flags.stale

        def add() -> None:
            with app.http() as http:
                body = {"environments": ["production", "later"]}
                answer = http.put(f"/v1/apps/{app.name}", json=body, headers={"if-match": "*"})
                assert answer.is_success, answer.text
            app.load({"new": boolean("on")}, environment="later")

        await asyncio.to_thread(add)
        await until(lambda: flags.get("new", False) is True)
        await ready(flags)
        assert (told[-1], flags.error, flags.stale) == (None, None, False)
        assert isinstance(told[0], NotFound)


async def test_while_there_is_a_gap_they_are_stale(app: App) -> None:
    async with following(app) as (flags, _, client):
        await ready(flags)
        told: list[bool] = []
        flags.on_stale(told.append)
        client._exchange.listeners.tell("reset", {"reason": "trimmed"})
        assert flags.stale
        await until(lambda: not flags.stale)
        assert told == [True, False]


async def test_closing_ends_waiting_for_them(app: App) -> None:
    async with following(app) as (flags, proxy, client):
        proxy.faults.status = 502
        proxy.cut()
        other = client.flags(app.name, "staging")
        waiting = asyncio.ensure_future(other.ready())
        await asyncio.sleep(0)
        await other.close()
        async with patience():
            with pytest.raises(Closed):
                await waiting
            third = client.flags(app.name, "third")
            await client.close()
            with pytest.raises(Closed):
                await third.ready()
            with pytest.raises(Closed):
                await flags.ready()


FILES = sorted((Path(__file__).parents[2] / "flags" / "data").glob("*.flagd.*"))
CONTEXTS = [
    {},
    {"targetingKey": "ada"},
    *({"targetingKey": f"user-{number}", "email": f"user-{number}@shop.test"} for number in range(20)),
    {"targetingKey": "eve", "email": "eve@else.test", "plan": "pro", "country": "DE", "version": "2.1.0"},
]


@pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])
async def test_whole_files_are_evaluated_as_the_server_does(app: App, file: Path) -> None:
    def load() -> None:
        with app.http() as http:
            kind = "application/json" if file.suffix == ".json" else "application/yaml"
            answer = http.post(
                "/v1/flags/import",
                params={"app": app.name, "environment": app.environment},
                content=file.read_bytes(),
                headers={"content-type": kind},
            )
            assert answer.is_success, answer.text

    await asyncio.to_thread(load)
    async with following(app) as (flags, _, _):
        await ready(flags)
        for context in CONTEXTS:
            answers = (await asyncio.to_thread(app.evaluate, body={"context": context})).json()["flags"]
            assert len(answers) > len(FLAGS)
            for answer in answers:
                if answer.get("errorCode") == "TARGETING_KEY_MISSING":
                    continue  # (flagd-core gives the default variant then)
                if answer["reason"] == "SPLIT":
                    answer["reason"] = "TARGETING_MATCH"  # (flagd-core knows no other)
                assert told(flags, answer["key"], context) == (
                    answer.get("value"),
                    answer.get("variant") or None,
                    answer.get("reason"),
                ), (answer, context)


def told(flags: Flags, key: str, context: dict[str, Any]) -> tuple[Any, Any, Any]:
    try:
        found = flags.evaluate(key, None, context)
    except OpenFeatureError:
        return None, None, None
    return found.value, found.variant, found.reason
