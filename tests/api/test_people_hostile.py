"""People who mean no good: what they leave behind, and what they call themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.api.served import Served, serve
from tests.api.test_people_api import PASSWORD, browser, patch, person


@pytest.fixture(scope="module")
def hub() -> Iterator[Served]:
    """A server with an admin who stays."""
    with serve(dev=False) as server, person(server, "root-admin", "admin"):
        yield server


def invited(server: Served, login: str) -> str:
    """The code of an invitation that an admin makes who has just come."""
    with person(server, login, "admin") as admin:
        made = admin.post("/v1/invites", json={"role": "admin"})
        assert made.status_code == 201, made.text
        return str(made.json()["code"])


def looked(server: Served, code: str) -> int:
    with browser(server) as client:
        return client.post("/v1/invites/look", json={"code": code}).status_code


def test_an_invitation_that_ended_with_its_admin_stays_ended_when_they_are_one_again(hub: Served) -> None:
    code = invited(hub, "mary")
    assert looked(hub, code) == 200
    patch(hub, "mary", role="viewer")
    patch(hub, "mary", role="admin")
    assert looked(hub, code) == 404
    with browser(hub) as client:
        body = {"code": code, "login": "mallory", "password": PASSWORD}
        assert client.post("/v1/invites/accept", json=body).status_code == 404


def test_an_invitation_of_somebody_who_was_disabled_stays_ended(hub: Served) -> None:
    code = invited(hub, "dora")
    patch(hub, "dora", disabled=True)
    patch(hub, "dora", disabled=False)
    assert looked(hub, code) == 404


def test_an_invitation_is_not_taken_for_one_of_the_next_with_the_same_login(hub: Served) -> None:
    code = invited(hub, "otto")
    with hub.http() as root:
        assert root.delete("/v1/people/otto").status_code == 204
    with person(hub, "otto", "admin"):
        assert looked(hub, code) == 404


def test_another_name_and_a_new_password_leave_the_invitations_of_an_admin_alone(hub: Served) -> None:
    code = invited(hub, "nora")
    patch(hub, "nora", name="Nora Lee")
    assert looked(hub, code) == 200


@pytest.mark.parametrize(
    "name", ["\u200b", "\u3164", "\u00ad\u200d", "\u2800", "\ufeff", "\u0301", "\U000e0041", "\u115f \u1160"]
)
def test_a_name_that_nobody_could_see_is_refused(hub: Served, name: str) -> None:
    with hub.http() as root:
        answer = root.patch("/v1/people/root-admin", json={"name": name})
    assert (answer.status_code, answer.json()["field"]) == (400, "name")
    assert "nothing in it can be seen" in answer.json()["detail"]


def test_a_name_that_grows_out_of_its_line_is_refused(hub: Served) -> None:
    with hub.http() as root:
        answer = root.patch("/v1/people/root-admin", json={"name": "Z" + "\u0301\u0323" * 20})
    assert (answer.status_code, answer.json()["field"]) == (400, "name")
    assert "marks" in answer.json()["detail"]


@pytest.mark.parametrize(
    "name", ["Ann Lee", "阮文越", "Nguyễn Thị Ánh", "مریم\u200cخانی", "👩\u200d💻", "नमिता", "!"]
)
def test_names_of_people_all_over_the_world_are_taken(hub: Served, name: str) -> None:
    patch(hub, "root-admin", name=name)
