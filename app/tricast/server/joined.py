"""The dashboard's modules and style sheets, joined while they are served: one request for a page, not sixty.

Nothing is built: what lies in `static/` is what runs, read anew when a file changes, and a source map leads
a browser's developer tools back to it. A module becomes a function of the same lines:

    import { h } from './core/dom.js';      const { h } = use('dashboard/core/dom.js');
    export function page() { … }            function page() { … }  …  return { page };
    await import('./pages/audit.js')        await import('./pages/audit.js'), joined in its turn

What `FIRST` imports comes with it; everything else is asked for when it is first looked at, and brings only
what `FIRST` hasn't. Written for the forms of import and export that our own modules have.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from tricast.server.pages import File, Pages, file_of

FIRST: Final = "dashboard/main.js"
_IMPORT: Final = re.compile(r"^import \{([^}]*)\} from '(\.[^']+)';", re.MULTILINE)
_PASSED_ON: Final = re.compile(r"^export \{([^}]*)\} from '(\.[^']+)';", re.MULTILINE)
_EXPORT: Final = re.compile(
    r"^export ((?:async function\*?|function\*?|class|const) (\w+))", re.MULTILINE | re.ASCII
)
_LATER: Final = re.compile(r"\bimport\('(\.[^']+)'\)")
_SHEET: Final = re.compile(r'^@import "([^"]+)";$', re.MULTILINE)
_REGISTRY: Final = """\
const parts = new Map(), made = new Map();
export const define = (name, part) => parts.has(name) || parts.set(name, part);
export const use = (name) => made.get(name) ?? (made.set(name, parts.get(name)()), made.get(name));
"""


class Joined(Pages):
    """Below `/joined`, each module and style sheet of the folder with all that it imports."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._joins: dict[Path, tuple[dict[Path, tuple[int, int]], File]] = {}

    def _read(self, path: Path, stat: os.stat_result) -> File:
        if path.suffix not in {".css", ".js"}:
            return super()._read(path, stat)
        marks, file = self._joins.get(path, ({}, None))
        if file is None or any(_mark(each) != mark for each, mark in marks.items()):
            sources = _Sources(self._folder)
            name = path.relative_to(self._folder.resolve()).as_posix()
            text = sources.sheet(name) if path.suffix == ".css" else sources.module(name)
            file = file_of(path, text.encode())
            self._joins[path] = sources.marks, file
        return file


class _Sources:
    """The files that one answer is made of."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.marks: dict[Path, tuple[int, int]] = {}

    def module(self, entry: str) -> str:
        """An entry's module, those that it imports before it."""
        first = self._order(FIRST)
        if entry == FIRST:
            modules, head = first, _REGISTRY
        else:
            modules = {name: text for name, text in self._order(entry).items() if name not in first}
            head = f"import {{ define, use }} from '{_relative(FIRST, entry)}';\n"
        lines, sections = head, []
        for name, text in modules.items():
            lines += f"define('{name}', (function () {{\n"  # (in parentheses: compiled at once, not twice)
            sections.append(_section(name, entry, lines.count("\n"), text.count("\n")))
            lines += f"{_body(name, text, entry)}}}));\n"
        names = ", ".join(_exports(entry, (first | modules)[entry]))
        lines += f"export const {{ {names} }} = use('{entry}');\n"
        source_map = json.dumps({"version": 3, "sections": sections}, separators=(",", ":"))
        return f"{lines}//# sourceMappingURL=data:application/json,{quote(source_map, safe='{}[]:,;/')}\n"

    def sheet(self, entry: str) -> str:
        """A style sheet with the ones that it imports in their places."""
        return _SHEET.sub(lambda found: self._text(_beside(entry, found[1])), self._text(entry))

    def _order(self, entry: str) -> dict[str, str]:
        """The text of each module that an entry imports at once, by name: what is needed comes first."""
        found: dict[str, str] = {}
        above: list[str] = []

        def take(name: str) -> None:
            if name in found:
                return
            if name in above:
                raise RuntimeError(f"{name} imports itself: {' → '.join([*above, name])}")
            above.append(name)
            text = self._text(name)
            for _, source in [*_IMPORT.findall(text), *_PASSED_ON.findall(text)]:
                take(_beside(name, source))
            found[above.pop()] = text

        take(entry)
        return found

    def _text(self, name: str) -> str:
        path = self._folder / name
        self.marks[path] = _mark(path)
        return path.read_text(encoding="utf-8")


def _body(name: str, text: str, entry: str) -> str:
    """A module as the body of a function, line by line where it was."""
    exported = ", ".join(f"{key}: {value}" for key, value in _exports(name, text).items())
    text = _IMPORT.sub(
        lambda found: f"const {{{found[1].replace(' as ', ': ')}}} = use('{_beside(name, found[2])}');", text
    )
    text = _EXPORT.sub(r"\1", _PASSED_ON.sub("", text))
    text = _LATER.sub(lambda found: f"import('{_relative(_beside(name, found[1]), entry)}')", text)
    return f"{text}return {{ {exported} }};\n"


def _exports(name: str, text: str) -> dict[str, str]:
    """What a module exports: how it is called, and what gives it."""
    found = {called: called for _, called in _EXPORT.findall(text)}
    for names, source in _PASSED_ON.findall(text):
        for each in filter(None, (part.strip() for part in names.split(","))):
            inside, _, outside = each.partition(" as ")
            found[outside or inside] = f"use('{_beside(name, source)}').{inside}"
    return found


def _section(name: str, entry: str, line: int, count: int) -> dict[str, Any]:
    """A source map's part: `count` lines from `line` on are those of a file (the first mapping is its line 0;
    each further one, in the map's own digits, one line on)."""
    source = _relative(f"static/{name}", f"joined/{entry}")
    mapping = ";".join(["AAAA", *["AACA"] * (count - 1)])
    return {
        "offset": {"line": line, "column": 0},
        "map": {"version": 3, "sources": [source], "names": [], "mappings": mapping},
    }


def _beside(name: str, source: str) -> str:
    return os.path.normpath(PurePosixPath(name).parent / source)


def _relative(name: str, entry: str) -> str:
    """How a module asks for another: always with a dot in front."""
    path = os.path.relpath(name, PurePosixPath(entry).parent)
    return path if path.startswith(".") else f"./{path}"


def _mark(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return -1, -1  # (it went since: read anew, which says so)
    return stat.st_mtime_ns, stat.st_size
