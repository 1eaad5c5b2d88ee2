"""Tokens, for clients: signed, short-lived, stateless.

Several secrets can be in use at once: the first signs, all verify, so that they
rotate without refusing anybody. Nothing is stored per token.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from tricast.access.environments import check_confined, environment_for
from tricast.access.grants import (
    EVERYWHERE,
    TokenGrant,
    check_app,
    check_contained,
    check_patterns,
    check_scopes,
    key_id_of,
    key_name,
    minted_by,
    subject_name,
    token_name,
)
from tricast.access.revocation import MAX_TTL_S
from tricast.errors import BadRequest, Forbidden, NotStarted, TooLarge, Unauthorized
from tricast.event import new_id
from tricast.hub.gate import Grant
from tricast.pattern import Pattern

MIN_TTL_S = 1
DEFAULT_TTL_S = 3600
MAX_TOKEN_CHARS = 6144
MAX_SUBJECT_CHARS = 128
MIN_SECRET_CHARS = 16

_TEXT = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token and what it grants."""

    token: str
    id: str
    grant: TokenGrant
    issued_at: float
    expires_at: float


class Tokens:
    """Mints and verifies tokens, once it was given its secrets."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._serializer: URLSafeSerializer | None = None

    def use(self, token_secrets: Sequence[str]) -> None:
        """Sign with the first of `token_secrets` from now on, verify with all."""
        if not token_secrets or any(len(secret) < MIN_SECRET_CHARS for secret in token_secrets):
            raise BadRequest(
                f"token secrets need at least {MIN_SECRET_CHARS} characters each, and one must be given",
                field="secrets",
            )
        self._serializer = URLSafeSerializer(
            list(reversed(token_secrets)),  # itsdangerous signs with the last
            salt="tricast.token.v1",
            signer_kwargs={"key_derivation": "hmac", "digest_method": sha256},
        )

    def mint(
        self,
        issuer: Grant,
        *,
        subject: str,
        subscribe: Sequence[str] = (),
        publish: Sequence[str] = (),
        scopes: Iterable[str] = (),
        ttl_s: float = DEFAULT_TTL_S,
        app: str | None = None,
        environment: str | None = None,
    ) -> Minted:
        """A token for `subject` that reaches no farther than `issuer` does.

        The app is `app`, else the issuer's, else that of the first pattern; the
        environment is `environment`, else the issuer's, else none in particular. Raises
        BadRequest naming the field, Forbidden naming what the issuer can't grant.
        """
        _check_subject(subject)
        if not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            raise BadRequest(
                f"ttl_s {ttl_s!r} must lie between {MIN_TTL_S} and {MAX_TTL_S} (30 days)", field="ttl_s"
            )
        app = _app(app, issuer, (*subscribe, *publish))
        environment = environment_for(issuer, environment)
        check_patterns(subscribe, app=app, field="subscribe")
        check_patterns(publish, app=app, field="publish")
        scopes = check_scopes(scopes)
        if environment is not None:
            check_confined(environment, app=app, subscribe=subscribe, scopes=scopes)
        _check_reach(issuer, subscribe=subscribe, publish=publish, scopes=scopes)
        issued_ms = int(self._clock() * 1000)
        return self.issue(
            id=new_id(),
            subject=subject,
            app=app,
            environment=environment,
            subscribe=subscribe,
            publish=publish,
            scopes=scopes,
            issued_ms=issued_ms,
            expires_ms=issued_ms + int(ttl_s * 1000),
            key_id=key_id_of(issuer),
        )

    def issue(
        self,
        *,
        id: str,
        subject: str,
        app: str,
        environment: str | None,
        subscribe: Sequence[str],
        publish: Sequence[str],
        scopes: Iterable[str],
        issued_ms: int,
        expires_ms: int,
        key_id: str | None,
    ) -> Minted:
        """A signed token with just that, unchecked. The same arguments give the same text.

        Raises TooLarge where it would be too long for a URL.
        """
        payload: dict[str, Any] = {
            "i": id,
            "s": subject,
            "a": app,
            "r": list(subscribe),
            "w": list(publish),
            "c": sorted(scopes),
            "t": issued_ms,
            "e": expires_ms,
            "k": key_id,
        }
        if environment is not None:
            payload["n"] = environment
        text = self._signer().dumps(payload)
        if len(text) > MAX_TOKEN_CHARS:
            raise TooLarge(
                f"the token would have {len(text)} characters, and URLs and headers carry {MAX_TOKEN_CHARS}; "
                "grant fewer patterns, or wider ones",
                field="subscribe",
            )
        return Minted(text, id, _grant(payload), issued_ms / 1000, expires_ms / 1000)

    def verify(self, text: str) -> TokenGrant:
        """The grant of a token that is ours and has not expired (revocation is not asked here).

        Raises Unauthorized with the reason, without repeating the token.
        """
        grant = self.decode(text)
        if grant.expires_at is not None and grant.expires_at <= self._clock():
            raise Unauthorized(
                f"the token expired at {datetime.fromtimestamp(grant.expires_at, UTC):%Y-%m-%dT%H:%M:%SZ}; "
                "ask for a new one"
            )
        return grant

    def decode(self, text: str) -> TokenGrant:
        """The grant of a token that is ours, expired or not. Raises Unauthorized."""
        signer = self._signer()
        if len(text) > MAX_TOKEN_CHARS or not _TEXT.fullmatch(text):  # itsdangerous skips what it can't read
            raise Unauthorized("the token is malformed: not what POST /v1/tokens gave")
        try:
            payload = signer.loads(text)
        except BadData:
            raise Unauthorized(
                "the token is malformed, or signed with a secret that is not in use here; ask for a new one"
            ) from None
        return _grant(payload)

    def _signer(self) -> URLSafeSerializer:
        if self._serializer is None:
            raise NotStarted("tokens have no secret yet: enter `async with Access(...)` after the hub")
        return self._serializer


def _check_subject(subject: str) -> None:
    if not 1 <= len(subject) <= MAX_SUBJECT_CHARS or not subject.isprintable():
        raise BadRequest(
            f"subject {subject[:80]!r} must be 1-{MAX_SUBJECT_CHARS} printable characters", field="subject"
        )


def _check_reach(
    issuer: Grant, *, subscribe: Sequence[str], publish: Sequence[str], scopes: Iterable[str]
) -> None:
    """Raises Forbidden naming the first thing that `issuer` has not itself."""
    who = repr(issuer.subject)
    check_contained(subscribe, issuer.subscribe, who=who, field="subscribe")
    check_contained(publish, issuer.publish, who=who, field="publish")
    for scope in sorted(scopes):
        if scope not in issuer.scopes:
            raise Forbidden(
                f"{who} can't grant the scope {scope!r}, it has only: "
                f"{', '.join(sorted(issuer.scopes)) or 'none'}",
                field="scopes",
            )


def _app(app: str | None, issuer: Grant, patterns: Sequence[str]) -> str:
    if app is not None and issuer.app not in (None, app):
        raise Forbidden(
            f"{issuer.subject!r} belongs to the app {issuer.app!r} and can't grant app {app!r}", field="app"
        )
    found = app or issuer.app or next((Pattern.parse(text).app for text in patterns), None)
    if found is None:
        raise BadRequest(
            "a token belongs to one app: give `app`, or patterns that begin with it, such as 'shop/**'",
            field="app",
        )
    return check_app(found)


def _grant(payload: dict[str, Any]) -> TokenGrant:
    token_id, subject, app, key_id = payload["i"], payload["s"], payload["a"], payload["k"]
    names = {key_name(key_id)} if key_id else set()
    for realm in (EVERYWHERE, app, minted_by(key_id or "")):
        names |= {token_name(realm, token_id), subject_name(realm, subject)}
    return TokenGrant(
        subject=subject,
        subscribe=tuple(payload["r"]),
        publish=tuple(payload["w"]),
        app=app,
        scopes=frozenset(payload["c"]),
        expires_at=payload["e"] / 1000,
        credential=f"token:{token_id}",
        credentials=frozenset(names),
        issued_ms=payload["t"],
        environment=payload.get("n"),
    )
