"""What a server can be told: flags > environment (`TRICAST_*`) > `tricast.toml` > defaults.

Every setting carries its unit in its name. `load` is the one door: it refuses
unknown keys and bad values with one sentence that names the key, the value,
where it came from, and what is allowed.
"""

from __future__ import annotations

from tricast.settings.load import BadSetting, Source, load, load_with_sources
from tricast.settings.model import Settings
from tricast.settings.table import format_value, settings_table
from tricast.settings.values import UNIX, about_size, format_size, parse_duration

__all__ = [
    "UNIX",
    "BadSetting",
    "Settings",
    "Source",
    "about_size",
    "format_size",
    "format_value",
    "load",
    "load_with_sources",
    "parse_duration",
    "settings_table",
]
