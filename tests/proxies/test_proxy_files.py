"""The files of `deploy/` by themselves: no time-out in them is shorter than what tricast keeps quiet for."""

from __future__ import annotations

import re

import pytest
from tests.proxies.proxies import DEPLOY

from tricast.hub.options import HubOptions
from tricast.settings import Settings

LONGEST_POLL_S = 60.0
MARGIN = 1.25
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def times(file: str, pattern: str) -> dict[str, float]:
    """What `pattern` (name, number, unit) finds in a file, in seconds."""
    text = re.sub(r"#.*", "", (DEPLOY / file).read_text())
    return {name: float(number) * SECONDS[unit] for name, number, unit in re.findall(pattern, text)}


@pytest.mark.parametrize(
    ("file", "pattern", "names"),
    [
        (
            "nginx.conf",
            r"proxy_(read|send)_timeout +(\d+)(m?s)",
            {"read", "send"},
        ),
        ("haproxy.cfg", r"timeout (client|server|tunnel) +(\d+)(m?s)", {"client", "server", "tunnel"}),
    ],
)
def test_no_time_out_is_shorter_than_a_heartbeat_or_a_poll(file: str, pattern: str, names: set[str]) -> None:
    found = times(file, pattern)
    assert found.keys() == names
    assert HubOptions().heartbeat_s == Settings.model_fields["heartbeat_s"].default == 15
    assert min(found.values()) >= MARGIN * max(LONGEST_POLL_S, HubOptions().heartbeat_s)


def test_caddy_has_no_time_out_that_could_be_too_short() -> None:
    assert times("Caddyfile", r"((?:read|write|response_header)_timeout|idle) +(\d+)(m?s)") == {}


@pytest.mark.parametrize(
    ("file", "pattern"),
    [("nginx.conf", r"(keepalive_timeout) +(\d+)(m?s)"), ("Caddyfile", r"(keepalive) +(\d+)(m?s)")],
)
def test_idle_connections_are_closed_by_the_proxy_before_the_server_does(file: str, pattern: str) -> None:
    [kept_s] = times(file, pattern).values()
    assert kept_s < 75  # (server/runner.py)
