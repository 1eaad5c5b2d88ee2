"""A process that is asked, and answers, by JSON lines: {"id", …} by {"id", "value"} or {"id", "error"}."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

ANSWER_S = 60.0


class Lines:
    """A running one. What it says of its own accord goes to `heard` (in a thread)."""

    def __init__(
        self,
        command: list[str],
        *,
        heard: Callable[[dict[str, Any]], None] = lambda _: None,
        **variables: str,
    ) -> None:
        inherited = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed when it has ended)
        self._complaints = ""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**inherited, **variables},
            start_new_session=True,  # (an interrupt is for the tests, which then end it)
        )
        self._heard = heard
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def errors(self) -> str:
        """What it wrote to stderr."""
        if not self._errors.closed:
            self._errors.seek(0)
            self._complaints = self._errors.read()
        return self._complaints

    def tell(self, **what: Any) -> Future[Any]:
        """Its answer will be there. (Waited for in any thread, or loop.)"""
        number = next(self._numbers)
        answer: Future[Any] = Future()
        self._waiting[number] = answer
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, **what}).encode() + b"\n")
        self._process.stdin.flush()
        return answer

    async def ask(self, **what: Any) -> Any:
        """Its answer. Raises AssertionError where that is an error."""
        return await asyncio.wait_for(asyncio.wrap_future(self.tell(**what)), ANSWER_S)

    def end(self, within_s: float) -> int:
        """End its input, and wait until it ends by itself; its exit status."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            return self._process.wait(within_s)
        finally:
            self.kill()

    def kill(self) -> None:
        """At once, if it runs."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self.errors is not None  # (read)
        for file in (self._process.stdin, self._process.stdout, self._errors):
            assert file is not None
            file.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            match json.loads(line):
                case {"id": number, "error": error}:
                    self._settle(number, AssertionError(error))
                case {"id": number, "value": value}:
                    self._settle(number, value)
                case message:
                    self._heard(message)
        for number in tuple(self._waiting):
            self._settle(number, AssertionError(f"it has ended: {self.errors[-4000:]}"))

    def _settle(self, number: int, answer: Any) -> None:
        waiting = self._waiting.pop(number)
        if waiting.cancelled():
            return
        if isinstance(answer, AssertionError):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)
