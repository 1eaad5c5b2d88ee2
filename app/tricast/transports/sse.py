"""Server-Sent Events: a stream whose blocks carry the cursor as their `id:`."""

from __future__ import annotations

from typing import Any

from tricast.errors import TricastError
from tricast.hub.caller import Caller
from tricast.hub.subscription import Subscription
from tricast.transports import direct, http
from tricast.transports.door import Door
from tricast.transports.portable import PortableOutlet, stream_sse
from tricast.wire import control
from tricast.wire.start import Start

# Event streams are always UTF-8 (WHATWG HTML §9.2.4). The charset is named for HTTP clients that read text
# without one as ISO-8859-1, such as Python's requests.
CONTENT_TYPE = b"text/event-stream; charset=utf-8"
_HEADERS = (
    (b"content-type", CONTENT_TYPE),
    http.NO_STORE,
    (b"x-accel-buffering", b"no"),
)


async def turn_away(scope: Any, send: Any, problem: TricastError, cors: http.Headers) -> None:
    """A refusal that EventSource survives: it stops for ever on a 429 or 503 (DELIVERY.md 23)."""
    wait_s = problem.retry_after_s if problem.retry_after_s is not None else 1.0
    farewell = control.goodbye(problem.code, max(1000, round(wait_s * 1000)))
    body = farewell.payload("blocks")
    assert isinstance(body, bytes)
    await http.reply(scope, send, 200, (*_HEADERS, *cors), body)


async def stream(
    door: Door,
    scope: Any,
    receive: Any,
    send: Any,
    caller: Caller,
    subscription: Subscription,
    start: Start | int,
    cors: http.Headers,
) -> None:
    way = direct.of(scope)
    if way is not None:
        chunked = scope["http_version"] != "1.0"
        framing = ((b"transfer-encoding", b"chunked"),) if chunked else ()
        head = http.head(200, (*_HEADERS, *framing, (b"connection", b"close"), *cors))
        outlet = way.stream(head, chunked=chunked)
        door.hub.open(outlet, caller=caller, subscription=subscription, start=start)
        return
    portable = PortableOutlet("blocks")
    door.hub.open(portable, caller=caller, subscription=subscription, start=start)
    headers = {name.decode(): value.decode("latin-1") for name, value in cors}
    await stream_sse(portable, scope, receive, send, {"cache-control": "no-store", **headers})
