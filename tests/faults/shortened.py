"""`tricast serve` with shorter limits, so that tests of those limits are short: `NAME=SECONDS,… FLAGS`."""

from __future__ import annotations

import dataclasses
import sys
from types import ModuleType
from typing import Any

from tricast.cli import main
from tricast.hub import hub
from tricast.server import app, direct
from tricast.transports import body


def shorten(name: str, seconds: float) -> None:
    if name == "headers":
        _set(direct, "HEADERS_TIMEOUT_S", seconds)
    elif name == "body":
        _set(body, "BODY_TIMEOUT_S", seconds)
    elif name == "lag":
        made = app._hub_options
        app._hub_options = lambda settings: dataclasses.replace(made(settings), lag_limit_s=seconds)
    elif name == "trim":
        _set(hub, "_TRIM_EVERY_S", seconds)
    else:
        raise ValueError(name)


def _set(module: ModuleType, name: str, seconds: float) -> None:
    """(It must be there: else the test would wait for the limit as it is.)"""
    assert isinstance(getattr(module, name), float), (module, name)
    setattr(module, name, seconds)


def run(limits: str, flags: list[str]) -> Any:
    for limit in limits.split(","):
        name, _, seconds = limit.partition("=")
        shorten(name, float(seconds))
    sys.argv = ["tricast", "serve", *flags]
    return main()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
