"""Whatever is asked wrongly of flags: a status that fits, and a problem that names what and where."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from tests.api.served import Answer, Served, headers_of

HOST = ("Host", "localhost")
APP = "?app=wrong"
ANY = ("If-Match", "*")


def ask(
    served: Served, method: str, path: str, body: bytes = b"", *headers: tuple[str, str], kind: str = ""
) -> Answer:
    sent = [HOST, ("Content-Length", str(len(body))), *headers]
    if body or kind:
        sent.append(("Content-Type", kind or "application/json"))
    return served.ask(f"{method} {path} HTTP/1.1\r\n".encode() + headers_of(sent) + b"\r\n" + body)


def refused(answer: Answer, status: int, field: str | None, *said: str) -> None:
    problem = answer.problem
    assert (answer.status, problem.get("field")) == (status, field), problem
    assert all(text in problem["detail"] for text in said), problem
    assert len(answer.body) < 4096
    assert not any(trace in answer.body for trace in (b"Traceback", b'File "', b".py"))


@pytest.fixture(scope="module", autouse=True)
def flag(server: Served) -> None:
    """What the edits are of."""
    with server.http() as client:
        made = client.post(f"/v1/flags{APP}", json={"key": "is", "type": "boolean"})
        assert made.status_code == 201


def nested(depth: int) -> bytes:
    return b'{"key":"a","type":"boolean","name":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


CREATED: list[tuple[bytes, str, str]] = [
    (b"", "body", "JSON"),
    (b"{", "body", "JSON"),
    (b"[]", "body", "object"),
    (b'"x"', "body", "object"),
    (b"{}", "key", "1 to 200"),
    (b'{"key":1,"type":"boolean"}', "key", "1 to 200"),
    (b'{"key":"","type":"boolean"}', "/key", "1 to 200"),
    (b'{"key":"..","type":"boolean"}', "/key", ".."),
    (b'{"key":"a\\u0000","type":"boolean"}', "/key", "control"),
    (b'{"key":"\\ud800","type":"boolean"}', "body", "JSON"),
    (json.dumps({"key": "x" * 201, "type": "boolean"}).encode(), "/key", "200"),
    (b'{"key":"a","type":"colour"}', "/type", "colour"),
    (b'{"key":"a","type":"string"}', "/variants", "variants"),
    (b'{"key":"a","type":"string","variants":{"a":1}}', "/variants/a", "number"),
    (b'{"key":"a","type":"boolean","wish":1}', "/wish", "no such member"),
    (b'{"key":"a","type":"boolean","version":3}', "/version", "no such member"),
    (b'{"key":"a","type":"boolean","name":7}', "/name", "7"),
    (b'{"key":"a","type":"boolean","tags":["a","a"]}', "/tags/1", "a"),
    (b'{"key":"a","type":"boolean","tags":"a"}', "/tags", "array"),
    (b'{"key":"a","type":"boolean","reason":7}', "reason", "7"),
    (b'{"key":"a","type":"boolean","reason":"a\\u0007"}', "reason", "control"),
    (
        b'{"key":"a","type":"boolean","environments":{"moon":{"state":"ENABLED"}}}',
        "/environments/moon",
        "moon",
    ),
    (
        b'{"key":"a","type":"boolean","environments":{"production":{"state":"on"}}}',
        "/environments/production/state",
        "ENABLED",
    ),
    (b'{"key":"a","type":"number","variants":{"a":1e400}}', "body", "JSON"),
    (nested(100), "/name/a", "nested"),
    (nested(1010), "/name/a", "nested"),
    (nested(100_000), "body", "JSON"),
]


@pytest.mark.parametrize(("body", "field", "said"), CREATED, ids=range(len(CREATED)))
def test_a_flag_that_is_none_is_refused_with_the_place(
    served: Served, body: bytes, field: str, said: str
) -> None:
    answer = ask(served, "POST", f"/v1/flags{APP}", body)
    problem = answer.problem
    assert answer.status == 400, problem
    assert problem["field"].startswith(field), problem
    assert said in problem["detail"], problem


VERSIONS = ["", "1", '"x"', '"1", "2"', "**", '"-1"', '"1e3"', "x" * 500, '"99999999999999999999"', '"01"']


@pytest.mark.parametrize("given", VERSIONS)
def test_what_is_no_version_is_refused(served: Served, given: str) -> None:
    answer = ask(served, "PATCH", f"/v1/flags/is{APP}", b"{}", ("If-Match", given))
    if given == "1":
        assert answer.status == 200, "without quotes it is as clear"
    else:
        refused(answer, 400, "If-Match", "version")


PATCHED: list[tuple[bytes, int, str | None, str]] = [
    (b"[]", 400, "body", "object"),
    (b"null", 400, "body", "object"),
    (b'{"key":"other"}', 400, "/key", "another flag"),
    (b'{"type":"string"}', 400, "/type", "another flag"),
    (b'{"archived":true}', 400, "/archived", "archive"),
    (b'{"version":2}', 400, "/version", "no such member"),
    (b'{"variants":{"on":"yes"}}', 400, "/variants", "boolean"),
    (b'{"variants":null}', 400, "/variants", ""),
    (b'{"environments":[]}', 400, "/environments", "object"),
    (b'{"environments":{"production":{"defaultVariant":"blue"}}}', 400, None, "blue"),
    (b'{"environments":{"production":{"targeting":{"nope":1}}}}', 400, None, "nope"),
    (b'{"environments":{"production":{"targeting":[1]}}}', 400, None, "targeting"),
    (b'{"reason":"' + b"x" * 501 + b'"}', 400, "reason", "500"),
    (b'{"' + b"n" * 300 + b'":1}', 400, None, "no such member"),
    (json.dumps({"description": "x" * 2001}).encode(), 400, "/description", "2000"),
    (json.dumps({"variants": {f"v{count}": True for count in range(70)}}).encode(), 400, "/variants", "64"),
    (b" " * 1_100_000, 413, "body", "1048576"),
]


@pytest.mark.parametrize(("body", "status", "field", "said"), PATCHED, ids=range(len(PATCHED)))
def test_a_patch_that_leads_nowhere_is_refused(
    served: Served, body: bytes, status: int, field: str | None, said: str
) -> None:
    answer = ask(served, "PATCH", f"/v1/flags/is{APP}", body, ANY)
    problem = answer.problem
    assert answer.status == status, problem
    assert field is None or problem["field"].startswith(field), problem
    assert said in problem["detail"], problem
    with served.http() as client:
        assert client.get(f"/v1/flags/is{APP}").json()["version"] == 1


ASKED: list[tuple[str, str, int, str | None]] = [
    ("GET", "/v1/flags", 400, "app"),
    ("GET", "/v1/flags?app=", 400, "app"),
    ("GET", "/v1/flags?app=a/b", 400, "app"),
    ("GET", "/v1/flags?app=tricast", 400, "app"),
    ("GET", "/v1/flags?app=*", 400, "app"),
    ("GET", f"/v1/flags?app={'x' * 200}", 400, "app"),
    ("GET", "/v1/flags?app=a&app=b", 400, "app"),
    ("GET", "/v1/flags?app=%ff", 400, "query"),
    ("GET", f"/v1/flags{APP}&environment=moon", 404, "environment"),
    ("GET", f"/v1/flags{APP}&environment=", 404, "environment"),
    ("GET", f"/v1/flags{APP}&wish=1", 400, "wish"),
    ("GET", f"/v1/flags{APP}&state=on", 400, "state"),
    ("GET", f"/v1/flags{APP}&archived=yes", 400, "archived"),
    ("GET", f"/v1/flags{APP}&stale=2", 400, "stale"),
    ("GET", f"/v1/flags{APP}&limit=0", 400, "limit"),
    ("GET", f"/v1/flags{APP}&limit=20001", 400, "limit"),
    ("GET", f"/v1/flags{APP}&limit=%C2%B2", 400, "limit"),
    ("GET", f"/v1/flags/none{APP}", 404, "key"),
    ("GET", f"/v1/flags/is{APP}&environment=moon", 404, "environment"),
    ("GET", f"/v1/flags//{APP}", 404, "key"),
    ("GET", f"/v1/flags/is{APP}&reason=x", 400, "reason"),
    ("GET", f"/v1/flags/export{APP}", 400, "environment"),
    ("GET", f"/v1/flags/export{APP}&environment=production&format=xml", 400, "format"),
    ("PUT", f"/v1/flags/is{APP}", 405, None),
    ("POST", f"/v1/flags/is{APP}", 405, None),
    ("DELETE", f"/v1/flags{APP}", 405, None),
    ("GET", "/v1/apps/a%2Fb", 404, None),
    ("GET", "/v1/apps/tricast", 400, "app"),
    ("GET", "/v1/apps?x=1", 400, "x"),
    ("POST", "/v1/apps", 405, None),
]


@pytest.mark.parametrize(
    ("method", "target", "status", "field"), ASKED, ids=[f"{m} {t[:60]}" for m, t, *_ in ASKED]
)
def test_a_question_that_makes_no_sense_is_refused(
    served: Served, method: str, target: str, status: int, field: str | None
) -> None:
    refused(ask(served, method, target), status, field)


EDITED: list[tuple[str, bytes, int, str | None, str]] = [
    ("toggle", b"{}", 400, "environment", "missing"),
    ("toggle", b'{"environment":"moon"}', 404, "environment", "development, production"),
    ("toggle", b'{"environment":"production","state":"on"}', 400, "state", "ENABLED"),
    ("toggle", b'{"environment":7}', 400, "environment", "7"),
    ("toggle", b'{"environment":"production","more":1}', 400, "more", "unknown"),
    ("copy", b'{"from":"development"}', 400, "to", "missing"),
    ("copy", b'{"from":"moon","to":"production"}', 404, "environment", "moon"),
    ("copy", b'{"from":"production","to":"moon"}', 404, "environment", "moon"),
    ("archive", b"[]", 400, "body", "object"),
    ("archive", b'{"reason":["x"]}', 400, "reason", "string"),
    ("revert", b"{}", 400, "change", "missing"),
    ("revert", b'{"change":"no entry at all"}', 400, "change", "audit trail"),
    ("revert", b'{"change":"abc-9999999999"}', 404, "change", "audit trail"),
    ("revert", b'{"change":"abc-1","force":1}', 400, "force", "boolean"),
]


@pytest.mark.parametrize(("action", "body", "status", "field", "said"), EDITED, ids=range(len(EDITED)))
def test_an_action_that_can_not_be_done_is_refused(
    served: Served, action: str, body: bytes, status: int, field: str | None, said: str
) -> None:
    refused(ask(served, "POST", f"/v1/flags/is/{action}{APP}", body, ANY), status, field, said)
    answer = ask(served, "POST", f"/v1/flags/none/{action}{APP}", body, ANY)
    assert answer.status in (400, 404)


BATCHES: list[tuple[Any, str]] = [
    ({}, "changes"),
    ({"changes": []}, "changes"),
    ({"changes": {}}, "changes"),
    ({"changes": [1]}, "changes.0"),
    ({"changes": [{"key": "a"}]}, "changes.0"),
    ({"changes": [{"op": "create", "key": "a"}]}, "changes.0"),
    ({"changes": [{"op": "create", "key": "a", "flag": []}]}, "changes.0"),
    ({"changes": [{"op": "create", "key": "a", "flag": {"key": "b", "type": "boolean"}}]}, "changes.0"),
    ({"changes": [{"op": "delete", "key": "is", "version": "1"}]}, "changes.0"),
    ({"changes": [{"op": "delete", "key": "is", "version": -1}]}, "changes.0"),
    ({"changes": [{"op": "delete", "key": "is", "version": 1}], "more": 1}, "more"),
    ({"changes": [{"op": "archive", "key": "is", "version": 1}] * 1001}, "changes"),
    ({"app": "other", "changes": [{"op": "archive", "key": "is", "version": 1}]}, "app"),
]


@pytest.mark.parametrize(("body", "field"), BATCHES, ids=range(len(BATCHES)))
def test_a_batch_that_is_none_names_the_change(served: Served, body: Any, field: str) -> None:
    answer = ask(served, "POST", f"/v1/flags/batch{APP}", json.dumps(body).encode())
    assert answer.status == 400, answer.problem
    assert answer.problem["field"].startswith(field), answer.problem


FILES: list[tuple[bytes, str, str]] = [
    (b"", "", "format"),
    (b"\xff\xfe{}", "application/json", ""),
    (b"{" * 2000, "application/json", ""),
    (b'{"flags":' + b"[" * 5000 + b"]" * 5000 + b"}", "application/json", ""),
    (b"a: &a [*a, *a]\nflags: {}", "application/yaml", ""),
    (b"a: &a [1,1,1]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nflags: {x: *c}", "application/yaml", ""),
    (b"- " * 3000, "application/yaml", ""),
    (b'{"flags":{"x":' + b"9" * 5000 + b"}}", "application/json", ""),
    (b"flags:\n  x: 2026-01-01\n", "application/yaml", ""),
    (b"\x00", "application/yaml", ""),
]


@pytest.mark.parametrize(("body", "kind", "field"), FILES, ids=range(len(FILES)))
def test_a_file_that_is_none_is_refused(served: Served, body: bytes, kind: str, field: str) -> None:
    target = f"/v1/flags/import{APP}&environment=production"
    answer = ask(served, "POST", target, body, kind=kind or "text/plain")
    assert answer.status == 400, answer.problem
    assert answer.problem["field"], answer.problem
    assert len(answer.body) < 4096
    for wrong, name in (("&mode=all", "mode"), ("&dry_run=maybe", "dry_run"), ("&format=xml", "format")):
        refused(ask(served, "POST", target + wrong, b'{"flags":{}}'), 400, name)


def test_noise_is_never_a_failure_of_ours(served: Served) -> None:
    chance = random.Random(7)
    words = ["flags", "is", "..", "%2e%2e", "%00", "batch", "import", "export", "usage", "archive"]
    words += ["revert", "apps", "tricast", "x" * 300, "%ff", "a%20b", "*", "{}", "production"]
    names = ["app", "environment", "q", "limit", "after", "tag", "key"]
    methods = ["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"]
    for _ in range(400):
        path = "/".join(chance.choices(words, k=chance.randint(1, 5)))
        pairs = [(chance.choice(names), chance.choice(words)) for _ in range(chance.randint(0, 4))]
        query = "&".join(f"{name}={value}" for name, value in pairs)
        body = chance.randbytes(chance.randint(0, 60)) if chance.random() < 0.5 else b'{"a":[{"b":null}]}'
        version = chance.choice(["*", '"1"', "%%", ""])
        answer = ask(
            served, chance.choice(methods), f"/v1/{path}?{query}", body, ("If-Match", version),
            kind=chance.choice(["application/json", "application/yaml", "x", "text/plain"]),
        )  # fmt: skip
        assert 200 <= answer.status < 500, (path, query, body, answer.body)
