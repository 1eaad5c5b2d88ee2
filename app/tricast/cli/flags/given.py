"""What the options of `create` and `set` say, as parts of a flag."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tricast.cli.failure import USAGE, Failure

STATES = {"enabled": "ENABLED", "disabled": "DISABLED", "on": "ENABLED", "off": "DISABLED"}


@dataclass(frozen=True, slots=True)
class Given:
    """What is to be set. None and () leave as it is; an empty text empties."""

    name: str | None = None
    description: str | None = None
    owner: str | None = None
    tags: Sequence[str] = ()
    untag: Sequence[str] = ()
    variants: Sequence[str] = ()
    remove_variants: Sequence[str] = ()
    state: str | None = None
    default: str | None = None
    targeting: str | None = None

    @property
    def is_of_environment(self) -> bool:
        """Whether any of it is one environment's alone."""
        return any(value is not None for value in (self.state, self.default, self.targeting))

    @property
    def is_nothing(self) -> bool:
        return self == Given()

    def onto(self, flag: dict[str, Any], environment: str | None) -> dict[str, Any]:
        """`flag` with all of this set; `environment` is where, if any of it is of one. Raises Failure."""
        found = copy.deepcopy(flag)
        for member in ("name", "description"):
            if (text := getattr(self, member)) is not None:
                found[member] = text
        if self.owner is not None:
            found["owner"] = self.owner or None
        if self.tags or self.untag:
            kept = [tag for tag in found.get("tags") or () if tag not in self.untag]
            found["tags"] = list(dict.fromkeys([*kept, *self.tags]))
        there = None if environment is None else found["environments"].get(environment)
        if self.variants or self.remove_variants:
            self._set_variants(found, there)
        if self.is_of_environment:
            assert environment is not None
            self._set_there(found["environments"].setdefault(environment, {}))
        return found

    def _set_there(self, there: dict[str, Any]) -> None:
        if self.state is not None:
            there["state"] = parse_state(self.state)
        if self.default is not None:
            there["defaultVariant"] = self.default or None
        if self.targeting == "":
            there.pop("targeting", None)
        elif self.targeting is not None:
            there["targeting"] = parse_targeting(self.targeting)

    def _set_variants(self, flag: dict[str, Any], there: dict[str, Any] | None) -> None:
        """For all environments, unless this one has its own, or is all that we may change."""
        type = str(flag.get("type") or "")
        if flag.get("is_partial"):
            [only] = flag["environments"].values()
            # (whether it has its own yet isn't told: the patch has them all)
            gone = dict.fromkeys(self.remove_variants)
            only["variants"] = {**self._variants(flag["variants"], type), **gone}
            return
        holder = there if there is not None and there.get("variants") is not None else flag
        holder["variants"] = self._variants(holder.get("variants") or {}, type)

    def _variants(self, variants: dict[str, Any], type: str) -> dict[str, Any]:
        found = dict(variants)
        for name in self.remove_variants:
            if name not in found:
                raise Failure(
                    f"there is no variant {name[:80]!r} to remove; there are: {', '.join(found)[:400]}", USAGE
                )
            del found[name]
        return found | dict(parse_variant(text, type) for text in self.variants)


def parse_state(text: str) -> str:
    """ENABLED or DISABLED. Raises Failure."""
    try:
        return STATES[text.lower()]
    except KeyError:
        raise Failure(f"--state {text[:80]!r} must be enabled or disabled", USAGE) from None


def parse_variant(text: str, type: str) -> tuple[str, Any]:
    """`name=value`: JSON, or for a flag of type `string` any text. Raises Failure."""
    name, equals, written = text.partition("=")
    if not equals or not name:
        raise Failure(f"--variant {text[:80]!r} must look like NAME=VALUE, such as on=true", USAGE)
    try:
        value = orjson.loads(written)
    except orjson.JSONDecodeError:
        value = None
        if type != "string":
            raise Failure(
                f"--variant {text[:80]!r}: the value is not JSON, such as true, 7 or '{{\"a\":1}}'", USAGE
            ) from None
    if type == "string":
        return name, value if isinstance(value, str) else written
    _refuse_hidden_null(value, text)
    return name, value


def _refuse_hidden_null(value: Any, text: str) -> None:
    # A merge patch (RFC 7396) would take it for "remove this member".
    if isinstance(value, dict):
        if None in value.values():
            raise Failure(
                f"--variant {text[:80]!r}: a member that is null can't be set here; import a file instead",
                USAGE,
            )
        for inner in value.values():
            _refuse_hidden_null(inner, text)


def parse_targeting(text: str) -> dict[str, Any]:
    """A rule: JSON, or `@FILE` that holds it. Raises Failure."""
    try:
        written = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        found = orjson.loads(written)
    except OSError as error:
        raise Failure(f"--targeting: {text[1:201]!r} can't be read: {error.strerror}", USAGE) from None
    except (orjson.JSONDecodeError, UnicodeEncodeError) as error:
        raise Failure(f"--targeting is not JSON: {error}; give a JSONLogic rule, or @FILE", USAGE) from None
    if not isinstance(found, dict):
        raise Failure('--targeting must be a JSON object such as {"if":[…]}; "" removes it', USAGE)
    return found
