"""How flags look: a table of many, a sheet of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from rich.text import Text

from tricast.cli.flags.words import counted, day, default_of, json_text, moment
from tricast.cli.show import plain


def flag_rows(
    flags: Sequence[Mapping[str, Any]],
    environments: Sequence[str],
    today: date,
    why_stale: Mapping[str, str] | None = None,
) -> tuple[list[str], list[list[Text]]]:
    """Columns and rows: flags in all `environments` (a column each), or with none given as one sees them.

    `why_stale`, by key, stands in the place of when they changed.
    """
    states = environments or ("state",)
    rows = []
    for flag in flags:
        changed = day(flag.get("updated_at"), today)
        told = changed if why_stale is None else plain(why_stale.get(flag["key"], ""))
        rows.append(
            [
                Text(plain(flag["key"])),
                Text(str(flag["type"])),
                *(_state_of(flag, name) for name in states),
                Text(plain(" ".join(flag.get("tags") or ()))),
                Text(told),
            ]
        )
    columns = ["flag", "type", *map(plain, states), "tags", "changed" if why_stale is None else "why"]
    return columns, rows


def flag_sheet(flag: Mapping[str, Any], usage: Mapping[str, Any]) -> Iterator[Text]:
    """One flag: what it is, where it is what, how it is used."""
    archived = Text("  archived", "bold yellow") if flag.get("archived") else Text()
    yield Text.assemble(
        (plain(flag["key"]), "bold"), f"  {flag['type']}  version {flag['version']}", archived
    )
    for name in ("name", "description", "owner"):
        if flag.get(name):
            yield _line(name, plain(str(flag[name])))
    if flag.get("tags"):
        yield _line("tags", plain(", ".join(flag["tags"])))
    yield from _variants("variants", flag.get("variants") or {})
    if stale := usage.get("stale"):
        yield Text.assemble(_label("stale"), (plain(str(stale["why"])), "yellow"))
    by = plain(str(flag.get("updated_by") or ""))
    yield _line(
        "changed", f"{moment(flag.get('updated_at'))} by {by}" if by else moment(flag.get("updated_at"))
    )
    yield _line("created", moment(flag.get("created_at")))
    used = usage.get("environments") or {}
    for name, there in (flag.get("environments") or {}).items():
        yield from _environment(plain(name), there, used.get(name) or {})


def _environment(name: str, there: Mapping[str, Any], usage: Mapping[str, Any]) -> Iterator[Text]:
    yield Text.assemble("\n", (name, "bold cyan"), "  ", _state(there))
    if there.get("targeting"):
        yield _line("targeting", json_text(there["targeting"], 2000))
    if there.get("variants") is not None:
        yield from _variants("variants", there["variants"])
    if there.get("metadata"):
        yield _line("metadata", json_text(there["metadata"], 500))
    yield _line("used", _used(usage))
    if usage.get("served_only") is not None:
        yield Text.assemble(
            _label(""), (f"served only {plain(usage['served_only'])} for long: is it still needed?", "yellow")
        )


def _used(usage: Mapping[str, Any]) -> str:
    evaluations = usage.get("evaluations") or 0
    if not evaluations:
        return "never, as far as is known"
    shares = sorted(usage["variants"].items(), key=lambda item: -item[1]["evaluations"])
    told = ", ".join(f"{plain(name) or '(no variant)'} {each['evaluations']:,}" for name, each in shares)
    last = moment(usage.get("last_evaluated_at"))
    return f"{counted(evaluations, 'evaluation')}: {told}; last {last}"


def _variants(label: str, variants: Mapping[str, Any]) -> Iterator[Text]:
    for name, value in variants.items():
        yield Text.assemble(_label(label), (plain(name), "magenta"), f" = {json_text(value)}")
        label = ""


def _state_of(flag: Mapping[str, Any], environment: str) -> Text:
    if flag.get("archived"):
        return Text("archived", "dim")
    return _state(flag["environments"].get(environment) if "environments" in flag else flag)


def _state(there: Mapping[str, Any] | None) -> Text:
    if there is None:
        return Text("–", "dim")
    is_on = there.get("state") == "ENABLED"
    rules = " +rules" if there.get("targeting") else ""
    return Text.assemble(
        ("enabled " if is_on else "disabled ", "green" if is_on else "dim"), default_of(there), rules
    )


def _line(label: str, text: str) -> Text:
    return Text.assemble(_label(label), text)


def _label(label: str) -> tuple[str, str]:
    return (f"  {label:<12}", "dim")
