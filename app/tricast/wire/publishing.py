"""The bodies of a publish: tricast's own JSON, CloudEvents in its three modes, or anything at all."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson

from tricast.errors import BadRequest, Forbidden
from tricast.event import MAX_EVENT_BYTES, Draft, draft
from tricast.pattern import SYSTEM_APP

MAX_BATCH = 1000
_CORE = {"id", "source", "type", "topic", "subject", "time", "datacontenttype", "data_base64"}
_IGNORED = {"specversion", "cursor", "data"}
_NOT_EXTENSIONS = _CORE | _IGNORED
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


@dataclass(frozen=True, slots=True)
class Edge:
    """What the edge adds to what was sent: the default source by topic, ids from a key, limits."""

    source: Callable[[str], str]
    idempotency_key: str | None = None
    max_event_bytes: int = MAX_EVENT_BYTES


def parse_json(body: bytes, field: str = "body") -> Any:
    """Raises BadRequest with the position of the fault."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"{field} is not JSON: {error}", field=field) from None
    except RecursionError:
        raise BadRequest(f"{field} is nested too deeply", field=field) from None


def drafts_of(body: Any, edge: Edge) -> list[Draft]:
    """Drafts of parsed JSON: one event, or a list of up to 1,000 (atomic).

    Raises BadRequest naming the member (and in a list its place), Forbidden for
    what nobody outside may publish, TooLarge.
    """
    if isinstance(body, dict):
        return [_draft(body, edge, edge.idempotency_key)]
    if not isinstance(body, list):
        raise BadRequest("an event must be a JSON object, a batch a list of objects", field="body")
    if not 1 <= len(body) <= MAX_BATCH:
        raise BadRequest(
            f"a batch has 1 to {MAX_BATCH} events; this one has {len(body)}", field="body"
        )
    drafts = []
    for index, item in enumerate(body):
        if not isinstance(item, dict):
            raise BadRequest(f"event {index} of the batch is not a JSON object", field=f"[{index}]")
        key = None if edge.idempotency_key is None else f"{edge.idempotency_key}-{index}"
        try:
            drafts.append(_draft(item, edge, key))
        except (BadRequest, Forbidden) as error:
            field = f"[{index}].{error.field}"
            raise type(error)(f"event {index} of the batch: {error.detail}", field=field) from None
    return drafts


def _draft(item: Mapping[str, Any], edge: Edge, key: str | None) -> Draft:
    if item.get("specversion", "1.0") != "1.0":
        raise BadRequest(
            f"specversion {str(item['specversion'])[:20]!r} must be '1.0'", field="specversion"
        )
    for name in _CORE:
        value = item.get(name)
        if value is not None and not isinstance(value, str):
            raise BadRequest(f"{name} must be a string, not {type(value).__name__}", field=name)
    topic = item.get("topic")
    if topic is None:
        raise BadRequest(
            "topic is missing; give it in the event ({\"topic\": …, \"data\": …}) or as ?topic=",
            field="topic",
        )
    type_ = item.get("type") or "message"
    reserved(topic, type_)
    if "data" in item and item.get("data_base64") is not None:
        raise BadRequest("data and data_base64 can not both be given", field="data_base64")
    encoded = item.get("data_base64")
    if encoded is not None and not _BASE64.fullmatch(encoded):
        raise BadRequest("data_base64 is not base64 (RFC 4648 §4)", field="data_base64")
    extensions = None
    if len(item) > 3 or item.keys() - _NOT_EXTENSIONS:
        extensions = {
            name: value
            for name, value in item.items()
            if name not in _NOT_EXTENSIONS and value is not None
        }
    source = item.get("source")
    id_ = item.get("id")
    return draft(
        topic,
        item.get("data"),
        source=edge.source(topic) if source is None else source,
        type=type_,
        id=key if id_ is None else id_,
        subject=item.get("subject"),
        time=item.get("time"),
        datacontenttype=item.get("datacontenttype"),
        data_base64=encoded,
        extensions=extensions,
        max_event_bytes=edge.max_event_bytes,
    )


def reserved(topic: str, type: str) -> None:
    """Raises Forbidden for types, topics and apps that are tricast's own (DELIVERY.md 20)."""
    if type.startswith(("tricast.", "presence.")):
        raise Forbidden(
            f"type {type[:80]!r}: types that begin with 'tricast.' or 'presence.' are the server's",
            field="type",
        )
    app, _, rest = topic.partition("/")
    if app == SYSTEM_APP:
        raise Forbidden(f"topic {topic[:80]!r}: the app {SYSTEM_APP!r} is the server's", field="topic")
    if rest.partition("/")[0] == "flags":
        raise Forbidden(
            f"topic {topic[:80]!r}: topics under '{app}/flags' are written by the flags API", field="topic"
        )


def body_of(
    body: bytes, content_type: str, query: Mapping[str, str], headers: Sequence[tuple[bytes, bytes]]
) -> Any:
    """Any accepted HTTP body as parsed JSON for `drafts_of`.

    CloudEvents HTTP binding 1.0.2: structured (§3.2), batched (§3.3), binary
    (§3.1: `ce-*` headers). Otherwise with `?topic=` the body is the data.
    """
    mime = content_type.partition(";")[0].strip().lower()
    if mime == "application/cloudevents+json":
        return _object(parse_json(body), query)
    if mime == "application/cloudevents-batch+json":
        batch = parse_json(body)
        if not isinstance(batch, list):
            raise BadRequest("a CloudEvents batch must be a JSON list", field="body")
        return batch
    binary = {
        name[3:].decode("ascii"): unquote(value.decode("latin-1"))
        for name, value in headers
        if name.startswith(b"ce-")
    }
    if binary or "topic" in query:
        return _data_event(body, content_type, mime, binary | dict(query))
    if mime == "application/json" or mime.endswith("+json"):
        return parse_json(body)
    # curl -d '{"topic": …}' without a Content-Type says it is a form.
    if body.lstrip()[:1] in (b"{", b"["):
        return parse_json(body)
    raise BadRequest(
        "topic is missing: add ?topic=app/name to the URL, or send "
        '{"topic": …, "data": …} as application/json',
        field="topic",
    )


def _object(event: Any, query: Mapping[str, str]) -> Any:
    if not isinstance(event, dict):
        raise BadRequest("a structured CloudEvent must be a JSON object", field="body")
    return {**query, **event}


def _data_event(
    body: bytes, content_type: str, mime: str, attributes: Mapping[str, str]
) -> dict[str, Any]:
    event: dict[str, Any] = dict(attributes)
    if mime == "application/json" or mime.endswith("+json"):
        event["data"] = parse_json(body) if body else None
        if mime != "application/json":
            event["datacontenttype"] = content_type
        return event
    try:
        event["data"] = body.decode()
        event["datacontenttype"] = content_type if mime.startswith("text/") else "text/plain"
    except UnicodeDecodeError:
        event["data_base64"] = base64.b64encode(body).decode()
        event["datacontenttype"] = mime or "application/octet-stream"
    return event
