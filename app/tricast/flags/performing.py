"""Each kind of edit, done to a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, assert_never

from tricast import ABSENT, BadRequest, Change, Conflict, Forbidden, NotFound, pointer
from tricast.flags import edits
from tricast.flags.body import edited_flag, new_flag, with_definition
from tricast.flags.changes import merge_patch, undo
from tricast.flags.definition import check_key
from tricast.flags.differences import patched_places, same
from tricast.flags.edits import Edit
from tricast.flags.evaluators import check_evaluators, check_unused
from tricast.flags.flag import Flag
from tricast.flags.merging import changed_again, check_version, conflict, overwritten
from tricast.flags.plan import Plan
from tricast.flags.stored import Merged, Outcome, Stored
from tricast.flags.targeting import check_evaluators as check_rules
from tricast.flags.values import as_json

_T = TypeVar("_T")
Reverts = Mapping[str, Sequence[Change]]
"""What the audit entries that are to be reverted tell of, by cursor."""


def perform(plan: Plan, edit: Edit, reverts: Reverts) -> Outcome:
    """Do `edit` to `plan`. Raises BadRequest, NotFound, Forbidden, or VersionConflict."""
    match edit:
        case edits.Create():
            return _create(plan, edit)
        case edits.Patch():
            return _patch(plan, edit)
        case edits.Archive():
            return _archive(plan, edit, archived=True)
        case edits.Restore():
            return _archive(plan, edit, archived=False)
        case edits.Delete():
            return _delete(plan, edit)
        case edits.Copy():
            return _copy(plan, edit)
        case edits.Toggle():
            return _toggle(plan, edit)
        case edits.Revert():
            return _revert(plan, edit, reverts[edit.change])
        case edits.RevertSettings():
            return _revert_settings(plan, edit, reverts[edit.change])
        case edits.Define():
            return _define(plan, edit)
        case edits.Withdraw():
            return _withdraw(plan, edit)
        case edits.Configure():
            return _configure(plan, edit)
        case _:
            assert_never(edit)


def _create(plan: Plan, edit: edits.Create) -> Outcome:
    key = check_key(edit.key)
    there = plan.get(key)
    if there is not None:
        kept = "; it is archived: restore it, or delete it first" if there.flag.archived else ""
        raise Conflict(f"there is a flag {key!r} in {plan.app!r} already{kept}", field="key")
    as_json(edit.value, "")
    if "key" in edit.value:
        raise BadRequest("/key: the key is given beside the flag; leave it out in here", field="/key")
    around = plan.surroundings()
    own = plan.context.environment
    if own is not None and "environments" not in edit.value:
        around = {own: around[own]} if own in around else {}
    return _put(plan, new_flag({"key": key, **edit.value}, around))


def _patch(plan: Plan, edit: edits.Patch) -> Outcome:
    stored = _there(plan, edit.key)
    as_json(edit.patch, "")
    merged = _check(plan, stored, edit.version, patched_places(edit.patch))
    body = _patched(stored.flag.body(), edit.patch)
    flag = _onto(plan, stored, merged, lambda: edited_flag(stored.flag, body, plan.surroundings()))
    return _put(plan, flag, merged)


def _patched(body: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """RFC 7396, but that a rule is one value: it is replaced, not merged into (half of two means nothing)."""
    made: dict[str, Any] = merge_patch(body, patch)
    environments = patch.get("environments")
    for name, there in environments.items() if isinstance(environments, dict) else ():
        if isinstance(there, dict) and isinstance(there.get("targeting"), dict):
            made["environments"][name]["targeting"] = there["targeting"]
    return made


def _archive(plan: Plan, edit: edits.Archive | edits.Restore, *, archived: bool) -> Outcome:
    stored = _there(plan, edit.key)
    _check(plan, stored, edit.version, None)
    if not archived:
        check_evaluators(plan, stored.flag)
    return _put(plan, replace(stored.flag, archived=archived))


def _delete(plan: Plan, edit: edits.Delete) -> Outcome:
    stored = _there(plan, edit.key)
    _check(plan, stored, edit.version, None)
    plan.remove(stored)
    return Outcome(edit.key, stored, None, ("",))


def _copy(plan: Plan, edit: edits.Copy) -> Outcome:
    stored = _there(plan, edit.key)
    flag = stored.flag
    own = plan.context.environment
    if own not in (None, edit.source):
        raise Forbidden(
            f"{plan.context.actor.subject!r} belongs to the environment {own!r} and can't read "
            f"{edit.source[:80]!r}; use a key without environment",
            field="from",
        )
    _in_environment(plan, flag, edit.source)
    if edit.target not in plan.environments:
        raise no_environment(plan.app, edit.target, plan.environments)
    places = (pointer("environments", edit.source), pointer("environments", edit.target))
    merged = _check(plan, stored, edit.version, places)
    copied = {**flag.environments, edit.target: flag.environments[edit.source]}
    made = replace(flag, environments=copied)
    _onto(plan, stored, merged, lambda: edited_flag(flag, made.body(), plan.surroundings()))
    return _put(plan, made, merged)


def _toggle(plan: Plan, edit: edits.Toggle) -> Outcome:
    stored = _there(plan, edit.key)
    flag = stored.flag
    _in_environment(plan, flag, edit.environment)
    merged = _check(plan, stored, edit.version, (pointer("environments", edit.environment, "state"),))
    there = flag.environments[edit.environment]
    state = edit.state or ("DISABLED" if there.state == "ENABLED" else "ENABLED")
    turned = {**flag.environments, edit.environment: replace(there, state=state)}
    return _put(plan, replace(flag, environments=turned), merged)


def _define(plan: Plan, edit: edits.Define) -> Outcome:
    stored = plan.get(edit.key)
    flag = with_definition(
        stored.flag if stored else None,
        key=edit.key,
        environment=edit.environment,
        definition=edit.definition,
    )
    if stored is not None and stored.flag.archived:
        check_evaluators(plan, flag, but=edit.environment)  # (its own may be on their way)
    return _put(plan, flag)


def _withdraw(plan: Plan, edit: edits.Withdraw) -> Outcome:
    stored = plan.get(edit.key)
    if stored is None or stored.flag.archived or edit.environment not in stored.flag.environments:
        return Outcome(edit.key, stored, stored)
    rest = {name: there for name, there in stored.flag.environments.items() if name != edit.environment}
    if rest:
        return _put(plan, replace(stored.flag, environments=rest))
    return _put(plan, replace(stored.flag, archived=True))


def _configure(plan: Plan, edit: edits.Configure) -> Outcome:
    before = plan.settings(edit.environment)
    evaluators = _joined(before.evaluators, edit.evaluators, replace=edit.replace)
    made = replace(
        before,
        evaluators=evaluators,
        metadata=_joined(before.metadata, edit.metadata, replace=edit.replace),
        schema=before.schema if edit.schema is None else edit.schema,
    )
    gone = before.evaluators.keys() - evaluators.keys()
    if gone:
        check_unused(plan, edit.environment, gone)
    return Outcome(edit.environment, None, None, plan.configure(edit.environment, made))


def _joined(there: Mapping[str, Any], given: Mapping[str, Any] | None, *, replace: bool) -> Mapping[str, Any]:
    if given is None:
        return there
    return given if replace else {**there, **given}


# Taking back


def _revert(plan: Plan, edit: edits.Revert, changes: Sequence[Change]) -> Outcome:
    whole = next((change for change in changes if change.path == ""), None)
    if whole is not None and whole.after is ABSENT:
        return _revive(plan, edit, whole.before)
    stored = _there(plan, edit.key)
    merged = _check(plan, stored, edit.version, tuple(change.path for change in changes))
    if whole is not None:
        if not edit.force and not same(stored.flag.body(), whole.after):
            raise _overwritten(plan, stored, ("",))
        plan.remove(stored)
        return Outcome(edit.key, stored, None, ("",), merged)
    undone = undo(stored.flag.body(), changes, force=edit.force)
    if undone.collisions and not edit.force:
        raise _overwritten(plan, stored, undone.collisions)
    return _put(plan, _onto(plan, stored, merged, lambda: _rebuilt(plan, stored.flag, undone.value)), merged)


def _rebuilt(plan: Plan, flag: Flag, body: dict[str, Any]) -> Flag:
    archived = bool(body["archived"])
    made = edited_flag(flag, {**body, "archived": flag.archived}, plan.surroundings())
    if flag.archived and not archived:
        check_evaluators(plan, made)
    return replace(made, archived=archived)


def _revive(plan: Plan, edit: edits.Revert, body: Any) -> Outcome:
    there = plan.get(edit.key)
    if there is not None:
        why = "it was deleted by that change, and made again since; delete this one first"
        raise conflict(there, None, (), ("",), why, environment=plan.context.environment)
    made = new_flag({name: value for name, value in body.items() if name != "archived"}, plan.surroundings())
    return _put(plan, replace(made, archived=bool(body["archived"])))


def _revert_settings(plan: Plan, edit: edits.RevertSettings, changes: Sequence[Change]) -> Outcome:
    if edit.environment not in plan.environments:
        raise no_environment(plan.app, edit.environment, plan.environments)
    before = plan.settings(edit.environment)
    undone = undo(before.body(), changes, force=edit.force)
    if undone.collisions and not edit.force:
        raise overwritten(f"the settings of {edit.environment!r}", before.version, undone.collisions)
    body = undone.value
    try:
        check_rules(body["evaluators"])
    except BadRequest as error:
        raise Conflict(
            f"without that change $evaluators can't be: {error.detail}", field=error.field
        ) from None
    gone = before.evaluators.keys() - body["evaluators"].keys()
    if gone:
        check_unused(plan, edit.environment, gone)
    return Outcome(edit.environment, None, None, plan.configure(edit.environment, replace(before, **body)))


def _overwritten(plan: Plan, stored: Stored, places: tuple[str, ...]) -> Conflict:
    why = changed_again(places)
    return conflict(stored, None, (), places, why, environment=plan.context.environment)


# What they share


def _put(plan: Plan, flag: Flag, merged: Merged | None = None) -> Outcome:
    before = plan.get(flag.key)
    stored, paths = plan.put(flag)
    return Outcome(flag.key, before, stored, paths, merged)


def _there(plan: Plan, key: str) -> Stored:
    found = plan.get(key)
    if found is None:
        raise no_flag(plan.app, key)
    own = plan.context.environment
    if own is not None and own not in found.flag.environments:
        raise no_flag(plan.app, key, own)
    return found


def _check(plan: Plan, stored: Stored, version: int | None, places: tuple[str, ...] | None) -> Merged | None:
    return check_version(stored, version, places, environment=plan.context.environment)


def _onto(plan: Plan, stored: Stored, merged: Merged | None, make: Callable[[], _T]) -> _T:
    """`make()`; what is wrong only because of others' changes is a conflict."""
    try:
        return make()
    except BadRequest as error:
        if merged is None:
            raise
        why = f"your change doesn't fit to it: {error.detail}"
        raise conflict(stored, merged.given, (), (), why, environment=plan.context.environment) from None


def _in_environment(plan: Plan, flag: Flag, environment: str) -> None:
    if environment not in plan.environments:
        raise no_environment(plan.app, environment, plan.environments)
    if environment not in flag.environments:
        raise no_flag(plan.app, flag.key, environment)


def no_flag(app: str, key: str, environment: str | None = None) -> NotFound:
    """There is no such flag (in that environment)."""
    where = f"{app!r}" if environment is None else f"{app!r}, {environment!r}"
    return NotFound(
        f"there is no flag {key[:200]!r} in {where}; GET /v1/flags lists those there are", field="key"
    )


def no_environment(app: str, environment: str, there: Sequence[str]) -> NotFound:
    """The app has no such environment."""
    names = ", ".join(there)
    return NotFound(
        f"there is no environment {environment[:80]!r} in {app!r}; there are: {names}", field="environment"
    )
