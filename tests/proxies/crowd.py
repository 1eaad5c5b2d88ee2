"""Clients in both languages behind one proxy, one for each transport and one that is free to choose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.clients.dialects import BRISK, DIALECTS, Language
from tests.clients.following import Following, following
from tests.proxies.origin import Origin
from tests.proxies.proxies import Proxy

from tricast.client import Client, Options

EVERY_S = 0.005


def for_python(url: str) -> str:
    """Another name of this machine: of `localhost` the Python client doesn't ask $SSL_CERT_FILE."""
    return url.replace("localhost", "0.0.0.0")


@dataclass
class Crowd:
    """`members`: by language and transport (`free`: it chose). `published`: so many numbers, by the proxy."""

    origin: Origin
    proxy: Proxy
    url: str
    topic: str
    best: str
    publisher: Client
    members: dict[tuple[Language, str], Following] = field(default_factory=dict)
    published: int = 0

    async def publish(self, count: int, **more: Any) -> None:
        """The next `count` numbers."""
        for _ in range(count):
            await self.publisher.publish(self.topic, {"n": self.published, **more})
            self.published += 1

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[None]:
        """Numbers go on and on while the block runs."""
        is_over = asyncio.Event()

        async def go_on() -> None:
            while not is_over.is_set():
                await self.publish(1)
                await asyncio.sleep(EVERY_S)

        async with asyncio.TaskGroup() as group:
            group.create_task(go_on())
            yield
            is_over.set()

    async def all_live(self) -> None:
        """Each is live, on its own transport or, if free, on the best that gets through."""
        for (_, name), client in self.members.items():
            await client.live(self.best if name == "free" else name)

    async def all_lost(self) -> None:
        """Each has noticed that there is no way to the server."""
        for client in self.members.values():
            await client.until(lambda me: me.state == "reconnecting")

    async def all_given(self) -> None:
        """Each was given every number once, in order, and told of no gap."""
        for who, client in self.members.items():
            await client.has(self.published)
            assert client.numbers == list(range(self.published)), (who, str(client))
            assert (client.resets, client.problem) == ([], None), (who, str(client))

    def reconnects(self) -> dict[tuple[Language, str], int]:
        return {who: client.states.count("reconnecting") for who, client in self.members.items()}


@asynccontextmanager
async def a_crowd(
    origin: Origin, proxy: Proxy, *, url: str, transports: tuple[str, ...]
) -> AsyncIterator[Crowd]:
    """All of them live, before anything was published. `transports`: those that get through, best first."""
    topic = f"demo/{proxy.kind}-{url.partition(':')[0]}"
    options = Options(publish_deadline_s=60, **{**BRISK, "transports": ("poll",)})
    async with (
        Client(for_python(url), token=origin.token, options=options) as publisher,
        AsyncExitStack() as stack,
    ):
        crowd = Crowd(origin, proxy, url, topic, transports[0], publisher)
        for language in DIALECTS:
            for name in (*transports, "free"):
                chosen = {} if name == "free" else {"transports": [name]}
                at = for_python(url) if language == "python" else url
                crowd.members[language, name] = await stack.enter_async_context(
                    following(language, at, topic, give_token=lambda _: origin.token, **chosen)
                )
        await crowd.all_live()
        yield crowd
