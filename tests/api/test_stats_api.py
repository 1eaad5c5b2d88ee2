"""`/v1/stats` and `/v1/settings` of real servers: as documented, true, and without a secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.api.documents import Document
from tests.api.served import Served, serve

from tricast.api.stats import without_secrets
from tricast.server.shown_settings import shown
from tricast.settings import Settings

SECRET = "hush-hush-hush-hush-hush-hush-hush-hush"


def get(served: Served, path: str, **asked: Any) -> Any:
    with served.http() as client:
        answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer


def test_the_figures_of_now_are_as_documented_and_true(openapi: Document, tmp_path: Path) -> None:
    log = f"sqlite:///{tmp_path}/figures.db"
    with serve("--log", log, "--set", "retention_age_s=7d") as served:
        first = served.publish("figures/a", 1)
        last = served.publish("figures/a", 2)
        with served.events("topic=figures/*") as stream, served.websocket("topic=figures/*") as talk:
            list(stream.until("tricast.live"))
            talk.until("tricast.live")
            answer = get(served, "/v1/stats")
        openapi.check_answer("get", "/v1/stats", answer)
        openapi.check("StatsNow", answer.json())
        told = answer.json()
        assert told["connections"] == {"websocket": 1, "sse": 1, "poll": 0, "lagging": 0, "replaying": 0}
        assert told["log"]["url"] == log
        assert told["log"]["first"]["cursor"] == first
        assert told["log"]["last"]["cursor"] == last
        assert told["log"]["events"] == 2
        assert told["log"]["bytes"] >= os.path.getsize(tmp_path / "figures.db")
        assert told["log"]["free_bytes"] > 0
        assert told["log"]["retention"]["age_s"] == 7 * 86_400
        assert told["process"]["rss_bytes"] > 10_000_000
        assert told["uptime_s"] > 0


def test_a_second_later_rates_and_latency_are_there(served: Served, openapi: Document) -> None:
    while True:
        served.publish("figures/b", 1)
        told = get(served, "/v1/stats").json()
        if told["latency"]["p99_ms"] is not None:
            break
    openapi.check("StatsNow", told)
    assert 0 < told["latency"]["p50_ms"] <= told["latency"]["p99_ms"] < 60_000
    assert told["latency"]["minute"]["p99_ms"] is not None
    assert told["rates"]["publishes_per_s"] > 0
    assert told["log"]["free_bytes"] is None
    assert told["log"]["url"] == "memory:"


def test_an_empty_log_has_neither_a_first_nor_a_last_event() -> None:
    with serve() as served:
        log = get(served, "/v1/stats").json()["log"]
    assert (log["first"], log["last"], log["events"]) == (None, None, 0)


@pytest.mark.parametrize(("asked", "steps"), [("1h", 360), ("10s", 1), ("15m", 90), ("3600s", 360)])
def test_the_past_is_told_in_steps_of_ten_seconds(
    served: Served, openapi: Document, asked: str, steps: int
) -> None:
    answer = get(served, "/v1/stats", history=asked)
    openapi.check_answer("get", "/v1/stats", answer)
    openapi.check("StatsHistory", answer.json())
    assert {len(series) for series in answer.json()["series"].values()} == {steps}


@pytest.mark.parametrize("asked", ["", "9s", "2h", "61m", "-1m", "1d", "1", "999999999h"])
def test_a_past_that_is_not_kept_is_refused(served: Served, asked: str) -> None:
    with served.http() as client:
        answer = client.get("/v1/stats", params={"history": asked})
    assert (answer.status_code, answer.json()["field"]) == (400, "history")


def test_figures_and_settings_are_for_administrators(guarded: Served) -> None:
    with guarded.http() as client:
        body = {"subject": "u", "app": "shop", "subscribe": ["shop/**"], "scopes": ["flags:read"]}
        token = client.post("/v1/tokens", json=body).json()["token"]
    with guarded.http(headers={"Authorization": f"Bearer {token}"}) as client:
        for path in ("/v1/stats", "/v1/settings", "/v1/backup"):
            assert client.get(path).status_code == 403, path


def test_every_setting_is_told_with_its_origin_and_no_secret(openapi: Document, tmp_path: Path) -> None:
    file = tmp_path / "tricast.toml"
    file.write_text(f'secrets = "{SECRET}"\nretention_age_s = "14d"\n')
    with serve("--config", str(file), "--set", "max_event_bytes=64KiB") as served:
        answer = get(served, "/v1/settings")
    openapi.check_answer("get", "/v1/settings", answer)
    assert SECRET not in answer.text
    told = {each["name"]: each for each in answer.json()["settings"]}
    assert list(told) == list(Settings.model_fields)
    assert told["secrets"]["value"] == "set"
    assert told["secrets"]["default"] == "unset"
    age = told["retention_age_s"]
    assert (age["value"], age["default"], age["source"]) == ("14d", "30d", "file")
    assert age["origin"] == f"{file}: retention_age_s"
    assert age["variable"] == "TRICAST_RETENTION_AGE_S"
    assert told["max_event_bytes"]["source"] == "command line"
    assert told["max_event_bytes"]["value"] == "64KiB"
    assert told["heartbeat_s"]["source"] == "default"
    assert "restart" in answer.json()["how"]


def test_settings_of_an_embedding_program_say_so() -> None:
    rows = {row["name"]: row for row in shown(Settings(log="memory:", dev=True), ())}
    assert rows["dev"]["source"] == "program"
    assert rows["port"]["source"] == "default"
    assert rows["secrets"]["value"] == "unset"


def test_a_password_in_the_url_of_a_log_is_hidden() -> None:
    assert without_secrets("redis://ann:pw@host:6379/0") == "redis://(hidden)@host:6379/0"
    assert without_secrets("sqlite:///data/a@b.db") == "sqlite:///data/a@b.db"
    assert without_secrets("memory:") == "memory:"
