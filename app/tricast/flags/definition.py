"""Flags in flagd's format, and the parts that all flags have: checked, or refused by their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tricast.flags.flag import Definition, EnvironmentFlag, FlagType
from tricast.flags.targeting import check_targeting
from tricast.flags.values import as_json, as_object, as_text, listed, only_members, refuse, shown, step

MAX_FLAG_BYTES: Final = 65_536
MAX_VARIANTS: Final = 64
MAX_KEY_CHARS: Final = 200

_DEFINED: Final = ("state", "variants", "defaultVariant", "targeting", "metadata")
_OF_FLAGD: Final = ("source", "selector")  # flagd writes these into what it passes on; they define nothing
_STATES: Final = ("ENABLED", "DISABLED")


def check_definition(key: str, value: Any, *, evaluators: Mapping[str, Any], path: str) -> Definition:
    """A flag of a flagd file, checked; `path` is where it stands. Its layout is the order of `value`."""
    check_key(key, path)
    given = as_object(value, path)
    only_members(given, path, (*_DEFINED, *_OF_FLAGD))
    variants = check_variants(given.get("variants"), f"{path}/variants")
    there = check_there(given, variants, evaluators, path)
    if len(as_json(given, path)) > MAX_FLAG_BYTES:
        raise refuse(path, f"is more than {MAX_FLAG_BYTES} bytes of JSON; shorten it")
    return Definition(
        state=there.state,
        variants=variants,
        default_variant=there.default_variant,
        targeting=there.targeting,
        metadata=there.metadata,
        layout=tuple(name for name in given if name in _DEFINED),
    )


def check_key(key: Any, path: str = "/key") -> str:
    """`key`, if it can name a flag: 1-200 printable characters, no part between `/` of dots alone."""
    text = as_text(key, path, shortest=1, longest=MAX_KEY_CHARS)
    if not text.isprintable():
        raise refuse(path, f"the key {shown(key)} holds a character that doesn't print; remove it")
    for part in text.split("/"):
        if part and not part.strip("."):
            raise refuse(path, f"the key {shown(key)} has a part of dots alone, which URLs can't hold")
    return text


def check_metadata(value: Any, path: str) -> dict[str, Any]:
    """Metadata of a flag or of a set of them: texts, numbers and booleans by name."""
    given = as_object(value, path)
    for name, item in given.items():
        as_text(name, step(path, name), shortest=1, longest=MAX_KEY_CHARS)
        if not isinstance(item, str | int | float):
            raise refuse(step(path, name), f"{shown(item)} is no text, number or boolean")
    as_json(given, path)
    return given


def check_variants(value: Any, path: str, kind: FlagType | None = None) -> dict[str, Any]:
    """The variants of a flag: 1 to MAX_VARIANTS values of one type (`kind`, if given) by name."""
    given = as_object(value, path)
    if not 1 <= len(given) <= MAX_VARIANTS:
        raise refuse(path, f"a flag has 1 to {MAX_VARIANTS} variants; this has {len(given)}")
    for name in given:
        as_text(name, step(path, name), shortest=1, longest=MAX_KEY_CHARS)
    type_of(given, path, kind)
    as_json(given, path)
    return given


def type_of(variants: Mapping[str, Any], path: str, kind: FlagType | None = None) -> FlagType:
    """The one type of all the variants."""
    first = next(iter(variants))
    wanted = kind or _type_of_value(variants[first], step(path, first))
    for name, value in variants.items():
        found = _type_of_value(value, step(path, name))
        if found != wanted:
            raise refuse(
                step(path, name),
                f"{shown(value)} is of type {found}; the flag's variants are of type {wanted}",
            )
    return wanted


def check_there(
    given: dict[str, Any], variants: Mapping[str, Any], evaluators: Mapping[str, Any], path: str
) -> EnvironmentFlag:
    """What `given` says of one environment, but for variants and layout."""
    state = given.get("state")
    if state not in _STATES:
        raise refuse(f"{path}/state", f"{shown(state)} is no state; there are ENABLED and DISABLED")
    default = given.get("defaultVariant")
    if default is not None and (not isinstance(default, str) or default not in variants):
        raise refuse(
            f"{path}/defaultVariant",
            f"there is no variant {shown(default)}; there are {listed(variants)} (null: the caller's)",
        )
    targeting, metadata = given.get("targeting"), given.get("metadata")
    if targeting is not None:
        check_targeting(targeting, variants=variants, evaluators=evaluators, path=f"{path}/targeting")
    if metadata is not None:
        check_metadata(metadata, f"{path}/metadata")
    return EnvironmentFlag(
        state="ENABLED" if state == "ENABLED" else "DISABLED",
        default_variant=default,
        targeting=targeting,
        metadata=metadata,
    )


def _type_of_value(value: Any, path: str) -> FlagType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, dict | list):
        return "object"
    raise refuse(path, f"a variant can't be {shown(value)}")
