"""What a run of these tests has seen of each runtime, for the tables of docs/runtimes.md."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.browsers.launched import BROWSERS
from tests.runtimes.programs import PROGRAMS

RUNTIMES = (*PROGRAMS, *BROWSERS)
TRANSPORTS = {"websocket": "WebSocket", "sse": "event stream", "poll": "long-poll"}
FREE = "by itself"
BLOCKED = "WebSocket blocked"
BUFFERED = "and streams buffered"
AROUND = "presence, flags"
PLAIN = "EventSource"
WORKER = "in a worker"
RELOAD = "reload"
OFFLINE = "offline"
CLOSED = "leading tab of five closed"
KILLED = "leading tab of five killed"
YES = "✓"
NO = "–"

ANYWHERE = (*TRANSPORTS.values(), FREE, BLOCKED, BUFFERED, AROUND)
IN_PAGES = (PLAIN, WORKER, RELOAD, OFFLINE, CLOSED, KILLED)
# What its driver can't do; the text beside the tables says so.
EXCEPT = {("WebKitGTK", OFFLINE), ("WebKitGTK", KILLED)}
# Where a run writes what it saw, if it is asked to: `python -m tests.runtimes.table` does.
VARIABLE = "TRICAST_SEEN"


def see(runtime: str, version: str, **cells: str) -> None:
    """Note that this was seen; `cells` by their column's name."""
    path = os.environ.get(VARIABLE)
    if path is None:
        return
    with Path(path).open("a") as file:
        file.write(json.dumps({"runtime": runtime, "version": version, "cells": cells}) + "\n")
