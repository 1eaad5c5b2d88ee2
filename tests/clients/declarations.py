"""The JavaScript client's `.d.ts`, written by TypeScript from its JSDoc.

python -m tests.clients.declarations        # write static/client/types anew (shapes.d.ts is by hand)
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from tests.clients.npm import ROOT, node, packages

CLIENT = ROOT / "static" / "client"
TYPES = CLIENT / "types"
# What applications can reach from index.d.ts; the modules' own are of no use to them.
REACHED = ("index.d.ts", "errors.d.ts", "fallback.d.ts", "tokens.d.ts")
MANIFEST = Path(__file__).parent / "js" / "package.json"
STRICT = {
    "strict": True,
    "noUnusedLocals": True,
    "noUnusedParameters": True,
    "noImplicitReturns": False,
    "target": "es2022",
    "module": "nodenext",
    "lib": ["es2022", "dom"],
    "types": [],
}


def generate() -> dict[str, str]:
    """Check every module strictly; the declarations of those that are reached, by name.

    Fails with what the checker says.
    """
    with tempfile.TemporaryDirectory() as place:
        # Beside the modules alone: the declarations that are kept would be believed before the code.
        source, out = Path(place) / "client", Path(place) / "types"
        source.mkdir()
        for file in (*CLIENT.glob("*.js"), TYPES / "shapes.d.ts"):
            shutil.copy(file, source)
        options = {"allowJs": True, "checkJs": True, "declaration": True, "emitDeclarationOnly": True}
        check({**STRICT, **options, "rootDir": str(source), "outDir": str(out)}, sorted(source.glob("*.js")))
        return {name: (out / name).read_text() for name in REACHED}


def check(options: dict[str, object], files: list[Path]) -> None:
    """Run the type checker over `files`."""
    folder = packages(MANIFEST)
    with tempfile.TemporaryDirectory() as place:
        project = Path(place) / "tsconfig.json"
        project.write_text(json.dumps({"compilerOptions": options, "files": [str(file) for file in files]}))
        tsc = folder / "node_modules" / "typescript" / "bin" / "tsc"
        node(tsc, "--project", project, "--pretty", "false", folder=folder)


def main() -> None:
    for name, text in generate().items():
        (TYPES / name).write_text(text)


if __name__ == "__main__":
    main()
