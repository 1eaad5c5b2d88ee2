"""That no rule in use refers to an evaluator that isn't there."""

from __future__ import annotations

from collections.abc import Set

from tricast import Conflict
from tricast.flags.flag import Flag
from tricast.flags.plan import Plan
from tricast.flags.targeting import refs


def check_evaluators(plan: Plan, flag: Flag, *, but: str | None = None) -> None:
    """For a flag that comes out of the archive: the evaluators of its rules may have gone meanwhile.

    Raises Conflict naming one. `but`: an environment that isn't looked at.
    """
    for environment, there in flag.environments.items():
        if environment == but or there.targeting is None:
            continue
        missing = refs(there.targeting) - plan.settings(environment).evaluators.keys()
        if missing:
            raise Conflict(
                f"the flag {flag.key!r} can't be restored: in {environment!r} it refers to the evaluator "
                f"{min(missing)!r}, which is not there any more; import it again",
                field="/$evaluators",
            )


def check_unused(plan: Plan, environment: str, evaluators: Set[str]) -> None:
    """Raises Conflict naming a flag whose rule refers to one of `evaluators`."""
    for key in plan.all_keys():
        stored = plan.get(key)
        there = stored.flag.environments.get(environment) if stored and not stored.flag.archived else None
        used = refs(there.targeting) & evaluators if there and there.targeting is not None else ()
        if used:
            raise Conflict(
                f"the evaluator {min(used)!r} can't go: the flag {key!r} refers to it in {environment!r}",
                field="/$evaluators",
            )
