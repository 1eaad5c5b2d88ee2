"""schemathesis makes requests out of `/openapi.json`: none may fail, each answer must be as documented."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from tests.api.served import Served

from tricast.api.openapi import openapi as document

_EXAMPLES = 120
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


@pytest.fixture(scope="session")
def run() -> dict[str, int]:
    return {}


@schema.hook
def filter_case(context: Any, case: Any) -> bool:
    # Event streams have no end; tests of their own read them.
    return "sse" not in str((case.query or {}).get("transport"))


@schema.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    if case.path == "/v1/events" and case.method == "GET":
        # Nobody waits: a `timeout` that would be let in is made a short one.
        given = (case.query or {}).get("timeout", "1")
        if str(given).replace(".", "").isdigit():
            case.query = {**(case.query or {}), "timeout": "0"}


@schema.parametrize()
@_QUICK
def test_answers_are_as_documented(case: Any, guarded: Served) -> None:
    case.call_and_validate(base_url=guarded.url, headers=guarded.headers, checks=_CHECKS, timeout=20)
