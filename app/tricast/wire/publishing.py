"""The bodies of a publish: tricast's own JSON, CloudEvents in its three modes, or anything at all."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from tricast.errors import BadRequest, Forbidden, TooLarge, shortly
from tricast.event import DEFAULT_TYPE, MAX_DEPTH, MAX_EVENT_BYTES, Draft, check_attribute, draft, plain
from tricast.pattern import SYSTEM_APP

MAX_BATCH = 1000
MAX_KEY_CHARS = 250  # in a batch each event's id is the key and its place
_CORE = {"id", "source", "type", "topic", "subject", "time", "datacontenttype", "data_base64"}
_IGNORED = {"specversion", "cursor", "data"}
_PLAIN = {"topic", "type", "data"}
_NOT_EXTENSIONS = _CORE | _IGNORED
_REMEMBERED_CHARS = 512  # what is longer is no topic or type, and is refused later
FORM = "application/x-www-form-urlencoded"  # the default of curl -d, whatever the body is
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")  # RFC 6838 §4.2
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))')  # RFC 9110 §5.6.6
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')  # RFC 9110 §5.6.4
# Text types outside of text/*: their data is a string if the bytes are UTF-8.
_TEXTS = frozenset(
    f"application/{name}"
    for name in (
        *("ecmascript", "graphql", "javascript", "sql", "toml", "x-javascript", "x-ndjson", "x-yaml", "xml"),
        *("x-sh", "x-www-form-urlencoded", "yaml"),
    )
)
_TEXT_ENDS = ("+xml", "+yaml")
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
        if "depth" in str(error):
            raise BadRequest(f"{field} is nested deeper than {MAX_DEPTH} levels", field=field) from None
        raise BadRequest(f"{field} is not JSON: {error}", field=field) from None


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
        raise BadRequest(f"a batch has 1 to {MAX_BATCH} events; this one has {len(body)}", field="body")
    drafts = []
    for index, item in enumerate(body):
        if not isinstance(item, dict):
            raise BadRequest(f"event {index} of the batch is not a JSON object", field=f"[{index}]")
        key = None if edge.idempotency_key is None else f"{edge.idempotency_key}-{index}"
        try:
            drafts.append(_draft(item, edge, key))
        except (BadRequest, Forbidden, TooLarge) as error:
            field = f"[{index}].{error.field}"
            raise type(error)(f"event {index} of the batch: {error.detail}", field=field) from None
    return drafts


def _draft(item: dict[str, Any], edge: Edge, key: str | None) -> Draft:
    if key is None and item.keys() <= _PLAIN:
        topic, type_ = item.get("topic"), item.get("type", DEFAULT_TYPE)
        if isinstance(topic, str) and isinstance(type_, str):
            reserved(topic, type_)
            return plain(
                topic,
                item.get("data"),
                source=edge.source(topic),
                type=type_,
                max_event_bytes=edge.max_event_bytes,
            )
    return _full(item, edge, key)


def _full(item: dict[str, Any], edge: Edge, key: str | None) -> Draft:
    if item.get("specversion", "1.0") != "1.0":
        raise BadRequest(f"specversion {shortly(item['specversion'])} must be '1.0'", field="specversion")
    for name in _CORE:
        value = item.get(name)
        if value is not None and not isinstance(value, str):
            raise BadRequest(f"{name} must be a string, not {type(value).__name__}", field=name)
    topic = item.get("topic")
    if topic is None:
        raise BadRequest(
            'topic is missing; give it in the event ({"topic": …, "data": …}) or as ?topic=',
            field="topic",
        )
    type_ = item.get("type")
    if type_ is None:
        type_ = DEFAULT_TYPE
    reserved(topic, type_)
    if "data" in item and item.get("data_base64") is not None:
        raise BadRequest("data and data_base64 can not both be given", field="data_base64")
    encoded = item.get("data_base64")
    if encoded is not None and not _BASE64.fullmatch(encoded):
        raise BadRequest("data_base64 is not base64 (RFC 4648 §4)", field="data_base64")
    extensions = None
    if len(item) > 3 or item.keys() - _NOT_EXTENSIONS:
        extensions = {
            name: value for name, value in item.items() if name not in _NOT_EXTENSIONS and value is not None
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


def key_of(values: Sequence[bytes]) -> str | None:
    """The `Idempotency-Key` in the headers of that name. Raises BadRequest."""
    name = "Idempotency-Key"
    if not values:
        return None
    if len(values) > 1:
        raise BadRequest(f"{name} is given more than once", field=name)
    try:
        key = check_attribute(values[0].decode(), name)
    except UnicodeDecodeError:
        raise BadRequest(f"{name} is not UTF-8", field=name) from None
    if len(key) > MAX_KEY_CHARS:
        raise BadRequest(f"{name} has {len(key)} characters; the limit is {MAX_KEY_CHARS}", field=name)
    return key


def reserved(topic: str, type: str) -> None:
    """Raises Forbidden for types, topics and apps that are tricast's own (DELIVERY.md 20)."""
    if len(topic) + len(type) <= _REMEMBERED_CHARS:
        _reserved(topic, type)
    else:
        _reserved.__wrapped__(topic, type)


@lru_cache(maxsize=16_384)
def _reserved(topic: str, type: str) -> None:
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
    media = _media_of(content_type)
    if media.kind == "application/cloudevents+json":
        return _object(parse_json(body), query)
    if media.kind == "application/cloudevents-batch+json":
        batch = parse_json(body)
        if not isinstance(batch, list):
            raise BadRequest("a CloudEvents batch must be a JSON list", field="body")
        return _filled(batch, query)
    if media.kind.startswith("application/cloudevents"):
        raise BadRequest(
            f"Content-Type {media.text[:80]!r} is not supported; send CloudEvents as "
            "application/cloudevents+json or application/cloudevents-batch+json",
            field="Content-Type",
        )
    binary = _binary(headers)
    if binary or "topic" in query:
        return _data_event(body, media, _merged(query, binary))
    # curl -d '{"topic": …}' without a Content-Type says it is a form.
    if media.is_json or body.lstrip()[:1] in (b"{", b"["):
        event = parse_json(body)
        return _filled(event, query)
    raise BadRequest(
        "topic is missing: add ?topic=app/name to the URL, or send "
        '{"topic": …, "data": …} as application/json',
        field="topic",
    )


def _object(event: Any, query: Mapping[str, str]) -> Any:
    if not isinstance(event, dict):
        raise BadRequest("a structured CloudEvent must be a JSON object", field="body")
    return _filled(event, query)


def _filled(body: Any, query: Mapping[str, str]) -> Any:
    """`body`, with what an event lacks taken from the query."""
    if isinstance(body, dict):
        return _merged(query, body) if query else body
    if query and isinstance(body, list):
        name = next(iter(query))
        raise BadRequest(f"{name} in the query goes with one event; in a batch, give it in each", field=name)
    return body


def _merged(query: Mapping[str, str], event: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in query.items():
        other = event.get(name)
        if other is not None and other != value:
            raise BadRequest(
                f"{name} is {shortly(value)} in the query and {shortly(other)} in the event; give it once",
                field=name,
            )
    return {**event, **query}


def _binary(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """The attributes in `ce-*` headers, percent-decoded (HTTP binding §3.1.3.2)."""
    attributes: dict[str, str] = {}
    for name, value in headers:
        if not name.startswith(b"ce-"):
            continue
        header, attribute = name.decode("ascii"), name[3:].decode("ascii")
        if attribute in attributes:
            raise BadRequest(f"the header {header[:80]!r} is given more than once", field=header[:80])
        if attribute in ("data", "data_base64", "datacontenttype"):
            raise BadRequest(
                f"the header {header!r}: in binary mode the body is the data and Content-Type says what "
                "it is",
                field=header,
            )
        try:
            attributes[attribute] = unquote_to_bytes(_without_quotes(value)).decode()
        except UnicodeDecodeError:
            raise BadRequest(
                f"the header {header[:80]!r} is not percent-encoded UTF-8", field=header[:80]
            ) from None
    return attributes


def _without_quotes(value: bytes) -> bytes:
    """A header value, unescaped if it is a quoted string, as the binding demands before percent-decoding."""
    quoted = _QUOTED.fullmatch(value)
    return value if quoted is None else re.sub(rb"\\(.)", rb"\1", quoted[1])


def _data_event(body: bytes, media: _Media, attributes: Mapping[str, str]) -> dict[str, Any]:
    """An event whose data is `body`, with the media type that was sent (DELIVERY.md 19)."""
    event: dict[str, Any] = dict(attributes)
    if media.is_json:
        event["data"] = parse_json(body) if body else None
        if media.text != "application/json":  # the default
            event["datacontenttype"] = media.text
        return event
    text = _as_text(body) if media.is_text else None
    if text is None:
        event["data_base64"] = base64.b64encode(body).decode()
        event["datacontenttype"] = media.text or "application/octet-stream"
    else:
        event["data"] = text
        event["datacontenttype"] = media.text or "text/plain"
    return event


def _as_text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True, slots=True)
class _Media:
    """A Content-Type. `text` is the header as sent; empty if there was none, or the default of `curl -d`."""

    text: str
    kind: str
    is_json: bool
    is_text: bool


@lru_cache(maxsize=1024)
def _media_of(content_type: str) -> _Media:
    """Raises BadRequest for a malformed media type, and for JSON in another charset than UTF-8."""
    text = content_type.strip()
    if not text or text.lower() == FORM:
        return _Media("", text.lower(), is_json=False, is_text=True)
    check_attribute(text, "Content-Type")
    kind = text.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(kind):
        raise BadRequest(
            f"Content-Type {text[:80]!r} is not a media type such as text/plain or image/png; leave it out "
            "for plain text",
            field="Content-Type",
        )
    parameters = {name.lower(): quoted or token for name, quoted, token in _PARAMETER.findall(text)}
    charset = parameters["charset"].lower() if "charset" in parameters else None
    is_utf_8 = charset in (None, "utf-8", "utf8", "us-ascii")
    is_json = kind == "application/json" or kind.endswith("+json")
    if is_json and not is_utf_8:
        raise BadRequest(
            f"Content-Type {text[:80]!r}: JSON is sent as UTF-8 (RFC 8259 §8.1)", field="Content-Type"
        )
    is_text = charset is not None or kind.startswith("text/") or kind.endswith(_TEXT_ENDS) or kind in _TEXTS
    return _Media(text, kind, is_json, is_text and is_utf_8)
