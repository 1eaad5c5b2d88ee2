"""`/v1/backup` of real servers: a whole copy, that leaves nothing behind, or a reason."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.types import Message
from tests.api.documents import Document
from tests.api.served import Served, serve

from tricast.api.backup import Download
from tricast.errors import Conflict, LogFull, Unauthorized
from tricast.log.sqlite import SQLiteLog
from tricast.log.sqlite.backup import Copier
from tricast.log.sqlite.inspection import inspect

PATH = "/v1/backup"


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    """A server over a file that asks for credentials, and the file's folder."""
    folder = tmp_path_factory.mktemp("filed")
    with serve("--log", f"sqlite:///{folder}/tricast.db", dev=False) as served:
        yield served, folder


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_backup_is_whole_sound_and_accounted_for(
    filed: tuple[Served, Path], openapi: Document, tmp_path: Path
) -> None:
    served, folder = filed
    for number in range(20):
        served.publish("saved/a", {"n": number, "padding": "x" * 20_000})
    with served.http() as client:
        before = names(folder)
        answer = client.get(PATH, params={"reason": "before the upgrade"})
        openapi.check_answer("get", PATH, answer)
        assert answer.headers["content-type"] == "application/vnd.sqlite3"
        found = re.fullmatch(
            r'attachment; filename="(tricast-\d{8}T\d{6}Z\.db)"', answer.headers["content-disposition"]
        )
        assert found is not None
        assert int(answer.headers["content-length"]) == len(answer.content)
        entry = client.get("/v1/audit", params={"action": "backup.downloaded"}).json()["entries"][0]
    assert names(folder) == before, "nothing is left beside the log"
    assert (entry["key"], entry["reason"]) == (found[1], "before the upgrade")
    assert entry["changes"][0]["after"]["bytes"] == len(answer.content)
    copy = tmp_path / "copy.db"
    copy.write_bytes(answer.content)
    told = inspect(copy, integrity=True)
    assert told.problems == ()
    assert {(cls.cls.app, cls.events) for cls in told.classes} >= {("saved", 20)}


def test_a_server_runs_on_the_backup(filed: tuple[Served, Path], tmp_path: Path) -> None:
    served, _ = filed
    cursor = served.publish("saved/b", "kept")
    with served.http() as client:
        (tmp_path / "tricast.db").write_bytes(client.get(PATH).content)
    with (
        serve("--log", f"sqlite:///{tmp_path}/tricast.db") as restored,
        restored.http(headers=served.headers) as client,
    ):
        read = client.get("/v1/events", params={"topic": "saved/b", "cursor": "earliest", "timeout": "0"})
        assert [event["cursor"] for event in read.json()["events"]] == [cursor]


def test_publishing_goes_on_while_backups_are_made(filed: tuple[Served, Path]) -> None:
    served, _ = filed
    statuses: list[int] = []

    def back_up() -> None:
        with served.http() as client:
            statuses.extend(client.get(PATH).status_code for _ in range(3))

    threads = [threading.Thread(target=back_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        served.publish("saved/c", 1)
    assert set(statuses) <= {200, 409}
    assert 200 in statuses


def test_asking_what_would_come_makes_no_copy(filed: tuple[Served, Path]) -> None:
    served, _ = filed
    with served.http() as client:
        entries = client.get("/v1/audit", params={"action": "backup.*"}).json()["entries"]
        answer = client.head(PATH)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/vnd.sqlite3"
        assert client.get("/v1/audit", params={"action": "backup.*"}).json()["entries"] == entries


def test_who_is_confined_to_an_app_gets_none(filed: tuple[Served, Path], openapi: Document) -> None:
    served, _ = filed
    with served.http() as client:
        made = client.post("/v1/keys", json={"name": "own", "app": "saved", "scopes": ["admin"]}).json()
    with served.http(headers={"Authorization": f"Bearer {made['key']}"}) as client:
        answer = client.get(PATH)
    assert answer.status_code == 403
    assert "'saved'" in answer.json()["detail"]
    openapi.check_answer("get", PATH, answer)


def test_a_link_on_another_sites_page_makes_none(filed: tuple[Served, Path], openapi: Document) -> None:
    served, _ = filed
    with served.http() as client:
        answer = client.get(PATH, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    openapi.check_answer("get", PATH, answer)


def test_a_log_in_memory_has_none_and_the_problem_says_what_to_do(served: Served, openapi: Document) -> None:
    with served.http() as client:
        answer = client.get(PATH)
    assert answer.status_code == 409
    assert "--log sqlite:///" in answer.json()["detail"]
    openapi.check_answer("get", PATH, answer)


def test_where_the_disk_has_no_room_nothing_is_begun(tmp_path: Path) -> None:
    log = tmp_path / "tricast.db"
    log.write_bytes(b"x" * 4096)
    with pytest.raises(LogFull, match="on the server, with FILE on another disk"):
        Copier(log, spare_bytes=1 << 60).copy()
    assert names(tmp_path) == {"tricast.db"}


@pytest.mark.anyio
async def test_only_one_is_made_at_a_time_and_leftovers_of_a_killed_one_go(tmp_path: Path) -> None:
    async with SQLiteLog(tmp_path / "tricast.db") as log:
        (tmp_path / "..tricast.db.00.copy.11.partial").write_bytes(b"left")
        (tmp_path / ".tricast.db.00.copy").write_bytes(b"left")
        (tmp_path / "mine.copy").write_bytes(b"mine")
        with log._copier._busy, pytest.raises(Conflict, match="another backup"):
            await log.copy()
        with await log.copy() as copy:
            assert copy.read(16) == b"SQLite format 3\0"
        assert {name for name in names(tmp_path) if "copy" in name} == {"mine.copy"}


@pytest.mark.anyio
@pytest.mark.parametrize("why", ["stalled", "revoked", "whole"])
async def test_a_download_that_may_not_go_on_ends_short_and_frees_the_disk(tmp_path: Path, why: str) -> None:
    (tmp_path / "copy").write_bytes(b"x" * 600_000)
    file = (tmp_path / "copy").open("rb")
    sent: list[Message] = []

    def check() -> None:
        if why == "revoked" and len(sent) == 2:
            raise Unauthorized("revoked")

    async def send(message: Message) -> None:
        sent.append(message)
        if why == "stalled" and len(sent) == 3:
            await asyncio.Event().wait()

    await Download(file, {}, check, stall_s=0.05).stream_response(send)
    assert file.closed
    is_whole = sent[-1].get("more_body") is False
    assert is_whole is (why == "whole")
    assert len(sent) == {"stalled": 3, "revoked": 2, "whole": 5}[why]
