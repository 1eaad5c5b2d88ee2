"""The table of `docs/configuration.md`, made from the code. A test compares the two."""

from __future__ import annotations

from typing import Any

from tricast.settings.load import allowed
from tricast.settings.model import Settings
from tricast.settings.values import format_duration, format_size


def settings_table() -> str:
    """Every setting as a row of a Markdown table: name, default, what it does, what it may be."""
    rows = ["| setting | default | what it does | allowed |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        rows.append(f"| `{name}` | {_default(name)} | {field.description} | {allowed(name)} |")
    return "\n".join(rows) + "\n"


def format_value(name: str, value: Any) -> str:
    """A setting's value as one would write it: `30d`, `32MiB`, `off`."""
    if value is None:
        return "" if name == "config" else "off"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value)
    if name.endswith("_s"):
        return format_duration(value)
    if name.endswith("_bytes"):
        return format_size(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default" in extra:
        return str(extra["default"])
    text = format_value(name, field.default)
    return f"`{text}`" if text else ""
