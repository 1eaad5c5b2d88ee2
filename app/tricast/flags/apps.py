"""Apps and their environments, as documents of kind `app`. Nobody need set one up: there are defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from tricast import BadRequest, Conflict, Document, Hub, Write, audit_entry, check_topic, diff
from tricast.flags.edits import Context
from tricast.flags.merging import VersionConflict
from tricast.flags.values import as_text

APP_KIND: Final = "app"
DEFAULT_ENVIRONMENTS: Final = ("development", "production")
MAX_ENVIRONMENTS: Final = 32
MAX_APP_BYTES: Final = 128
_ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_app(app: str) -> str:
    """`app`, if an app can be called that: the first segment of a topic, at most 128 bytes, not `tricast`."""
    if "/" in app or app == "tricast":
        raise BadRequest(
            f"app {app[:80]!r}: an app is one segment, without '/', and not 'tricast'", field="app"
        )
    check_topic(app, "app")
    if len(app.encode()) > MAX_APP_BYTES:
        raise BadRequest(f"app {app[:40]!r}… has more than {MAX_APP_BYTES} bytes", field="app")
    return app


def check_environments(names: Sequence[str]) -> tuple[str, ...]:
    """`names`, if an app can have these environments; else BadRequest."""
    if not 1 <= len(names) <= MAX_ENVIRONMENTS:
        raise BadRequest(
            f"environments: an app has 1 to {MAX_ENVIRONMENTS}, not {len(names)}", field="environments"
        )
    for name in names:
        if not _ENVIRONMENT.fullmatch(name):
            raise BadRequest(
                f"environments: {name[:80]!r} must be 1-64 of a-z 0-9 . _ - and begin with a letter or digit",
                field="environments",
            )
    if len(set(names)) < len(names):
        raise BadRequest("environments: a name stands there twice", field="environments")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class App:
    """An app. Version 0 and no `created_at`: nobody has set it up; it has the default environments."""

    key: str
    name: str
    environments: tuple[str, ...] = DEFAULT_ENVIRONMENTS
    created_at: str | None = None
    version: int = 0

    def body(self) -> dict[str, Any]:
        """The value of the document."""
        return {"name": self.name, "environments": list(self.environments), "created_at": self.created_at}

    def to_json(self) -> dict[str, Any]:
        """As answered."""
        return {"app": self.key, **self.body(), "version": self.version}


class Apps:
    """The apps of a hub. Make it before the hub starts."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._documents = hub.projection(APP_KIND)

    def get(self, app: str) -> App:
        """An app, set up or not."""
        return _app(app, self._documents.get(app))

    def set_up(self) -> list[str]:
        """Those that somebody has set up."""
        return list(self._documents.items())

    async def put(
        self,
        app: str,
        *,
        name: str | None,
        environments: Sequence[str] | None,
        version: int | None,
        context: Context,
        at: str,
        used: Callable[[str], int],
    ) -> App:
        """Set an app's name and environments (None: as they are). Answers when it is durable.

        `version` is the one the editor has seen (None: any); `used(environment)` says
        how many flags are there. Raises BadRequest, or Conflict for another version or
        where an environment that has flags would go.
        """
        before = self.get(check_app(app))
        if version not in (None, before.version):
            raise VersionConflict(
                f"the app {app!r} is at version {before.version}, not {version}; get it, and change that",
                field="version",
                members={"version": before.version},
            )
        after = replace(
            before,
            name=before.name if name is None else as_text(name, "/name", shortest=1, longest=200),
            environments=before.environments if environments is None else check_environments(environments),
            created_at=before.created_at or at,
        )
        for gone in sorted(set(before.environments) - set(after.environments)):
            if count := used(gone):
                raise Conflict(
                    f"the environment {gone!r} can't go: it has {count} flag(s); take them out first, by "
                    f'PATCH with {{"environments": {{"{gone}": null}}}}',
                    field="environments",
                )
        if before.version and after.body() == before.body():
            return before
        return await self._write(before, after, context)

    async def _write(self, before: App, after: App, context: Context) -> App:
        entry = audit_entry(
            "app.updated" if before.version else "app.created",
            app=after.key,
            kind=APP_KIND,
            key=after.key,
            actor=context.actor,
            changes=diff(before.body(), after.body()),
            version=before.version + 1,
            previous_version=before.version or None,
            reason=context.reason,
            request_id=context.request_id,
        )
        write = Write(APP_KIND, after.key, after.body(), before.version)
        await self._hub.append((entry,), (write,))
        return replace(after, version=before.version + 1)


def _app(app: str, document: Document | None) -> App:
    if document is None:
        return App(app, app)
    value = document.value
    return App(app, value["name"], tuple(value["environments"]), value["created_at"], document.version)
