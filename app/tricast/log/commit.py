"""A group commit in the making: what every log does with units, without I/O.

The log gives what it knows (two look-ups) and gets back the rows to store and
the batch to deliver. Units are added one after another; a unit is checked
against the log *and* what earlier units of the same commit did, before the
first of its changes is noted. So each fails alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from tricast.errors import BadRequest, Conflict
from tricast.event import Draft, Event
from tricast.log.base import (
    ANY_VERSION,
    Append,
    Appended,
    Batch,
    Bounds,
    Document,
    Epoch,
    Receipt,
    RetentionClass,
    Write,
)
from tricast.pattern import app_of

COMMIT_DRAFTS = 1000
_EPOCH_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"

Key = tuple[str, str, str]
"""What an id is unique in: app, source, id."""


class First(NamedTuple):
    """The first use of an id: where it stands, and the digest of its content."""

    offset: int
    digest: bytes


class Row(NamedTuple):
    """An event as it is stored."""

    offset: int
    time_ms: int
    shelf: str
    topic: str
    type: str
    subject: str | None
    body: bytes


def new_epoch(began: int) -> Epoch:
    """An epoch with a random id that begins at `began`."""
    return Epoch("".join(secrets.choice(_EPOCH_LETTERS) for _ in range(8)), began)


@lru_cache(maxsize=4096)
def class_of(shelf: str, topic: str) -> RetentionClass:
    """The retention class of an event."""
    return RetentionClass(shelf, app_of(topic))


def key_of(draft: Draft) -> Key | None:
    """What a draft is recognised by when it is repeated; None if the publisher gave no id."""
    if draft.digest is None or draft.ephemeral:
        return None
    return (draft.app, draft.source, draft.id)


def encode(writes: tuple[Write, ...]) -> tuple[bytes | None, ...]:
    """The values of `writes` as JSON (None: delete). Raises BadRequest on what JSON can't say."""
    try:
        for write in writes:
            orjson.dumps((write.kind, write.key))
        return tuple(None if write.value is None else _exact(orjson.dumps(write.value)) for write in writes)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise BadRequest(f"a document can not be written as JSON: {error}", field="value") from None


def _exact(text: bytes) -> bytes:
    """`text` in no more memory than it has bytes. (What orjson gives has room for 4,000 and more.)"""
    return bytes(memoryview(text))


class Commit:
    """What the units of one commit come to. `epochs` ends with the one its events belong to."""

    def __init__(
        self,
        *,
        after: int,
        time_ms: int,
        epochs: tuple[Epoch, ...],
        first: Callable[[Key], First | None],
        version: Callable[[str, str], int],
    ) -> None:
        self.after = after
        self.upto = after
        self.time_ms = time_ms
        self.rows: list[Row] = []
        self.ids: dict[Key, First] = {}
        self.documents: dict[tuple[str, str], tuple[int, bytes | None]] = {}
        self._bounds = Bounds(after, epochs)
        self._epoch = epochs[-1].id
        self._first = first
        self._version = version
        self._events: list[Event] = []
        self._changed: list[Document] = []
        self._ephemeral: list[Event] = []

    @property
    def wrote(self) -> bool:
        """Whether there is anything to store."""
        return bool(self.rows or self.documents)

    def batch(self) -> Batch | None:
        """What the tail gets; None if there is nothing to tell."""
        if not (self._events or self._changed or self._ephemeral):
            return None
        return Batch(self.after, self.upto, tuple(self._events), tuple(self._changed), tuple(self._ephemeral))

    def add(self, unit: Append, values: tuple[bytes | None, ...]) -> Appended:
        """Take in one unit (`values`: its writes, encoded). Raises Conflict, changing nothing."""
        known = self._repeated(unit.drafts)
        if unit.writes and known and self._is_repetition(unit.drafts, known):
            return Appended(tuple(self._repeat(draft, known) for draft in unit.drafts))
        documents = self._compare_and_set(unit.writes, values) if unit.writes else ()
        return Appended(tuple([self._put(draft, known) for draft in unit.drafts]), documents)

    def _repeated(self, drafts: tuple[Draft, ...]) -> dict[Key, First]:
        """The ids among `drafts` that the log has seen. Raises Conflict on other content."""
        known: dict[Key, First] = {}
        digests: dict[Key, bytes] = {}
        for draft in drafts:
            key = key_of(draft)
            if key is None:
                continue
            first = self.ids.get(key) or self._first(key)
            if first is not None:
                known[key] = first
            digest = digests.setdefault(key, draft.digest or b"") if first is None else first.digest
            if digest != draft.digest:
                raise Conflict(
                    f"the id {draft.id!r} of source {draft.source!r} was used for other content within "
                    "24 hours; give a new event a new id",
                    field="id",
                )
        return known

    @staticmethod
    def _is_repetition(drafts: tuple[Draft, ...], known: dict[Key, First]) -> bool:
        return all(key is None or key in known for key in map(key_of, drafts))

    def _repeat(self, draft: Draft, known: dict[Key, First]) -> Receipt:
        key = key_of(draft)
        if key is None:
            return Receipt(draft.id, None, None, duplicate=True)
        offset = known[key].offset
        return Receipt(draft.id, offset, self._bounds.cursor(offset), duplicate=True)

    def _compare_and_set(
        self, writes: tuple[Write, ...], values: tuple[bytes | None, ...]
    ) -> tuple[Document, ...]:
        fresh: dict[tuple[str, str], tuple[int, bytes | None]] = {}
        written: list[Document] = []
        changed: list[Document] = []
        for write, value in zip(writes, values, strict=True):
            name = (write.kind, write.key)
            held = fresh.get(name) or self.documents.get(name)
            version = held[0] if held is not None else self._version(*name)
            if write.expected not in (ANY_VERSION, version):
                raise Conflict(
                    f"the {write.kind} {write.key!r} is at version {version}, not {write.expected}; "
                    "read it again and repeat the change",
                    field="version",
                )
            if value is None and version == 0:
                written.append(Document(write.kind, write.key, 0, None))
                continue
            parsed: Any = None if value is None else orjson.loads(value)
            document = Document(write.kind, write.key, version + 1, parsed)
            written.append(document)
            changed.append(document)
            fresh[name] = (0 if value is None else version + 1, value)
        self.documents.update(fresh)
        self._changed += changed
        return tuple(written)

    def _put(self, draft: Draft, known: dict[Key, First]) -> Receipt:
        if draft.ephemeral:
            self._ephemeral.append(Event.passing(draft, self.time_ms))
            return Receipt(draft.id, None, None)
        offset = self.upto + 1
        if draft.digest is not None:
            key = (draft.app, draft.source, draft.id)
            if key in known:
                return self._repeat(draft, known)
            self.ids[key] = known[key] = First(offset, draft.digest)
        self.upto = offset
        cursor = f"{self._epoch}-{offset}"
        self.rows.append(
            Row(offset, self.time_ms, draft.shelf, draft.topic, draft.type, draft.subject, draft.body)
        )
        self._events.append(
            Event.stored(offset, cursor, draft.topic, draft.type, draft.subject, self.time_ms, draft.body)
        )
        return Receipt(draft.id, offset, cursor)
