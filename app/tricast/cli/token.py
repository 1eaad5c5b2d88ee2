"""`tricast token`: a short-lived token for a client, minted with an API key."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer

from tricast.cli.connection import Connection
from tricast.cli.failure import USAGE, Failure
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Url

Subscribe = Annotated[
    list[str] | None,
    typer.Option("--subscribe", metavar="PATTERN", help="May subscribe to this. May be repeated."),
]
Publish = Annotated[
    list[str] | None,
    typer.Option("--publish", metavar="PATTERN", help="May publish to this. May be repeated."),
]
Scope = Annotated[
    list[str] | None,
    typer.Option("--scope", help="presence, flags:read, flags:write or admin. May be repeated."),
]
App = Annotated[str | None, typer.Option("--app", help="The app (first segment) that it is confined to.")]
Environment = Annotated[
    str | None,
    typer.Option("--environment", help="The environment of the app's flags that it is confined to."),
]


def token(
    subscribe: Subscribe = None,
    publish: Publish = None,
    subject: Annotated[str, typer.Option("--subject", help="Who it is for.")] = "cli",
    ttl: Annotated[str, typer.Option("--ttl", metavar="DURATION", help="How long it is good.")] = "1h",
    scope: Scope = None,
    app: App = None,
    environment: Environment = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    key: Key = None,
) -> None:
    """Print a token: `tricast token --subscribe 'demo/**' --ttl 1h`.

    Only the token goes to stdout, so that it can be put into a variable.
    """
    body: dict[str, Any] = {
        "subject": subject,
        "subscribe": subscribe or [],
        "publish": publish or [],
        "scopes": scope or [],
        "ttl_s": seconds_of(ttl),
    }
    body |= {name: given for name, given in (("app", app), ("environment", environment)) if given is not None}
    answer = Connection.to(url, key).call("POST", "/v1/tokens", body)
    typer.echo(orjson.dumps(answer).decode() if as_json else answer["token"])


def seconds_of(text: str) -> float:
    """What `--ttl` says. Raises Failure."""
    from tricast.settings import parse_duration  # (slow to import, and needed by few)

    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = None
    if not isinstance(seconds, float):
        raise Failure(f"--ttl {text!r} is not a duration such as 90s, 10m, 1h or 7d", USAGE)
    return seconds
