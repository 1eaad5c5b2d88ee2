"""`docs/operations.md` and `docs/schemas.md` say what is so: their lines run, their JSON is documented."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.documents import Document
from tests.api.served import Served, serve

from tricast.api.connections import DEFAULT_LIMIT, MAX_LIMIT, MAX_TOPICS, RECONNECT_AFTER_MS
from tricast.api.schema_store import MAX_SCHEMA_BYTES, MAX_SCHEMAS, RESERVED
from tricast.event import MAX_DEPTH
from tricast.log.sqlite.backup import SPARE_BYTES

DOCS = Path(__file__).parents[2] / "docs"
OPERATIONS, SCHEMAS = (DOCS / "operations.md").read_text(), (DOCS / "schemas.md").read_text()
TEXT = OPERATIONS + SCHEMAS
JSON = re.findall(r"^<!-- schema: (\w+) -->\n```json\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve("--log", f"sqlite:///{tmp_path_factory.mktemp('docs')}/tricast.db") as served:
        yield served


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shell(served: Served, script: str, folder: Path) -> str:
    """What the lines print, run one after another against `served`."""
    script = script.replace("localhost:8080", served.url.removeprefix("http://")).replace(
        "/tmp/", f"{folder}/"
    )
    mine = {name: value for name, value in os.environ.items() if not name.startswith("TRICAST_")}
    path = os.pathsep.join((str(Path(sys.executable).parent), mine["PATH"]))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f'curl() {{ command curl -sS "$@"; }}\n{script}'],
        env=mine | {"PATH": path, "TRICAST_URL": served.url, "TRICAST_KEY": "", "NO_PROXY": "*"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/problems/" not in done.stdout
    return done.stdout


def test_the_lines_about_connections_run(filed: Served, tmp_path: Path) -> None:
    look, end, _ = blocks(OPERATIONS)
    with filed.events("topic=shop/**") as stream:
        hello = stream.next()[1]["data"]["connection"]
        assert hello in shell(filed, look, tmp_path)
        ended = re.sub(r"end \S+", f"end {hello}", end)
        assert shell(filed, ended, tmp_path) == f"ended {hello}\n"


def test_the_lines_about_the_backup_run(filed: Served, tmp_path: Path) -> None:
    *_, backup = blocks(OPERATIONS)
    # (the server of this test asks for no credentials; the file is named by the time)
    backup = backup.replace(' -H "Authorization: Bearer $TRICAST_KEY"', "")
    backup = backup.replace(
        "sqlite:///tricast-20260302T140311Z.db", f"sqlite:///{tmp_path}/$(ls tricast-*.db)"
    )
    assert "no problems" in shell(filed, backup, tmp_path)


def test_the_lines_about_schemas_run(filed: Served, tmp_path: Path) -> None:
    command, http = blocks(SCHEMAS)
    assert "An order was paid" in shell(filed, command, tmp_path)
    assert shell(filed, http, tmp_path).count('"version":1') == 2


@pytest.mark.parametrize(("schema", "block"), JSON)
def test_their_json_is_as_the_document_has_it(openapi: Document, schema: str, block: str) -> None:
    openapi.check(schema, json.loads(block))


def test_all_of_their_json_names_its_schema() -> None:
    assert len(JSON) == TEXT.count("```json") == 4


def test_their_limits_are_those_of_the_code() -> None:
    assert (RECONNECT_AFTER_MS, MAX_TOPICS) == (2000, 8)
    assert f"`limit` (1-{MAX_LIMIT:,}, default {DEFAULT_LIMIT})" in OPERATIONS
    assert f"{SPARE_BYTES >> 20} MiB" in OPERATIONS
    most = f"{MAX_SCHEMA_BYTES >> 10} KiB for each, nested {MAX_DEPTH} levels deep, and {MAX_SCHEMAS} in an"
    assert f"At most {most}" in SCHEMAS
    assert all(f"`{prefix}`" in SCHEMAS for prefix in RESERVED)
