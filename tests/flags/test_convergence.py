"""A client that starts from a snapshot and applies events by version has exactly the server's state."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.flags.flags_given import ANN
from tests.harness.sockets import patience

from tricast import Hub, TricastError
from tricast.flags.edits import Archive, Configure, Copy, Create, Delete, Edit, Patch, Restore, Toggle
from tricast.flags.store import Flags

ENVIRONMENTS = ("development", "production")
KEYS = st.sampled_from(["a", "b", "c/d"])
PLACES = st.sampled_from(ENVIRONMENTS)
THERE = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {},
        optional={
            "state": st.sampled_from(["ENABLED", "DISABLED"]),
            "targeting": st.sampled_from([None, {"if": [{"==": [{"var": "x"}, 1]}, "on", "off"]}]),
            "metadata": st.sampled_from([None, {"team": "shop"}]),
            "variants": st.sampled_from([None, {"on": True, "off": False, "also": True}]),
        },
    ),
)
PATCHES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["one", "two"]),
        "tags": st.lists(st.sampled_from(["x", "y"]), unique=True),
        "variants": st.sampled_from([{"also": True}, {"also": None}]),
        "environments": st.dictionaries(PLACES, THERE),
    },
)
EDITS: st.SearchStrategy[Edit] = st.one_of(
    st.builds(Create, KEYS, st.just({"type": "boolean"})),
    st.builds(
        Create,
        KEYS,
        st.just(
            {"type": "boolean", "environments": {"production": {"defaultVariant": "on", "state": "ENABLED"}}}
        ),
    ),
    st.builds(Patch, KEYS, PATCHES, st.none()),
    st.builds(Archive, KEYS, st.none()),
    st.builds(Restore, KEYS, st.none()),
    st.builds(Delete, KEYS, st.none()),
    st.builds(Copy, KEYS, PLACES, PLACES, st.none()),
    st.builds(Toggle, KEYS, PLACES, st.none(), st.none()),
    st.builds(Configure, PLACES, st.just({"x": {"var": "x"}}), st.sampled_from([{"a": 1}, {"a": 2}])),
)
STEPS = st.lists(st.one_of(st.lists(EDITS, min_size=1, max_size=4), st.just("snapshot")), max_size=25)


class Follower:
    """What an environment's flags are to somebody who has a snapshot and reads events."""

    def __init__(self, hub: Hub, flags: Flags, environment: str) -> None:
        self.hub, self.flags, self.environment = hub, flags, environment
        # (one synchronous step, as the API does it)
        self.flags_seen = {flag["key"]: flag for flag in self.served()}
        self.settings = flags.settings("shop", environment).body()
        self.cursor = hub.documents_at

    def served(self) -> list[dict[str, Any]]:
        """The server's state now."""
        collection = self.flags.collection("shop")
        found: list[dict[str, Any]] = orjson.loads(collection.joined(self.environment, archived=True))
        return found

    async def follow(self, marker: str) -> None:
        """Apply what came after the snapshot."""
        topics = (f"shop/flags/{self.environment}", "shop/marker")
        async for event in self.hub.subscribe(*topics, cursor=self.cursor):
            assert event.type != "tricast.reset"
            if event.topic == "shop/marker":
                if event.data == marker:
                    return
                continue
            self.apply(event.type, event.subject or "", event.data)

    def apply(self, kind: str, key: str, data: dict[str, Any]) -> None:
        if kind == "flag-environment.updated":
            self.settings = data["settings"]
            return
        mine = self.flags_seen.get(key)
        if mine is not None and data["version"] <= mine["version"]:
            return
        assert data["before"] == mine, "every event begins where the last ended"
        if data["flag"] is None:
            self.flags_seen.pop(key)
        else:
            assert data["flag"]["version"] == data["version"]
            self.flags_seen[key] = data["flag"]


async def live(steps: list[list[Edit] | str]) -> None:
    hub = Hub("memory:")
    flags = Flags(hub)
    async with hub, patience():
        await flags.load()
        followers = [Follower(hub, flags, name) for name in ENVIRONMENTS]
        work: list[asyncio.Task[Any]] = []
        for step in steps:
            if isinstance(step, str):
                followers += [Follower(hub, flags, name) for name in ENVIRONMENTS]
                await asyncio.sleep(0)
            else:
                work.append(asyncio.create_task(flags.apply("shop", step, ANN)))
        for result in await asyncio.gather(*work, return_exceptions=True):
            assert result is None or isinstance(result, tuple | TricastError), result
        await hub.publish("shop/marker", "end")
        for follower in followers:
            await follower.follow("end")
            served = {flag["key"]: flag for flag in follower.served()}
            assert follower.flags_seen == served
            assert follower.settings == flags.settings("shop", follower.environment).body()
            there = flags.environment("shop", follower.environment)
            assert set(there.flags) == {key for key, flag in served.items() if not flag["archived"]}
            assert {key: found.version for key, found in there.flags.items()} == {
                key: flag["version"] for key, flag in served.items() if not flag["archived"]
            }


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_snapshot_and_events_give_the_servers_state(steps: list[list[Edit] | str]) -> None:
    asyncio.run(live(steps))
