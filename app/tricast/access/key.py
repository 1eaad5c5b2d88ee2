"""What may be told about an API key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tricast.access.grants import key_name
from tricast.hub.gate import Grant


@dataclass(frozen=True, slots=True)
class Key:
    """What may be told about an API key: everything but its secret and the hash of it.

    `app` and `environment` None: not confined to one. `created_at`, `revoked_at`
    and `last_used_at` are RFC 3339 times.
    """

    id: str
    name: str
    app: str | None
    subscribe: tuple[str, ...]
    publish: tuple[str, ...]
    scopes: frozenset[str]
    created_at: str
    revoked_at: str | None = None
    last_used_at: str | None = None
    environment: str | None = None

    def grant(self) -> Grant:
        """What a request with this key may do. Its subject is the key's name."""
        credential = key_name(self.id)
        return Grant(
            subject=self.name,
            subscribe=self.subscribe,
            publish=self.publish,
            app=self.app,
            scopes=self.scopes,
            credential=credential,
            credentials=frozenset({credential}),
            environment=self.environment,
        )

    @property
    def environments(self) -> tuple[str, ...]:
        """Those that it concerns, for the audit trail."""
        return () if self.environment is None else (self.environment,)

    def to_json(self) -> dict[str, Any]:
        """This key as JSON values, for documents, audit entries and answers."""
        return {
            "id": self.id,
            "name": self.name,
            "app": self.app,
            "environment": self.environment,
            "subscribe": list(self.subscribe),
            "publish": list(self.publish),
            "scopes": sorted(self.scopes),
            "created_at": self.created_at,
            "revoked_at": self.revoked_at,
        }


def key_of(value: Mapping[str, Any], last_used_at: str | None = None) -> Key:
    """The key that a document holds."""
    return Key(
        id=value["id"],
        name=value["name"],
        app=value["app"],
        subscribe=tuple(value["subscribe"]),
        publish=tuple(value["publish"]),
        scopes=frozenset(value["scopes"]),
        created_at=value["created_at"],
        revoked_at=value["revoked_at"],
        last_used_at=last_used_at,
        environment=value.get("environment"),  # (keys of the first days have none)
    )
