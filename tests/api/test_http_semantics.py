"""HEAD, OPTIONS, 405 and conditional requests mean the same on every route, old or hot (RFC 9110)."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.api.served import Served, serve

STATIC = ("/", "/static/icon.svg", "/client/index.js", "/joined/dashboard/main.js")
# What differs from one answer to the next, and no length of what is made while it is sent.
CHANGING = {"x-request-id", "date", "content-length", "transfer-encoding", "connection"}


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serve() as server:
        with server.http() as client:
            for made in (
                client.post("/v1/flags", params={"app": "shop"}, json={"key": "a", "type": "boolean"}),
                client.put("/v1/apps/shop/schemas/order", json={"type": "object"}),
                client.post("/v1/events", json={"topic": "shop/a", "data": 1}),
            ):
                assert made.is_success, made.text
        yield server


def paths(client: httpx2.Client) -> dict[str, dict[str, object]]:
    """Each documented path, with names filled in; and its operations."""
    names = {"app": "shop", "environment": "production", "key": "a", "type": "order", "id": "x", "login": "x"}
    documented = client.get("/openapi.json").json()["paths"]
    found = {}
    for path, item in documented.items():
        filled = path
        for name in [part.split("}")[0] for part in path.split("{")[1:]]:
            filled = filled.replace(f"{{{name}}}", names.get(name, "x"))
        found[filled] = item
    return found


def asked(path: str) -> dict[str, str]:
    if path == "/v1/events":
        return {"topic": "shop/**", "timeout": "0"}
    return {"app": "shop"} if path.startswith("/v1/flags") or path == "/v1/usage" else {}


def streams(path: str) -> bool:
    return path.endswith("/ofrep/v1/stream")


def test_head_is_answered_as_get_is_without_the_body(server: Served) -> None:
    with server.http() as client:
        seen = 0
        for path in [*(p for p, item in paths(client).items() if "get" in item), *STATIC]:
            if streams(path) or path == "/metrics":  # (figures change their length)
                continue
            get, head = (client.request(method, path, params=asked(path)) for method in ("GET", "HEAD"))
            assert head.status_code == get.status_code, path
            assert head.content == b""
            for name in get.headers.keys() - CHANGING:
                if name == "tricast-cursor" or (path == "/v1/events" and name == "link"):
                    continue
                assert head.headers.get(name) == get.headers[name], (path, name)
            length = head.headers.get("content-length")
            assert (
                length is None
                or int(length) == int(get.headers["content-length"])
                or path
                in (
                    "/v1/stats",
                    "/v1/connections",
                )
            ), path
            seen += get.status_code == 200
        assert seen > 15


def test_head_of_a_subscription_says_nothing_of_a_length_that_nobody_knows(server: Served) -> None:
    with server.http() as client:
        for accept, kind in (
            ("application/json", "application/json"),
            ("text/event-stream", "text/event-stream; charset=utf-8"),
        ):
            head = client.head("/v1/events", params={"topic": "shop/**"}, headers={"accept": accept})
            assert (head.status_code, head.headers["content-type"]) == (200, kind)
            assert "content-length" not in head.headers
        assert client.head("/v1/events", params={"topic": ""}).headers["content-length"] != "0"


def test_405_and_options_name_the_methods_that_there_are(server: Served) -> None:
    with server.http() as client:
        for path, item in [*paths(client).items(), *((path, {"get": {}}) for path in STATIC)]:
            methods = {method.upper() for method in item if method != "parameters"}
            options = client.options(path)
            assert options.status_code == 204, path
            assert "content-length" not in options.headers
            allowed = set(options.headers["allow"].split(", "))
            assert allowed >= methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()), path
            refused = client.request("PROPFIND", path)
            assert (refused.status_code, refused.headers["content-type"]) == (405, "application/problem+json")
            assert set(refused.headers["allow"].split(", ")) == allowed, path
            for method in allowed - {"OPTIONS"}:
                assert method in refused.json()["detail"]


def test_a_get_whose_etag_the_client_has_is_304(server: Served) -> None:
    with server.http() as client:
        tagged = []
        for path in [*(p for p, item in paths(client).items() if "get" in item), *STATIC]:
            if streams(path):
                continue
            answer = client.get(path, params=asked(path))
            etag = answer.headers.get("etag")
            if etag is None:
                continue
            tagged.append(path)
            for given in (etag, f'"x", {etag}', "*", f"W/{etag.removeprefix('W/')}"):
                known = client.get(path, params=asked(path), headers={"if-none-match": given})
                assert (known.status_code, known.content) == (304, b""), (path, given)
                assert known.headers["etag"] == etag
            for given in ('"x"', ""):
                other = client.get(path, params=asked(path), headers={"if-none-match": given})
                assert other.status_code == 200, (path, given)
        assert {"/v1/flags", "/v1/flags/a", "/v1/apps/shop", "/v1/flagd/shop/production.json"} <= set(tagged)
        assert {"/v1/apps/shop/schemas/order", *STATIC} - {"/"} <= set(
            tagged
        )  # (a page only where HTML is accepted)


def test_a_flag_made_anew_under_one_key_has_another_etag(server: Served) -> None:
    with server.http() as client:
        for name in ("first", "second"):
            flag = {"key": "again", "type": "boolean", "name": name}
            made = client.post("/v1/flags", params={"app": "shop"}, json=flag)
            seen = client.get("/v1/flags/again", params={"app": "shop"})
            assert made.headers["etag"] == seen.headers["etag"]
            assert seen.json()["name"] == name
            if name == "first":
                first = seen.headers["etag"]
                gone = client.delete(
                    "/v1/flags/again", params={"app": "shop"}, headers={"if-match": seen.headers["etag"]}
                )
                assert gone.status_code == 204
        assert (first.startswith('"1.'), first == seen.headers["etag"]) == (True, False)
