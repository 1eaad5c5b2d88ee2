"""People on a real server: the set-up link, the cookie on every transport, roles and ends while connected."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from tests.api.documents import Document
from tests.api.served import Served, Talk, serve
from websockets.sync.client import connect

PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def hub() -> Iterator[Served]:
    """A server with one admin, ann, who came by the link that it printed."""
    with serve("--set", "heartbeat_s=0.3", dev=False) as server:
        assert server.setup is not None
        assert server.setup.startswith(f"{server.url}/#/setup/")
        with browser(server) as client:
            body = {
                "code": server.setup.rpartition("/")[2],
                "login": "ann",
                "name": "Ann",
                "password": PASSWORD,
            }
            assert client.post("/v1/setup", json=body).status_code == 201
        yield server


@contextmanager
def browser(server: Served) -> Iterator[httpx2.Client]:
    with server.http(headers={"origin": server.url}) as client:
        yield client


@contextmanager
def person(server: Served, login: str, role: str = "viewer") -> Iterator[httpx2.Client]:
    """A new person's browser, signed in."""
    with server.http() as root:
        made = root.post("/v1/invites", json={"login": login, "role": role})
        assert made.status_code == 201, made.text
    with browser(server) as client:
        done = client.post("/v1/invites/accept", json={"code": made.json()["code"], "password": PASSWORD})
        assert done.status_code == 201, done.text
        yield client


def cookie(client: httpx2.Client) -> dict[str, str]:
    return {"cookie": f"tricast_session={client.cookies['tricast_session']}"}


@contextmanager
def socket(server: Served, client: httpx2.Client, query: str = "topic=shop/**") -> Iterator[Talk]:
    """A WebSocket of that browser, after its hello."""
    with connect(
        f"{server.ws_url}/v1/events?{query}",
        additional_headers=cookie(client),
        origin=server.url,  # type: ignore[arg-type]
        compression=None,
        proxy=None,
        open_timeout=10,
        close_timeout=1,
    ) as connection:
        talk = Talk(connection)
        assert talk.next()["type"] == "tricast.hello"
        yield talk


@contextmanager
def stream(server: Served, client: httpx2.Client, query: str = "topic=shop/**") -> Iterator[Any]:
    with server.events(query, {**cookie(client), "Authorization": "", "Origin": server.url}) as events:
        yield events


def patch(server: Served, login: str, **change: Any) -> None:
    with server.http() as root:
        assert root.patch(f"/v1/people/{login}", json=change).status_code == 200


def test_everything_answers_as_documented(hub: Served, openapi: Document) -> None:
    with browser(hub) as client, hub.http() as root:
        asked = [
            client.get("/v1/session"),
            client.post("/v1/session", json={"login": "ann", "password": "wrong one"}),
            client.post("/v1/session", json={"login": "ann", "password": PASSWORD}),
            client.get("/v1/session"),
            client.patch("/v1/session", json={"name": "Ann Lee"}),
            client.get("/v1/people"),
            client.get("/v1/sessions"),
            client.get("/v1/invites"),
            client.post("/v1/invites", json={"role": "viewer"}),
            client.post("/v1/session/password", json={"current": "x", "new": "y" * 8}),
            client.post("/v1/setup", json={"code": "x", "login": "a", "name": "A", "password": PASSWORD}),
            client.post("/v1/invites/look", json={"code": "x"}),
            client.post("/v1/invites/accept", json={"code": "x", "login": "x", "password": PASSWORD}),
            client.patch("/v1/people/ann", json={"role": "viewer"}),
            client.delete("/v1/people/ann"),
            client.delete("/v1/sessions"),
            root.delete("/v1/people/nobody"),
            root.delete("/v1/session"),
        ]
        for answer in asked:
            method, url = answer.request.method, answer.request.url
            path = "/v1/people/{login}" if url.path.startswith("/v1/people/") else url.path
            openapi.check_answer(method, path, answer)
            if answer.status_code < 300 and method != "DELETE":
                assert answer.headers["cache-control"] == "no-store"
        made = asked[8].json()
        looked = client.get("/v1/invites/look", headers={"Tricast-Invite": made["code"]})
        openapi.check_answer("get", "/v1/invites/look", looked)
        openapi.check_answer("delete", "/v1/invites/{id}", client.delete(f"/v1/invites/{made['id']}"))
        session = client.get("/v1/session").json()["session"]["id"]
        openapi.check_answer("delete", "/v1/sessions/{id}", client.delete(f"/v1/sessions/{session}"))
        openapi.check_answer("get", "/v1/people", client.get("/v1/people"))


@pytest.mark.parametrize("path", ["/v1/invites/look", "/v1/invites/accept"])
def test_what_is_no_invitation_can_not_be_revoked(hub: Served, openapi: Document, path: str) -> None:
    with hub.http() as root:
        answer = root.delete(path)
    assert answer.status_code == 405
    there = {method.upper() for method in openapi.json["paths"][path]}
    assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == there


def test_the_cookie_opens_every_transport(hub: Served) -> None:
    with person(hub, "bea", "editor") as client:
        posted = client.post("/v1/events", json={"topic": "shop/a", "data": 1})
        assert posted.status_code == 201
        query = "topic=shop/a&cursor=earliest"
        read = client.get(f"/v1/events?{query}&timeout=0").json()["events"]
        assert read[-1]["source"] == "/shop/bea"
        with stream(hub, client, query) as events:
            assert events.head.status == 200
            assert read[-1]["id"] in [
                event["id"] for _, event in events.until("tricast.live") if "id" in event
            ]
        with socket(hub, client) as talk:
            assert talk.ask({"op": "publish", "events": {"topic": "shop/b", "data": 2}})["ok"]
            assert talk.ask({"op": "presence", "topic": "shop/b", "state": {}})["member"]["subject"] == "bea"
        assert client.get("/v1/apps").status_code == 200


def test_a_viewer_reads_and_writes_nothing(hub: Served) -> None:
    with person(hub, "vic") as client:
        assert client.get("/v1/events?topic=shop/**&timeout=0").status_code == 200
        assert client.get("/v1/events?topic=tricast/audit&timeout=0").status_code == 403
        assert client.post("/v1/events", json={"topic": "shop/a"}).status_code == 403
        made = client.put("/v1/apps/shop", json={"environments": ["production"]})
        assert made.status_code == 403
        assert client.get("/metrics").status_code == 403
        with socket(hub, client) as talk:
            refused = talk.ask({"op": "publish", "events": {"topic": "shop/b"}})
            assert refused["error"]["status"] == 403


def test_an_admin_reads_the_audit_trail_live(hub: Served) -> None:
    with person(hub, "ada", "admin") as client, socket(hub, client, "topic=tricast/audit") as talk:
        client.post("/v1/invites", json={"role": "viewer", "reason": "live"})
        assert talk.until("invite.created")["data"]["reason"] == "live"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
def test_a_websocket_or_a_publish_of_another_page_is_refused(hub: Served, origin: str) -> None:
    with person(hub, f"o{abs(hash(origin))}", "admin") as client:
        with connect(
            f"{hub.ws_url}/v1/events?topic=shop/**",
            additional_headers=cookie(client),
            origin=origin,  # type: ignore[arg-type]
            compression=None,
            proxy=None,
        ) as connection:
            assert Talk(connection).closed() == 4403
        refused = client.post("/v1/events", json={"topic": "shop/a"}, headers={"origin": origin})
        assert refused.status_code == 403
        form = {"content-type": "text/plain"}
        assert client.post("/v1/events?topic=shop/a", content="x", headers=form).status_code == 400


def test_no_route_that_changes_something_takes_the_cookie_from_a_page_elsewhere(
    hub: Served, openapi: Document
) -> None:
    asked = 0
    with person(hub, "all", "admin") as client:
        for path, operations in openapi.json["paths"].items():
            for method in sorted({"post", "put", "patch", "delete"} & set(operations)):
                url = re.sub(r"\{\w+\}", "x", path)
                for headers in (
                    {"origin": "https://evil.example"},
                    {"origin": "null"},
                    {"origin": "", "sec-fetch-site": "cross-site"},
                    {"origin": "", "sec-fetch-site": "same-site"},
                ):
                    given = httpx2.Headers({**client.headers, **headers})
                    if not headers["origin"]:
                        del given["origin"]
                    request = httpx2.Request(
                        method.upper(), f"{hub.url}{url}", headers={**given, **cookie(client)}, json={}
                    )
                    answer = client.send(request)
                    assert answer.status_code == 403, (method, url, headers, answer.text)
                    asked += 1
        assert client.get("/v1/session").json()["signed_in"]
    assert asked > 100


@pytest.mark.parametrize("how", ["sign out", "disable", "remove", "revoke", "everywhere"])
def test_who_is_signed_out_is_disconnected_within_a_second(hub: Served, how: str) -> None:
    login = f"out-{how.replace(' ', '-')}"
    with person(hub, login) as client, hub.http() as root:
        session = client.get("/v1/session").json()["session"]["id"]
        shown = cookie(client)
        with socket(hub, client) as talk, stream(hub, client) as events:
            list(events.until("tricast.live"))
            began = time.monotonic()
            done = {
                "sign out": lambda: client.delete("/v1/session"),
                "disable": lambda: root.patch(f"/v1/people/{login}", json={"disabled": True}),
                "remove": lambda: root.delete(f"/v1/people/{login}"),
                "revoke": lambda: root.delete(f"/v1/sessions/{session}"),
                "everywhere": lambda: root.delete(f"/v1/sessions?login={login}"),
            }[how]()
            assert done.status_code in (200, 204)
            assert talk.until("tricast.goodbye")["data"] == {"reason": "revoked", "reconnect_after_ms": 0}
            assert talk.closed() == 4401
            assert time.monotonic() - began < 5  # (within one, on a machine that does nothing else)
            *_, (_, last) = events.until("tricast.goodbye")
            assert last["data"]["reason"] == "revoked"
        with browser(hub) as thief:
            assert thief.get("/v1/events?topic=shop/a&timeout=0", headers=shown).status_code == 401


def test_a_poll_that_waits_ends_with_its_session(hub: Served) -> None:
    with person(hub, "pia") as client, hub.raw() as waiting:
        head = (
            f"GET /v1/events?topic=quiet/a HTTP/1.1\r\nHost: x\r\nCookie: {cookie(client)['cookie']}\r\n\r\n"
        )
        waiting.send(head.encode())
        with hub.http() as root:
            while not any(c["subject"] == "pia" for c in root.get("/v1/connections").json()["connections"]):
                pass
        client.delete("/v1/session")
        assert waiting.answer().problem["status"] == 401


def test_who_is_demoted_while_connected_publishes_no_more_and_may_come_back(hub: Served) -> None:
    with person(hub, "dem", "editor") as client:
        with socket(hub, client) as talk, stream(hub, client) as events:
            list(events.until("tricast.live"))
            assert talk.ask({"op": "publish", "events": {"topic": "shop/b"}})["ok"]
            patch(hub, "dem", role="viewer")
            told = talk.until("tricast.goodbye")["data"]
            assert told["reason"] == "role-changed"
            assert told["reconnect_after_ms"] > 0
            assert 4500 <= talk.closed() < 4600
            *_, (_, last) = events.until("tricast.goodbye")
            assert last["data"] == told
        assert client.post("/v1/events", json={"topic": "shop/a"}).status_code == 403
        assert client.get("/v1/session").json()["scopes"] == ["flags:read", "presence"]
        with socket(hub, client) as talk:
            refused = talk.ask({"op": "publish", "events": {"topic": "shop/b"}})
            assert refused["error"]["status"] == 403
            patch(hub, "dem", role="admin")
            assert talk.until("tricast.goodbye")["data"]["reason"] == "role-changed"
        with socket(hub, client, "topic=tricast/**") as talk:
            assert talk.ask({"op": "publish", "events": {"topic": "shop/b"}})["ok"]


def test_who_is_renamed_or_signs_in_elsewhere_stays_connected(hub: Served) -> None:
    with person(hub, "kim") as client, socket(hub, client) as talk:
        patch(hub, "kim", name="Kim Lee")
        with browser(hub) as other:
            assert other.post("/v1/session", json={"login": "kim", "password": PASSWORD}).status_code == 200
            other.delete("/v1/session")
        body = {"current": PASSWORD, "new": "another one"}
        assert client.post("/v1/session/password", json=body).status_code == 204
        time_of_two_sweeps = time.monotonic() + 1
        while time.monotonic() < time_of_two_sweeps:
            assert talk.ask({"op": "ping"})["ok"]


def test_who_loses_a_right_while_a_body_comes_does_nothing_more(hub: Served) -> None:
    with person(hub, "slo", "admin") as client, hub.raw() as slow:
        body = json.dumps({"role": "admin"}).encode()
        slow.send(
            f"POST /v1/invites HTTP/1.1\r\nHost: {':'.join(map(str, hub.address))}\r\n"
            f"Cookie: {cookie(client)['cookie']}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert slow.head().status == 100  # (so it was let in, and its body is waited for)
        patch(hub, "slo", role="editor")
        slow.send(body)
        assert slow.answer().problem["status"] == 403


def test_behind_a_proxy_that_is_believed_the_cookie_is_secure(hub: Served) -> None:
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.77", "host": "hub.example"}
    body = {"login": "ann", "password": PASSWORD}
    with hub.http(headers={**forwarded, "origin": "https://hub.example"}) as client:
        answer = client.post("/v1/session", json=body)
        assert answer.status_code == 200
        assert answer.headers["set-cookie"].startswith("__Host-tricast_session=")
        assert "; Secure" in answer.headers["set-cookie"]
        kept = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
        sessions = client.get("/v1/sessions", headers=kept).json()
        assert [one["address"] for one in sessions if one["current"]] == ["192.0.2.77"]
        link = client.post("/v1/invites", json={"role": "viewer"}, headers=kept).json()["link"]
        assert link.startswith("../#/join/")  # (whatever Host says)


def test_nothing_secret_is_in_the_servers_log(hub: Served) -> None:
    assert hub.setup is not None
    assert hub.setup.rpartition("/")[2] not in hub.log
    assert PASSWORD not in hub.log
    assert "Traceback" not in hub.log


def test_people_and_sessions_outlive_the_process_and_the_set_up_code_does_not(tmp_path: Any) -> None:
    log = ("--log", f"sqlite:///{tmp_path}/tricast.db")
    with serve(*log, dev=False) as first:
        assert first.setup is not None
        code, key = first.setup.rpartition("/")[2], first.key
    with serve(*log, dev=True) as second, second.http() as client:
        assert client.get("/v1/session").json()["setup"] is False
    with serve(*log, dev=False, keyed=False) as third:
        assert third.setup is not None
        fresh = third.setup.rpartition("/")[2]
        assert fresh != code
        body = {"code": code, "login": "ann", "name": "Ann", "password": PASSWORD}
        with browser(third) as client:
            assert client.post("/v1/setup", json=body).status_code == 403
            assert client.post("/v1/setup", json={**body, "code": fresh}).status_code == 201
            shown = cookie(client)
    with serve(*log, dev=False, keyed=False, new=False) as fourth, browser(fourth) as client:
        told = client.get("/v1/session", headers=shown).json()
        assert (told["signed_in"], told["setup"]) == (True, False)
        # Everybody is locked out? A key makes a link.
        link = client.post("/v1/invites", json={"login": "ann"}, headers={"x-api-key": str(key)})
        assert link.json()["reset"]
