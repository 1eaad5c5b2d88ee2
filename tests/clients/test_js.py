"""The JavaScript client: its own suites in Node, its types, its size, its guide."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.served import Served, serve
from tests.clients.declarations import CLIENT, MANIFEST, STRICT, TYPES, check, generate
from tests.clients.npm import ROOT, node, packages

HERE = Path(__file__).parent / "js"
WITH_SERVER = (
    [HERE / "server.test.mjs", HERE / "server-features.test.mjs"],
    [HERE / "server-tabs.test.mjs"],  # (counts the server's connections)
)
WITH_FAKES = sorted(set(HERE.glob("*.test.mjs")) - {suite for suites in WITH_SERVER for suite in suites})
APP = ROOT / "app"
MOST_BYTES = 12 * 1024
QUICK = ("--set", "heartbeat_s=1")


@pytest.fixture(scope="module")
def folder() -> Path:
    return packages(MANIFEST)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serve(*QUICK) as server:
        yield server


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    with serve(*QUICK, dev=False) as server:
        yield server


@pytest.mark.parametrize("suite", WITH_FAKES, ids=lambda path: path.name.partition(".")[0])
def test_the_client_does_what_it_says_where_time_and_network_are_fakes(folder: Path, suite: Path) -> None:
    said = node("--expose-gc", "--test", suite, folder=folder)
    assert "# skipped 0" in said
    assert "# fail 0" in said


@pytest.mark.parametrize("suites", WITH_SERVER, ids=["alone", "in tabs"])
def test_the_client_does_what_it_says_with_a_real_server_on_every_transport(
    folder: Path, suites: list[Path], served: Served, guarded: Served
) -> None:
    said = node(
        "--test",
        *suites,
        folder=folder,
        PYTHONPATH=str(APP),
        TRICAST_URL=served.url,
        TRICAST_GUARDED_URL=guarded.url,
        TRICAST_KEY=str(guarded.key),
        TRICAST_SERVE=json.dumps([sys.executable, "-m", "tricast", "serve", "--dev"]),
    )
    assert "# skipped 0" in said
    assert "# fail 0" in said


def test_the_types_are_strict_and_the_declarations_are_of_this_code() -> None:
    kept = {path.name: path.read_text() for path in TYPES.glob("*.d.ts") if path.name != "shapes.d.ts"}
    assert kept == generate(), "write them anew: python -m tests.clients.declarations"


def test_an_application_in_typescript_is_checked_against_them(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "tricast").symlink_to(CLIENT)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    good = tmp_path / "good.ts"
    good.write_text(
        "import { connect, TricastError } from 'tricast';\n"
        "const tricast = connect({ url: 'http://localhost:8080', topics: ['demo/**'], token: () => 'x' });\n"
        "tricast.on('event', (event) => console.log(event.topic, event.cursor));\n"
        "tricast.on('state', (state) => { if (state === 'failed') console.log(tricast.error?.field); });\n"
        "const events = tricast.events('demo/a', { overflow: 'drop-oldest' });\n"
        "for await (const event of events) console.log(event.data);\n"
        "const limit: number = tricast.flags('shop', 'production').get('limit', 3);\n"
        "tricast.publish('demo/a', { limit }).catch((error: TricastError) => console.log(error.code));\n"
    )
    check({**STRICT, "noEmit": True}, [good])
    bad = tmp_path / "bad.ts"
    bad.write_text("import { connect } from 'tricast';\nconnect({ topics: 7 }).on('evnt', () => {});\n")
    with pytest.raises(AssertionError, match=r"bad\.ts\(2,\d+\): error TS"):
        check({**STRICT, "noEmit": True}, [bad])


def test_a_bundle_of_the_client_is_below_12_kib(folder: Path, tmp_path: Path) -> None:
    esbuild = folder / "node_modules" / "esbuild" / "bin" / "esbuild"
    out = tmp_path / "bundle.js"
    how = ("--bundle", "--minify", "--format=esm", f"--outfile={out}")
    node(esbuild, CLIENT / "index.js", *how, folder=folder)
    assert len(gzip.compress(out.read_bytes(), 9)) < MOST_BYTES


def test_the_package_depends_on_nothing_and_says_where_it_begins() -> None:
    package = json.loads((CLIENT / "package.json").read_text())
    assert package["name"] == "tricast"
    assert package["type"] == "module"
    assert not {"dependencies", "peerDependencies", "scripts"} & package.keys()
    for path in package["exports"]["."].values():
        assert (CLIENT / path).is_file()
    imports = {
        found
        for module in CLIENT.glob("*.js")
        for found in re.findall(r"^(?:import|export) .*?from '([^']+)'", module.read_text(), re.MULTILINE)
    }
    assert all(found.startswith("./") and (CLIENT / found).is_file() for found in imports)


def test_the_examples_of_the_guide_run(folder: Path, served: Served, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "client-js.md").read_text()
    examples = re.findall(r"^```js\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert examples
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "tricast").symlink_to(CLIENT)
    for number, example in enumerate(examples):
        program = tmp_path / f"example{number}.mjs"
        program.write_text(example.replace("http://localhost:8080", served.url))
        said = node("--preserve-symlinks", program, folder=folder, timeout=30)
        for line in re.findall(r"// prints (.*)$", example, re.MULTILINE):
            assert line in said
