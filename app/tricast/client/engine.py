"""Does what the core says: connections as tasks, one timer, commands and their replies."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeAlias

import httpx2

from tricast.client.core import Core
from tricast.client.ends import Dropped, Ended, Refused
from tricast.client.link import Action, AskToken, Drop, Open, Say, Told
from tricast.client.message import Event
from tricast.client.problems import Closed, end_of, error_of
from tricast.client.state import OVER
from tricast.client.transports.base import Transport
from tricast.errors import TricastError, Unauthorized

AskForToken: TypeAlias = Callable[[], str | Awaitable[str]]
Reply: TypeAlias = asyncio.Future[dict[str, Any]]


def sleepless_s() -> float:
    """Seconds of a clock that goes on while the machine sleeps, where there is one."""
    # (on macOS it is CLOCK_MONOTONIC that goes on, and `time.monotonic` that doesn't)
    clock = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def is_credential(token: object) -> bool:
    """Whether it can be sent as one: a text of printable ASCII."""
    return isinstance(token, str) and token != "" and token.isascii() and token.isprintable()


class Engine:
    """Runs a core. `tell` gets the actions that are for the application; `changed` is called after each step.

    `dial` makes a connection for an order; `ask` gets a token. Start it in a running loop, and
    `await stop()`. `over` is set once it has failed or is closed.
    """

    def __init__(
        self,
        core: Core,
        dial: Callable[[Open], Transport],
        *,
        clock: Callable[[], float],
        ask: AskForToken | None,
        tell: Callable[[Action], None],
        changed: Callable[[], None],
    ) -> None:
        self.core = core
        self.clock = clock
        self.over = asyncio.Event()
        self._dial = dial
        self._ask = ask
        self._tell = tell
        self._changed = changed
        self._links: dict[int, tuple[Transport, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: asyncio.Task[None] | None = None
        self._replies: dict[str, tuple[int, Reply]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._refs = 0

    def step(self) -> None:
        """Do what the core wants done, and come back when it is due."""
        self._drain()
        self._changed()
        self._drain()  # (what the application wanted when it was told)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self.core.state in OVER:
            self.over.set()
        else:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self.core.due_in_s(self.clock()), self._tick)

    def _tick(self) -> None:
        self.core.tick(self.clock())
        self.step()

    def _drain(self) -> None:
        actions = self.core.actions
        while actions:
            action = actions.popleft()
            match action:
                case Open():
                    self._open(action)
                case Drop(number):
                    self._drop(number)
                case Say(number, command):
                    self.start(self._say(number, command))
                case AskToken():
                    self.ask_token()
                case Told("reply", data):
                    self._reply(data)
                case _:
                    self._tell(action)

    async def stop(self) -> None:
        """Close everything, and wait until it is closed."""
        self.core.close()
        self.step()
        while self._tasks:
            for task in self._tasks:
                if not task.cancelling():  # (what was dropped before is saying goodbye)
                    task.cancel()
            await asyncio.wait(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` as long as the client does. Should it fail, so does the client."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            failure = TricastError(f"the client broke ({type(error).__name__}: {error}); please report it")
            failure.__cause__ = error
            self.core.fail(failure)
            self.step()

    # Connections

    def _open(self, order: Open) -> None:
        transport = self._dial(order)
        self._links[order.link] = (transport, self.start(self._run(order.link, transport)))

    def _drop(self, number: int) -> None:
        found = self._links.pop(number, None)
        if found is not None:
            self._forget(number)
            found[1].cancel()

    async def _run(self, number: int, transport: Transport) -> None:
        core = self.core
        try:
            async with aclosing(transport.messages()) as messages:
                async for message in messages:
                    core.said(number, message, self.clock())
                    if isinstance(message, Event):
                        self._drain()  # (an event only puts off what is due: the timer stays)
                    else:
                        self.step()
        except Ended as end:
            self._links.pop(number, None)
            self._forget(number)
            core.ended(number, end, self.clock())
            self.step()

    # Commands

    async def _say(self, number: int, command: dict[str, Any]) -> None:
        found = self._links.get(number)
        if found is not None:
            await found[0].say(command)

    def command(self, command: dict[str, Any]) -> Reply | None:
        """Send a command; its reply's data. None where the connection takes no commands now.

        The reply raises the TricastError of a refusal, or Dropped if the connection is lost before.
        """
        link = self.core.link
        if link is None or link.hello_at is None or not link.takes_commands:
            return None
        self._refs += 1
        ref = f"app-{self._refs}"
        reply: Reply = asyncio.get_running_loop().create_future()
        self._replies[ref] = (link.id, reply)

        def answered(done: Reply) -> None:
            self._replies.pop(ref, None)
            if not done.cancelled():
                done.exception()  # (who asked may have gone meanwhile: then nobody else looks at it)

        reply.add_done_callback(answered)
        self.start(self._say(link.id, command | {"ref": ref}))
        return reply

    def _reply(self, data: dict[str, Any]) -> None:
        found = self._replies.get(str(data.get("ref")))
        if found is None or found[1].done():
            return
        if data.get("ok"):
            found[1].set_result(data)
        else:
            found[1].set_exception(error_of(data.get("error") or {}))

    def _forget(self, number: int) -> None:
        lost = [reply for link, reply in self._replies.values() if link == number and not reply.done()]
        for reply in lost:
            reply.set_exception(Dropped("the connection was lost before the reply"))

    # Tokens

    def ask_token(self) -> asyncio.Task[None]:
        """Ask for a token; who asks while one is asked for waits for the same."""
        if self._asking is None or self._asking.done():
            self.core.credential.asking = True
            self._asking = self.start(self._get_token())
        return self._asking

    async def _get_token(self) -> None:
        end = await self._token()
        if isinstance(end, str):
            self.core.token_given(end, self.clock())
        else:
            self.core.token_missing(end, self.clock())
        self.step()

    async def _token(self) -> str | Ended:
        if self._ask is None:
            return Refused(Unauthorized("there is nobody to ask for a token", field="token"))
        try:
            async with asyncio.timeout(self.core.options.token_timeout_s):
                token = self._ask()
                if inspect.isawaitable(token):
                    token = await token
        except TricastError as error:
            return end_of(error)
        except (OSError, httpx2.HTTPError) as error:
            return Dropped(f"token() raised {type(error).__name__}")
        except Exception as error:  # noqa: BLE001 (it is the application's; it is told what it raised)
            failure = Unauthorized(f"token() raised {type(error).__name__}: {error}", field="token")
            failure.__cause__ = error
            return Refused(failure)
        if is_credential(token):
            return token
        return Refused(Unauthorized("token() gave no token; let it give a text as minted", field="token"))

    def raise_if_over(self) -> None:
        """Raises the error that the client failed with, or Closed."""
        if self.core.error is not None:
            raise self.core.error
        if self.core.state == "closed":
            raise Closed("the client is closed; make a new one")
