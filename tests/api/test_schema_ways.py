"""Schemas whose parts lead to each other: as many ways as that makes, no publish holds up the server."""

from __future__ import annotations

from typing import Any

import pytest

from tricast.api.event_schema import Rules
from tricast.api.schema_ways import Ways


def doubling(times: int) -> dict[str, Any]:
    """Each of two alternatives leads to the same two: 2 to the power of `times`."""
    parts: dict[str, Any] = {
        f"a{at}": {"anyOf": [{"$ref": f"#/$defs/a{at + 1}"}, {"$ref": f"#/$defs/a{at + 1}"}]}
        for at in range(times)
    }
    return {"$ref": "#/$defs/a0", "$defs": {**parts, f"a{times}": {"type": "string"}}}


TREE = {
    "$id": "https://shop.example.com/tree",
    "type": "object",
    "properties": {"name": {"type": "string"}, "parts": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name"],
}
EXPRESSION = {
    "$dynamicAnchor": "e",
    "oneOf": [
        {"type": "number"},
        *(
            {
                "type": "array",
                "prefixItems": [{"const": sign}, {"$ref": "#e"}, {"$ref": "#e"}],
                "minItems": 3,
            }
            for sign in ("+", "-")
        ),
    ],
}


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = ["+", value, 1]
    return value


@pytest.mark.parametrize("times", [40, 3000])
def test_a_schema_that_leads_to_ever_more_ways_is_refused_at_the_first_value(times: int) -> None:
    fault = Rules(doubling(times)).fault(1)
    assert fault is not None
    assert "more than 1,000,000 times" in fault.message


def test_alternatives_of_alternatives_in_nested_data_are_counted_with_the_data() -> None:
    rules = Rules(EXPRESSION)
    assert rules.fault(nested(1, 5)) is None
    wrong = rules.fault(nested("x", 5))
    assert wrong is not None
    deep = rules.fault(nested("x", 60))
    assert deep is not None
    assert "more than 1,000,000 times" in deep.message


def test_what_is_wrong_is_said_where_that_is_little_work_and_else_only_that_something_is() -> None:
    few, many = Rules(doubling(3)).fault(1), Rules(doubling(16)).fault(1)
    assert few is not None
    assert "anyOf" in few.message
    assert many is not None
    assert (many.path, many.rule) == ("", "")
    assert "doesn't fit" in many.message
    assert Rules(doubling(16)).fault("text") is None


def test_a_tree_is_held_against_its_schema_however_large_it_is() -> None:
    tree: dict[str, Any] = {"name": "leaf", "parts": [{"name": "x"}] * 2000}
    for _ in range(25):
        tree = {"name": "branch", "parts": [tree, {"name": "leaf"}]}
    rules = Rules(TREE)
    assert rules.fault(tree) is None
    tree["parts"][0]["parts"][1]["name"] = 1
    wrong = rules.fault(tree)
    assert wrong is not None
    assert wrong.path == "/parts/0/parts/1/name"


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$defs": {"a/b": {"$anchor": "here"}}, "anyOf": [{"$ref": "#/$defs/a~1b"}, {"$ref": "#here"}]},
        {"$id": "https://a.example.com/", "$defs": {"b": {"$id": "b"}}, "$ref": "b"},
        {"$id": "urn:example:a", "$ref": "#/$defs/b", "$defs": {"b": {}}},
    ],
)
def test_parts_are_found_however_they_are_referred_to(schema: Any) -> None:
    assert Ways(schema).count(1).ways <= 10
    assert Rules(schema).fault(1) is None


def test_a_reference_by_name_counts_as_one_by_place_does() -> None:
    parts: dict[str, Any] = {
        f"a{at}": {"$id": f"a{at}", "anyOf": [{"$ref": f"a{at + 1}"}, {"$ref": f"a{at + 1}"}]}
        for at in range(30)
    }
    schema = {
        "$id": "https://a.example.com/",
        "$ref": "a0",
        "$defs": {**parts, "a30": {"$id": "a30", "type": "string"}},
    }
    assert Ways(schema).count(1).is_too_much
