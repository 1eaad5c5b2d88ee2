"""People who are signed in, each with a browser of their own."""

from __future__ import annotations

from collections.abc import Callable

from tests.api.served import Served
from tests.dashboard.desk import Desk

PASSWORD = "correct horse"


def join(server: Served, login: str, role: str) -> str:
    """Somebody new, called as the login with a capital; their cookie."""
    with server.http() as root:
        invite = {"login": login, "name": login.capitalize(), "role": role}
        made = root.post("/v1/invites", json=invite)
        assert made.status_code == 201, made.text
    with server.http(headers={"origin": server.url}) as client:
        body = {"code": made.json()["code"], "password": PASSWORD, "name": login.capitalize()}
        done = client.post("/v1/invites/accept", json=body)
        assert done.status_code == 201, done.text
        return str(client.cookies["tricast_session"])


def at_desk(open_one: Callable[..., Desk], server: Served, cookie: str, path: str) -> Desk:
    """The desk of whoever has this cookie."""
    return open_one(path, {"name": "tricast_session", "value": cookie, "url": server.url})
