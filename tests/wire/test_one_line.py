"""No text, wherever it stands, makes a second line for readers that split where `str.splitlines` does."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest
from tests.api.served import Served, serve

ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
TEXT = "a" + "b".join(ENDS) + "c"


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serve() as server:
        yield server


def lines(server: Served, path: str, until: str, **query: str) -> list[str]:
    """The lines of a stream up to the first that holds `until`, as httpx splits them."""
    found = []
    with (
        server.http(headers={"accept": "text/event-stream"}) as client,
        client.stream("GET", path, params=query) as answer,
    ):
        for line in answer.iter_lines():
            found.append(line)
            if until in line:
                return found
    raise AssertionError(found)


@pytest.mark.parametrize(
    "body",
    [
        {"topic": "line/a", "data": TEXT},
        {"topic": "line/a", "data": {TEXT: [TEXT]}, "id": "given"},
        [{"topic": "line/a", "data": TEXT}, {"topic": "line/a", "data": [TEXT]}],
    ],
    ids=["plain", "full", "batch"],
)
def test_an_event_is_one_line_of_a_stream_and_the_same_value(server: Served, body: object) -> None:
    with server.http() as client:
        published = client.post("/v1/events", content=orjson.dumps(body))
    assert published.status_code == 201, published.text
    count = len(body) if isinstance(body, list) else 1
    wanted = [each["data"] for each in (body if isinstance(body, list) else [body])]
    cursor = published.json()["events"][0]["cursor"]
    epoch, _, offset = cursor.rpartition("-")
    before = f"{epoch}-{int(offset) - 1}" if int(offset) > 1 else "earliest"
    found = lines(server, "/v1/events", "tricast.live", topic="line/a", cursor=before)
    data = [line.removeprefix("data: ") for line in found if line.startswith("data: ")]
    events = [orjson.loads(each) for each in data]
    assert [event["data"] for event in events if event["type"] == "message"] == wanted
    assert {line.partition(":")[0] for line in found} <= {"event", "id", "data", ""}
    assert len([line for line in found if '"type":"message"' in line]) == count
    with server.http() as client:
        poll = client.get("/v1/events", params={"topic": "line/a", "cursor": before, "timeout": "0"})
    assert len(poll.text.splitlines()) == 1


def test_a_text_published_as_it_is_stays_the_same(server: Served) -> None:
    with server.http() as client:
        client.post("/v1/events", params={"topic": "line/b"}, content=TEXT.encode())
        read = client.get("/v1/events", params={"topic": "line/b", "cursor": "earliest", "timeout": "0"})
    assert read.json()["events"][0]["data"] == TEXT
    assert len(read.text.splitlines()) == 1


def test_presence_and_replies_are_one_line_each(server: Served) -> None:
    with server.websocket("topic=line/room&presence=1") as socket:
        socket.say({"op": "presence", "topic": "line/room", "state": {"text": TEXT}, "ref": TEXT[:100]})
        raw = ""
        while '"tricast.reply"' not in raw:
            raw = str(socket.connection.recv(timeout=10))
            assert len(raw.splitlines()) == 1
        found = lines(server, "/v1/events", "tricast.presence", topic="line/room", presence="1")
        assert found[-1].startswith("event: ")
        with (
            server.http(headers={"accept": "text/event-stream"}) as client,
            client.stream("GET", "/v1/events", params={"topic": "line/room", "presence": "1"}) as answer,
        ):
            for line in answer.iter_lines():
                if line.startswith("data: ") and "tricast.presence" in line:
                    [member] = orjson.loads(line.removeprefix("data: "))["data"]["topics"]["line/room"]
                    assert member["state"]["text"] == TEXT
                    return


def test_an_entry_of_the_audit_trail_is_one_line(server: Served) -> None:
    with server.http() as client:
        made = client.post(
            "/v1/flags",
            params={"app": "line"},
            json={"key": "a", "type": "string", "variants": {"on": TEXT}},
        )
        assert made.status_code == 201, made.text
        with client.stream("GET", "/v1/audit", params={"format": "ndjson"}) as answer:
            entries = [orjson.loads(line) for line in answer.iter_lines()]
    [made] = [entry for entry in entries if entry["kind"] == "flag"]
    assert TEXT in made["changes"][0]["after"]["variants"].values()
