"""`docs/client-python.md`: its Python runs, and its table is that of the options."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from openfeature import api
from tests.api.served import Served
from tests.flags.ofrep.hosted import FLAGS, App, boolean

from tricast import client
from tricast.client import Options

GUIDE = (Path(__file__).parents[3] / "docs" / "client-python.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def shop(served: Served) -> Served:
    App(served, "shop").load({**FLAGS, "new-checkout": boolean("on")})
    return served


@pytest.mark.parametrize("block", BLOCKS)
def test_its_python_runs(shop: Served, block: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = compile(
        block.replace("http://localhost:8080", shop.url),
        "docs/client-python.md",
        "exec",
        flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
    )
    names: dict[str, Any] = {"asyncio": asyncio, "__name__": "__guide__"}
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(asyncio.wait_for(eval(code, names), PATIENCE_S))
    else:
        exec(code, names)
    api.shutdown()
    api.clear_providers()
    said = capsys.readouterr().out
    if "print(event" in block:
        assert "'id': " in said
    if "new-checkout" in block:
        assert "True" in said


def test_its_table_has_every_option_with_its_default() -> None:
    table = re.search(r"<!-- options -->\n(.*?)<!-- /options -->", GUIDE, re.DOTALL)
    assert table is not None
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", table[1], re.MULTILINE)
    told = {name: ast.literal_eval(default) for name, default in rows}
    assert told == {field.name: field.default for field in fields(Options)}


def test_the_names_of_the_package_are_those_that_are_promised() -> None:
    assert sorted(client.__all__) == list(client.__all__)
    assert all(hasattr(client, name) for name in client.__all__)
