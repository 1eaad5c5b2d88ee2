"""The settings themselves: each with its default, what it does, and in words what it may be."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tricast.settings.values import (
    DURATIONS,
    MIN_SECRET_CHARS,
    SIZES,
    UNIX,
    Age,
    Count,
    Duration,
    Hosts,
    LogUrl,
    Networks,
    OwnOrigins,
    PageOrigins,
    Pause,
    PublicUrlText,
    Rate,
    Room,
    Secrets,
    Size,
)

PREFIX = "TRICAST_"
DEFAULT_FILE = "tricast.toml"


def _setting(default: Any, description: str, *, allowed: str, **rules: Any) -> Any:
    """A field: what it does, and in words what it may be (for errors and for the table)."""
    return Field(default=default, description=description, json_schema_extra={"allowed": allowed}, **rules)


class Settings(BaseSettings):
    """Everything that `tricast serve` can be told. Immutable."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        enable_decoding=False,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    config: Path | None = _setting(
        None,
        "The file of settings. Unset: `tricast.toml` in the working directory, if it is there.",
        allowed="the path of a TOML file",
    )
    host: Hosts = _setting(
        ("127.0.0.1",),
        "Where to listen: `::` on all addresses of IPv6 and IPv4, `0.0.0.0` on all of IPv4, `unix:/path` on "
        "a Unix socket.",
        allowed="IP addresses, host names and unix:/path, separated by commas",
    )
    port: int = _setting(
        8080, "The port to listen on; 0 takes a free one.", allowed="0-65535", ge=0, le=65535
    )
    dev: bool = _setting(
        False,
        "Accept requests without credentials. Only on loopback hosts and Unix sockets.",
        allowed="true or false",
    )
    log: LogUrl = _setting(
        "sqlite:///data/tricast.db",
        "Where the events live. Three slashes begin a relative path, four an absolute one.",
        allowed="'sqlite:///path/to/file.db' or 'memory:'",
    )
    synchronous: Literal["FULL", "NORMAL"] = _setting(
        "FULL",
        "SQLite's durability. With `NORMAL` an acknowledged event survives `kill -9`, "
        "but the last moments may go with the power.",
        allowed="FULL or NORMAL",
    )
    secrets: Secrets = _setting(
        (),
        "What tokens and session cookies are signed with: the first signs, all verify, so that they can "
        "be rotated. Unset: one is made at the first start and kept in the log.",
        allowed=f"texts of at least {MIN_SECRET_CHARS} characters, separated by commas",
    )
    allowed_origins: PageOrigins = _setting(
        (),
        "Web pages of these origins may connect, besides the server's own. `*`: any, without cookies. "
        "Session cookies are not accepted from them.",
        allowed="origins such as https://shop.example, https://*.shop.example or capacitor://localhost, "
        "separated by commas, or *",
    )
    public_url: PublicUrlText = _setting(
        None,
        "The server's URL as people and clients know it, with the path if a proxy serves it below one. "
        "Links are made from it, and its origin is one of the server's own.",
        allowed="a URL such as https://events.example or https://example.com/tricast",
    )
    own_origins: OwnOrigins = _setting(
        (),
        "The server's own origins, where a proxy in front of it changes `Host`. Session cookies are accepted "
        "from their pages.",
        allowed="origins such as https://events.example, separated by commas",
    )
    retention_age_s: Age = _setting(
        30 * 86_400.0, "How long events are kept, per app.", allowed=f"{DURATIONS}; or off"
    )
    retention_events: Count = _setting(
        None, "How many events are kept, per app.", allowed="a whole number above 0, or off"
    )
    retention_bytes: Room = _setting(
        None, "How many bytes of events are kept, per app.", allowed=f"{SIZES}; or off"
    )
    audit_retention_age_s: Age = _setting(
        400 * 86_400.0, "How long the audit trail is kept.", allowed=f"{DURATIONS}; or off"
    )
    recent_bytes: Size = _setting(
        32 * 2**20,
        "Memory for the most recent events; replays that it covers don't touch the disk.",
        allowed=f"64KiB or more, {SIZES}",
        ge=64 * 2**10,
    )
    heartbeat_s: Duration = _setting(
        15.0, "How often an idle stream is told its position.", allowed=DURATIONS
    )
    presence_linger_s: Pause = _setting(
        5.0,
        "How long somebody whose stream was lost is still there, to come back unnoticed.",
        allowed="0-10m, such as 5s",
    )
    max_event_bytes: Size = _setting(
        256 * 2**10, "The largest event, as JSON.", allowed=f"1KiB-16MiB, {SIZES}", ge=2**10, le=16 * 2**20
    )
    max_body_bytes: Size = _setting(
        2**20,
        "The largest request body, so the largest batch.",
        allowed=f"1KiB-64MiB, {SIZES}",
        ge=2**10,
        le=64 * 2**20,
    )
    publish_rate: Rate = _setting(
        100_000.0,
        "Events a second that one key, token or (without either) address may publish.",
        allowed="a number above 0, or off",
    )
    publish_burst: int = _setting(
        200_000,
        "Events that it may publish at once before `publish_rate` holds.",
        allowed="a whole number above 0",
        gt=0,
    )
    connect_rate: Rate = _setting(
        500.0, "Streams and polls a second that one address may open.", allowed="a number above 0, or off"
    )
    connect_burst: int = _setting(
        20_000,
        "Streams and polls that it may open at once before `connect_rate` holds.",
        allowed="a whole number above 0",
        gt=0,
    )
    connections_per_subject: Count = _setting(
        20_000,
        "Streams and waiting polls that one subject may hold.",
        allowed="a whole number above 0, or off",
    )
    max_connections: Count = _setting(
        20_000,
        "Connections that the server holds; the next are told to come back.",
        allowed="a whole number above 0, or off",
    )
    flags_stale_after_days: int = _setting(
        30,
        "A flag that was neither evaluated nor changed for so many days is listed as stale.",
        allowed="1-3650",
        ge=1,
        le=3650,
    )
    drain_s: Pause = _setting(
        3.0, "How long a stopping server takes to say goodbye to everybody.", allowed="0-10m, such as 3s"
    )
    forwarded_allow_ips: Networks = _setting(
        ("127.0.0.1", "::1"),
        "Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.",
        allowed="IP addresses and networks, separated by commas, or *",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "What is worth a log line.", allowed="debug, info, warning or error"
    )
    log_format: Literal["json", "console"] = Field(
        default_factory=lambda known: "console" if known.get("dev") else "json",
        description="How a log line looks.",
        json_schema_extra={"allowed": "json or console", "default": "json (console with --dev)"},
    )
    access_log: bool = _setting(
        False, "One log line per request, with tokens redacted.", allowed="true or false"
    )

    @model_validator(mode="after")
    def _dev_is_for_loopback(self) -> Self:
        elsewhere = [host for host in self.host if not host.startswith(UNIX) and not is_loopback(host)]
        if self.dev and elsewhere:
            raise ValueError(
                "--dev asks for no credentials, so it listens on loopback and Unix sockets only; "
                f"{elsewhere[0]!r} is neither. Give --host 127.0.0.1, or leave --dev out"
            )
        return self

    @property
    def database(self) -> Path | None:
        """The file of an SQLite log; None for one in memory."""
        return Path(self.log.removeprefix("sqlite:///")) if self.log.startswith("sqlite:") else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = init_settings().get("config") or env_settings().get("config") or DEFAULT_FILE
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=Path(file))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
