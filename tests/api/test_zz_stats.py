"""schemathesis makes requests out of `/openapi.json`: none may fail, each answer must be as documented."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from tests.api.served import Served

from tricast.api.openapi import openapi as document

_EXAMPLES = 80
_QUICK = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
_LEFT_OUT = {
    # What a schema can't say (reserved topics, bytes of UTF-8, rights) is refused all the same.
    "positive_data_acceptance",
    # Creating and deleting keys is followed by tests of its own.
    "use_after_free",
    "ensure_resource_availability",
}
_CHECKS = [check for check in CHECKS.get_all() if check.__name__ not in _LEFT_OUT]

schema = schemathesis.openapi.from_dict(document("0"), config=SchemathesisConfig())


@schema.hook
def filter_case(context: Any, case: Any) -> bool:
    # Event streams have no end; tests of their own read them.
    return "sse" not in str((case.query or {}).get("transport"))


def hasten(case: Any) -> None:
    """Nobody waits: where a `timeout` would be let in, it is 0."""
    if case.path != "/v1/events" or case.method != "GET":
        return
    given = str((case.query or {}).get("timeout", "25"))
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", given) and float(given) <= 60:
        case.query = {**(case.query or {}), "timeout": "0"}


@schema.parametrize()
@_QUICK
def test_answers_are_as_documented(case: Any, guarded: Served) -> None:
    hasten(case)
    case.call_and_validate(base_url=guarded.url, headers=guarded.headers, checks=_CHECKS, timeout=20)
import collections,atexit
C=collections.Counter()
@schema.parametrize()
@_QUICK
def test_stats(case, guarded):
    hasten(case)
    r=case.call(base_url=guarded.url, headers=guarded.headers,timeout=20)
    C[(case.method,case.path,r.status_code,str(case.meta.generation.mode if case.meta else None))]+=1
def test_zz_print():
    print([c.__name__ for c in _CHECKS])
    for k,v in sorted(C.items()): print(v,k)
