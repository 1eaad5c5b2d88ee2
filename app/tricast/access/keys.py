"""API keys, for servers: `tck_<id>_<secret>`, shown once, kept as a hash.

A key is a document of kind "key". Each change is one unit with its audit entry,
which tells what `Key` has; the hash of the secret is in the document only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tricast.access.context import Context
from tricast.access.environments import check_confined
from tricast.access.grants import EVERYWHERE, check_app, check_patterns, check_scopes
from tricast.access.key import Key, key_of
from tricast.access.revocation import Revocation, Revocations
from tricast.audit import ABSENT, diff
from tricast.errors import BadRequest, NotFound, Unauthorized
from tricast.event import rfc3339
from tricast.hub.gate import Grant
from tricast.hub.hub import Hub
from tricast.log.base import Document, Write

KEY_KIND = "key"
KEY_USAGE_KIND = "key-usage"
KEY_PREFIX = "tck_"
USAGE_EVERY_S = 60

_ALPHABET = string.ascii_letters + string.digits
_ID_CHARS = 12
_SECRET_CHARS = 43
_TEXT = re.compile(r"tck_([A-Za-z0-9]{1,32})_([A-Za-z0-9]{16,128})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """A key that was shown and is good, as of `version` of its document."""

    id: str
    version: int
    grant: Grant


class Keys:
    """All API keys: make, show (never a secret), verify, revoke."""

    def __init__(self, hub: Hub, revocations: Revocations, *, clock: Callable[[], float]) -> None:
        self._hub = hub
        self._revocations = revocations
        self._clock = clock
        self._documents = hub.projection(KEY_KIND)
        self._usage = hub.projection(KEY_USAGE_KIND)
        self._used_at: dict[str, float] = {}
        self._flushed_at: dict[str, float] = {}

    async def create(
        self,
        name: str,
        *,
        app: str | None = None,
        subscribe: Sequence[str] = (),
        publish: Sequence[str] = (),
        scopes: Iterable[str] = (),
        environment: str | None = None,
        by: Context,
    ) -> tuple[Key, str]:
        """A new key and its text, which can't be had again. Raises BadRequest naming the field.

        With `environment` it is confined to that one of its app's.
        """
        if not _NAME.fullmatch(name):
            raise BadRequest(
                f"name {name[:80]!r} must be 1-64 letters, digits, '.', '_' or '-', such as 'web-1'",
                field="name",
            )
        if app is not None:
            check_app(app)
        key = Key(
            id=_random(_ID_CHARS),
            name=name,
            app=app,
            subscribe=check_patterns(subscribe, app=app, field="subscribe"),
            publish=check_patterns(publish, app=app, field="publish"),
            scopes=check_scopes(scopes),
            created_at=self._now(),
            environment=environment,
        )
        if environment is not None:
            check_confined(environment, app=app, subscribe=subscribe, scopes=key.scopes)
        secret = _random(_SECRET_CHARS)
        document = {**key.to_json(), "secret_sha256": _hash(secret)}
        entry = by.entry(
            "key.created",
            app=key.app,
            kind=KEY_KIND,
            key=key.id,
            changes=diff(ABSENT, key.to_json()),
            version=1,
            environments=key.environments,
        )
        await self._hub.append((entry,), (Write(KEY_KIND, key.id, document, expected=0),))
        return key, f"{KEY_PREFIX}{key.id}_{secret}"

    async def revoke(self, key_id: str, *, by: Context) -> Key:
        """Refuse this key, and every token that it minted, from now on. Raises NotFound.

        Revoking it again changes nothing.
        """
        document = self._documents.get(key_id)
        if document is None:
            raise NotFound(f"there is no key {key_id[:80]!r}; GET /v1/keys lists those there are", field="id")
        if document.value["revoked_at"] is not None:
            return self._key(document)
        revoked = {**document.value, "revoked_at": self._now()}
        before, key = key_of(document.value), key_of(revoked)
        entry = by.entry(
            "key.revoked",
            app=key.app,
            kind=KEY_KIND,
            key=key_id,
            changes=diff(before.to_json(), key.to_json()),
            version=document.version + 1,
            previous_version=document.version,
            environments=key.environments,
        )
        revocation = self._revocations.write(Revocation("key", key_id, EVERYWHERE, by.actor.subject))
        write = Write(KEY_KIND, key_id, revoked, expected=document.version)
        await self._hub.append((entry,), (write, revocation))
        return key

    def list(self, app: str | None = None) -> list[Key]:
        """All keys, or those of one app, oldest first."""
        keys = (self._key(document) for document in self._documents.items().values())
        return sorted((k for k in keys if app is None or k.app == app), key=lambda k: (k.created_at, k.id))

    def get(self, key_id: str) -> Key | None:
        document = self._documents.get(key_id)
        return None if document is None else self._key(document)

    def verify(self, text: str) -> VerifiedKey:
        """The key that `text` is. Raises Unauthorized, without repeating the secret."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise Unauthorized("the API key is malformed: it looks like tck_<id>_<secret>, on one line")
        key_id, secret = match.groups()
        document = self._documents.get(key_id)
        expected = "" if document is None else document.value["secret_sha256"]
        if not hmac.compare_digest(_hash(secret), expected) or document is None:
            raise Unauthorized(f"the API key tck_{key_id}_… is not known here, or its secret is wrong")
        if document.value["revoked_at"] is not None:
            raise Unauthorized(f"the API key tck_{key_id}_… was revoked at {document.value['revoked_at']}")
        return VerifiedKey(key_id, document.version, key_of(document.value).grant())

    def current(self, key_id: str, version: int) -> bool:
        """Whether the key's document is still that version. Marks it as used."""
        document = self._documents.get(key_id)
        if document is None or document.version != version:
            return False
        self._used_at[key_id] = self._clock()
        return True

    async def flush_usage(self) -> int:
        """Write down when keys were last used, silently, at most once a minute per key; how many."""
        now = self._clock()
        due = [
            (key_id, used_at)
            for key_id, used_at in self._used_at.items()
            if used_at > (flushed := self._flushed_at.get(key_id, 0.0)) and now - flushed >= USAGE_EVERY_S
        ]
        if due:
            writes = [Write(KEY_USAGE_KIND, k, {"last_used_at": rfc3339(int(at * 1000))}) for k, at in due]
            await self._hub.append((), writes)
            self._flushed_at.update((key_id, now) for key_id, _ in due)
        return len(due)

    def _key(self, document: Document) -> Key:
        used_at = self._used_at.get(document.key)
        if used_at is not None:
            return key_of(document.value, rfc3339(int(used_at * 1000)))
        usage = self._usage.get(document.key)
        return key_of(document.value, None if usage is None else usage.value["last_used_at"])

    def _now(self) -> str:
        return rfc3339(int(self._clock() * 1000))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _random(chars: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(chars))
