"""Settings: precedence, provenance, and errors that say which, where from, and what is allowed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tricast.settings import (
    BadSetting,
    Settings,
    format_size,
    format_value,
    load,
    load_with_sources,
    parse_duration,
    settings_table,
)

CONFIGURATION = Path(__file__).parents[1] / "docs" / "configuration.md"
SECRET = "correct-horse-battery-staple-0123456789"


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that says nothing."""
    for variable in list(os.environ):
        if variable.upper().startswith("TRICAST_"):
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def origin_of(name: str, **flags: Any) -> tuple[Any, str]:
    _, sources = load_with_sources(**flags)
    [found] = [source for source in sources if source.name == name]
    return found.value, found.origin


def refusal(**flags: Any) -> str:
    with pytest.raises(BadSetting) as caught:
        load(**flags)
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_flags_go_before_environment_before_file_before_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    assert origin_of("port") == (8080, "default")
    Path("tricast.toml").write_text("port = 1\n")
    assert origin_of("port") == (1, "tricast.toml: port")
    monkeypatch.setenv("TRICAST_PORT", "2")
    assert origin_of("port") == (2, "TRICAST_PORT")
    assert origin_of("port", port="3") == (3, "--port")


def test_set_names_any_setting_and_counts_as_a_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRICAST_HEARTBEAT_S", "5")
    assert origin_of("heartbeat_s", extra={"heartbeat_s": "500ms"}) == (0.5, "--set heartbeat_s")
    assert "given twice" in refusal(port=1, extra={"port": "2"})
    assert refusal(extra={"prot": "2"}) == "--set prot='2' is not a setting; did you mean port?"


def test_data_is_short_for_a_log_in_that_directory() -> None:
    assert origin_of("log", data="x") == ("sqlite:///x/tricast.db", "--data")
    assert load(data=Path("/srv/t")).database == Path("/srv/t/tricast.db")
    assert "give one of them" in refusal(data="x", log="memory:")


def test_the_database_is_the_logs_file() -> None:
    assert load().database == Path("data/tricast.db")
    assert load(log="sqlite:////var/lib/t.db").database == Path("/var/lib/t.db")
    assert load(log="memory:").database is None


@pytest.mark.parametrize("where", ["flag", "environment"])
def test_a_settings_file_can_be_named(where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "other.toml"
    file.write_text("port = 7\n")
    Path("tricast.toml").write_text("port = 8\n")
    flags = {"config": str(file)} if where == "flag" else {}
    if where == "environment":
        monkeypatch.setenv("TRICAST_CONFIG", str(file))
    assert origin_of("port", **flags) == (7, f"{file}: port")


def test_a_settings_file_that_was_named_must_be_there() -> None:
    assert refusal(config="nope.toml") == "there is no settings file 'nope.toml'"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("porrt = 3", "tricast.toml: porrt=3 is not a setting; did you mean port?"),
        ("port = 'x'", "tricast.toml: port='x' is not valid; allowed: 0-65535"),
        ("[server]\nport = 3", "tricast.toml: server=(…) is not a setting; settings stand at the top"),
        ("config = 'x'", "tricast.toml: config is not for a settings file"),
        ("port ==", "the settings file 'tricast.toml' can not be read: "),
        ("retention_age_s = '7x'", "tricast.toml: retention_age_s='7x' is not valid; allowed: a duration"),
        ("publish_rate = inf", "tricast.toml: publish_rate=inf is not valid; allowed: a number above 0"),
    ],
)
def test_a_wrong_file_says_what_is_wrong(text: str, says: str) -> None:
    Path("tricast.toml").write_text(text)
    assert refusal().startswith(says)


def test_a_file_that_is_not_text_is_refused() -> None:
    Path("tricast.toml").write_bytes(b"\xff\xfe\x00")
    assert "can not be read" in refusal()


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TRICAST_PROT", "1", "TRICAST_PROT='1' is not a setting; did you mean TRICAST_PORT?"),
        ("TRICAST_QQQQ", "1", "TRICAST_QQQQ='1' is not a setting; there are: config, host, port"),
        ("TRICAST_PORT", "99999", "TRICAST_PORT='99999' is not valid; allowed: 0-65535"),
        ("TRICAST_DEV", "maybe", "TRICAST_DEV='maybe' is not valid; allowed: true or false"),
        ("TRICAST_LOG", "postgres://x", "TRICAST_LOG='postgres://x' is not valid; allowed: 'sqlite:///"),
        ("TRICAST_RECENT_BYTES", "off", "TRICAST_RECENT_BYTES='off' is not valid; allowed: 64KiB or more"),
        ("TRICAST_LOG_LEVEL", "loud", "TRICAST_LOG_LEVEL='loud' is not valid; allowed: debug, info"),
        ("TRICAST_ALLOWED_ORIGINS", "https://a.b,x", "TRICAST_ALLOWED_ORIGINS='x' is not valid"),
        ("TRICAST_OWN_ORIGINS", "*", "TRICAST_OWN_ORIGINS='*' is not valid; allowed: origins such as"),
        ("TRICAST_OWN_ORIGINS", "app://.", "TRICAST_OWN_ORIGINS='app://.' is not valid"),
        ("TRICAST_FORWARDED_ALLOW_IPS", "10.0.0.300", "TRICAST_FORWARDED_ALLOW_IPS='10.0.0.300' is not"),
    ],
)
def test_a_wrong_variable_says_what_is_wrong(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert refusal().startswith(says)


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("allowed_origins", "shop.example", "scheme://host[:port]"),
        ("allowed_origins", "wss://shop.example", "https://"),
        ("allowed_origins", "null", "capacitor://localhost"),
        ("own_origins", "*", "allowed_origins=*"),
        ("own_origins", "capacitor://localhost", "put origins of apps into allowed_origins"),
    ],
)
def test_an_invalid_origin_is_refused_with_the_remedy(name: str, value: str, remedy: str) -> None:
    said = refusal(extra={name: value})
    assert repr(value) in said
    assert remedy in said


@pytest.mark.parametrize(
    "origin", ["capacitor://localhost", "app://.", "chrome-extension://abc", "https://*.x.example:8443", "*"]
)
def test_pages_of_any_scheme_may_be_allowed(origin: str) -> None:
    assert load(extra={"allowed_origins": f"https://a.example,{origin}"}).allowed_origins[1] == origin


@pytest.mark.parametrize("variable", ["TRICAST_PORT", "TRICAST_SERVICE_HOST", "TRICAST_PORT_8080_TCP"])
def test_what_kubernetes_puts_there_is_recognised(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "tcp://10.0.0.1:8080")
    assert "enableServiceLinks: false" in refusal()


@pytest.mark.parametrize("variable", ["TRICAST_URL", "TRICAST_KEY", "TRICAST_TOKEN"])
def test_the_clients_variables_are_no_settings(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "x")
    load()


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRICAST_PORT", "")
    assert origin_of("port") == (8080, "default")


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRICAST_SECRETS", f"{SECRET}, {SECRET}-2")
    settings, sources = load_with_sources()
    assert [s.get_secret_value() for s in settings.secrets] == [SECRET, f"{SECRET}-2"]
    assert SECRET not in repr(settings) + repr(sources)
    monkeypatch.setenv("TRICAST_SECRETS", "too-short-a-secret")
    assert "too-short" not in refusal()
    monkeypatch.delenv("TRICAST_SECRETS")
    monkeypatch.setenv("TRICAST_SECRET", SECRET)
    assert refusal() == "TRICAST_SECRET=(hidden) is not a setting; did you mean TRICAST_SECRETS?"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.com"])
def test_dev_is_refused_on_a_host_that_others_reach(host: str) -> None:
    for hosts in (host, f"127.0.0.1,{host}", f"unix:/run/x,{host}"):
        assert f"loopback and Unix sockets only; {host!r} is neither" in refusal(dev=True, host=hosts)


@pytest.mark.parametrize(
    "host", ["", ",", "unix:", "http://localhost", "127.0.0.1:8080", "[::1]", "a b", "::1,127.0.0.1:80"]
)
def test_an_invalid_host_is_refused_with_the_allowed_form(host: str) -> None:
    assert refusal(host=host).startswith("--host=")
    assert refusal(host=host).endswith(
        "allowed: IP addresses, host names and unix:/path, separated by commas"
    )


def test_hosts_are_a_list() -> None:
    assert load(host="127.0.0.1, ::1,unix:/run/tricast.sock").host == (
        "127.0.0.1",
        "::1",
        "unix:/run/tricast.sock",
    )
    Path("tricast.toml").write_text('host = ["::", "unix:run/x.sock"]')
    assert load().host == ("::", "unix:run/x.sock")
    Path("tricast.toml").write_text('host = "::1"')
    assert load().host == ("::1",)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "unix:/run/x,::1"])
def test_dev_is_allowed_on_loopback(host: str) -> None:
    assert load(dev=True, host=host).log_format == "console"


def test_lists_are_separated_by_commas_in_texts_and_are_lists_in_the_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRICAST_ALLOWED_ORIGINS", "https://a.example, https://*.b.example:8443 ,")
    Path("tricast.toml").write_text('forwarded_allow_ips = ["10.0.0.0/8", "::1"]\n')
    settings = load()
    assert settings.allowed_origins == ("https://a.example", "https://*.b.example:8443")
    assert settings.forwarded_allow_ips == ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("500ms", 0.5),
        ("15s", 15),
        ("10m", 600),
        ("1.5h", 5400),
        ("7d", 604_800),
        ("2w", 1_209_600),
    ],
)
def test_durations_are_written_with_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("64 KiB", 65_536), ("1MB", 10**6), ("1.5GiB", 3 * 2**29)]
)
def test_sizes_are_written_with_a_unit(text: str, size: int) -> None:
    assert load(extra={"retention_bytes": text}).retention_bytes == size


def test_off_takes_a_limit_away() -> None:
    names = ("retention_age_s", "retention_events", "retention_bytes", "publish_rate", "max_connections")
    settings = load(extra=dict.fromkeys(names, "off"))
    assert [getattr(settings, name) for name in names] == [None] * 5


def test_values_are_shown_as_one_would_write_them() -> None:
    values = {"retention_age_s": 2_592_000.0, "heartbeat_s": 0.5, "recent_bytes": 33_554_432, "port": 80}
    shown = [format_value(name, value) for name, value in values.items()]
    assert shown == ["30d", "500ms", "32MiB", "80"]
    assert format_size(1000) == "1000B"
    assert format_value("max_connections", None) == "off"


def test_settings_are_immutable() -> None:
    settings = load()
    with pytest.raises(ValidationError):
        settings.port = 1


def test_every_setting_says_what_it_does_and_what_it_may_be() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict), name
        assert field.json_schema_extra.get("allowed"), name


def test_the_documented_table_is_the_code() -> None:
    match = re.search(
        r"<!-- settings: .*? -->\n(.*?)<!-- /settings -->", CONFIGURATION.read_text(), re.DOTALL
    )
    assert match is not None
    assert match[1] == settings_table(), "run `make docs` and look at the difference"
