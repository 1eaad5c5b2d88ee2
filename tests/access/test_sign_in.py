"""Signing in: passwords, cookies, sessions, the set-up code, and what a page elsewhere can't do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any
from unittest.mock import patch

import httpx2
import pytest
from tests.access.given import ROOT, Clock, request
from tests.access.people_given import PASSWORD, access_of, browser, join, me, problem, sign_in, trail

from tricast.access.access import Access
from tricast.access.people.cookies import Cookies
from tricast.access.people.passwords import Cost, Passwords, check_password
from tricast.access.people.sessions import Visit
from tricast.errors import BadRequest, LogFull, TooMany, Unauthorized
from tricast.hub.hub import Hub

pytestmark = pytest.mark.anyio
DAY_S = 86_400


@pytest.fixture
async def access(hub: Hub, clock: Clock) -> AsyncIterator[Access]:
    access = access_of(hub, clock)
    async with hub, access:
        yield access


def cookie(client: httpx2.AsyncClient) -> str:
    return str(client.cookies["tricast_session"])


async def test_anybody_is_told_who_they_are_not(access: Access) -> None:
    async with browser(access) as client:
        assert await me(client) == {
            "signed_in": False,
            "open": False,
            "setup": True,
            "person": None,
            "scopes": [],
            "session": None,
            "version": "1",
            "heartbeat_s": 15.0,
        }


async def test_the_code_of_the_start_makes_the_first_admin_once(access: Access, hub: Hub) -> None:
    code = access.accounts.setup.code
    body = {"code": code, "login": "Ann", "name": "Ann Lee", "password": PASSWORD}
    async with browser(access) as client, browser(access) as other:
        wrong = await client.post("/v1/setup", json={**body, "code": "x" * 22})
        assert problem(wrong, 403)["field"] == "code"
        made = await client.post("/v1/setup", json=body)
        assert made.status_code == 201
        assert made.json() == await me(client)
        assert made.json()["person"] == {"login": "ann", "name": "Ann Lee", "role": "admin"}
        assert "admin" in made.json()["scopes"]
        assert access.accounts.setup.code is None
        assert "set up already" in problem(await other.post("/v1/setup", json=body), 409)["detail"]
        assert (await me(other))["setup"] is False
    assert [entry["action"] for entry in await trail(hub)] == ["person.created", "person.signed-in"]


async def test_of_two_who_set_up_at_once_one_is_the_admin(access: Access) -> None:
    code = access.accounts.setup.code
    clients = [browser(access) for _ in range(4)]
    answers = await asyncio.gather(
        *(
            client.post(
                "/v1/setup", json={"code": code, "login": f"ann-{n}", "name": "Ann", "password": PASSWORD}
            )
            for n, client in enumerate(clients)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(access.accounts.people.list()) == 1


async def test_a_wrong_password_and_an_unknown_login_are_told_alike(access: Access) -> None:
    await join(access, "ann")
    await join(access, "bob")
    await access.accounts.people.edit("bob", disabled=True, by=ROOT)
    async with browser(access) as client:
        answers = [
            await sign_in(client, "ann", "not it at all"),
            await sign_in(client, "nobody"),
            await sign_in(client, "bob"),
        ]
        told = [problem(answer, 401) for answer in answers]
        assert told[0] == told[1] == told[2]
        assert not client.cookies
        assert (await sign_in(client, "ANN")).status_code == 200


async def test_an_unknown_login_costs_as_much_work_as_a_known_one(access: Access) -> None:
    await join(access, "ann")
    work: list[str] = []
    passwords = access.accounts._passwords
    matches = passwords._matches

    def counted(hashed: str, password: str) -> bool:
        work.append(hashed.rsplit("$", 2)[0])  # (all but salt and hash: what it costs)
        return matches(hashed, password)

    with patch.object(passwords, "_matches", counted):
        async with browser(access) as client:
            await sign_in(client, "ann", "not it at all")
            await sign_in(client, "nobody")
    assert len(work) == 2
    assert work[0] == work[1]


async def test_the_hash_that_nobody_has_is_really_worked_on() -> None:
    async with Passwords(Cost(1, 8)) as passwords:
        made = await passwords.hash("some password")
        assert [len(part) for part in made.split("$")] == [
            len(part) for part in passwords._nobodys.split("$")
        ]
        assert await passwords.verify("some password", made)
        assert not await passwords.verify("some password", None)
        # (a hash that can't be read would be refused at once)
        passwords._hasher.check_needs_rehash(passwords._nobodys)


async def test_passwords_are_hashed_anew_when_they_cost_another_amount(access: Access, hub: Hub) -> None:
    client = await join(access, "ann")
    before = access.accounts.people.find("ann")
    async with Passwords(Cost(2, 16)) as dearer:
        with patch.object(access.accounts.sign_in, "_passwords", dearer):
            assert (await sign_in(client, "ann")).status_code == 200
            assert (await sign_in(client, "ann")).status_code == 200
    after = access.accounts.people.find("ann")
    assert after.version == before.version + 1
    assert "m=16,t=2" in after.password
    assert (await me(client))["signed_in"]


@pytest.mark.parametrize("password", ["short", "iloveyou", "aaaaaaaa", "Ann-Lee-1", "x" * 257])
def test_a_password_that_anybody_would_try_is_refused(password: str) -> None:
    with pytest.raises(BadRequest) as refused:
        check_password(password, login="ann-lee-1")
    assert password not in refused.value.detail
    assert refused.value.field == "password"


def test_a_password_is_any_other_text_of_eight_characters() -> None:
    for password in ("8 chars.", "пароль-пароль", "🙈🙉🙊🐵🐒🦍🦧🐶"):
        assert check_password(password, login="ann") == password


async def test_a_password_is_the_same_however_a_keyboard_made_it() -> None:
    async with Passwords(Cost(1, 8)) as passwords:
        assert await passwords.verify("cafe\u0301 cafe\u0301", await passwords.hash("caf\u00e9 caf\u00e9"))


async def test_no_more_passwords_wait_than_can_be_looked_at_soon() -> None:
    async with Passwords(Cost(1, 8)) as passwords:
        waiting = [asyncio.ensure_future(passwords.verify("x", None)) for _ in range(200)]
        done = await asyncio.gather(*waiting, return_exceptions=True)
    assert any(isinstance(each, TooMany) for each in done)
    assert sum(each is False for each in done) >= 64
    assert passwords._waiting == 0


async def test_a_login_has_five_tries_and_then_one_in_six_seconds(access: Access, clock: Clock) -> None:
    await join(access, "ann", address="198.51.100.1")
    addresses = (f"203.0.113.{n}" for n in count(1))
    for _ in range(5):
        problem(await sign_in(browser(access, address=next(addresses)), "ann", "wrong one"), 401)
    late = await sign_in(browser(access, address=next(addresses)), "ann")
    assert problem(late, 429)["retry_after_s"] == int(late.headers["retry-after"]) == 6
    # Where she is signed in already, strangers who guess keep her out of nothing.
    at_home = await sign_in(browser(access, address="198.51.100.1"), "ann")
    assert at_home.status_code == 200
    clock.now += 6
    assert (await sign_in(browser(access, address=next(addresses)), "ann")).status_code == 200


async def test_an_address_has_five_tries_whatever_was_right_in_between(access: Access, clock: Clock) -> None:
    await join(access, "ann", address="198.51.100.1")
    client = browser(access, address="203.0.113.9")
    for n in range(4):
        problem(await sign_in(client, f"guess-{n}", "wrong one"), 401)
        assert (await sign_in(client, "ann")).status_code == 200
    problem(await sign_in(client, "guess-5", "wrong one"), 401)
    problem(await sign_in(client, "ann"), 429)
    clock.now += 6
    assert (await sign_in(client, "ann")).status_code == 200


async def test_codes_are_throttled_but_not_those_that_are_good(access: Access) -> None:
    client = browser(access, address="203.0.113.9")
    _, code = await access.accounts.invites.create(role="viewer", by=ROOT)
    for _ in range(30):
        assert (await client.post("/v1/invites/look", json={"code": code})).status_code == 200
    for _ in range(20):
        problem(await client.post("/v1/invites/look", json={"code": "abc_" + "x" * 24}), 404)
    problem(await client.post("/v1/invites/look", json={"code": code}), 429)
    problem(await client.post("/v1/invites/accept", json={"code": code, "password": PASSWORD}), 429)
    setup = {"code": "x", "login": "a", "name": "A", "password": PASSWORD}
    problem(await client.post("/v1/setup", json=setup), 429)


# Cookies and sessions


async def test_the_cookie_is_for_this_server_only_and_no_script(access: Access) -> None:
    await join(access, "ann")
    async with browser(access) as client, browser(access, base="https://hub.example") as secure:
        plain = (await sign_in(client, "ann")).headers["set-cookie"]
        assert plain.startswith("tricast_session=")
        assert "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax" in plain
        assert "Secure" not in plain
        assert "Domain" not in plain
        kept = (await sign_in(secure, "ann")).headers["set-cookie"]
        assert kept.startswith("__Host-tricast_session=")
        assert kept.endswith("; Secure")
        assert (await me(secure))["signed_in"]
        # A page on a sibling's host can plant a cookie of the plain name only.
        secure.cookies.clear()
        planted = await secure.get("/v1/session", headers={"cookie": f"tricast_session={cookie(client)}"})
        assert planted.json()["signed_in"] is False


async def test_signing_in_begins_a_new_session_and_ends_the_browsers_old_one(access: Access) -> None:
    mallory = await join(access, "mallory")
    await join(access, "ann")
    planted = cookie(mallory)
    async with browser(access) as victim:
        victim.cookies.set("tricast_session", planted, domain="localhost.local", path="/")
        answer = await victim.post(
            "/v1/session",
            json={"login": "ann", "password": PASSWORD},
            headers={"cookie": f"tricast_session={planted}"},
        )
        assert answer.json()["person"]["login"] == "ann"
        assert planted not in answer.headers["set-cookie"]
    assert (await me(mallory))["signed_in"] is False


async def test_after_signing_out_the_cookie_is_good_for_nothing(access: Access, hub: Hub) -> None:
    client = await join(access, "ann")
    stolen = {"cookie": f"tricast_session={cookie(client)}"}
    gone = await client.delete("/v1/session")
    assert gone.status_code == 204
    assert "Max-Age=0" in gone.headers["set-cookie"]
    assert not client.cookies
    async with browser(access) as thief:
        assert (await thief.get("/v1/session", headers=stolen)).json()["signed_in"] is False
        problem(await thief.get("/v1/people", headers=stolen), 401)
    assert (await client.delete("/v1/session")).status_code == 204
    assert (await trail(hub))[-1]["action"] == "person.signed-out"


async def test_a_cookie_that_another_secret_signed_is_none(access: Access, clock: Clock) -> None:
    client = await join(access, "ann")
    session_id = (await me(client))["session"]["id"]
    others = Cookies(clock=clock)
    others.use(["another server's secret"])
    forged = others.write(session_id, secure=False).partition(";")[0]
    async with browser(access) as thief:
        for shown in (forged, forged + "x", "tricast_session=", "tricast_session=a.b", "tricast_session=%00"):
            problem(await thief.get("/v1/people", headers={"cookie": shown}), 401)
    with pytest.raises(Unauthorized, match="sign in again"):
        access.gate(request(("Cookie", forged)))


async def test_a_session_is_renewed_by_use_and_ends_thirty_days_after_the_last(
    access: Access, clock: Clock
) -> None:
    client = await join(access, "ann")
    assert "set-cookie" not in (await client.get("/v1/session")).headers
    first = (await me(client))["session"]["expires_at"]
    clock.now += 25 * DAY_S
    renewed = await client.get("/v1/session")
    assert "Max-Age=2592000" in renewed.headers["set-cookie"]
    assert renewed.json()["session"]["expires_at"] > first
    clock.now += 29 * DAY_S
    assert (await me(client))["signed_in"]
    clock.now += 30 * DAY_S
    assert (await me(client))["signed_in"] is False
    assert access.accounts.sessions.of("ann") == []
    await access.accounts.keep_house()
    assert not await access.accounts.sessions._hub.log.list("session")


async def test_any_use_of_a_session_is_written_down_and_renews_it(access: Access, clock: Clock) -> None:
    client = await join(access, "ann")
    before = access.accounts.sessions.of("ann")[0]
    clock.now += 2 * DAY_S
    assert (await client.get("/v1/people")).status_code == 200
    assert await access.accounts.sessions.flush_usage() == 1
    assert await access.accounts.sessions.flush_usage() == 0
    (kept,) = await access.accounts.sessions._hub.log.list("session")
    assert kept.value["seen_ms"] - before.seen_ms == kept.value["expires_ms"] - before.expires_ms
    await client.delete("/v1/session")
    clock.now += 600
    assert await access.accounts.sessions.flush_usage() == 0
    assert not await access.accounts.sessions._hub.log.list("session")


async def test_somebody_has_fifty_sessions_and_the_one_used_longest_ago_ends(
    access: Access, clock: Clock
) -> None:
    first = await join(access, "ann")
    for _ in range(50):
        clock.now += 10
        assert (await sign_in(browser(access), "ann")).status_code == 200
    assert len(access.accounts.sessions.of("ann")) == 50
    assert (await me(first))["signed_in"] is False


async def test_after_the_first_look_a_request_costs_no_signature_and_no_password(access: Access) -> None:
    client = await join(access, "ann")
    access.gate(request(("Cookie", f"theme=dark; tricast_session={cookie(client)}")))
    with (
        patch.object(Cookies, "_verify", side_effect=AssertionError),
        patch.object(Passwords, "_run", side_effect=AssertionError),
    ):
        for _ in range(3):
            grant = access.gate(request(("Cookie", f"theme=dark; tricast_session={cookie(client)}")))
    assert (grant.subject, grant.role) == ("ann", "viewer")


async def test_credentials_in_a_header_go_before_the_cookie(access: Access) -> None:
    client = await join(access, "ann")
    _, key = await access.keys.create("web", scopes=["admin"], by=ROOT)
    shown = ("Cookie", f"tricast_session={cookie(client)}")
    assert access.gate(request(shown, ("Authorization", f"Bearer {key}"))).subject == "web"
    assert access.gate(request(shown, ("X-API-Key", key))).subject == "web"
    assert access.gate(request(shown, ("Authorization", "Basic abc"))).subject == "ann"
    with pytest.raises(Unauthorized):
        access.gate(request(shown, ("Authorization", "Bearer wrong")))


async def test_a_new_password_ends_the_other_sessions_and_those_in_the_making(access: Access) -> None:
    here = await join(access, "ann")
    there = browser(access)
    await sign_in(there, "ann")
    account = access.accounts.people.find("ann")
    body = {"current": "not it", "new": "another one"}
    assert problem(await here.post("/v1/session/password", json=body), 403)["field"] == "current"
    short = {"current": PASSWORD, "new": "short"}
    assert problem(await here.post("/v1/session/password", json=short), 400)["field"] == "new"
    body["current"] = PASSWORD
    assert (await here.post("/v1/session/password", json=body)).status_code == 204
    assert (await me(here))["signed_in"]
    assert (await me(there))["signed_in"] is False
    # Somebody with the old password was just being let in.
    late = access.accounts.sessions.new("ann", account.generation, Visit("192.0.2.1"))
    await access.accounts.sessions.opening(late).append_to(access.accounts.sessions._hub)
    assert not access.accounts.door.is_good(late.id)
    await access.accounts.keep_house()
    assert [one.id for one in access.accounts.sessions.of("ann")] == [(await me(here))["session"]["id"]]
    problem(await sign_in(there, "ann"), 401)
    assert (await sign_in(there, "ann", "another one")).status_code == 200


async def test_a_new_password_and_other_changes_at_once_all_hold(access: Access) -> None:
    client = await join(access, "ann")
    body = {"current": PASSWORD, "new": "another one"}
    hash_it, others = access.accounts._passwords.hash, list[asyncio.Future[Any]]()

    async def hash_and_begin(password: str) -> str:
        made = await hash_it(password)
        for change in ({"name": "Ann Lee"}, {"role": "editor"}):
            others.append(asyncio.ensure_future(access.accounts.people.edit("ann", **change, by=ROOT)))
        await asyncio.sleep(0)  # (so that they are on their way to the log)
        return made

    with patch.object(access.accounts._passwords, "hash", hash_and_begin):
        answer = await client.post("/v1/session/password", json=body)
    await asyncio.gather(*others)
    assert answer.status_code == 204
    told = await me(client)
    assert told["person"] == {"login": "ann", "name": "Ann Lee", "role": "editor"}
    assert (await sign_in(browser(access), "ann", "another one")).status_code == 200


async def test_where_nothing_can_be_written_a_session_is_good_as_long_as_it_was(
    access: Access, hub: Hub, clock: Clock
) -> None:
    client = await join(access, "ann")
    clock.now += 2 * DAY_S
    with patch.object(hub.log, "append", side_effect=LogFull("the disk is full")):
        assert (await me(client))["signed_in"]


async def test_guessing_at_the_password_in_a_session_is_throttled(access: Access) -> None:
    client = await join(access, "ann")
    for _ in range(5):
        problem(await client.post("/v1/session/password", json={"current": "x", "new": "y" * 9}), 403)
    problem(await client.post("/v1/session/password", json={"current": PASSWORD, "new": "y1z2" * 3}), 429)


# Pages elsewhere

UNSAFE = [
    ("POST", "/v1/session"),
    ("DELETE", "/v1/session"),
    ("PATCH", "/v1/session"),
    ("POST", "/v1/session/password"),
    ("POST", "/v1/setup"),
    ("PATCH", "/v1/people/bob"),
    ("DELETE", "/v1/people/bob"),
    ("POST", "/v1/invites"),
    ("POST", "/v1/invites/accept"),
    ("POST", "/v1/invites/look"),
    ("DELETE", "/v1/invites/x"),
    ("DELETE", "/v1/sessions"),
    ("DELETE", "/v1/sessions/x"),
    ("POST", "/v1/keys"),
    ("DELETE", "/v1/keys/x"),
    ("POST", "/v1/tokens"),
    ("POST", "/v1/tokens/revoke"),
]


@pytest.mark.parametrize(("method", "path"), UNSAFE)
async def test_a_page_elsewhere_can_do_nothing_with_the_cookie(
    access: Access, hub: Hub, method: str, path: str
) -> None:
    client = await join(access, "ann", "admin")
    await join(access, "bob")
    before = len(await trail(hub))
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        problem(await client.request(method, path, json={}, headers=headers), 403)
    assert len(await trail(hub)) == before
    assert (await me(client))["signed_in"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
async def test_a_body_that_a_form_can_send_is_not_taken(access: Access, kind: str) -> None:
    client = await join(access, "ann", "admin")
    for path in ("/v1/invites", "/v1/session", "/v1/setup"):
        answer = await client.post(path, content=b'{"role":"admin"}', headers={"content-type": kind})
        assert problem(answer, 400)["field"] == "Content-Type"
    _, key = await access.keys.create("cli", scopes=["admin"], by=ROOT)
    headers = {"x-api-key": key, "content-type": kind}
    async with browser(access) as other:
        made = await other.post("/v1/invites", content=b'{"role":"admin"}', headers=headers)
        assert made.status_code == 201


async def test_pages_of_ones_own_may(access: Access) -> None:
    client = await join(access, "ann", "admin")
    for headers in ({"origin": "http://localhost:8080"}, {"sec-fetch-site": "same-origin"}, {}):
        assert (await client.post("/v1/invites", json={"role": "viewer"}, headers=headers)).status_code == 201


async def test_under_dev_it_is_open_without_a_cookie_and_a_role_counts_with_one(
    hub: Hub, clock: Clock
) -> None:
    access = access_of(hub, clock, dev=True)
    async with hub, access:
        stranger = browser(access, address="127.0.0.1")
        told = await me(stranger)
        assert (told["open"], told["signed_in"], told["setup"]) == (True, False, False)
        assert "admin" in told["scopes"]
        stale = {"cookie": "tricast_session=another-servers"}
        assert (await stranger.get("/v1/people", headers=stale)).status_code == 200
        setup = {"code": "x", "login": "a", "name": "A", "password": PASSWORD}
        problem(await stranger.post("/v1/setup", json=setup), 403)
        link = (await stranger.post("/v1/invites", json={"role": "viewer", "login": "ann"})).json()
        accepted = await stranger.post(
            "/v1/invites/accept", json={"code": link["code"], "password": PASSWORD}
        )
        assert accepted.status_code == 201
        problem(await stranger.post("/v1/invites", json={"role": "admin"}), 403)
        assert (await me(stranger))["scopes"] == ["flags:read", "presence"]
