"""The stage for the screenshots: a server with people, flags, their past, and services that talk."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from httpx2 import Client
from tests.api.served import Served
from tests.dashboard.clocked import clocked, set_behind
from tests.dashboard.scene import APP, EDITS, ENVIRONMENTS, FLAGS, PEOPLE, SERVICES, SWITCHES
from websockets.exceptions import ConnectionClosed

NOW = 1_793_629_800  # 2 November 2026, 14:30 UTC, a Monday
_PASSWORD = "a long one for the stage"
_STEPS = 360
_FIRST_MINUTES = 60 * 24 * 20
_PORT = 8080
_BATCH = 40


@dataclass(slots=True)
class Stage:
    """The server, everybody's cookie, and the file that sets its clock."""

    server: Served
    behind: Path
    cookies: dict[str, str] = field(default_factory=dict)

    def at(self, minutes: float) -> None:
        """Sets the server's clock so many minutes before the picture."""
        set_behind(self.behind, time.time() - (NOW - minutes * 60))

    def http(self, login: str) -> Client:
        cookie = {"origin": self.server.url, "cookie": f"tricast_session={self.cookies[login]}"}
        return self.server.http(headers=cookie)

    def change(self, http: Client, key: str, patch: dict[str, Any], reason: str) -> None:
        answer = http.patch(
            f"/v1/flags/{key}",
            params={"app": APP},
            json={**patch, "reason": reason},
            headers={"if-match": "*"},
        )
        assert answer.status_code == 200, answer.text

    @contextmanager
    def load(self) -> Iterator[None]:
        """Services are connected, and events come."""
        over = threading.Event()
        with ExitStack() as stack:
            threads = [
                threading.Thread(target=work, args=(self, over, *rest), daemon=True)
                for work, *rest in _cast(self, stack)
            ]
            for thread in threads:
                thread.start()
            try:
                yield
            finally:
                over.set()
                stack.close()
                for thread in threads:
                    thread.join(5)

    def an_hour_of_load(self) -> None:
        """Waits until the figures have an hour."""
        with self.server.http() as http:
            while True:
                series = http.get("/v1/stats", params={"history": "1h"}).json()["series"]["websocket"]
                if sum(each is not None for each in series) >= _STEPS - 5:
                    return
                time.sleep(1)


@contextmanager
def staged() -> Iterator[Stage]:
    behind_s = time.time() - (NOW - _FIRST_MINUTES * 60)
    with clocked(behind_s, "--port", str(_free_port())) as (server, behind):
        stage = Stage(server, behind)
        _people(stage)
        _flags(stage)
        stage.at(0)
        yield stage


def _free_port() -> int:
    """The usual one, as it is on the pictures; where that is taken, any."""
    with socket.socket() as probe:
        return _PORT if probe.connect_ex(("127.0.0.1", _PORT)) else 0


def _people(stage: Stage) -> None:
    with stage.server.http() as root:
        for login, (name, role) in PEOPLE.items():
            invite = root.post("/v1/invites", json={"login": login, "name": name, "role": role})
            assert invite.status_code == 201, invite.text
            with stage.server.http(headers={"origin": stage.server.url}) as client:
                body = {"code": invite.json()["code"], "password": _PASSWORD, "name": name}
                assert client.post("/v1/invites/accept", json=body).status_code == 201
                stage.cookies[login] = str(client.cookies["tricast_session"])


def _flags(stage: Stage) -> None:
    people = {login: stage.http(login) for login in PEOPLE}
    app = {"name": "Harbour shop", "environments": ENVIRONMENTS}
    assert people["maya"].put(f"/v1/apps/{APP}", json=app).status_code == 201
    for number, flag in enumerate(FLAGS):
        stage.at(60 * 24 * (18 - number))
        answer = people[("maya", "ben", "yuki")[number % 3]].post("/v1/flags", params={"app": APP}, json=flag)
        assert answer.status_code == 201, answer.text
    for minutes, login, key, *rest in sorted((*SWITCHES, *EDITS), key=lambda each: -each[0]):
        stage.at(minutes)
        if len(rest) == 2:
            stage.change(people[login], key, rest[0], rest[1])
            continue
        environment, on, reason = rest
        body = {"environment": environment, "state": "ENABLED" if on else "DISABLED", "reason": reason}
        answer = people[login].post(
            f"/v1/flags/{key}/toggle", params={"app": APP}, json=body, headers={"if-match": "*"}
        )
        assert answer.status_code == 200, answer.text
    stage.at(2)
    with stage.server.http() as http:
        for number in range(30):
            context = {"targetingKey": f"customer-{number}", "country": "NL"}
            path = f"/v1/apps/{APP}/production/ofrep/v1/evaluate/flags"
            assert http.post(path, json={"context": context}).status_code == 200
    for client in people.values():
        client.close()


def _cast(stage: Stage, stack: ExitStack) -> Iterator[tuple[Any, ...]]:
    """Who is connected, each with what its thread does."""
    with stage.server.http() as http:
        tokens = {
            name: http.post(
                "/v1/tokens", json={"subject": name, "subscribe": [f"{APP}/**"], "ttl_s": 86_400}
            ).json()["token"]
            for name in SERVICES
        }
    for name, count in {"web-shop": 6, "mobile-app": 5, "checkout-service": 2, "search-api": 2}.items():
        for _ in range(count):
            topic = f"topic={APP}/flags/production&topic={APP}/stock/*"
            talk = stack.enter_context(
                stage.server.websocket(topic, additional_headers=_bearer(tokens[name]))
            )
            yield _read_on, talk.next
    for name in ("data-lake", "warehouse"):
        stream = stack.enter_context(stage.server.events(f"topic={APP}/orders/**", _bearer(tokens[name])))
        yield _read_on, stream.next
    yield (_publish,)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _read_on(_: Stage, over: threading.Event, next_one: Callable[[], Any]) -> None:
    with suppress(ConnectionClosed, OSError, EOFError, ValueError):
        while not over.is_set():
            with suppress(TimeoutError):
                next_one()


def _publish(stage: Stage, over: threading.Event) -> None:
    """About as many as a shop has, more around noon."""
    with stage.server.http() as http:
        number = 0
        while not over.wait(0.05):
            wave = 1 + (number // 90 % 5) + (number % 7) / 7
            events = [_event(number * _BATCH + each) for each in range(int(_BATCH * wave / 5) + 1)]
            assert http.post("/v1/events", json=events).status_code in (200, 201)
            number += 1


def _event(number: int) -> dict[str, Any]:
    if number % 3:
        item = {"sku": f"SKU-{1000 + number * 37 % 800}", "left": number * 7 % 40}
        return {
            "topic": f"{APP}/stock/{('utrecht', 'gent', 'bremen')[number % 3]}",
            "type": "stock.changed",
            "data": item,
        }
    order = {
        "order": 48_000 + number,
        "total": round(12 + number * 7.35 % 240, 2),
        "country": ("NL", "BE", "DE")[number % 5 % 3],
    }
    return {
        "topic": f"{APP}/orders/{('paid', 'sent', 'returned')[number % 4 % 3]}",
        "type": "order.changed",
        "data": order,
    }
