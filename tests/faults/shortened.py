"""`tricast serve` with shorter limits, so that tests of those limits are short: `NAME=SECONDS,… FLAGS`."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from tricast.api import admin, events
from tricast.cli import main
from tricast.hub import hub
from tricast.server import app, direct


def shorten(name: str, seconds: float) -> None:
    if name == "headers":
        direct.HEADERS_TIMEOUT_S = seconds  # type: ignore[misc]
    elif name == "body":
        events._BODY_TIMEOUT_S = admin.BODY_TIMEOUT_S = seconds
    elif name == "lag":
        made = app._hub_options
        app._hub_options = lambda settings: dataclasses.replace(made(settings), lag_limit_s=seconds)
    elif name == "trim":
        hub._TRIM_EVERY_S = seconds
    else:
        raise ValueError(name)


def run(limits: str, flags: list[str]) -> Any:
    for limit in limits.split(","):
        name, _, seconds = limit.partition("=")
        shorten(name, float(seconds))
    sys.argv = ["tricast", "serve", *flags]
    return main()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
