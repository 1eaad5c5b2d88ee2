"""An in-memory map of one kind of document, kept true by the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tricast.log.base import Document, Log


class Projection:
    """Documents of one kind by key, true at every position of fan-out and ahead of it.

    Loaded when the hub starts, then changed by the tail before the publisher of a
    change is answered: one reads one's own writes. Reading never touches the disk.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._documents: dict[str, Document] = {}
        self._listeners: list[Callable[[Document], None]] = []
        self._changed: set[str] | None = None  # keys that the tail brought while loading

    def get(self, key: str) -> Document | None:
        return self._documents.get(key)

    def items(self) -> Mapping[str, Document]:
        """A live, read-only view."""
        return MappingProxyType(self._documents)

    def on_change(self, listener: Callable[[Document], None]) -> None:
        """Call `listener` with each document as it changes (value None: deleted); not on load."""
        self._listeners.append(listener)

    async def load(self, log: Log) -> None:
        """Read all documents of the kind; what the tail brought meanwhile wins."""
        self._changed = set()
        for document in await log.list(self.kind):
            if document.key not in self._changed:
                self._documents[document.key] = document
        self._changed = None

    def apply(self, document: Document) -> None:
        """Take a change from the tail."""
        if self._changed is not None:
            self._changed.add(document.key)
        if document.value is None:
            self._documents.pop(document.key, None)
        else:
            self._documents[document.key] = document
        for listener in self._listeners:
            listener(document)
