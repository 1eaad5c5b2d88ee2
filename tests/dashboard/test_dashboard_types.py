"""Every module of the dashboard under TypeScript's strict rules."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.clients.declarations import TYPES, check

DASHBOARD = Path(__file__).parents[2] / "static" / "dashboard"
STRICT = {
    "strict": True,
    "noUnusedLocals": True,
    "noUnusedParameters": True,
    "allowJs": True,
    "checkJs": True,
    "noEmit": True,
    "target": "es2023",
    "lib": ["es2024", "dom", "dom.iterable", "esnext"],
    "module": "esnext",
    "moduleResolution": "bundler",
    "types": [],
}


def test_the_dashboard_is_what_its_types_say(tmp_path: Path) -> None:
    # Beside the client's declarations alone, as an application would have them.
    shutil.copytree(DASHBOARD, tmp_path / "dashboard")
    shutil.copytree(TYPES, tmp_path / "client")
    shutil.copytree(TYPES, tmp_path / "client" / "types")
    check(dict(STRICT), sorted((tmp_path / "dashboard").rglob("*.js")))
