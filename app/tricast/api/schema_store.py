"""The schemas for the data of events, by app and type: documents that every publish is held against."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from tricast.access.context import Context
from tricast.api.event_schema import Rules, shown
from tricast.audit import ABSENT, diff, same
from tricast.errors import BadRequest, Conflict, NotFound, SchemaMismatch, Unavailable
from tricast.event import Draft, rfc3339
from tricast.hub.hub import Hub
from tricast.log.base import Document, Write

SCHEMA_KIND: Final = "schema"
MAX_SCHEMA_BYTES: Final = 64 * 1024
MAX_SCHEMAS: Final = 500
RESERVED: Final = ("tricast.", "presence.", "flag.", "flag-environment.")
_TYPE = re.compile(r"[A-Za-z0-9._:/+@~-]{1,128}")
_log = logging.getLogger("tricast.api")


@dataclass(frozen=True, slots=True)
class EventSchema:
    """The schema for events of one type in one app. Times are RFC 3339."""

    app: str
    type: str
    version: int
    schema: Any
    created_at: str
    updated_at: str
    updated_by: str

    @property
    def value(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "schema": self.schema,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "updated_by": self.updated_by,
        }


class EventSchemas:
    """All schemas of a hub. Make it before the hub starts, and call `begin` after.

    While there is one, it is the hub's `vet`: whoever publishes, by whatever door,
    gets SchemaMismatch for data that doesn't fit. Without any, a publish costs
    nothing more; in an app without, a look-up.
    """

    def __init__(self, hub: Hub, *, clock: Callable[[], float] = time.time) -> None:
        self._hub = hub
        self._clock = clock
        self._documents = hub.projection(SCHEMA_KIND)
        self._documents.on_change(self._changed)
        self._there: dict[str, dict[str, EventSchema]] = {}
        self._rules: dict[tuple[str, str], tuple[int, Rules]] = {}

    def begin(self) -> None:
        """Take in what the log holds."""
        self._there.clear()
        for document in self._documents.items().values():
            self._changed(document)

    def _changed(self, document: Document) -> None:
        app, _, type = document.key.partition("/")
        if document.value is None:
            self._there.get(app, {}).pop(type, None)
            self._rules.pop((app, type), None)
            if not self._there.get(app):
                self._there.pop(app, None)
        else:
            found = EventSchema(app, type, document.version, **document.value)
            self._there.setdefault(app, {})[type] = found
        self._hub.vet = self.check if self._there else None

    # Reading

    def list(self, app: str) -> list[EventSchema]:
        """Those of an app, by type."""
        return sorted(self._there.get(app, {}).values(), key=lambda each: each.type)

    def get(self, app: str, type: str) -> EventSchema:
        """Raises NotFound."""
        found = self._there.get(app, {}).get(type)
        if found is None:
            raise NotFound(
                f"the app {app[:80]!r} has no schema for the type {type[:80]!r}; GET /v1/apps/<app>/schemas "
                "lists those it has",
                field="type",
            )
        return found

    def version(self, app: str, type: str) -> int:
        """The version of a schema; 0: there is none."""
        found = self._there.get(app, {}).get(type)
        return 0 if found is None else found.version

    # Changing

    async def put(self, app: str, type: str, schema: Any, *, version: int | None, by: Context) -> EventSchema:
        """Hold events of `type` in `app` against `schema` from now on. Those that are there stay.

        `version` is the one the editor has seen (0: none, None: whatever is there).
        Raises BadRequest for what is no schema, and Conflict for another version or one too many.
        """
        _check_type(type)
        rules, before = Rules(schema), self._there.get(app, {}).get(type)
        self._check_version(app, type, before, version)
        if before is not None and same(before.schema, schema):
            return before
        if before is None and len(self._there.get(app, {})) >= MAX_SCHEMAS:
            raise Conflict(
                f"the app {app[:80]!r} has {MAX_SCHEMAS} schemas, which is the limit; delete one first",
                field="app",
            )
        now = rfc3339(int(self._clock() * 1000))
        was = 0 if before is None else before.version
        created_at = now if before is None else before.created_at
        after = EventSchema(app, type, was + 1, schema, created_at, now, by.actor.subject)
        await self._write("schema.updated" if was else "schema.created", before, after, by)
        self._rules[app, type] = (after.version, rules)
        return after

    async def delete(self, app: str, type: str, *, version: int | None, by: Context) -> None:
        """Let events of `type` be anything again. Raises NotFound, or Conflict for another version."""
        before = self.get(app, type)
        self._check_version(app, type, before, version)
        await self._write("schema.deleted", before, None, by)

    async def _write(
        self, action: str, before: EventSchema | None, after: EventSchema | None, by: Context
    ) -> None:
        some = after or before
        assert some is not None
        was = 0 if before is None else before.version
        entry = by.entry(
            action,
            app=some.app,
            kind=SCHEMA_KIND,
            key=some.type,
            changes=diff(_schema(before), _schema(after)),
            version=was + 1,
            previous_version=was or None,
        )
        value = None if after is None else after.value
        await self._hub.append(
            (entry,), (Write(SCHEMA_KIND, f"{some.app}/{some.type}", value, expected=was),)
        )

    def _check_version(self, app: str, type: str, before: EventSchema | None, version: int | None) -> None:
        there = 0 if before is None else before.version
        if version not in (None, there):
            raise Conflict(
                f"the schema for {type!r} in the app {app!r} is at version {there}, not {version}; get it, "
                "and change that",
                field="version",
            )

    # Publishing

    def check(self, drafts: Sequence[Draft]) -> None:
        """Raises SchemaMismatch naming the place in the data, the value and the rule."""
        for index, draft in enumerate(drafts):
            types = self._there.get(draft.app)
            if types is None:
                continue
            found = types.get(draft.type)
            if found is not None:
                self._check(found, draft, index if len(drafts) > 1 else None)

    def _check(self, found: EventSchema, draft: Draft, index: int | None) -> None:
        envelope = orjson.loads(b"{" + draft.body)
        whose = f"the schema for {found.type!r} in the app {found.app!r}, version {found.version}"
        about = {"app": found.app, "type": found.type, "version": found.version}
        if "data_base64" in envelope:
            fault = {"path": "", "value": "(bytes)", "rule": "", "message": "it is not JSON"}
            detail = f"data is bytes and not JSON, so that it can't fit {whose}"
        else:
            broken = self._rules_of(found).fault(envelope.get("data"))
            if broken is None:
                return
            fault = broken.to_json()
            detail = f"{broken} ({broken.rule or 'the whole'} of {whose})"
        raise SchemaMismatch(
            detail if index is None else f"event {index} of the batch: {detail}",
            field="data" if index is None else f"[{index}].data",
            members={"mismatch": {**fault, **about}},
        )

    def _rules_of(self, found: EventSchema) -> Rules:
        """Compiled when it is first needed."""
        held = self._rules.get((found.app, found.type))
        if held is None or held[0] != found.version:
            try:
                held = (found.version, Rules(found.schema))
            except BadRequest as error:  # (it could be read once: by another version of tricast)
                _log.error("the schema for %s in %s can not be used: %s", found.type, found.app, error.detail)
                raise Unavailable(
                    f"the schema for {found.type!r} in the app {found.app!r} can not be used: "
                    f"{error.detail}; put another, or delete it"
                ) from None
            self._rules[found.app, found.type] = held
        return held[1]


def _schema(of: EventSchema | None) -> Any:
    return ABSENT if of is None else of.schema


def _check_type(type: str) -> None:
    if not _TYPE.fullmatch(type):
        raise BadRequest(
            f"type {type[:80]!r} must be 1-128 characters of A-Z a-z 0-9 . _ : / + @ ~ -", field="type"
        )
    if type.startswith(RESERVED):
        raise BadRequest(
            f"type {shown(type)}: types that begin with {' or '.join(RESERVED)} are the server's own",
            field="type",
        )
