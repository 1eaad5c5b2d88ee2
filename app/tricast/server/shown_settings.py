"""Settings as the server shows them: what they are and where that came from, never a secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic import SecretStr

from tricast.api.stats import without_secrets
from tricast.settings import Settings, Source, format_value
from tricast.settings.load import allowed
from tricast.settings.model import PREFIX

_KINDS: Final = {
    "flag": "command line",
    "environment": "environment",
    "file": "file",
    "default": "default",
}


def shown(settings: Settings, sources: Sequence[Source]) -> list[dict[str, Any]]:
    """A row for each setting, in the order of the guide. Without `sources`: whatever isn't a default
    was given by the program that made `settings`."""
    came = {source.name: source for source in sources}
    return [_row(name, getattr(settings, name), settings, came.get(name)) for name in Settings.model_fields]


def _row(name: str, value: Any, settings: Settings, source: Source | None) -> dict[str, Any]:
    if source is not None:
        kind, origin = _KINDS[source.kind], source.origin
    else:
        given = name in settings.model_fields_set
        kind, origin = ("program", "the program") if given else ("default", "default")
    return {
        "name": name,
        "value": _text(name, value),
        "default": _default(name),
        "source": kind,
        "origin": origin,
        "variable": f"{PREFIX}{name.upper()}",
        "allowed": allowed(name),
        "description": Settings.model_fields[name].description or "",
    }


def _text(name: str, value: Any) -> str:
    if _is_secret(name, value):
        return "set" if value else "unset"
    text = format_value(name, value)
    return without_secrets(text) if name == "log" else text


def _is_secret(name: str, value: Any) -> bool:
    held = value if isinstance(value, tuple) else (value,)
    return name == "secrets" or any(isinstance(each, SecretStr) for each in held)


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    extra = field.json_schema_extra
    if isinstance(extra, dict) and "default" in extra:
        return str(extra["default"])
    return _text(name, field.default)
