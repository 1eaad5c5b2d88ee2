"""first_event.py URL TOPIC ROUNDS: how long a Client takes to its first event, and a request without one.

One JSON object: by transport and by `client` and `floor`, milliseconds in order.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable

import httpx2
from websockets.asyncio.client import connect

from tricast.client import Client, Options, TransportName

URL, TOPIC, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
WARM_UP = 5


def events(transport: TransportName) -> str:
    return f"{URL}/v1/events?topic={TOPIC}&cursor=earliest&transport={transport}"


def http() -> httpx2.AsyncClient:
    """(Not with the authorities, whose loading takes longer than all the rest.)"""
    return httpx2.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), timeout=30)


async def client(transport: TransportName) -> float:
    began = time.perf_counter()
    options = Options(transports=(transport,))
    async with Client(URL, cursor="earliest", options=options, memory={}) as tricast:
        async for _ in tricast.subscribe(TOPIC):
            return time.perf_counter() - began
    raise AssertionError("no event")


async def websocket_floor() -> float:
    began = time.perf_counter()
    async with connect(events("websocket").replace("http", "ws"), proxy=None, compression=None) as socket:
        async for message in socket:
            if "topic" in json.loads(message):
                return time.perf_counter() - began
    raise AssertionError("no event")


async def sse_floor() -> float:
    began = time.perf_counter()
    async with http() as asking, asking.sse(events("sse")) as stream:
        async for block in stream:
            if "topic" in json.loads(block.data):
                return time.perf_counter() - began
    raise AssertionError("no event")


async def poll_floor() -> float:
    began = time.perf_counter()
    async with http() as asking:
        answer = await asking.get(events("poll"))
        assert answer.json()["events"]
        return time.perf_counter() - began


FLOORS: dict[TransportName, Callable[[], Awaitable[float]]] = {
    "websocket": websocket_floor,
    "sse": sse_floor,
    "poll": poll_floor,
}


async def measure() -> dict[str, dict[str, list[float]]]:
    took: dict[str, dict[str, list[float]]] = {}
    for transport, floor in FLOORS.items():
        times = took[transport] = {"client": [], "floor": []}
        for turn in range(-WARM_UP, ROUNDS):
            for name, seconds in (("floor", await floor()), ("client", await client(transport))):
                if turn >= 0:
                    times[name].append(seconds * 1000)
            await asyncio.sleep(0.005)
    return took


print(json.dumps(asyncio.run(measure())))
