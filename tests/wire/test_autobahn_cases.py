"""The server's WebSocket is as good as `websockets` in every case of the Autobahn test suite."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from tests.faults.faultwire import Gone, WebSocket, handshake
from tests.wire.autobahn import NO_CODE, SECTIONS, Case, Message, close
from tests.wire.echo import tricast_echo, websockets_echo

PATIENCE_S = 30.0


class Verdict(IntEnum):
    OK = 0
    NON_STRICT = 1
    FAILED = 2


@dataclass
class Outcome:
    """What came before the end; `code` of the Close frame: None, there was none; `ended`: TCP did, too."""

    messages: list[Message]
    code: int | None = None
    ended: bool = False

    def verdict(self, case: Case) -> Verdict:
        expected = list(case.expected) * case.turns
        if self.code not in (case.codes or (1000,)) or not self.ended:
            return Verdict.FAILED
        if self.messages == expected:
            return Verdict.OK
        may = [expected[: len(expected) - count] for count in range(1, case.may_omit + 1)]
        return Verdict.NON_STRICT if self.messages in may else Verdict.FAILED

    def __str__(self) -> str:
        messages = [(opcode, data[:40], len(data)) for opcode, data in self.messages[:5]]
        return f"{len(self.messages)} messages {messages}, Close {self.code}, ended: {self.ended}"


@pytest.fixture
def anyio_backend() -> Any:
    return ("asyncio", {"use_uvloop": True})


async def play(case: Case, port: int, path: str) -> Outcome:
    """What an echo answers to a case."""
    outcome = Outcome([])
    async with await WebSocket.open(port) as socket:
        await socket.send(handshake(path))
        assert (await socket.head()).status == 101
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                await _exchange(case, socket, outcome)
                outcome.ended = True
    return outcome


async def _exchange(case: Case, socket: WebSocket, outcome: Outcome) -> None:
    with suppress(Gone):
        for turn in range(1, case.turns + 1):
            with suppress(Gone):  # (what the server sent before it closed the connection is still there)
                for piece in case.sent:
                    await socket.send(piece)
                    await asyncio.sleep(0)  # the server reads this piece before there is another
            while case.codes or len(outcome.messages) < len(case.expected) * turn:
                await _take(socket, outcome)
                if outcome.code is not None:
                    break
        if outcome.code is None:
            await socket.send(close())
            while outcome.code is None:
                await _take(socket, outcome)
        elif not case.sent[-1].startswith(b"\x88"):
            await socket.send(close(outcome.code if outcome.code != NO_CODE else None))
    await socket.ended()


async def _take(socket: WebSocket, outcome: Outcome) -> None:
    first, data = await socket.frame()
    assert first & 0x80, "neither echo sends fragments"
    if first == 0x88:
        outcome.code = int.from_bytes(data[:2]) if data else NO_CODE
    else:
        outcome.messages.append((first & 0x0F, data))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
async def test_no_case_fails_or_goes_worse_than_with_websockets(
    section: Callable[[], Iterator[Case]],
) -> None:
    wrong = []
    async with tricast_echo() as ours, websockets_echo() as theirs:
        for case in section():
            control = await play(case, theirs, "/")
            for path in ("/", "/asgi"):
                outcome = await play(case, ours, path)
                verdict = outcome.verdict(case)
                if verdict is Verdict.FAILED or verdict > control.verdict(case):
                    wrong.append(f"{case.number} at {path}: {verdict.name}: {outcome}; websockets: {control}")
                if not outcome.ended:  # (each of these takes long)
                    pytest.fail("\n".join(wrong))
    assert not wrong, "\n".join(wrong)


@pytest.mark.timeout(900)
async def test_the_autobahn_test_suite_fails_nothing_that_websockets_does_not(tmp_path: Path) -> None:
    if shutil.which("wstest") is None:
        pytest.skip("wstest is not installed (PyPI autobahntestsuite, for Python 2.7)")
    async with tricast_echo() as ours, websockets_echo() as theirs:
        agents = {"tricast": ours, "websockets": theirs}
        spec = {
            "outdir": str(tmp_path),
            "servers": [{"agent": name, "url": f"ws://127.0.0.1:{port}"} for name, port in agents.items()],
            "cases": [f"{section}.*" for section in (1, 2, 3, 4, 5, 6, 7, 9, 10)],
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        (tmp_path / "spec.json").write_text(json.dumps(spec))
        process = await asyncio.create_subprocess_exec(
            *("wstest", "-m", "fuzzingclient", "-s", str(tmp_path / "spec.json")),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said[-2000:]
    index = json.loads((tmp_path / "index.json").read_text())
    failed = {
        name: {number for number, case in cases.items() if is_failure(case)} for name, cases in index.items()
    }
    assert len(index["tricast"]) > 300
    assert failed["tricast"] <= failed["websockets"]


def is_failure(case: dict[str, Any]) -> bool:
    accepted = {"OK", "NON-STRICT", "INFORMATIONAL"}
    return not {case["behavior"], case["behaviorClose"]} <= accepted
