"""Whatever JSON is given as a flag, a patch or a file: it is taken, or refused as a problem; nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.flags.flags_given import ANN, made

from tricast import Hub, TricastError
from tricast.flags.edits import Create, Edit, Patch
from tricast.flags.files import read_file
from tricast.flags.importing import import_file
from tricast.flags.store import Flags

NAMES = st.sampled_from(
    [
        "key", "type", "name", "description", "tags", "owner", "archived", "variants", "environments",
        "production", "development", "state", "defaultVariant", "targeting", "metadata", "on", "off", "if",
        "fractional", "var", "$ref", "version", "recent", "touched", "~", "/", "", "a/b~c", "\x00",
    ]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["ENABLED", "DISABLED", "on", "off", "boolean", "string", "x"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=6)
FLAGS = st.fixed_dictionaries(
    {"type": st.sampled_from(["boolean", "string", None]) | JSON},
    optional={
        "variants": st.just({"on": True, "off": False}) | JSON,
        "environments": st.dictionaries(st.sampled_from(["production", "moon"]), OBJECTS | JSON, max_size=2)
        | JSON,
        "tags": JSON,
        "name": JSON,
    },
)
ANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def check_refusal(error: TricastError) -> None:
    assert 400 <= error.status < 500, error
    assert json.loads(error.problem_json())["detail"]


def check_empty(flags: Flags) -> None:
    assert flags.list("shop") == []


async def attempt(*edits: Edit) -> None:
    hub = Hub("memory:")
    flags = Flags(hub)
    async with hub:
        await made(flags, "is")
        for edit in edits:
            try:
                (outcome,) = await flags.apply("shop", [edit], ANN)
            except TricastError as error:
                check_refusal(error)
            else:
                assert outcome.stored is not None
                kept = flags.get("shop", outcome.key)
                assert kept is not None
                assert kept.whole() == outcome.stored.whole(), "what was answered is what is kept"


@given(OBJECTS | FLAGS, OBJECTS)
@ANY
def test_any_flag_and_any_patch(value: dict[str, Any], patch: dict[str, Any]) -> None:
    asyncio.run(attempt(Create("new", value), Patch("is", patch, None), Patch("is", patch, 1)))


@given(st.dictionaries(st.text(max_size=5), FLAGS | OBJECTS | JSON, max_size=3), OBJECTS | JSON, OBJECTS)
@ANY
def test_any_file(defined: dict[str, Any], evaluators: Any, metadata: Any) -> None:
    text = json.dumps({"flags": defined, "$evaluators": evaluators, "metadata": metadata})

    async def take_in() -> None:
        hub = Hub("memory:")
        flags = Flags(hub)
        async with hub:
            try:
                file = read_file(text.encode(), "json")
                came = await import_file(flags, "shop", "production", file, mode="replace", context=ANN)
            except TricastError as error:
                check_refusal(error)
                check_empty(flags)
            else:
                assert len(came.created) == len(file.definitions) == len(flags.list("shop"))

    asyncio.run(take_in())
