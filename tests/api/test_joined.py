"""The dashboard's files as they are served: joined, asked for anew, and led back to their sources."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx2
import pytest
from tests.api.served import Served, serve

from tricast.server.joined import FIRST, Joined

STATIC = Path(__file__).parents[2] / "static"
_DEFINED = re.compile(r"^define\('([^']+)', ", re.MULTILINE)
_LATER = re.compile(r"=> import\('(\.[^']+)'\)|^  import\('(\.[^']+)'\)", re.MULTILINE)
_MAP = "//# sourceMappingURL=data:application/json,"
FILES = {
    FIRST: """\
import { twice as double } from './core/sums.js';

export const four = double(2);
export const later = () => import('./pages/more.js');
""",
    "dashboard/core/sums.js": """\
/** Two of it. */
export function twice(number) {
  return number * 2;
}
export const made = {};
""",
    "dashboard/pages/more.js": """\
import { made, twice } from '../core/sums.js';
import { half } from './halves.js';
export { half as part } from './halves.js';

export class Six {
  value = twice(half(6));
  kept = made;
}
const text = `
import { left } from 'alone';
`;
export async function* words() {
  yield text;
}
""",
    "dashboard/pages/halves.js": "export const half = (number) => number / 2;\n",
    "dashboard/style/all.css": '@import "base.css";\nb { color: red }\n',
    "dashboard/style/base.css": "a { color: blue }\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serve() as served:
        yield served


def got(app: Joined, name: str, **headers: str) -> httpx2.Response:
    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.get(f"/{name}", headers=headers)

    return asyncio.run(ask())


def entries() -> list[str]:
    """The modules that are asked for by themselves."""
    found = {FIRST}
    for path in (STATIC / "dashboard").rglob("*.js"):
        for names in _LATER.findall(path.read_text()):
            found.add((path.parent / "".join(names)).resolve().relative_to(STATIC.resolve()).as_posix())
    return sorted(found)


def test_a_joined_page_runs_as_its_modules_would(folder: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    app = Joined(folder)
    out = folder / "out"
    for name in (FIRST, "dashboard/pages/more.js", "dashboard/core/sums.js"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(got(app, name).text)
    (out / "package.json").write_text('{"type": "module"}')
    script = f"""
      const {{ four, later }} = await import('./{FIRST}');
      const {{ Six, part, words }} = await later();
      const {{ made }} = await import('./dashboard/core/sums.js');
      const six = new Six();
      const {{ value }} = await words().next();
      console.log(JSON.stringify([four, six.value, part(8), value, six.kept === made]));
    """
    ran = subprocess.run(
        ["node", "--input-type=module", "-e", script], cwd=out, capture_output=True, text=True, timeout=30
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [4, 6, 4, "\nimport { left } from 'alone';\n", True]


def test_what_the_first_page_has_does_not_come_again(folder: Path) -> None:
    app = Joined(folder)
    assert _DEFINED.findall(got(app, FIRST).text) == ["dashboard/core/sums.js", FIRST]
    more = got(app, "dashboard/pages/more.js").text
    assert _DEFINED.findall(more) == ["dashboard/pages/halves.js", "dashboard/pages/more.js"]


def test_a_style_sheet_comes_with_those_that_it_imports(folder: Path) -> None:
    answer = got(Joined(folder), "dashboard/style/all.css")
    assert answer.text == "a { color: blue }\n\nb { color: red }\n"
    assert answer.headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    ("entry", "changed"),
    [(FIRST, "dashboard/core/sums.js"), ("dashboard/style/all.css", "dashboard/style/base.css")],
)
def test_a_change_of_a_file_is_there_at_once(folder: Path, entry: str, changed: str) -> None:
    app = Joined(folder)
    before = got(app, entry)
    etag = before.headers["etag"]
    assert got(app, entry, **{"if-none-match": etag}).status_code == 304
    (folder / changed).write_text((folder / changed).read_text() + "/* longer */\n")
    after = got(app, entry, **{"if-none-match": etag})
    assert after.status_code == 200
    assert "/* longer */" in after.text


def test_modules_that_need_each_other_are_named(folder: Path) -> None:
    (folder / "dashboard/pages/halves.js").write_text(
        "import { Six } from './more.js';\nexport const half = Six;\n"
    )
    with pytest.raises(
        RuntimeError, match=r"more\.js imports itself: \S+more\.js → \S+halves\.js → \S+more\.js"
    ):
        got(Joined(folder), "dashboard/pages/more.js")


def test_nothing_outside_of_the_folder_is_served(folder: Path) -> None:
    (folder.parent / "secret.js").write_text("export const secret = 1;\n")
    for name in ("../secret.js", "%2e%2e/secret.js", "dashboard/missing.js", "dashboard", ""):
        with pytest.raises(Exception, match="404") as refused:
            got(Joined(folder), name)
        assert getattr(refused.value, "status_code", None) == 404


@pytest.mark.parametrize("name", entries())
def test_each_line_leads_back_to_its_source(server: Served, name: str) -> None:
    with server.http() as client:
        text = client.get(f"/joined/{name}").raise_for_status().text
    source_map = json.loads(unquote(text[text.rindex(_MAP) + len(_MAP) :]))
    lines = text.splitlines()
    defined = _DEFINED.findall(text)
    sections = source_map["sections"]
    assert len(sections) == len(defined)
    for inside, section in zip(defined, sections, strict=True):
        path = (STATIC.parent / "joined" / name).parent / section["map"]["sources"][0]
        assert path.resolve() == (STATIC / inside).resolve()
        source = path.resolve().read_text().splitlines()
        assert section["map"]["mappings"] == ";".join(["AAAA"] + ["AACA"] * (len(source) - 1))
        start = section["offset"]["line"]
        for at, line in enumerate(source):
            if line and not line.startswith(("import ", "export ")) and "import('" not in line:
                assert lines[start + at] == line, f"{inside}:{at + 1}"
