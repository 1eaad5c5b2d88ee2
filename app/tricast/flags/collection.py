"""One app's flags in memory: parsed, sorted and written as JSON once per change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tricast import Document, Projection
from tricast.flags.slices import pause
from tricast.flags.stored import FLAG_KIND, Settings, Stored
from tricast.flags.values import written

_SLICE: Final = 100
_Joined = tuple[int, bytes]


def app_and_key(document: Document) -> tuple[str, str]:
    """Whose flag it is, and which. (No app's name holds a `/`; keys may.)"""
    app, _, key = document.key.partition("/")
    return app, key


class Collection:
    """The flags and settings of one app, as the tail brings them. Nothing is parsed before it is read."""

    def __init__(self) -> None:
        self.revision = 0
        self._documents: dict[str, Document] = {}
        self._stored: dict[str, Stored] = {}
        self._settings: dict[str, Settings] = {}
        self._keys: list[str] | None = None
        self._texts: dict[str | None, dict[str, bytes | None]] = {}
        self._joined: dict[tuple[str | None, bool], _Joined] = {}

    def __len__(self) -> int:
        return len(self._documents)

    def take(self, document: Document, key: str) -> None:
        """The flag `key`, or the settings of that environment, is now so (value None: gone)."""
        self.revision += 1
        if document.kind != FLAG_KIND:
            self._settings.pop(key, None)
            if document.value is not None:
                self._settings[key] = Settings.of(document)
            return
        self._stored.pop(key, None)
        for texts in self._texts.values():
            texts.pop(key, None)
        if document.value is None:
            self._documents.pop(key, None)
            self._keys = None
        else:
            if key not in self._documents:
                self._keys = None
            self._documents[key] = document

    def get(self, key: str) -> Stored | None:
        """A flag, archived or not."""
        found = self._stored.get(key)
        if found is None and (document := self._documents.get(key)) is not None:
            found = self._stored[key] = Stored.of(document)
        return found

    def sorted_keys(self) -> list[str]:
        """All keys, sorted. Don't change the list."""
        if self._keys is None:
            self._keys = sorted(self._documents)
        return self._keys

    def all(self) -> list[Stored]:
        """All flags by key."""
        return [self._sure(key) for key in self.sorted_keys()]

    def settings(self, environment: str) -> Settings:
        """What is set for an environment."""
        return self._settings.get(environment) or Settings()

    def text(self, key: str, environment: str | None) -> bytes | None:
        """A flag's JSON as `environment` sees it (None: whole); None where it isn't."""
        texts = self._texts.setdefault(environment, {})
        if key not in texts:
            stored = self._sure(key)
            seen = stored.whole() if environment is None else stored.seen_in(environment)
            texts[key] = None if seen is None else written(seen)
        return texts[key]

    def joined(self, environment: str | None, *, archived: bool) -> bytes:
        """The JSON array of all flags by key (without or with archived ones)."""
        known = self._joined.get((environment, archived))
        if known is not None and known[0] == self.revision:
            return known[1]
        keys = (key for key in self.sorted_keys() if archived or not self._sure(key).flag.archived)
        texts = [text for key in keys if (text := self.text(key, environment)) is not None]
        body = b"".join((b"[", b",".join(texts), b"]"))
        self._joined[environment, archived] = (self.revision, body)
        return body

    def forget(self, *, but: Iterable[str]) -> None:
        """Nobody will ask for texts of environments other than these."""
        kept = {None, *but}
        self._texts = {name: texts for name, texts in self._texts.items() if name in kept}
        self._joined = {place: joined for place, joined in self._joined.items() if place[0] in kept}

    async def parse(self) -> None:
        """Parse what was never read, in slices, so that reading all doesn't keep others waiting."""
        if len(self._stored) < len(self._documents):
            for count, key in enumerate([key for key in self._documents if key not in self._stored]):
                self.get(key)
                if count % _SLICE == _SLICE - 1:
                    await pause()

    async def write(self, environment: str | None) -> None:
        """Write what `joined` needs and was never written, in slices too."""
        written = self._texts.setdefault(environment, {})
        if len(written) < len(self._documents):
            for count, key in enumerate([key for key in self._documents if key not in written]):
                if key in self._documents:
                    self.text(key, environment)
                if count % _SLICE == _SLICE - 1:
                    await pause()

    def _sure(self, key: str) -> Stored:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found


class Collections:
    """The collections of all apps: what projections hold when first asked, and what the tail brings after."""

    def __init__(self, projections: Sequence[Projection]) -> None:
        self._projections = projections
        self._found: dict[str, Collection] | None = None

    def __contains__(self, app: str) -> bool:
        return app in self._all()

    def get(self, app: str) -> Collection:
        """An app's; an empty one if nothing was ever kept of it."""
        found = self._all().get(app)
        return Collection() if found is None else found

    def apps(self) -> list[str]:
        """The apps that have flags."""
        return [app for app, found in self._all().items() if len(found)]

    def take(self, document: Document) -> None:
        """The tail brings a document."""
        if self._found is not None:
            self._take(self._found, document)

    def _all(self) -> dict[str, Collection]:
        if self._found is None:
            self._found = {}
            for projection in self._projections:
                for document in projection.items().values():
                    self._take(self._found, document)
        return self._found

    @staticmethod
    def _take(found: dict[str, Collection], document: Document) -> None:
        app, key = app_and_key(document)
        collection = found.get(app)
        if collection is None:
            collection = found[app] = Collection()
        collection.take(document, key)
