"""The kinds of values that settings have, and the texts that they are written in."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PositiveInt, SecretStr

from tricast.errors import BadRequest
from tricast.origin import OriginRule
from tricast.public_url import PublicUrl

MIN_SECRET_CHARS = 32

UNIX = "unix:"
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?")
_BYTES = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}


def parse_duration(value: object) -> object:
    """Seconds from a number or a text such as `500ms`, `90`, `10m`, `7d`; None from `off`."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "off":
        return None
    match = _DURATION.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a duration")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def parse_size(value: object) -> object:
    """Bytes from a number or a text such as `65536`, `256KiB`, `1GB`; None from `off`."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "off":
        return None
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError("not a size")
    return int(float(match[1]) * _BYTES[match[2] or "B"])


def _off(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "off" else value


def _items(value: object) -> object:
    if isinstance(value, str):
        return tuple(item for item in (part.strip() for part in value.split(",")) if item)
    return value


def _log_url(value: str) -> str:
    if value != "memory:" and not (value.startswith("sqlite:///") and len(value) > len("sqlite:///")):
        raise ValueError("not a log")
    return value


class InvalidValue(ValueError):
    """Its text says why the value is not allowed and what to write instead."""


def _page_origin(value: str) -> str:
    if value != "*":
        _rule(value)
    return value


def _host(value: str) -> str:
    if value.startswith(UNIX):
        if len(value) == len(UNIX):
            raise ValueError("no path")
        return value
    if ":" in value:
        ipaddress.IPv6Address(value)
    elif not _HOST_NAME.fullmatch(value):
        raise ValueError("not a host")
    return value


def _own_origin(value: str) -> str:
    if value == "*":
        raise InvalidValue(
            "'*' is not a server's own origin; to allow pages of any origin, set allowed_origins=*"
        )
    if not _rule(value).origin.is_web:
        raise InvalidValue(
            "a server's own origin begins with http:// or https://; put origins of apps into allowed_origins"
        )
    return value


def _public_url(value: str) -> str:
    try:
        return str(PublicUrl.parse(value))
    except BadRequest as error:
        raise InvalidValue(error.detail) from None


def _rule(value: str) -> OriginRule:
    try:
        return OriginRule.parse(value)
    except BadRequest as error:
        raise InvalidValue(error.detail) from None


def _network(value: str) -> str:
    if value != "*":
        ipaddress.ip_network(value)
    return value


def _secret(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < MIN_SECRET_CHARS:
        raise ValueError("too short")
    return value


_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Duration = Annotated[_Positive, BeforeValidator(parse_duration)]
Pause = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, le=600)]
Age = Annotated[_Positive | None, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
Room = Annotated[PositiveInt | None, BeforeValidator(parse_size)]
Count = Annotated[PositiveInt | None, BeforeValidator(_off)]
Rate = Annotated[_Positive | None, BeforeValidator(_off)]
PublicUrlText = Annotated[str | None, AfterValidator(lambda value: value and _public_url(value))]
LogUrl = Annotated[str, AfterValidator(_log_url)]
Secrets = Annotated[tuple[Annotated[SecretStr, AfterValidator(_secret)], ...], BeforeValidator(_items)]
Hosts = Annotated[
    tuple[Annotated[str, AfterValidator(_host)], ...], BeforeValidator(_items), Field(min_length=1)
]
PageOrigins = Annotated[tuple[Annotated[str, AfterValidator(_page_origin)], ...], BeforeValidator(_items)]
OwnOrigins = Annotated[tuple[Annotated[str, AfterValidator(_own_origin)], ...], BeforeValidator(_items)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_items)]

DURATIONS = "a duration above 0: seconds, or a number with ms, s, m, h, d or w"
SIZES = "a number with B, kB, MB, GB, KiB, MiB or GiB"


def format_duration(seconds: float) -> str:
    """The shortest exact text: `30d`, `15s`, `500ms`."""
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{int(seconds // _SECONDS[unit])}{unit}"
    return f"{seconds * 1000:g}ms" if 0 < seconds < 1 else f"{seconds:g}s"


def format_size(size: int) -> str:
    """The shortest exact text: `32MiB`, `1000B`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return f"{size}B"


def about_size(size: int) -> str:
    """A text of about that size, to read: `3.2 GiB`."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size >= _BYTES[unit]:
            return f"{size / _BYTES[unit]:.1f} {unit}"
    return f"{size} B"
