"""Feature flags of one environment: a snapshot kept true by the connection, evaluated on the spot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2
import orjson
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails

from tricast.client.flagset import FlagChange, FlagSet, context_of
from tricast.client.listeners import Listeners
from tricast.client.message import Event
from tricast.client.problems import answered
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
    being made; while there is no connection the last state holds, and `stale` says so.
    """

    def __init__(
        self, app: str, environment: str, *, client: Client, endpoint: Endpoint, retrying: Retrying
    ) -> None:
        self.app = app
        self.environment = environment
        self.error: TricastError | None = None
        self._client = client
        self._endpoint = endpoint
        self._retrying = retrying
        self._set = FlagSet()
        self._known = asyncio.Event()
        self._gap = asyncio.Event()
        self._fetched = self._closed = False
        self._shown_stale = True
        self._waiting: list[Event] = []
        self._listeners = Listeners()
        self._stops = [
            client.on("event", self._came),
            client.on("reset", lambda _: self._gap.set()),
            client.on("state", lambda _: self._state()),
        ]

    @property
    def topic(self) -> str:
        """Where changes are announced."""
        return f"{self.app}/flags/{self.environment}"

    async def ready(self) -> None:
        """Wait for the first snapshot. Raises the TricastError of a refusal."""
        await self._known.wait()
        if self.error is not None:
            raise self.error

    @property
    def stale(self) -> bool:
        """Whether there may be changes that are not known here, as there is no connection."""
        return not self._fetched or self._client.state != "live"

    def get(self, key: str, default: T, context: Mapping[str, Any] | EvaluationContext | None = None) -> T:
        """A flag's value for `context` (`targetingKey` and attributes); `default` where there is none.

        It has the type of `default`: a flag of another type gives `default`.
        """
        return self._set.value(key, default, context_of(context))

    def evaluate(
        self, key: str, default: Any, context: Mapping[str, Any] | EvaluationContext | None = None
    ) -> FlagResolutionDetails[Any]:
        """As `get`, with variant, reason and metadata. Raises an OpenFeatureError where there is no value."""
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

    async def close(self) -> None:
        """Follow the flags no more; the last state stays."""
        self._closed = True
        self._gap.set()
        for stop in self._stops:
            stop()
        self._listeners.clear()

    async def run(self) -> None:
        """Keep the snapshot true until it is closed; the client does this."""
        try:
            # (it holds the topic; events are taken as they come, so that what is live is also known)
            with self._client.subscribe(self.topic, buffer=1, overflow="drop-newest") as subscription:
                await subscription.active()
                while not self._closed:
                    await self._read()
                    await self._gap.wait()
        except TricastError as error:
            self.error = error
        finally:
            self._known.set()
            self._state()

    async def _read(self) -> None:
        """Read a snapshot, and go on with the events that came meanwhile."""
        self._fetched = False
        self._gap.clear()
        self._waiting.clear()
        self._state()
        what = f"read the flags of {self.app} in {self.environment}"
        snapshot = await self._retrying.done(self._fetch, within_s=None, what=what)
        if self._gap.is_set():
            return
        changes = self._set.install(snapshot)
        for event in self._waiting:
            changes += self._set.apply(event)
        self._waiting.clear()
        self._fetched = True
        self._known.set()
        self._tell(changes)
        self._state()

    def _came(self, event: Event) -> None:
        if event.topic != self.topic:
            return
        if self._fetched:
            self._tell(self._set.apply(event))
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(event)
        else:
            self._gap.set()

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
        if not isinstance(snapshot, dict) or "flags" not in snapshot or "cursor" not in snapshot:
            raise Unavailable("the answer has no flags and cursor; is a tricast server there?")
        return snapshot

    def _tell(self, changes: list[FlagChange]) -> None:
        if changes:
            self._listeners.tell("change", changes)

    def _state(self) -> None:
        if self.stale != self._shown_stale:
            self._shown_stale = self.stale
            self._listeners.tell("stale", self._shown_stale)
