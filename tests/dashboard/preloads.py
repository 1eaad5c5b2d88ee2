"""What the first page needs, named in static/index.html, so that all of it is asked for at once.

python -m tests.dashboard.preloads        # write the list anew
"""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).parents[2] / "static"
INDEX = STATIC / "index.html"
FIRST = ("dashboard/main.js", "dashboard/pages/flags.js")
_IMPORT = re.compile(r"""^\s*(?:import|export)\s[^;'"]*?from\s+['"](\.[^'"]+)['"]""", re.MULTILINE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_LINK = re.compile(r'<link rel="modulepreload" href="static/([^"]+)">\n')


def needed() -> list[str]:
    """The modules that the flag list is made of, by their static imports; without the one that begins."""
    found: set[Path] = set()
    waiting = [STATIC / name for name in FIRST]
    while waiting:
        file = waiting.pop().resolve()
        if file in found:
            continue
        found.add(file)
        text = _COMMENT.sub("", file.read_text())
        waiting += [file.parent / name for name in _IMPORT.findall(text)]
    names = {str(file.relative_to(STATIC.resolve())) for file in found}
    return sorted(names - {FIRST[0]})


def named() -> list[str]:
    """The modules that the page names."""
    return _LINK.findall(INDEX.read_text())


def main() -> None:
    lines = "".join(f'<link rel="modulepreload" href="static/{name}">\n' for name in needed())
    page = _LINK.sub("", INDEX.read_text())
    INDEX.write_text(page.replace('<script type="module"', f'{lines}<script type="module"', 1))


if __name__ == "__main__":
    main()
