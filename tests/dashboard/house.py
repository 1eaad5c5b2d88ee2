"""A server that people sign in to, and who is there: Ann (admin), Ben (editor), Vic (viewer)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from tests.api.served import Served, serve
from tests.dashboard.team import join

ROLES = {"ann": "admin", "ben": "editor", "vic": "viewer"}


@dataclass(frozen=True, slots=True)
class House:
    """The server, and everybody's cookie."""

    server: Served
    cookies: dict[str, str]

    def http(self, login: str) -> httpx2.Client:
        """What this person's browser would ask with."""
        cookie = {"origin": self.server.url, "cookie": f"tricast_session={self.cookies[login]}"}
        return self.server.http(headers=cookie)

    def cookie(self, login: str) -> Any:
        """What this person's browser keeps."""
        return {"name": "tricast_session", "value": self.cookies[login], "url": self.server.url}

    def joined(self, login: str, role: str = "editor") -> str:
        """Somebody of this test's own, so that nobody else is signed out."""
        self.cookies[login] = join(self.server, login, role)
        return login


@contextmanager
def a_house() -> Iterator[House]:
    with serve(dev=False) as server:
        yield House(server, {login: join(server, login, role) for login, role in ROLES.items()})
