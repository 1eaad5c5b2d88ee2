"""Which encodings of an answer are taken (RFC 9110 §12.5.3). The server's own pages ask it too."""

from __future__ import annotations

import re
from collections.abc import Iterator

from starlette.datastructures import Headers

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def takes_gzip(headers: Headers) -> bool:
    """Whether a request asks for gzip, and not rather for the bytes as they are.

    Without an Accept-Encoding it doesn't, nor by a weight that is none.
    """
    weights = dict(_weights(",".join(headers.getlist("accept-encoding"))))
    gzip = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def _weights(accepted: str) -> Iterator[tuple[str, float]]:
    for part in accepted.lower().split(","):
        coding, *parameters = part.split(";")
        weight = "1"
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = value.strip()
        yield coding.strip(), float(weight) if _WEIGHT.fullmatch(weight) else 0.0
