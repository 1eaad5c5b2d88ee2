"""Writers that race over real HTTP: nothing is lost, nothing is told twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.api.served import Served, serve

RACES = 1000
FLAG = "/v1/flags/raced?app=shop"


@pytest.fixture(params=["memory", "sqlite"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    log = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/log.db"
    with serve("--log", log, "--set", "synchronous=NORMAL") as server:
        yield server


def patch(client: httpx2.Client, version: int, **change: Any) -> httpx2.Response:
    return client.patch(FLAG, json=change, headers={"if-match": f'"{version}"'})


def trail(client: httpx2.Client) -> list[dict[str, Any]]:
    """The flag's audit trail, oldest first."""
    found: list[dict[str, Any]] = []
    query = {"app": "shop", "flag": "raced", "limit": "1000"}
    while True:
        page = client.get("/v1/audit", params=query).json()
        found += page["entries"]
        if page["next"] is None:
            return found[::-1]
        query["cursor"] = page["next"]


def create(client: httpx2.Client, **more: Any) -> None:
    value = {"key": "raced", "type": "boolean", "description": "0", **more}
    assert client.post("/v1/flags?app=shop", json=value).status_code == 201


@pytest.mark.timeout(300)
def test_two_writers_racing_a_thousand_times_lose_no_update(server: Served) -> None:
    """Each reads a number, adds one, and writes it back for the version it read."""
    barrier = threading.Barrier(2)

    def write(name: str) -> list[tuple[int, int]]:
        accepted: list[tuple[int, int]] = []
        with server.http() as client:
            seen = client.get(FLAG).json()
            for _ in range(RACES):
                barrier.wait(60)
                number = int(seen["description"]) + 1
                answer = patch(client, seen["version"], description=str(number), reason=name)
                if answer.status_code == 200:
                    seen = answer.json()
                    assert "merged" not in seen
                    accepted.append((seen["version"], number))
                else:
                    assert answer.status_code == 409, answer.text
                    problem = answer.json()
                    assert problem["type"] == "/problems/version-conflict"
                    assert problem["collisions"] == ["/description"]
                    seen = problem["flag"]
        return accepted

    with server.http() as client:
        create(client)
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(write, ("first", "second"))
        final = client.get(FLAG).json()
        entries = trail(client)
    accepted = sorted(first + second)
    assert accepted == [(count + 1, count) for count in range(1, len(accepted) + 1)]
    assert RACES <= len(accepted) < 2 * RACES, "in each race somebody wins, and sometimes one loses"
    assert (final["version"], final["description"]) == (len(accepted) + 1, str(len(accepted)))
    told = [(entry["version"], entry["previous_version"]) for entry in entries]
    assert told == [(1, None), *((version, version - 1) for version, _ in accepted)]
    by = {version: name for name, mine in (("first", first), ("second", second)) for version, _ in mine}
    assert [entry["reason"] for entry in entries[1:]] == [by[version] for version, _ in accepted]
    for entry, (_, number) in zip(entries[1:], accepted, strict=True):
        (change,) = entry["changes"]
        assert change == {"path": "/description", "before": str(number - 1), "after": str(number)}


@pytest.mark.timeout(300)
def test_writers_of_different_fields_are_merged_and_followers_see_all_of_it(server: Served) -> None:
    """Each writes its own environment, and never looks at what the other does; a third follows events."""
    rounds = RACES // 4

    def write(name: str) -> list[int]:
        versions: list[int] = []
        with server.http() as client:
            version = client.get(FLAG).json()["version"]
            for count in range(rounds):
                answer = patch(client, version, environments={name: {"metadata": {"count": count}}})
                assert answer.status_code == 200, answer.text
                version = answer.json()["version"]
                versions.append(version)
        return versions

    with server.http() as client:
        create(client)
        snapshot = client.get("/v1/flags", params={"app": "shop", "environment": "production"}).json()
        with ThreadPoolExecutor(2) as pool:
            one, other = pool.map(write, ("development", "production"))
        final = client.get(FLAG).json()
        seen = client.get("/v1/flags", params={"app": "shop", "environment": "production"}).json()
        entries = trail(client)
        (followed,) = snapshot["flags"]
        query = {"topic": "shop/flags/production", "cursor": snapshot["cursor"], "timeout": "0"}
        events: list[dict[str, Any]] = []
        while page := (answer := client.get("/v1/events", params=query).json())["events"]:
            events += page
            query["cursor"] = answer["cursor"]
    assert sorted(one + other) == list(range(2, 2 * rounds + 2))
    assert [entry["version"] for entry in entries] == list(range(1, 2 * rounds + 2))
    there = final["environments"]
    assert [there[name]["metadata"] for name in ("development", "production")] == [{"count": rounds - 1}] * 2
    assert [event["data"]["version"] for event in events] == other
    for event in events:
        assert event["data"]["before"] == followed
        followed = event["data"]["flag"]
    assert [followed] == seen["flags"]
