"""From the JSON of outside to a Flag: REST bodies, patches, definitions of files.

`surroundings` is what a flag is checked against: each environment of its app
with the `$evaluators` there, by name. All errors are BadRequest, and their
`field` is a JSON Pointer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tricast import diff
from tricast.flags.definition import MAX_FLAG_BYTES, check_key, check_there, check_variants, type_of
from tricast.flags.flag import Definition, EnvironmentFlag, Flag, FlagType
from tricast.flags.values import as_json, as_object, as_text, only_members, refuse, rejoined, shown, step

Surroundings = Mapping[str, Mapping[str, Any]]

MAX_TAGS: Final = 32

_EDITABLE = ("name", "description", "tags", "owner", "variants", "environments")
_NEW = ("key", "type", *_EDITABLE)
_THERE = ("state", "defaultVariant", "targeting", "variants", "metadata")
_TYPES: Final[tuple[FlagType, ...]] = ("boolean", "string", "number", "object")


def new_flag(body: Any, surroundings: Surroundings) -> Flag:
    """The flag that a `create` body describes; stamps (`created_at` …) are the store's to set.

    Without `environments` it is in each of the app's, DISABLED, with its first
    variant as default. A boolean flag needs no `variants`: `{"on": true, "off": false}`.
    """
    given = as_object(body, "")
    only_members(given, "", _NEW)
    key = check_key(given.get("key"))
    kind = _type(given)
    variants = given.get("variants", {"on": True, "off": False} if kind == "boolean" else None)
    if variants is None:
        raise refuse("/variants", f"a flag of type {kind} needs variants; give them by name")
    check_variants(variants, "/variants", kind)
    if "environments" not in given:
        first = next(iter(variants))
        given = {**given, "environments": {name: _disabled(first) for name in surroundings}}
    blank = Flag(key=key, type=kind, variants=variants, environments={})
    return _checked(blank, given, surroundings)


def edited_flag(flag: Flag, body: Any, surroundings: Surroundings) -> Flag:
    """`flag` with all that can be edited taken from `body`: `flag.body()`, patched or replaced.

    `key`, `type` and `archived` must be as they are.
    """
    given = as_object(body, "")
    only_members(given, "", (*_NEW, "archived"))
    for name, held in (("key", flag.key), ("type", flag.type), ("archived", flag.archived)):
        if name in given and (given[name] != held or type(given[name]) is not type(held)):
            remedy = "archive or restore it instead" if name == "archived" else "make another flag instead"
            raise refuse(f"/{name}", f"can't be changed from {shown(held)} by an edit; {remedy}")
    check_variants(given.get("variants"), "/variants", flag.type)
    return _checked(flag, given, surroundings)


def with_definition(flag: Flag | None, *, key: str, environment: str, definition: Definition) -> Flag:
    """`flag` (None: a new one) with `environment` as an imported `definition` has it, and not archived.

    Variants that differ from the flag's go to that environment alone, unless the
    flag is in no other. Raises BadRequest if they are of another type, or the flag too large.
    """
    path = step("/flags", key)
    kind = type_of(definition.variants, f"{path}/variants")
    base = flag or Flag(key=key, type=kind, variants=definition.variants, environments={})
    if base.type != kind:
        raise refuse(
            f"{path}/variants",
            f"they are of type {kind}, and the flag is of type {base.type}; use another key",
        )
    if not set(base.environments) - {environment}:
        base = base if base.variants is definition.variants else replace(base, variants=definition.variants)
    there = EnvironmentFlag(
        state=definition.state,
        default_variant=definition.default_variant,
        targeting=definition.targeting,
        variants=None if _same_order(definition.variants, base.variants) else definition.variants,
        metadata=definition.metadata,
        layout=definition.layout,
    )
    made = replace(base, archived=False, environments={**base.environments, environment: there})
    return _sized(made, rejoined(made.body(), path), path)


def sized(flag: Flag, path: str = "") -> Flag:
    """`flag`, if it is not too large to be kept; else BadRequest."""
    return _sized(flag, as_json(flag.body(), path), path)


def _sized(flag: Flag, text: bytes, path: str) -> Flag:
    size = len(text)
    if size > MAX_FLAG_BYTES:
        raise refuse(path, f"the flag has {size} bytes of JSON; the limit is {MAX_FLAG_BYTES}: shorten it")
    return flag


def _type(given: dict[str, Any]) -> FlagType:
    kind = given.get("type")
    if kind is None and given.get("variants"):
        return type_of(as_object(given["variants"], "/variants"), "/variants")
    if kind not in _TYPES:
        raise refuse("/type", f"{shown(kind)} is no type of flag; there are {', '.join(_TYPES)}")
    return next(known for known in _TYPES if known == kind)


def _disabled(first: str) -> dict[str, Any]:
    return {"state": "DISABLED", "defaultVariant": first}


def _checked(flag: Flag, given: dict[str, Any], surroundings: Surroundings) -> Flag:
    """`flag` with everything editable from `given`, whose variants have been checked."""
    owner = given.get("owner")
    variants = given.get("variants", flag.variants)
    return sized(
        replace(
            flag,
            name=as_text(given.get("name", ""), "/name", longest=200),
            description=as_text(given.get("description", ""), "/description", longest=2000, lines=True),
            tags=_tags(given.get("tags", [])),
            owner=None if owner is None else as_text(owner, "/owner", shortest=1, longest=200),
            variants=variants,
            environments=_environments(flag, given.get("environments", {}), variants, surroundings),
        )
    )


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_TAGS:
        raise refuse("/tags", f"tags are an array of at most {MAX_TAGS} texts")
    for index, tag in enumerate(value):
        as_text(tag, step("/tags", index), shortest=1, longest=64)
        if tag in value[:index]:
            raise refuse(step("/tags", index), f"the tag {shown(tag)} is there twice; remove one")
    return tuple(value)


def _environments(
    flag: Flag, value: Any, variants: Mapping[str, Any], surroundings: Surroundings
) -> dict[str, EnvironmentFlag]:
    there = {}
    for name, given in as_object(value, "/environments").items():
        path = step("/environments", name)
        held = flag.environments.get(name)
        if held is not None and _untouched(flag, held, given, variants):
            there[name] = held
            continue
        if name not in surroundings:
            raise refuse(
                path, f"the app has no environment {shown(name)}; it has {', '.join(surroundings) or 'none'}"
            )
        there[name] = _environment(flag, given, variants, _Place(path, held, surroundings[name]))
    return there


def _untouched(flag: Flag, held: EnvironmentFlag, given: Any, variants: Mapping[str, Any]) -> bool:
    """So an edit elsewhere isn't refused for what has long been here."""
    return not diff(held.body(), given) and (held.variants is not None or not diff(flag.variants, variants))


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    held: EnvironmentFlag | None
    evaluators: Mapping[str, Any]


def _environment(flag: Flag, value: Any, variants: Mapping[str, Any], place: _Place) -> EnvironmentFlag:
    given = as_object(value, place.path)
    only_members(given, place.path, _THERE)
    own = given.get("variants")
    if own is not None:
        check_variants(own, f"{place.path}/variants", flag.type)
    there = check_there(given, variants if own is None else own, place.evaluators, place.path)
    differ = own is not None and not _same_order(own, variants)
    return replace(
        there, variants=own if differ else None, layout=place.held.layout if place.held is not None else ()
    )


def _same_order(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two sets of variants are written alike: `1` and `1.0` are not, nor are other orders."""
    return one is other or as_json(one, "") == as_json(other, "")
