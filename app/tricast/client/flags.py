"""Feature flags of one environment: a snapshot kept true by the connection, evaluated on the spot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import orjson
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails

from tricast.client.flagset import FlagChange, FlagSet, context_of
from tricast.client.listeners import Listeners
from tricast.client.message import Event
from tricast.client.position import is_cursor
from tricast.client.problems import Closed, answered
from tricast.client.retrying import Retrying
from tricast.client.transports.endpoint import Endpoint, credentials
from tricast.errors import TricastError, Unavailable

if TYPE_CHECKING:
    from tricast.client.client import Client

T = TypeVar("T")
MAX_WAITING = 10_000


class Flags:
    """The flags of an app in an environment. Made by `Client.flags`; `close()` it at the end.

    Evaluating costs no request, and may be done from any thread. A change is there within moments of
    being made; while there is no connection the last state holds, and `stale` says so. `error` is why
    they can't be read now (there is no such app, …): the last state holds, and they are read again when
    something changes.
    """

    def __init__(
        self, app: str, environment: str, *, client: Client, endpoint: Endpoint, retrying: Retrying
    ) -> None:
        self.app = app
        self.environment = environment
        self.error: TricastError | None = None
        self._task: asyncio.Task[None] | None = None
        self._client = client
        self._endpoint = endpoint
        self._retrying = retrying
        self._set = FlagSet()
        self._known = asyncio.Event()
        self._gap = asyncio.Event()
        self._fetched = self._loaded = False
        self._shown: tuple[bool, TricastError | None] = (True, None)
        self._waiting: list[Event] = []
        self._listeners = Listeners()
        self._stops = [
            client.on("event", self._came),
            client.on("reset", lambda _: self._miss()),
            client.on("state", self._connected),
        ]

    @property
    def topic(self) -> str:
        """Where changes are announced."""
        return f"{self.app}/flags/{self.environment}"

    async def ready(self) -> None:
        """Wait for the first snapshot. Raises the TricastError of a refusal, or Closed."""
        await self._known.wait()
        if self.error is not None:
            raise self.error
        if not self._loaded:
            raise Closed("closed before the flags were there")

    @property
    def loaded(self) -> bool:
        """Whether there was a snapshot; what was there once holds until there is a newer one."""
        return self._loaded

    @property
    def stale(self) -> bool:
        """Whether there may be changes that are not known here, as there is no connection."""
        return not self._fetched or self._gap.is_set() or self._client.state != "live"

    def get(self, key: str, default: T, context: Mapping[str, Any] | EvaluationContext | None = None) -> T:
        """A flag's value for `context` (`targetingKey` and attributes); `default` where there is none.

        It has the type of `default`: a flag of another type gives `default`.
        """
        return self._set.value(key, default, context_of(context))

    def evaluate(
        self, key: str, default: Any, context: Mapping[str, Any] | EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        """As `get`, with variant, reason and metadata. Raises an OpenFeatureError where there is no value."""
        if not self._loaded:
            raise ProviderNotReadyError("the flags are not there yet")
        return self._set.resolve(key, default, context_of(context))

    def all(self, context: Mapping[str, Any] | EvaluationContext | None = None) -> dict[str, Any]:
        """Every flag's value for `context`, by key; None where there is none."""
        given = context_of(context)
        return {key: self._set.value(key, None, given) for key in self._set.flags}

    def on_change(self, listener: Callable[[list[FlagChange]], object]) -> Callable[[], None]:
        """Call `listener` with what changed; the function that is given back ends that."""
        return self._listeners.add("change", listener)

    def on_stale(self, listener: Callable[[bool], object]) -> Callable[[], None]:
        """Call `listener` with whether it is stale, each time that changes."""
        return self._listeners.add("stale", listener)

    def on_error(self, listener: Callable[[TricastError | None], object]) -> Callable[[], None]:
        """Call `listener` with why the flags can't be read, and with None when they can be again."""
        return self._listeners.add("error", listener)

    async def close(self) -> None:
        """Follow the flags no more; the last state stays."""
        for stop in self._stops:
            stop()
        self._listeners.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def follow(self, start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]) -> None:
        """Keep the snapshot true until it is closed, or `start` cancels that; the client does this."""
        self._task = start(self._run())
        self._task.add_done_callback(lambda _: self._known.set())

    async def _run(self) -> None:
        try:
            # (it holds the topic; events are taken as they come, so that what is live is also known)
            with self._client.subscribe(self.topic, buffer=1, overflow="drop-newest") as subscription:
                await subscription.active()
                while True:
                    await self._read()
                    await self._gap.wait()
        except TricastError as error:
            self._say(error)
        finally:
            self._fetched = False
            self._state()

    async def _read(self) -> None:
        """Read a snapshot, and go on with the events that came meanwhile."""
        self._fetched = False
        self._gap.clear()
        self._waiting.clear()
        self._state()
        what = f"read the flags of {self.app} in {self.environment}"
        try:
            snapshot = await self._retrying.done(self._fetch, within_s=None, what=what)
        except TricastError as error:
            self._say(error)
            return
        if self._gap.is_set():
            return
        changes = self._set.install(snapshot)
        for event in self._waiting:
            changes += self._set.apply(event)
        self._waiting.clear()
        self._fetched = self._loaded = True
        self._known.set()
        self._tell(changes)
        self._say(None)

    def _came(self, event: Event) -> None:
        if event.topic != self.topic:
            return
        if self.error is not None:
            self._miss()  # (what was refused may not be so any more)
        elif self._fetched:
            self._tell(self._set.apply(event))
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(event)
        else:
            self._miss()

    def _miss(self) -> None:
        """The snapshot isn't true any more."""
        self._gap.set()
        self._state()

    async def _fetch(self) -> dict[str, Any]:
        query = {"app": self.app, "environment": self.environment}
        headers = credentials(await self._retrying.token())
        async with self._endpoint.failures():
            url = f"{self._endpoint.url}/v1/flags"
            response = await self._endpoint.http.get(url, params=query, headers=headers)
        if response.status_code != httpx2.codes.OK:
            raise answered(response.status_code, response.headers, response.content)
        try:
            snapshot = orjson.loads(response.content)
        except orjson.JSONDecodeError:
            snapshot = None
        if not isinstance(snapshot, dict) or not _is_whole(snapshot):
            raise Unavailable("the answer has no flags and cursor; is a tricast server there?")
        return snapshot

    def _tell(self, changes: list[FlagChange]) -> None:
        if changes:
            self._listeners.tell("change", changes)

    def _say(self, error: TricastError | None) -> None:
        self.error = error
        self._known.set()
        self._state()

    def _connected(self, state: str) -> None:
        if state == "failed":
            self._say(self._client.error)
        elif state == "live" and self.error is not None:
            self._miss()  # (another connection, perhaps to another life of the server: ask it)
        else:
            self._state()

    def _state(self) -> None:
        """Tell what is so now, if it was otherwise before."""
        (was_stale, was), (stale, error) = self._shown, (self.stale, self.error)
        self._shown = stale, error
        if error is not was:
            self._listeners.tell("error", error)
        if stale != was_stale:
            self._listeners.tell("stale", stale)


def _is_whole(snapshot: dict[str, Any]) -> bool:
    return isinstance(snapshot.get("flags"), list) and is_cursor(snapshot.get("cursor"))
