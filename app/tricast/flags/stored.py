"""A flag as it is kept, and an environment as evaluations see it: values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tricast import Document
from tricast.flags.flag import Definition, Flag

FLAG_KIND: Final = "flag"
SETTINGS_KIND: Final = "flag-environment"


@dataclass(frozen=True, slots=True)
class Touched:
    """The last change of a flag that one environment saw: the flag's version then, when, by whom."""

    version: int
    at: str
    by: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A flag and its version, which begins at 1 and rises by one with each write.

    An environment sees the version that touched it last (`touched`): what is changed
    for another one is no change here.
    """

    flag: Flag
    version: int
    touched: Mapping[str, Touched] = field(default_factory=dict)

    @staticmethod
    def of(document: Document) -> Stored:
        """What is kept in a document of kind `flag`."""
        touched = document.value.get("touched", {})
        return Stored(
            Flag.from_document(document.value),
            document.version,
            {name: Touched(each["version"], each["at"], each["by"]) for name, each in touched.items()},
        )

    def document(self) -> dict[str, Any]:
        """The value of the document."""
        touched = {
            name: {"version": each.version, "at": each.at, "by": each.by}
            for name, each in self.touched.items()
        }
        return {**self.flag.document(), "touched": touched}

    def whole(self) -> dict[str, Any]:
        """The flag in all its environments, as answered."""
        return self.flag.whole(self.version)

    def seen_in(self, environment: str) -> dict[str, Any] | None:
        """The flag as one environment sees it; None where it isn't."""
        last = self._touched(environment)
        seen = self.flag.seen_in(environment, last.version)
        if seen is not None:
            seen["updated_at"], seen["updated_by"] = last.at, last.by
        return seen

    def definition(self, environment: str) -> Definition | None:
        """What one environment evaluates; None where the flag isn't, or is archived."""
        return self.flag.definition(environment, self._touched(environment).version)

    def _touched(self, environment: str) -> Touched:
        found = self.touched.get(environment)
        return found or Touched(self.version, self.flag.updated_at, self.flag.updated_by)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a flagd file says besides its flags, for one environment. Version 0: nothing was ever set."""

    evaluators: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    schema: str | None = None
    version: int = 0

    @staticmethod
    def of(document: Document) -> Settings:
        """What is kept in a document of kind `flag-environment`."""
        value = document.value
        return Settings(value["evaluators"], value["metadata"], value["schema"], document.version)

    def body(self) -> dict[str, Any]:
        """The value of the document."""
        return {"schema": self.schema, "metadata": self.metadata, "evaluators": self.evaluators}


@dataclass(frozen=True, slots=True)
class EnvironmentFlags:
    """The flags of one environment as of one moment: present there, and not archived.

    `etag` is the cursor of the environment's last change. `version` counts its
    changes while the process runs; two views of one version are the same object, and
    definitions that didn't change are the same objects in the next.
    """

    app: str
    environment: str
    flags: Mapping[str, Definition]
    evaluators: Mapping[str, Any]
    metadata: Mapping[str, Any]
    schema: str | None
    etag: str
    version: int


@dataclass(frozen=True, slots=True)
class Merged:
    """An edit of version `given` was put onto version `onto`: nobody touched the same in between."""

    given: int
    onto: int
    since: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        return {"from": self.given, "onto": self.onto, "since": list(self.since)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an edit came to, from `before` (None: there was none) to `stored` (None: there is none).

    `changed` are JSON Pointers; none: there was nothing to do.
    """

    key: str
    before: Stored | None
    stored: Stored | None
    changed: tuple[str, ...] = ()
    merged: Merged | None = None
