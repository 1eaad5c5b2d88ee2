"""`docs/protocol.md` says what is so: its lines run, its JSON is documented, its tables are right."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.api.documents import Document
from tests.api.served import Served

from tricast.api.asyncapi import close_codes
from tricast.api.schemas import errors
from tricast.event import MAX_ATTRIBUTE_CHARS, MAX_DEPTH, MAX_EVENT_BYTES
from tricast.hub.attendance import MAX_TOPICS
from tricast.hub.poll import MAX_ANSWER_BYTES, MAX_ANSWER_EVENTS
from tricast.hub.roll import MAX_LISTED
from tricast.hub.subscription import MAX_GLOB_CHARS, MAX_GLOBS, MAX_PATTERNS
from tricast.pattern import MAX_SEGMENTS, MAX_TOPIC_BYTES
from tricast.presence.base import MAX_STATE_BYTES
from tricast.server.direct import HEADERS_TIMEOUT_S, MAX_HEAD_BYTES
from tricast.settings import Settings
from tricast.transports.query import (
    DEFAULT_TIMEOUT_S,
    MAX_LIMIT,
    MAX_PARAMETERS,
    MAX_QUERY_BYTES,
    MAX_TIMEOUT_S,
)
from tricast.wire.publishing import MAX_BATCH, MAX_KEY_CHARS

TEXT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
JSON = re.findall(r"^<!-- schema: (\w+) -->\n```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("script", SHELL)
def test_its_shell_lines_run(served: Served, script: str) -> None:
    host, port = served.address
    done = subprocess.run(
        [
            "bash",
            "-euc",
            f'curl() {{ command curl -sS "$@"; }}\n{script.replace("localhost:8080", f"{host}:{port}")}',
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*"},
    )
    assert done.returncode == 0, done.stderr
    assert "/problems/" not in done.stdout, done.stdout
    assert done.stdout.count('"cursor"') >= script.count("localhost:8080")


@pytest.mark.parametrize(("schema", "block"), JSON)
def test_its_json_is_as_the_documents_have_it(
    openapi: Document, asyncapi: Document, schema: str, block: str
) -> None:
    document = asyncapi if schema.endswith("Command") else openapi
    document.check(schema, json.loads(block))


def test_all_of_its_json_names_its_schema() -> None:
    assert len(JSON) == TEXT.count("```json")


def test_its_table_of_errors_is_that_of_the_code() -> None:
    table = TEXT.partition("<!-- errors -->")[2].partition("<!-- /errors -->")[0]
    rows = re.findall(r"^\| `/problems/([a-z-]+)` \| (\d+) \| (\d+) \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(
        (error.code, str(error.status), str(error.close_code)) for error in errors()
    )
    assert {row[2] for row in rows} <= set(close_codes())


def test_its_limits_are_those_of_the_code() -> None:
    table = TEXT.partition("<!-- limits -->")[2].partition("<!-- /limits -->")[0]
    settings = Settings(log="memory:")
    assert settings.max_event_bytes == MAX_EVENT_BYTES
    for said in (
        f"{MAX_EVENT_BYTES // 1024} KiB (`max_event_bytes`)",
        f"{settings.max_body_bytes // 1024 // 1024} MiB (`max_body_bytes`)",
        f"batch | {MAX_BATCH}",
        f"{MAX_DEPTH} levels",
        f"{MAX_TOPIC_BYTES} bytes, {MAX_SEGMENTS} segments",
        f"an extension | {MAX_ATTRIBUTE_CHARS} characters",
        f"{MAX_KEY_CHARS} characters",
        f"subscription | {MAX_PATTERNS}",
        f"{MAX_GLOBS} each, of {MAX_GLOB_CHARS} characters",
        f"{MAX_ANSWER_EVENTS} events, or {MAX_ANSWER_BYTES // 1024 // 1024} MiB",
        f"state of {MAX_STATE_BYTES} bytes; {MAX_TOPICS} topics of a connection; {MAX_LISTED} members",
        f"{MAX_QUERY_BYTES // 1024} KiB and {MAX_PARAMETERS} parameters",
        f"{MAX_HEAD_BYTES // 1024} KiB, within {HEADERS_TIMEOUT_S:g} s",
    ):
        assert said in table, said
    assert f"1–{MAX_LIMIT} (default {MAX_LIMIT})" in TEXT
    assert f"0–{MAX_TIMEOUT_S:g} (default {DEFAULT_TIMEOUT_S:g})" in TEXT
    assert f"every `heartbeat_s` ({settings.heartbeat_s:g})" in TEXT


def test_its_control_events_are_those_that_there_are(openapi: Document) -> None:
    table = TEXT.partition("## Control events")[2].partition("The reasons of a reset")[0]
    for kind, members in re.findall(r"^\| `tricast\.(\w+)` \| (.*?) \|", table, re.MULTILINE):
        schema = openapi.json["components"]["schemas"][kind.capitalize()]["properties"]["data"]
        named = set(re.findall(r"`(\w+)`", members))
        if kind == "reset":
            schema = openapi.json["components"]["schemas"]["ResetData"]
        if kind == "presence":
            schema = openapi.json["components"]["schemas"]["Members"]
        if kind not in ("error", "reply"):
            assert named == set(schema["properties"]), kind
    reasons = set(
        re.findall(
            r"^\| `(\w+)` \|",
            TEXT.partition("The reasons of a reset")[2].partition("A stream")[0],
            re.MULTILINE,
        )
    )
    assert reasons == set(openapi.json["components"]["schemas"]["ResetData"]["properties"]["reason"]["enum"])
