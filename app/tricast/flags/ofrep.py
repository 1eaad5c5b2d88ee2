"""OFREP, OpenFeature's remote evaluation protocol, version 0.3.0: requests read, answers rendered. No I/O.

Sources, all in github.com/open-feature/protocol: `service/openapi.yaml` (members
and statuses), ADR 6 (a code default is an answer without `value`), ADR 8 and
`service/event-streams.yaml` (event streams). ETags: RFC 9110 §8.8.3 and §13.1.2.
Where the protocol leaves a choice, what the published providers need decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import orjson

from tricast import BadRequest, NotFound
from tricast.flags.evaluation import MAX_CONTEXT_BYTES, ErrorCode, Evaluation, context_problem
from tricast.flags.flag import Definition

MAX_BODY_BYTES: Final = 2 * MAX_CONTEXT_BYTES
INACTIVITY_S: Final = 120
RETRY_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it goes out: status, JSON body, headers besides the usual ones."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bulk:
    """All flags for one context: JSON, a digest that changes whenever it does, and what was answered.

    `answered` are (key, variant) of the flags that have a value, for counting.
    """

    members: bytes
    digest: bytes
    answered: tuple[tuple[str, str | None], ...]


# Requests


def context_of(body: bytes) -> dict[str, Any]:
    """The evaluation context in a request's body. None at all is an empty one.

    Raises BadRequest, whose member `errorCode` is PARSE_ERROR or INVALID_CONTEXT.
    """
    try:
        value = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise _bad(
            "PARSE_ERROR", f'the body is not JSON: {error}; send {{"context": {{…}}}}', "body"
        ) from None
    if not isinstance(value, dict):
        raise _bad("PARSE_ERROR", 'the body must be a JSON object such as {"context": {…}}', "body")
    context = value.get("context")
    if context is None:
        return {}
    problem = context_problem(context)
    if problem is not None:
        raise _bad("INVALID_CONTEXT", problem, "context")
    return dict(context)


def _bad(code: ErrorCode, detail: str, field: str) -> BadRequest:
    return BadRequest(detail, field=field, members={"errorCode": code})


def has_seen(etag: str, announced: str | None) -> bool:
    """Whether flags as of `etag` hold the change that a stream announced (`flagConfigEtag`).

    Both are cursors, compared by the integer after the last `-` (it rises over all
    epochs). What is no cursor of ours can't be waited for.
    """
    ours, theirs = _offset(etag), _offset(announced or "")
    return ours is None or theirs is None or ours >= theirs


def _offset(cursor: str) -> int | None:
    digits = cursor.rpartition("-")[2]
    return int(digits) if len(digits) <= 19 and digits.isascii() and digits.isdigit() else None


# Answers


def answer(evaluation: Evaluation, definition: Definition | None, flag_set: Mapping[str, Any]) -> Reply:
    """The answer of `evaluate/flags/{key}`. `flag_set`: metadata of all flags, below the flag's own."""
    if evaluation.error_code is None:
        told = _told(evaluation, definition)
        told["metadata"] = {**flag_set, **told["metadata"]}
        return Reply(200, orjson.dumps(told))
    status = 404 if evaluation.error_code == "FLAG_NOT_FOUND" else 400
    return Reply(status, orjson.dumps(_told(evaluation, definition)))


def bulk(
    evaluations: Iterable[Evaluation], definitions: Mapping[str, Definition], flag_set: Mapping[str, Any]
) -> Bulk:
    """All answers for one context. Flags that fail are among them, with their error."""
    told: list[dict[str, Any]] = []
    answered: list[tuple[str, str | None]] = []
    for each in evaluations:
        told.append(_told(each, definitions.get(each.key)))
        if each.error_code is None:
            answered.append((each.key, each.variant))
    members = b'"flags":%b,"metadata":%b' % (orjson.dumps(told), orjson.dumps(flag_set))
    return Bulk(members, blake2b(members, digest_size=16).digest(), tuple(answered))


def bulk_etag(result: Bulk, stream: str, label: str = "") -> str:
    """The ETag of a bulk answer: it changes with any result, any flag's version, the stream's URL or `label`.

    The URL counts because a client that is answered 304 goes on using the one it
    has: were its token dead, it would be refused and ask again, at once and for ever.
    Not so the environment's cursor, by which a change that makes no difference to
    this context would be announced to its application, naming no flag.
    """
    whole = b"\n".join((result.digest.hex().encode(), stream.encode(), label.encode()))
    return f'"{blake2b(whole, digest_size=16).hexdigest()}"'


def bulk_answer(result: Bulk, stream: str, etag: str) -> Reply:
    """The answer of `evaluate/flags`, naming the event stream at the path and query `stream`.

    Without an origin, which providers take from their base URL: so it is right behind any proxy.
    """
    streams = [{"type": "sse", "endpoint": {"requestUri": stream}, "inactivityDelaySec": INACTIVITY_S}]
    return Reply(200, b'{%b,"eventStreams":%b}' % (result.members, orjson.dumps(streams)), {"etag": etag})


def refusal(error: BadRequest | NotFound, key: str | None = None) -> Reply:
    """A 400 or 404 in the protocol's form; `key` is of the flag that was asked for, if one was.

    Providers take one without `errorCode` (and `key`) for a broken server. (Other
    refusals they know by their status; the protocol gives them no body.)
    """
    code = error.members.get("errorCode", "GENERAL")
    if key is None:
        return Reply(error.status, orjson.dumps({"errorCode": code, "errorDetails": error.detail}))
    if isinstance(error, NotFound):
        code = "FLAG_NOT_FOUND"
    return Reply(error.status, orjson.dumps({"key": key, "errorCode": code, "errorDetails": error.detail}))


def _told(evaluation: Evaluation, definition: Definition | None) -> dict[str, Any]:
    told: dict[str, Any] = {"key": evaluation.key}
    if evaluation.error_code is not None:
        told["errorCode"] = evaluation.error_code
        told["errorDetails"] = evaluation.error_details or ""
    else:
        if evaluation.value is not None:
            told["value"] = _number(evaluation.value, definition)
        told["reason"] = evaluation.reason
        # The Python provider takes an answer without one for an error, also where there is no value.
        told["variant"] = evaluation.variant or ""
    # The flag's version (or what its author calls so): an edit is a change of this flag and of no other.
    own = {"version": evaluation.version} if evaluation.version else {}
    told["metadata"] = {**own, **evaluation.metadata}
    return told


def _number(value: Any, definition: Definition | None) -> Any:
    """A whole number of a flag that has fractions, as `3.0`: the Python provider's floats must be floats."""
    if type(value) is not int or definition is None:
        return value
    has_fractions = any(type(each) is float for each in definition.variants.values())
    return float(value) if has_fractions else value


# The event stream (ADR 8)


def refetch(etag: str) -> bytes:
    """What makes a provider ask again. `etag` comes back as `flagConfigEtag` and as `Last-Event-ID`."""
    data = orjson.dumps({"type": "refetchEvaluation", "etag": etag})
    return b"event: message\ndata: %b\nid: %b\n\n" % (data, etag.encode())


def opening(etag: str, last_event_id: str | None) -> bytes:
    """How a stream begins: with the news, unless the client has seen the environment as it is.

    Providers don't ask again when they have connected, the first time or after a cut.
    """
    begin = b"retry: %d\n: ok\n\n" % RETRY_MS
    return begin if last_event_id == etag else begin + refetch(etag)


def heartbeat() -> bytes:
    """A comment that keeps proxies from closing a quiet stream."""
    return b":\n\n"


def goodbye(reason: str, reconnect_after_ms: int) -> bytes:
    """How a stream ends. EventSource comes back after that time (0: after the time it had)."""
    retry = b"retry: %d\n" % reconnect_after_ms if reconnect_after_ms > 0 else b""
    return retry + b": goodbye %b\n\n" % reason.encode()
