"""A flagd file into an environment, and an environment as a flagd file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tricast.flags.edits import Configure, Context, Define, Edit, Withdraw
from tricast.flags.files import FlagFile
from tricast.flags.store import Flags
from tricast.flags.stored import EnvironmentFlags, Outcome

Mode = Literal["merge", "replace"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to. `removed` flags are still in other environments."""

    created: tuple[Outcome, ...]
    updated: tuple[Outcome, ...]
    archived: tuple[Outcome, ...]
    removed: tuple[Outcome, ...]
    unchanged: int
    settings: tuple[str, ...]


async def import_file(
    flags: Flags,
    app: str,
    environment: str,
    file: FlagFile,
    *,
    mode: Mode,
    context: Context,
    dry_run: bool = False,
) -> Imported:
    """Make the flags of an environment those of `file`, in one append; says what changed.

    `merge` adds and updates those of the file; `replace` also takes away the others:
    archives them, or where they are in other environments too, takes them out of this
    one. Raises what `Flags.apply` raises, and NotFound for an unknown environment.
    """
    flags.environment(app, environment)
    defined: list[Edit] = [Define(key, environment, file.definitions[key]) for key in file.definitions]
    gone = _others(flags, app, environment, file) if mode == "replace" else []
    # (the settings come last: what refers to an evaluator that goes is gone by then)
    edits = [*defined, *gone, _settings(environment, file, mode)]
    outcomes = await flags.apply(app, edits, context, dry_run=dry_run)
    taken = outcomes[len(defined) : -1]
    return Imported(
        created=tuple(each for each in outcomes[: len(defined)] if each.before is None),
        updated=tuple(each for each in outcomes[: len(defined)] if each.before is not None and each.changed),
        archived=tuple(each for each in taken if each.changed == ("/archived",)),
        removed=tuple(each for each in taken if each.changed and each.changed != ("/archived",)),
        unchanged=sum(not each.changed for each in outcomes[: len(defined)]),
        settings=outcomes[-1].changed,
    )


def _settings(environment: str, file: FlagFile, mode: Mode) -> Configure:
    """A file that replaces all and has no `$evaluators` or `metadata` says that there are none."""
    evaluators, metadata = file.evaluators, file.metadata
    if mode == "replace":
        evaluators, metadata = evaluators or {}, metadata or {}
    return Configure(environment, evaluators, metadata, file.schema, replace=mode == "replace")


def _others(flags: Flags, app: str, environment: str, file: FlagFile) -> Sequence[Withdraw]:
    there = flags.environment(app, environment).flags
    return [Withdraw(key, environment) for key in there if key not in file.definitions]


def exported(view: EnvironmentFlags) -> FlagFile:
    """The file that says what `view` does."""
    return FlagFile(view.flags, view.evaluators or None, view.metadata or None, view.schema)
