"""The flags of one environment as a snapshot that changes, and what they are for somebody. No I/O."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError
from openfeature.flag_evaluation import FlagResolutionDetails

from tricast.client.message import Event
from tricast.client.position import offset_of

T = TypeVar("T")
SETTINGS: Final = "flag-environment.updated"
_DEFINITION: Final = ("state", "variants", "defaultVariant", "targeting")


@dataclass(frozen=True, slots=True)
class FlagChange:
    """A flag before and after, as its environment sees it; None: it isn't there."""

    key: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class FlagSet:
    """Flags by key, evaluated by openfeature-flagd-core. Evaluating may be done from any thread."""

    def __init__(self) -> None:
        self._flags: dict[str, dict[str, Any]] = {}
        self._evaluators: Mapping[str, Any] = {}
        self._metadata: Mapping[str, Any] = {}
        self._offset = -1
        self._core = FlagdCore()
        self._lock = threading.Lock()
        self._ready = True

    @property
    def flags(self) -> dict[str, Mapping[str, Any]]:
        """What is there, by key."""
        return dict(self._flags)

    def install(self, snapshot: Mapping[str, Any]) -> list[FlagChange]:
        """The answer of `GET /v1/flags`; what it changes. Events up to its cursor are in it."""
        before = self._flags
        with self._lock:  # (else somebody may evaluate new flags by old settings)
            self._flags = {flag["key"]: flag for flag in snapshot["flags"] if not flag.get("archived")}
            self._settings(snapshot)
            self._ready = False
        self._offset = offset_of(snapshot["cursor"])
        keys = [*before, *(key for key in self._flags if key not in before)]
        changes = [FlagChange(key, before.get(key), self._flags.get(key)) for key in keys]
        return [change for change in changes if change.before != change.after]

    def apply(self, event: Event) -> list[FlagChange]:
        """An event of the environment's topic; what it changes."""
        if event.cursor is None or offset_of(event.cursor) <= self._offset:
            return []
        self._offset = offset_of(event.cursor)
        if event.type == SETTINGS:
            with self._lock:
                self._settings(event.data.get("settings") or {})
                self._ready = False
            return [FlagChange(key, flag, flag) for key, flag in self._flags.items()]
        key = event.subject
        if key is None or "flag" not in event.data:
            return []
        before, flag = self._flags.get(key), event.data["flag"]
        with self._lock:
            if flag is None or flag.get("archived"):
                self._flags.pop(key, None)
            else:
                self._flags[key] = flag
            self._ready = False
        after = self._flags.get(key)
        return [FlagChange(key, before, after)] if before != after else []

    def _settings(self, given: Mapping[str, Any]) -> None:
        self._evaluators, self._metadata = given.get("evaluators") or {}, given.get("metadata") or {}

    def _prepared(self) -> FlagdCore:
        """The evaluator, given anew all that it works on if anything changed (many changes are one)."""
        with self._lock:
            if not self._ready:
                self._ready = True
                # (it takes apart what it is given)
                definitions = {key: copy.deepcopy(_definition(flag)) for key, flag in self.flags.items()}
                settings = {"$evaluators": dict(self._evaluators), "metadata": dict(self._metadata)}
                self._core.set_flags({"flags": definitions, **settings})
        return self._core

    def resolve(self, key: str, default: T, context: EvaluationContext | None) -> FlagResolutionDetails[Any]:
        """The value for `context`, of the type of `default`. Raises OpenFeatureError."""
        core = self._prepared()
        match default:
            case bool():
                return core.resolve_boolean_value(key, default, context)
            case str():
                return core.resolve_string_value(key, default, context)
            case int():
                return core.resolve_integer_value(key, default, context)
            case float():
                return core.resolve_float_value(key, default, context)
            case None:
                return self._untyped(key, context)
            case _:
                return core.resolve_object_value(key, default, context)  # type: ignore[arg-type]

    def _untyped(self, key: str, context: EvaluationContext | None) -> FlagResolutionDetails[Any]:
        kinds: dict[str, Any] = {"boolean": False, "string": "", "number": 0.0, "object": {}}
        flag = self._flags.get(key) or {}
        found = self.resolve(key, kinds.get(str(flag.get("type")), False), context)
        found.value = flag["variants"][found.variant] if found.variant else None
        return found

    def value(self, key: str, default: T, context: EvaluationContext | None) -> T:
        """The value, or `default` where there is none for whatever reason."""
        try:
            value: T = self.resolve(key, default, context).value
        except OpenFeatureError:
            return default
        return value


def _definition(flag: Mapping[str, Any]) -> dict[str, Any]:
    """A flag as flagd has it; its version is in the metadata, as in the server's own answers."""
    definition = {name: flag[name] for name in _DEFINITION if name in flag}
    definition["metadata"] = {"version": flag["version"], **(flag.get("metadata") or {})}
    return definition


def context_of(context: Mapping[str, Any] | EvaluationContext | None) -> EvaluationContext | None:
    """A plain mapping with a `targetingKey` as OpenFeature's context."""
    if context is None or isinstance(context, EvaluationContext):
        return context
    attributes = {name: value for name, value in context.items() if name != "targetingKey"}
    return EvaluationContext(context.get("targetingKey"), attributes)
