"""Changes of documents in words."""

from __future__ import annotations

from typing import Any

import pytest

from tricast.cli.entries import changes_in_words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"path": "", "after": {"a": 1}}, "created"),
        ({"path": "", "after": {"name": "web 1"}}, 'created ("web 1")'),
        ({"path": "", "before": {}}, "deleted"),
        ({"path": "", "before": {}, "after": {}}, "changed as a whole"),
        ({"path": "/name", "before": "a", "after": "b"}, "name: a → b"),
        ({"path": "/name", "before": "", "after": "two words"}, 'name: "" → "two words"'),
        ({"path": "/owner", "before": None, "after": "ann"}, "owner: none → ann"),
        ({"path": "/archived", "before": False, "after": True}, "archived: false → true"),
        (
            {"path": "/environments/production/state", "before": "DISABLED", "after": "ENABLED"},
            "production state: DISABLED → ENABLED",
        ),
        ({"path": "/environments", "before": {}, "after": {"a": 1}}, 'environments: {} → {"a":1}'),
        ({"path": "/variants/a~1b", "after": 3.5}, "variants a/b = 3.5"),
        ({"path": "/tags", "before": ["x"]}, 'tags removed, was ["x"]'),
        ({"path": "/name", "after": "x" * 99}, f"name = {'x' * 39}…"),
    ],
)
def test_a_change_in_words(change: dict[str, Any], words: str) -> None:
    assert changes_in_words([change]) == words


def test_three_are_told_and_the_others_counted() -> None:
    changes = [{"path": f"/{name}", "after": 1} for name in "abcde"]
    assert changes_in_words(changes[:3]) == "a = 1; b = 1; c = 1"
    assert changes_in_words(changes) == "a = 1; b = 1; c = 1; and 2 more"
    assert changes_in_words([]) == ""
