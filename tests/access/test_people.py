"""People and invitations: made, changed, removed, and who may do that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.access.given import ROOT, Clock
from tests.access.people_given import PASSWORD, access_of, browser, join, me, problem, sign_in, trail

from tricast.access.access import Access
from tricast.access.people.person import check_login, check_name
from tricast.errors import BadRequest
from tricast.hub.hub import Hub

pytestmark = pytest.mark.anyio


@pytest.fixture
async def access(hub: Hub, clock: Clock) -> AsyncIterator[Access]:
    access = access_of(hub, clock)
    async with hub, access:
        yield access


@pytest.mark.parametrize(
    ("role", "scopes", "publishes", "subscribes"),
    [
        ("viewer", ["flags:read", "presence"], (), ("**",)),
        ("editor", ["flags:read", "flags:write", "presence"], ("**",), ("**",)),
        ("admin", ["admin", "flags:read", "flags:write", "presence"], ("**",), ("**", "tricast/**")),
    ],
)
async def test_a_role_is_what_one_may_do(
    access: Access, role: str, scopes: list[str], publishes: Any, subscribes: Any
) -> None:
    client = await join(access, "ann", role)
    told = await me(client)
    assert told["scopes"] == scopes
    grant = access.accounts.door._current(told["session"]["id"])
    assert grant is not None
    assert (grant.publish, grant.subscribe, grant.role) == (publishes, subscribes, role)
    assert grant.credentials == {f"session:{told['session']['id']}", "person:ann"}


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_who_is_no_admin_sees_names_and_roles_and_changes_nobody(access: Access, role: str) -> None:
    client = await join(access, "ann", role)
    assert (await client.get("/v1/people")).json() == [{"login": "ann", "name": "ann", "role": role}]
    for method, path, body in (
        ("PATCH", "/v1/people/ann", {"role": "admin"}),
        ("DELETE", "/v1/people/ann", None),
        ("POST", "/v1/invites", {"role": "viewer"}),
        ("GET", "/v1/invites", None),
        ("DELETE", "/v1/invites/x", None),
        ("GET", "/v1/sessions?login=bob", None),
        ("DELETE", "/v1/sessions?login=bob", None),
        ("POST", "/v1/keys", {"name": "x"}),
        ("POST", "/v1/tokens", {"subject": "x", "app": "shop"}),
        ("POST", "/v1/tokens/revoke", {"subject": "x"}),
    ):
        problem(await client.request(method, path, json=body), 403)


async def test_an_admin_of_an_app_does_not_look_after_people(access: Access) -> None:
    _, key = await access.keys.create("shop", app="shop", scopes=["admin"], by=ROOT)
    async with browser(access) as client:
        for method, path in (("GET", "/v1/people"), ("GET", "/v1/invites"), ("GET", "/v1/sessions?login=a")):
            found = problem(await client.request(method, path, headers={"x-api-key": key}), 403)
            assert "'shop'" in found["detail"]


async def test_a_key_has_no_session_of_its_own(access: Access) -> None:
    _, key = await access.keys.create("cli", scopes=["admin"], by=ROOT)
    async with browser(access) as client:
        shown = {"x-api-key": key}
        told = (await client.get("/v1/session", headers=shown)).json()
        assert (told["signed_in"], told["scopes"]) == (False, ["admin"])
        problem(await client.patch("/v1/session", json={"name": "A"}, headers=shown), 403)
        problem(
            await client.post("/v1/session/password", json={"current": "a", "new": "b" * 8}, headers=shown),
            403,
        )
        assert problem(await client.get("/v1/sessions", headers=shown), 400)["field"] == "login"
        problem(await client.get("/v1/sessions?login=ann", headers=shown), 404)


async def test_a_person_is_renamed_disabled_enabled_and_removed(
    access: Access, hub: Hub, clock: Clock
) -> None:
    admin = await join(access, "ann", "admin")
    bob = await join(access, "bob")
    clock.now += 5
    edited = await admin.patch(
        "/v1/people/BOB", json={"name": " Bob  Ray ", "role": "editor", "reason": "why"}
    )
    assert edited.json() == {
        "login": "bob",
        "name": "Bob  Ray",
        "role": "editor",
        "created_at": "2100-01-01T00:00:00.000Z",
        "last_seen_at": "2100-01-01T00:00:00.000Z",
        "disabled_at": None,
        "sessions": 1,
    }
    assert (await me(bob))["person"] == {"login": "bob", "name": "Bob  Ray", "role": "editor"}
    gone = (await admin.patch("/v1/people/bob", json={"disabled": True})).json()
    assert (gone["disabled_at"], gone["sessions"]) == ("2100-01-01T00:00:05.000Z", 0)
    assert (await me(bob))["signed_in"] is False
    problem(await sign_in(bob, "bob"), 401)
    problem(await admin.post("/v1/invites", json={"login": "bob"}), 409)
    assert (await admin.patch("/v1/people/bob", json={"disabled": False})).json()["disabled_at"] is None
    assert (await sign_in(bob, "bob")).status_code == 200
    assert (await admin.delete("/v1/people/bob?reason=left")).status_code == 204
    assert (await me(bob))["signed_in"] is False
    problem(await sign_in(bob, "bob"), 401)
    problem(await admin.delete("/v1/people/bob"), 404)
    problem(await admin.patch("/v1/people/bob", json={"name": "B"}), 404)
    entries = [entry for entry in await trail(hub) if entry["actor"]["subject"] == "ann"]
    told = [
        (entry["action"], entry["reason"], [c["path"] for c in entry["changes"]]) for entry in entries[3:]
    ]
    assert told == [
        ("person.updated", "why", ["/name", "/role"]),
        ("person.updated", None, ["/disabled_at"]),
        ("person.updated", None, ["/disabled_at"]),
        ("person.removed", "left", [""]),
    ]
    assert {entry["actor"]["role"] for entry in entries} == {"admin"}


async def test_no_secret_is_in_the_audit_trail(access: Access, hub: Hub) -> None:
    admin = await join(access, "ann", "admin")
    code = (await admin.post("/v1/invites", json={"role": "viewer", "login": "bob"})).json()["code"]
    await browser(access).post("/v1/invites/accept", json={"code": code, "password": PASSWORD})
    await admin.post("/v1/session/password", json={"current": PASSWORD, "new": "another one"})
    told = str(await trail(hub))
    for secret in (PASSWORD, "another one", "argon2", code.partition("_")[2], "sha256", "generation"):
        assert secret not in told


async def test_somebody_who_comes_back_under_the_same_login_is_somebody_else(access: Access) -> None:
    admin = await join(access, "ann", "admin")
    bob = await join(access, "bob")
    cookie = {"cookie": f"tricast_session={bob.cookies['tricast_session']}"}
    link = (await admin.post("/v1/invites", json={"login": "bob"})).json()
    assert link["reset"]
    await admin.delete("/v1/people/bob")
    await join(access, "bob", "admin")
    async with browser(access) as old:
        assert (await old.get("/v1/session", headers=cookie)).json()["signed_in"] is False
        accept = {"code": link["code"], "password": "another one"}
        problem(await old.post("/v1/invites/accept", json=accept), 404)


async def test_the_last_admin_who_can_sign_in_stays(access: Access) -> None:
    ann = await join(access, "ann", "admin")
    bob = await join(access, "bob", "admin")
    assert (await ann.patch("/v1/people/bob", json={"disabled": True})).status_code == 200
    assert (await me(bob))["signed_in"] is False
    for method, body in (("PATCH", {"role": "editor"}), ("PATCH", {"disabled": True}), ("DELETE", None)):
        refused = problem(await ann.request(method, "/v1/people/ann", json=body), 409)
        assert "last admin" in refused["detail"]
    await ann.patch("/v1/people/bob", json={"disabled": False})
    assert (await ann.patch("/v1/people/ann", json={"role": "editor"})).status_code == 200
    assert "admin" not in (await me(ann))["scopes"]


@pytest.mark.parametrize("body", [{"role": "viewer"}, {"disabled": True}, None])
async def test_of_admins_who_take_it_from_each_other_at_once_one_stays(access: Access, body: Any) -> None:
    logins = ["ann", "bob", "cid", "dan"]
    clients = [await join(access, login, "admin") for login in logins]

    async def take(client: Any, login: str) -> int:
        method = "DELETE" if body is None else "PATCH"
        answer = await client.request(method, f"/v1/people/{login}", json=body)
        return int(answer.status_code)

    done = await asyncio.gather(
        *(
            take(client, login)
            for client in clients
            for login in logins
            if login != _of(client, logins, clients)
        )
    )
    assert set(done) <= {200, 204, 401, 403, 404, 409}
    assert any(person.is_admin for person in access.accounts.people.list())


def _of(client: Any, logins: list[str], clients: list[Any]) -> str:
    return logins[clients.index(client)]


async def test_one_changes_ones_own_name(access: Access, hub: Hub) -> None:
    client = await join(access, "ann")
    answer = await client.patch("/v1/session", json={"name": "Ann \u202eLee"})
    assert problem(answer, 400)["field"] == "name"
    assert (await client.patch("/v1/session", json={"name": "安 Ann"})).json()["person"]["name"] == "安 Ann"
    assert (await trail(hub))[-1]["action"] == "person.updated"


@pytest.mark.parametrize("login", ["", "a b", "ann/x", "äöü", "..", "x" * 65, "tricast", "\u212a", "a\n"])
def test_what_can_be_no_login(login: str) -> None:
    with pytest.raises(BadRequest, match="login"):
        check_login(login)


def test_a_login_is_in_lower_case_and_a_name_in_any_script() -> None:
    assert check_login("Ann.Lee+x@Example.com") == "ann.lee+x@example.com"
    assert check_name("  अनीता 🙂 ") == "अनीता 🙂"
    for name in ("", "  ", "x" * 81, "a\nb", "a\u202eb", "a\x00"):
        with pytest.raises(BadRequest):
            check_name(name)


# Invitations


async def test_an_invitation_is_looked_at_and_used_once(access: Access, hub: Hub) -> None:
    admin = await join(access, "ann", "admin")
    await admin.patch("/v1/session", json={"name": "Ann Lee"})
    made = (await admin.post("/v1/invites", json={"role": "editor", "name": "Bob", "ttl_s": 60})).json()
    assert made["link"] == f"http://localhost:8080/#/join/{made['code']}"
    listed = (await admin.get("/v1/invites")).json()
    assert [one["id"] for one in listed] == [made["id"]]
    assert "code" not in listed[0]
    async with browser(access) as client:
        told = await client.get("/v1/invites/look", headers={"tricast-invite": made["code"]})
        assert told.json() == (await client.post("/v1/invites/look", json={"code": made["code"]})).json()
        assert told.json() == {
            "role": "editor",
            "login": None,
            "name": "Bob",
            "by": "Ann Lee",
            "expires_at": "2100-01-01T00:01:00.000Z",
            "reset": False,
        }
        nobody = {"code": made["code"], "password": PASSWORD}
        assert problem(await client.post("/v1/invites/accept", json=nobody), 400)["field"] == "login"
        taken = {**nobody, "login": "ann"}
        assert problem(await client.post("/v1/invites/accept", json=taken), 409)["field"] == "login"
        done = await client.post("/v1/invites/accept", json={**nobody, "login": "bob"})
        assert done.status_code == 201
        assert done.json()["person"] == {"login": "bob", "name": "Bob", "role": "editor"}
        again = {**nobody, "login": "cid"}
        assert problem(await client.post("/v1/invites/accept", json=again), 404)["field"] == "code"
        problem(await client.get("/v1/invites/look", headers={"tricast-invite": made["code"]}), 404)
    assert (await admin.get("/v1/invites")).json() == []
    used = [entry for entry in await trail(hub) if entry["action"] == "invite.used"][-1]
    assert used["actor"]["credential"] == f"invite:{made['id']}"


async def test_of_many_who_use_one_invitation_at_once_one_gets_in(access: Access) -> None:
    _, code = await access.accounts.invites.create(role="viewer", by=ROOT)
    answers = await asyncio.gather(
        *(
            browser(access, address=f"192.0.2.{n}").post(
                "/v1/invites/accept", json={"code": code, "login": f"bob-{n}", "password": PASSWORD}
            )
            for n in range(8)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[404] * 7]
    assert len(access.accounts.people.list()) == 1


async def test_the_same_login_is_taken_by_one_of_two_invitations(access: Access) -> None:
    codes = [(await access.accounts.invites.create(role="viewer", by=ROOT))[1] for _ in range(3)]
    answers = await asyncio.gather(
        *(
            browser(access).post(
                "/v1/invites/accept", json={"code": code, "login": "bob", "password": PASSWORD}
            )
            for code in codes
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert len(access.accounts.invites.list()) == 2


async def test_an_invitation_says_whose_it_is(access: Access) -> None:
    _, code = await access.accounts.invites.create(role="viewer", login="bob", by=ROOT)
    async with browser(access) as client:
        body = {"code": code, "login": "mallory", "password": PASSWORD}
        assert problem(await client.post("/v1/invites/accept", json=body), 400)["field"] == "login"
        body["login"] = "BOB"
        assert (await client.post("/v1/invites/accept", json=body)).status_code == 201


async def test_a_link_to_a_new_password_ends_all_sessions_and_every_older_link(
    access: Access, clock: Clock
) -> None:
    admin = await join(access, "ann", "admin")
    bob = await join(access, "bob", "editor")
    clock.now += 1
    await bob.patch("/v1/session", json={"name": "Bob"})
    refused = await admin.post("/v1/invites", json={"login": "bob", "role": "admin"})
    assert problem(refused, 400)["field"] == "role"
    links = [(await admin.post("/v1/invites", json={"login": "bob"})).json() for _ in range(2)]
    assert links[0]["expires_at"] == "2100-01-02T00:00:01.000Z"
    clock.now += 1
    async with browser(access) as client:
        told = (await client.post("/v1/invites/look", json={"code": links[0]["code"]})).json()
        assert (told["reset"], told["login"], told["name"], told["role"]) == (True, "bob", "Bob", "editor")
        body = {"code": links[0]["code"], "password": "another one"}
        done = await client.post("/v1/invites/accept", json=body)
        assert done.json()["person"] == {"login": "bob", "name": "Bob", "role": "editor"}
        body["code"] = links[1]["code"]
        problem(await client.post("/v1/invites/accept", json=body), 404)
    assert (await me(bob))["signed_in"] is False
    problem(await sign_in(bob, "bob"), 401)


async def test_an_invitation_ends_with_its_time_its_maker_or_by_hand(access: Access, clock: Clock) -> None:
    ann = await join(access, "ann", "admin")
    bob = await join(access, "bob", "admin")
    key, text = await access.keys.create("cli", scopes=["admin"], by=ROOT)
    wanted = {"role": "admin"}
    by_bob = (await bob.post("/v1/invites", json=wanted)).json()
    by_key = (await browser(access).post("/v1/invites", json=wanted, headers={"x-api-key": text})).json()
    by_hand = (await ann.post("/v1/invites", json=wanted)).json()
    soon = (await ann.post("/v1/invites", json={**wanted, "ttl_s": 60})).json()
    assert len((await ann.get("/v1/invites")).json()) == 4
    await ann.patch("/v1/people/bob", json={"role": "editor"})
    await access.keys.revoke(key.id, by=ROOT)
    assert (await ann.delete(f"/v1/invites/{by_hand['id']}?reason=no")).status_code == 204
    problem(await ann.delete(f"/v1/invites/{by_hand['id']}"), 404)
    clock.now += 60
    async with browser(access) as client:
        for made in (by_bob, by_key, by_hand, soon):
            problem(await client.post("/v1/invites/look", json={"code": made["code"]}), 404)
    assert (await ann.get("/v1/invites")).json() == []
    await access.accounts.keep_house()
    # Whoever becomes an admin again doesn't open it again.
    await ann.patch("/v1/people/bob", json={"role": "admin"})
    assert (await ann.get("/v1/invites")).json() == []


async def test_a_code_that_is_not_whole_is_not_found_and_not_repeated(access: Access) -> None:
    invite, code = await access.accounts.invites.create(role="viewer", by=ROOT)
    async with browser(access) as client:
        for shown in (code[:-1], code + "x", invite.id, f"{invite.id}_", "x", "_" * 20, "é"):
            found = problem(await client.post("/v1/invites/look", json={"code": shown}), 404)
            assert len(shown) < 3 or shown not in found["detail"]
        missing = problem(await client.get("/v1/invites/look"), 400)
        assert missing["field"] == "Tricast-Invite"


# Sessions


async def test_sessions_are_listed_and_ended_ones_own_and_by_admins_anybodys(
    access: Access, hub: Hub, clock: Clock
) -> None:
    admin = await join(access, "ann", "admin")
    here = await join(access, "bob", address="198.51.100.7")
    places = [browser(access, address=f"203.0.113.{n}") for n in range(4)]
    for place in places:
        clock.now += 10
        await sign_in(place, "bob", **{"user-agent": "Mozilla/5.0 \x7f(x)"})
    clock.now += 10
    listed = (await here.get("/v1/sessions")).json()
    assert [one["address"] for one in listed] == [
        "198.51.100.7",
        *(f"203.0.113.{n}" for n in (3, 2, 1, 0)),
    ]
    assert [one["current"] for one in listed] == [True, *[False] * 4]
    assert listed[1]["user_agent"] == "Mozilla/5.0 (x)"
    assert (await here.delete(f"/v1/sessions/{listed[1]['id']}")).status_code == 204
    assert (await me(places[3]))["signed_in"] is False
    own = (await me(admin))["session"]["id"]
    problem(await here.delete(f"/v1/sessions/{own}"), 404)
    assert (await here.delete("/v1/sessions")).json() == {"ended": 3}
    assert (await me(here))["signed_in"]
    assert [one["current"] for one in (await admin.get("/v1/sessions?login=bob")).json()] == [False]
    await sign_in(places[0], "bob")
    assert (await admin.delete("/v1/sessions?login=bob&reason=lost")).json() == {"ended": 2}
    assert (await me(here))["signed_in"] is False
    entry = (await trail(hub))[-1]
    assert (entry["action"], entry["kind"], entry["reason"]) == ("session.revoked", "session", "lost")


async def test_signing_out_everywhere_with_all_is_here_too(access: Access) -> None:
    client = await join(access, "ann")
    gone = await client.delete("/v1/sessions?all=1")
    assert (gone.json(), "Max-Age=0" in gone.headers["set-cookie"]) == ({"ended": 1}, True)
    problem(await client.get("/v1/sessions"), 401)
    await sign_in(client, "ann")
    session = (await me(client))["session"]["id"]
    gone = await client.delete(f"/v1/sessions/{session}")
    assert (gone.status_code, "Max-Age=0" in gone.headers["set-cookie"]) == (204, True)


async def test_somebody_is_last_seen_when_they_were(access: Access, clock: Clock) -> None:
    admin = await join(access, "ann", "admin")
    bob = await join(access, "bob")
    clock.now += 400
    await bob.get("/v1/people")
    await access.accounts.keep_house()
    clock.now += 100
    await bob.delete("/v1/session")
    (person,) = [one for one in (await admin.get("/v1/people")).json() if one["login"] == "bob"]
    assert (person["last_seen_at"], person["sessions"]) == ("2100-01-01T00:06:40.000Z", 0)
