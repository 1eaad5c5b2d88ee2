"""The dashboard's files on the wire: compressed for whoever takes that, and known by tags of their own."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.served import Served, serve

NAME = "dashboard/main.js"
SOURCE = Path(__file__).parents[2] / "static" / NAME
PLACES = ("/static", "/joined")


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serve() as served:
        yield served


def got(server: Served, path: str, *headers: tuple[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and the body as it was sent: asked for with these headers, and no others."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    answer = server.ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
    return answer.status, dict(answer.headers), answer.body


@pytest.mark.parametrize(
    "taken", ["gzip", "GZip", "x-gzip", "br, gzip;q=0.5", "*", "gzip ; Q=1.000", "a;b,gzip"]
)
def test_whoever_takes_gzip_is_given_it(server: Served, taken: str) -> None:
    status, headers, body = got(server, f"/static/{NAME}", ("Accept-Encoding", taken))
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert gzip.decompress(body) == SOURCE.read_bytes()


@pytest.mark.parametrize(
    "taken",
    [
        "gzip;q=0",
        "gzip; q=0.000",
        "gzip;Q=0",
        "x-notgzip",
        "gzipped",
        "*;q=0",
        "*, gzip;q=0",
        "gzip;q=many",
        "gzip;q=nan",
        "gzip;q=-1",
        "gzip;q=0.5, identity",
        "br;x=gzip",
        "identity",
        "",
        ";;,,;q=",
    ],
)
def test_who_does_not_take_gzip_is_given_the_file_as_it_is(server: Served, taken: str) -> None:
    status, headers, body = got(server, f"/static/{NAME}", ("Accept-Encoding", taken))
    assert status == 200
    assert "content-encoding" not in headers
    assert headers["vary"] == "accept-encoding"
    assert body == SOURCE.read_bytes()


def test_what_is_taken_may_be_said_in_several_lines(server: Served) -> None:
    lines = (("Accept-Encoding", "br"), ("Accept-Encoding", "gzip"))
    assert got(server, f"/static/{NAME}", *lines)[1]["content-encoding"] == "gzip"
    assert "content-encoding" not in got(server, f"/static/{NAME}")[1]


@pytest.mark.parametrize("place", PLACES)
def test_other_bytes_have_another_tag_and_either_is_known_again(server: Served, place: str) -> None:
    path, takes = f"{place}/{NAME}", ("Accept-Encoding", "gzip")
    plain = got(server, path)[1]["etag"]
    packed = got(server, path, takes)[1]["etag"]
    assert plain != packed
    for shown, headers in (
        (plain, ()),
        (plain, (takes,)),
        (packed, (takes,)),
        (f"W/{packed}", (takes,)),
        (f'"other", {packed}', (takes,)),
    ):
        status, told, body = got(server, path, ("If-None-Match", shown), *headers)
        assert (status, body) == (304, b"")
        assert told["etag"] in shown
    assert got(server, path, ("If-None-Match", f"{plain}, {packed}"), takes)[1]["etag"] == packed
    assert got(server, path, ("If-None-Match", f"{plain}, {packed}"))[1]["etag"] == plain
    assert got(server, path, ("If-None-Match", "*"))[0] == 304
    assert got(server, path, ("If-None-Match", '"other"'))[0] == 200


def test_who_cannot_read_gzip_is_not_told_to_use_what_a_cache_has_of_it(server: Served) -> None:
    path = f"/static/{NAME}"
    packed = got(server, path, ("Accept-Encoding", "gzip"))[1]["etag"]
    status, headers, body = got(server, path, ("If-None-Match", packed), ("Accept-Encoding", "identity"))
    assert (status, body) == (200, SOURCE.read_bytes())
    assert "content-encoding" not in headers


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("more", ["/", "/.", "/x/.."])
def test_a_file_is_no_folder(server: Served, place: str, more: str) -> None:
    assert got(server, f"{place}/{NAME}")[0] == 200
    status, headers, _ = got(server, f"{place}/{NAME}{more}")
    assert status == 404
    assert headers["content-type"] == "application/problem+json"


def test_the_page_itself_is_known_by_its_tag(server: Served) -> None:
    asks, takes = ("Accept", "text/html"), ("Accept-Encoding", "gzip")
    plain, packed = got(server, "/", asks)[1], got(server, "/", asks, takes)[1]
    assert plain["etag"] != packed["etag"]
    assert got(server, "/", asks, takes, ("If-None-Match", packed["etag"]))[0] == 304
    assert "content-security-policy" in packed
