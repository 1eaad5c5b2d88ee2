"""flagd's files in, and out again as they came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tricast import BadRequest, TooLarge
from tricast.flags.files import FlagFile, Format, format_of, read_file, write_file

DATA = Path(__file__).parent / "data"
BOTH: tuple[Format, ...] = ("json", "yaml")


def shop() -> bytes:
    return (DATA / "shop.flagd.json").read_bytes()


def a_file(**members: Any) -> dict[str, Any]:
    flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    return {"flags": {"x": {**flag, **members}}}


def refused(value: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read_file(json.dumps(value).encode(), "json")
    return caught.value


def refused_text(text: str, format: Format) -> str:
    with pytest.raises(BadRequest) as caught:
        read_file(text.encode(), format)
    return caught.value.detail


@pytest.mark.parametrize("format", BOTH)
def test_a_file_goes_out_as_it_came_in(format: Format) -> None:
    file = read_file(shop(), "json")

    again = read_file(write_file(file, format), format)

    assert again == file
    source = json.loads(shop())
    told = again.flagd()
    assert told == source
    for key, flag in source["flags"].items():
        assert json.dumps(told["flags"][key]) == json.dumps(flag)  # in the order it had, 3.0 still 3.0
    assert json.dumps(told["$evaluators"]) == json.dumps(source["$evaluators"])
    assert json.dumps(told["metadata"]) == json.dumps(source["metadata"])


def test_a_written_file_has_its_flags_by_key() -> None:
    told = json.loads(write_file(read_file(shop(), "json"), "json"))

    assert list(told) == ["$schema", "metadata", "flags", "$evaluators"]
    assert list(told["flags"]) == sorted(told["flags"])


def test_what_a_file_does_not_say_is_not_added() -> None:
    assert read_file(b'{"flags": {}}', "json").flagd() == {"flags": {}}
    assert read_file(b'{"flags": {}, "$evaluators": {}}', "json").flagd() == {"flags": {}, "$evaluators": {}}


def test_hand_written_yaml_means_what_its_writer_meant() -> None:
    file = read_file((DATA / "shop.flagd.yaml").read_bytes(), "yaml")

    sale = file.definitions["sale"]
    assert sale.variants == {"on": True, "off": False}
    assert sale.default_variant == "on"
    assert sale.metadata == {"since": "2026-01-01", "week": 7, "share": 100.0, "until": "12"}
    greeting = file.definitions["greeting"]
    assert greeting.variants == {"plain": "Hello", "shout": "HELLO", "list": "no"}
    assert greeting.default_variant is None
    assert greeting.targeting == {"if": [{"==": [{"var": "locale"}, "de"]}, "plain", None]}


def test_yaml_names_that_look_like_values_are_texts() -> None:
    text = "flags: {7: {state: ENABLED, variants: {true: true, false: false}, defaultVariant: 'true'}}"

    assert read_file(text.encode(), "yaml").definitions["7"].variants == {"true": True, "false": False}


def test_written_yaml_is_understood_by_a_reader_of_yaml_1_1_too() -> None:
    texts = ["on", "no", "1_000", "0o17", "1e3", "12:30:45", "2026-01-01", "~", "", "null", "=", "0x1F", "<<"]
    value = {"flags": {"x": {"state": "ENABLED", "variants": {text or "empty": text for text in texts}}}}

    written = write_file(read_file(json.dumps(value).encode(), "json"), "yaml")

    assert yaml.safe_load(written) == value
    assert read_file(written, "yaml").flagd() == value


def test_yaml_takes_names_and_texts_of_any_length() -> None:
    long = {"n" * 2_000: {"ä" * 1_100: ["x" * 5_000]}, "m" * 1_500: "y: z", "k" * 1_001: {}}
    value = {"flags": {"x": {"state": "ENABLED", "variants": {"v": long}}}}

    written = write_file(read_file(json.dumps(value).encode(), "json"), "yaml")

    assert yaml.safe_load(written) == value
    assert read_file(written, "yaml").flagd() == value


TRICKY = [
    "- a",
    "a: b",
    "a #b",
    "#",
    "&a",
    "*a",
    "!a",
    "%",
    "@",
    "`",
    "{}",
    "[",
    "|",
    ">",
    "'",
    '"',
    "\\",
    "? a",
    "--- ",
]
texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    [
        *TRICKY,
        " a",
        "a ",
        "a  b",
        "a\nb",
        "\x7f\x85\u2028\ufeff",
        "Yes",
        "OFF",
        "y",
        "a:b",
        "a:",
        "$x",
        "/",
        "1e5",
    ]
)
kept = (
    texts
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
trees = st.recursive(
    kept | st.none(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from("abcd"), trees.map(lambda tree: {"v": tree}), min_size=1))
def test_any_json_value_survives_both_formats(variants: dict[str, Any]) -> None:
    value = {"flags": {"x": {"variants": variants, "state": "DISABLED"}}}
    file = read_file(json.dumps(value).encode(), "json")

    for format in BOTH:
        told = read_file(write_file(file, format), format).flagd()
        assert json.dumps(told) == json.dumps(value)
    assert json.dumps(yaml.safe_load(write_file(file, "yaml"))) == json.dumps(value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([], "/"),
        ({}, "/flags"),
        ({"flags": []}, "/flags"),
        ({"flags": {}, "flagss": {}}, "/flagss"),
        ({"flags": {}, "metadata": {"a": None}}, "/metadata/a"),
        ({"flags": {}, "$schema": 1}, "/$schema"),
        ({"flags": {}, "$evaluators": {"a": {"nope": 1}}}, "/$evaluators/a"),
        ({"flags": {"a/b": 1}}, "/flags/a~1b"),
        ({"flags": {"..": {}}}, "/flags/.."),
        (a_file(state="on"), "/flags/x/state"),
        (a_file(variants={}), "/flags/x/variants"),
        (a_file(variants=None), "/flags/x/variants"),
        (a_file(variants={"on": True, "off": "no"}), "/flags/x/variants/off"),
        (a_file(variants={"on": None}), "/flags/x/variants/on"),
        (a_file(variants={"": True}), "/flags/x/variants/"),
        (a_file(variants={"on": {"deep": [1, 2**64]}}), "/flags/x/variants/on/deep/1"),
        (a_file(variants={"on": "\ud800"}), "/flags/x/variants/on"),
        (a_file(defaultVariant="maybe"), "/flags/x/defaultVariant"),
        (a_file(defaultVariant=True), "/flags/x/defaultVariant"),
        (a_file(metadata={"a": []}), "/flags/x/metadata/a"),
        (a_file(comment="hi"), "/flags/x/comment"),
        (a_file(variants={"on": "x" * 65_536}, defaultVariant=None), "/flags/x"),
        (a_file(targeting=[]), "/flags/x/targeting"),
        (a_file(targeting={"if": [{"$ref": "gone"}, "on"]}), "/flags/x/targeting/if/0"),
        (a_file(targeting={"if": [True, "maybe", "off"]}), "/flags/x/targeting/if/1"),
    ],
)
def test_a_wrong_file_is_refused_by_the_place_that_is_wrong(value: Any, place: str) -> None:
    error = refused(value)

    assert error.field == place
    assert error.detail.startswith(place if place != "/" else "the body")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"flags":\n  {"x" 1}}', "line 2, column 8"),
        ("", "line 1, column 1"),
        ('{"flags": {"x": {"state": "ENABLED", "state": "DISABLED"}}}', "/flags/x/state"),
        ('{"flags": {"x": {}, "x": {}}}', "/flags/x"),
        ('{"flags": {}, "metadata": {"a": NaN}}', "NaN"),
        ('{"flags": {}, "metadata": {"a": 1e999}}', "/metadata/a"),
        ('{"flags": ' + "[" * 100_000, "nested too deeply"),
        ('{"flags": ' + "1" * 5_000 + "}", "thousands of digits"),
    ],
)
def test_a_text_that_is_not_json_is_refused_by_its_place(text: str, words: str) -> None:
    assert words in refused_text(text, "json")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flags:\n  x: [1\n  y: 2", "line 3, column"),
        ("flags:\n  x: {}\n  x: {}", "line 3, column 3: the name 'x' is there twice"),
        ("flags: &a\n  x: *a", "line 2, column 6: no value above is called &a"),
        ("flags: *gone", "no value above is called &gone"),
        ("flags: {}\n---\nflags: {}", "line 2, column 1: a second document"),
        ("flags: !!python/object:os.system {}", "line 1, column 8: the tag"),
        ("flags: !!set {a, b}", "the tag"),
        ("flags: {x: !!int ten}", "line 1, column 12: the tag"),
        ("flags:\n  x:\n    <<: {state: ENABLED}", "line 3, column 5: '<<'"),
        ("flags: {[a]: 1}", "a name must be a text"),
        ("flags: {x: .nan}", "none of JSON's"),
        ("flags: {x: -.inf}", "none of JSON's"),
        ("flags: {x: " + "9" * 5_000 + "}", "none of JSON's"),
        ("flags: \x00", "not YAML"),
        ("[" * 100_000, "nested deeper than"),
        ("- " * 100_000, "nested deeper than"),
        ("", "the body: null is not an object"),
    ],
)
def test_a_text_that_is_not_yaml_is_refused_by_its_place(text: str, words: str) -> None:
    assert words in refused_text(text, "yaml")


def test_anchors_of_anchors_of_anchors_are_not_followed_for_ever() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]

    assert "divide the file" in refused_text("\n".join(lines), "yaml")


def test_a_file_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(TooLarge, match="16777216"):
        read_file(b" " * 16_777_217, "json")
    with pytest.raises(TooLarge, match="limit is 10"):
        read_file(b'{"flags": {}}', "json", max_bytes=10)


def test_a_file_that_is_not_utf_8_is_refused_by_line() -> None:
    with pytest.raises(BadRequest, match="line 2"):
        read_file(b'{"flags":\n{"\xff": 1}}', "json")


@pytest.mark.parametrize("format", BOTH)
def test_a_byte_order_mark_is_no_error(format: Format) -> None:
    assert read_file(b'\xef\xbb\xbf{"flags": {}}', format) == FlagFile(definitions={})


def test_what_flagd_adds_to_flags_that_it_passes_on_is_left_out() -> None:
    file = read_file(json.dumps(a_file(source="a.json", selector="")).encode(), "json")

    assert file.flagd() == a_file()


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a/b/flags.json", "json"),
        ("FLAGS.YML", "yaml"),
        ("x.flagd.yaml", "yaml"),
        ("application/json; charset=utf-8", "json"),
        ("application/yaml", "yaml"),
        ("application/x-yaml", "yaml"),
        ("text/x-yaml", "yaml"),
        ("application/vnd.flagd+json", "json"),
        ("text/plain", None),
        ("flags", None),
        ("", None),
    ],
)
def test_the_format_is_told_by_file_name_or_media_type(name: str, format: Format | None) -> None:
    assert format_of(name) == format
