"""Accept, Accept-Encoding and If-None-Match (RFC 9110 §12, §13), as all routes read them."""

from __future__ import annotations

import pytest

from tricast.transports.representation import matching_etag, prefers_event_stream, takes_gzip


@pytest.mark.parametrize(
    "accept",
    [
        ["text/event-stream"],
        ["TEXT/Event-Stream;q=0.9"],
        ["text/event-stream; charset=utf-8"],
        ["text/event-stream, */*"],
        ["*/*, text/event-stream"],
        ["application/json, text/event-stream"],
        ["application/json", "text/event-stream"],
        ["application/json;q=0.5, text/event-stream"],
        ["text/*"],
        ["text/event-stream;q=0.001"],
        ["text/event-stream;q=0.5, */*;q=0.1"],
        ["*/*;q=0.1, text/*;q=0.2"],
        ["application/json;q=0, */*"],
    ],
)
def test_an_event_stream_is_preferred(accept: list[str]) -> None:
    assert prefers_event_stream(accept)


@pytest.mark.parametrize(
    "accept",
    [
        [],
        [""],
        ["*/*"],
        ["application/json"],
        ["text/event-stream;q=0"],
        ["application/json, text/event-stream;q=0"],
        ["application/json, text/event-stream;q=0.0"],
        ["text/event-stream;q=0.5, application/json"],
        ["text/event-stream;q=0.5", "*/*"],
        ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
        ["application/x-text/event-stream"],
        ["text/event-stream-not"],
        ["text/event-stream;q=2"],
        ["text/event-stream;q=x"],
        ["text/html"],
        ["text/event-stream;q=0, text/*"],
    ],
)
def test_json_is_preferred(accept: list[str]) -> None:
    assert not prefers_event_stream(accept)


@pytest.mark.parametrize(
    ("values", "taken"),
    [
        (["gzip"], True),
        (["br", "gzip;q=0.5"], True),
        (["*"], True),
        ([], False),
        (["gzip;q=0"], False),
        (["gzip;q=0.2, identity"], False),
    ],
)
def test_gzip_is_accepted_by_its_weight(values: list[str], taken: bool) -> None:
    assert takes_gzip(values) is taken


@pytest.mark.parametrize(
    "values",
    [
        ['"abc"'],
        ['W/"abc"'],
        ['"x", "abc"'],
        ['"x"', 'W/"y" ,W/"abc"'],
        ["*"],
        ["abc"],
        [' "abc" '],
        ['"a, b","abc"'],
    ],
)
@pytest.mark.parametrize("etag", ['"abc"', 'W/"abc"'])
def test_a_tag_that_the_client_has_is_current(values: list[str], etag: str) -> None:
    assert matching_etag(values, '"other"' if values != ["*"] else etag, etag) == etag


@pytest.mark.parametrize("values", [[], [""], ['"abcd"'], ['"x"'], ["x"], ['"ab'], ['W/"ABC"'], ['"*"']])
def test_another_tag_is_not_current(values: list[str]) -> None:
    assert matching_etag(values, '"abc"') is None
