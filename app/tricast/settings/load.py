"""From flags, environment and file to `Settings`, and back to where each value came from."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr, ValidationError
from pydantic_settings import TomlConfigSettingsSource

from tricast.errors import TricastError
from tricast.settings.model import DEFAULT_FILE, PREFIX, Settings
from tricast.settings.values import InvalidValue

# The command line's own environment: about the server it talks to, not about the server it is.
CLIENT_VARIABLES = frozenset(
    {"TRICAST_URL", "TRICAST_KEY", "TRICAST_TOKEN", "TRICAST_APP", "TRICAST_ENVIRONMENT"}
)

_KUBERNETES = re.compile(r"TRICAST(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT.*|PORT|PORT_\d+_(TCP|UDP).*)")
_KUBERNETES_HINT = (
    "Kubernetes sets such variables for a service named tricast: "
    "say `enableServiceLinks: false` in the pod, or name the service differently"
)
_CONFIDENTIAL = re.compile(r"secret|token|key|passw")

Kind = Literal["flag", "environment", "file", "default"]


class BadSetting(TricastError):
    """A setting that is unknown or has a value that is not allowed."""

    code = "bad-setting"
    title = "A setting is not valid"


@dataclass(frozen=True, slots=True)
class Source:
    """One setting, its value (never a secret's text), and where that came from."""

    name: str
    value: Any
    kind: Kind
    origin: str


@dataclass(frozen=True, slots=True)
class _Given:
    """What was said, before it is looked at: by flag, environment and file."""

    flags: Mapping[str, Any]
    flag_names: Mapping[str, str]
    environment: Mapping[str, str]
    file: Mapping[str, Any]
    path: Path

    def raw(self, name: str) -> Any:
        for layer in (self.flags, self.environment, self.file):
            if name in layer:
                return layer[name]
        return None

    def origin(self, name: str) -> tuple[Kind, str]:
        if name in self.flags:
            return "flag", self.flag_names.get(name, "--" + name.replace("_", "-"))
        if name in self.environment:
            return "environment", PREFIX + name.upper()
        if name in self.file:
            return "file", f"{self.path}: {name}"
        return "default", "default"


def load(*, data: str | Path | None = None, extra: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """The settings for these flags (None: not given), this environment and this working directory.

    `data` is short for `log`: a directory that holds `tricast.db`. `extra` are
    settings by name, as text (`--set`). Raises BadSetting for the first that is
    wrong.
    """
    settings, _ = _load(_given(data, extra or {}, flags))
    return settings


def load_with_sources(
    *, data: str | Path | None = None, extra: Mapping[str, str] | None = None, **flags: Any
) -> tuple[Settings, tuple[Source, ...]]:
    """`load`, and for each setting where its value came from."""
    return _load(_given(data, extra or {}, flags))


def _given(data: str | Path | None, extra: Mapping[str, str], flags: Mapping[str, Any]) -> _Given:
    said = {name: value for name, value in flags.items() if value is not None}
    names: dict[str, str] = {}
    if data is not None:
        if "log" in said:
            raise BadSetting("--data and --log both say where the log is; give one of them", field="log")
        said["log"], names["log"] = f"sqlite:///{Path(data) / 'tricast.db'}", "--data"
    for name, text in extra.items():
        _check_known(name, f"--set {name}", text)
        if name in said:
            raise BadSetting(f"{name} is given twice: by its own flag and by --set", field=name)
        said[name], names[name] = text, f"--set {name}"
    environment = _environment()
    path = said.get("config") or environment.get("config")
    file = _read(Path(path or DEFAULT_FILE), required=path is not None)
    return _Given(said, names, environment, file, Path(path or DEFAULT_FILE))


def _environment() -> dict[str, str]:
    found = {}
    for variable, text in os.environ.items():
        upper = variable.upper()
        if not upper.startswith(PREFIX) or upper in CLIENT_VARIABLES or not text:
            continue
        _check_known(upper.removeprefix(PREFIX).lower(), variable, text)
        found[upper.removeprefix(PREFIX).lower()] = text
    return found


def _read(path: Path, *, required: bool) -> dict[str, Any]:
    if required and not path.is_file():
        raise BadSetting(f"there is no settings file {str(path)!r}", field="config")
    try:
        found: dict[str, Any] = TomlConfigSettingsSource(Settings, toml_file=path).toml_data
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(
            f"the settings file {str(path)!r} can not be read: {error}", field="config"
        ) from None
    for name, value in found.items():
        _check_known(name, f"{path}: {name}", value)
        if name == "config":
            raise BadSetting(f"{path}: config is not for a settings file; use --config", field="config")
    return found


def _check_known(name: str, origin: str, value: Any) -> None:
    if name in Settings.model_fields:
        return
    raise BadSetting(
        f"{origin}={_shown(name, value)} is not a setting; {_hint(name, origin, value)}", field=name
    )


def _hint(name: str, origin: str, value: Any) -> str:
    if isinstance(value, dict):
        return "settings stand at the top of the file, outside of any [table]"
    if _KUBERNETES.fullmatch(origin):
        return _KUBERNETES_HINT
    near = difflib.get_close_matches(name, Settings.model_fields, n=1, cutoff=0.6)
    if near:
        return f"did you mean {PREFIX + near[0].upper() if origin.startswith(PREFIX) else near[0]}?"
    return f"there are: {', '.join(Settings.model_fields)}"


def _load(given: _Given) -> tuple[Settings, tuple[Source, ...]]:
    try:
        settings = Settings(**given.flags)
    except ValidationError as error:
        raise _bad_setting(error, given) from None
    return settings, tuple(
        Source(name, _public(getattr(settings, name)), *given.origin(name)) for name in Settings.model_fields
    )


def _bad_setting(error: ValidationError, given: _Given) -> BadSetting:
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return BadSetting(str(first["ctx"]["error"]), field="dev")
    name = str(first["loc"][0])
    _, origin = given.origin(name)
    value = first["input"] if len(first["loc"]) > 1 else given.raw(name)
    why = first.get("ctx", {}).get("error")
    reason = f"; {why}" if isinstance(why, InvalidValue) else ""
    hint = f" ({_KUBERNETES_HINT})" if str(value).startswith("tcp://") else ""
    return BadSetting(
        f"{origin}={_shown(name, value)} is not valid; allowed: {allowed(name)}{hint}{reason}", field=name
    )


def allowed(name: str) -> str:
    """In words, what the setting `name` may be."""
    extra = Settings.model_fields[name].json_schema_extra
    assert isinstance(extra, dict)
    return str(extra["allowed"])


def _shown(name: str, value: Any) -> str:
    if _CONFIDENTIAL.search(name):
        return "(hidden)"
    return repr(value) if isinstance(value, str | int | float) else "(…)"


def _public(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_public(item) for item in value]
    if isinstance(value, SecretStr):
        return "(hidden)"
    return str(value) if isinstance(value, Path) else value
