"""Which commands there are. Each is imported when it is asked for: no command needs the libraries of all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperGroup
from typer.main import get_group

# In the order of the help: the module, and the function or the group of commands in it.
_HOMES: Final = {
    "serve": "tricast.cli.serve:serve",
    "publish": "tricast.cli.publish:publish",
    "tail": "tricast.cli.tail:tail",
    "token": "tricast.cli.token:token",
    "audit": "tricast.cli.audit:audit",
    "check": "tricast.cli.check:check",
    "backup": "tricast.cli.backup:backup",
    "key": "tricast.cli.key:keys",
    "person": "tricast.cli.person:people",
    "flags": "tricast.cli.flags:flags",
    "schema": "tricast.cli.schema:schemas",
    "connections": "tricast.cli.connections:connections",
}


class Commands(TyperGroup):
    """The group of all of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes | {"commands": _WhenAskedFor()})


class _WhenAskedFor(Mapping[str, Any]):
    """A command by its name."""

    def __getitem__(self, name: str) -> Any:
        module, _, attribute = _HOMES[name].partition(":")
        found = getattr(import_module(module), attribute)
        alone = typer.Typer()
        if isinstance(found, typer.Typer):
            alone.add_typer(found, name=name)
        else:
            alone.command(name)(found)
        return get_group(alone).commands[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)
