"""Long lists of flags: gzip goes only to those who take it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from tests.api.served import Served

FLAGS = "/v1/flags"
ASKED = {"app": "taken"}


@pytest.fixture(scope="module")
def client(flags_server: Served) -> Iterator[httpx2.Client]:
    with flags_server.http() as client:
        long = {"key": "long", "type": "boolean", "description": "many words " * 180}
        made = client.post(FLAGS, params=ASKED, json=long)
        assert made.status_code == 201, made.text
        yield client


@pytest.mark.parametrize(
    "taken", ["gzip;q=0", "x-notgzip", "*;q=0", "gzip;q=0.2, identity;q=0.8", "identity"]
)
def test_who_does_not_take_gzip_is_given_a_list_as_it_is(client: httpx2.Client, taken: str) -> None:
    answer = client.get(FLAGS, params=ASKED, headers={"accept-encoding": taken})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.json()["flags"]


@pytest.mark.parametrize("taken", ["GZIP", "gzip;q=0.001", "*;q=0.1", "br;q=0, gzip"])
def test_whoever_takes_gzip_is_given_a_list_so(client: httpx2.Client, taken: str) -> None:
    answer = client.get(FLAGS, params=ASKED, headers={"accept-encoding": taken})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["flags"]


def test_a_list_is_known_by_the_tag_of_either_body(client: httpx2.Client) -> None:
    tags = [
        client.get(FLAGS, params=ASKED, headers={"accept-encoding": taken}).headers["etag"]
        for taken in ("gzip", "identity")
    ]
    assert len(set(tags)) == 2
    for tag in tags:
        for taken in ("gzip", "identity"):
            known = {"if-none-match": tag, "accept-encoding": taken}
            assert client.get(FLAGS, params=ASKED, headers=known).status_code == 304
