"""Content negotiation and conditional requests: Accept, Accept-Encoding, If-None-Match (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_WEIGHT: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_TAG: Final = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')


def prefers_event_stream(accept: Iterable[str]) -> bool:
    """Whether the values of Accept prefer an event stream to JSON (RFC 9110 §12.5.1).

    With equal weights the stream is preferred if it is named. If neither is accepted, JSON is sent.
    """
    ranges = dict(_weights(accept))
    if not ranges:
        return False
    stream = _weight_of("text/event-stream", ranges)
    json = _weight_of("application/json", ranges)
    return stream > 0 and (stream > json or (stream == json and "text/event-stream" in ranges))


def takes_gzip(accept_encoding: Iterable[str]) -> bool:
    """Whether the values of Accept-Encoding accept gzip with at least the weight of identity (§12.5.3).

    Without a value, and with a malformed weight, gzip is not accepted.
    """
    weights = dict(_weights(accept_encoding))
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def matching_etag(if_none_match: Iterable[str], *etags: str) -> str | None:
    """The first of `etags` that the values of If-None-Match name, else None; `*` names any (§13.1.2).

    The comparison is weak: `W/` is ignored. A tag without quotes, as in OFREP's own example, is taken as
    one with quotes.
    """
    values = ",".join(if_none_match)
    if values.strip() == "*":
        return next(iter(etags), None)
    given = {match[1] if match[2] is None else match[2] for match in _TAG.finditer(values)}
    return next((etag for etag in etags if etag.removeprefix("W/").strip('"') in given), None)


def _weight_of(media_type: str, ranges: dict[str, float]) -> float:
    """The weight of the most specific media range that includes `media_type`; 0 if none does."""
    kind = media_type.partition("/")[0]
    return next((ranges[each] for each in (media_type, f"{kind}/*", "*/*") if each in ranges), 0.0)


def _weights(values: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Each member of a list with its weight, 0 if that is malformed. Other parameters are ignored."""
    for part in ",".join(values).lower().split(","):
        name, *parameters = part.split(";")
        weight = "1"
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = value.strip()
        if name.strip():
            yield name.strip(), float(weight) if _WEIGHT.fullmatch(weight) else 0.0
