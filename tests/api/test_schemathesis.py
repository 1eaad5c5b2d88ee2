"""schemathesis makes requests out of `/openapi.json`: none may fail, each answer must be as documented."""

from __future__ import annotations

import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks
from tests.api.served import Served
from tests.harness.repetitions import often

from tricast.api.openapi import openapi as document
from tricast.flags.api.openapi import FLAGS_PATHS, FLAGS_SCHEMAS

_EXAMPLES = often(10, 60)
_QUICK = settings(
    max_examples=_EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
# Not among them: that what fits the schema is let in. A schema can't say all that is refused (reserved
# topics, bytes of UTF-8, rights).
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.missing_required_header,
    checks.unsupported_method,
    checks.ignored_auth,
]

TAGS = ("events", "presence", "flags", "access", "people", "operations", "service")


def filter_case(context: Any, case: Any) -> bool:
    # Event streams have no end; tests of their own read them.
    return "sse" not in str((case.query or {}).get("transport"))


def documented_for(tag: str) -> Any:
    """The document, with only the operations that have this tag."""
    whole = document("0", paths=FLAGS_PATHS, schemas=FLAGS_SCHEMAS)
    for path, item in [*whole["paths"].items()]:
        whole["paths"][path] = kept = {
            name: value for name, value in item.items() if tag in value.get("tags", ())
        }
        if not kept:
            del whole["paths"][path]
    return whole


# Made while it is tested: else each of pytest's processes makes all requests when it collects.
documented = schemathesis.pytest.from_fixture("part")


@pytest.fixture(params=TAGS)
def part(request: pytest.FixtureRequest) -> Any:
    """The operations with one tag."""
    schema = schemathesis.openapi.from_dict(documented_for(request.param), config=SchemathesisConfig())
    schema.hook(filter_case)
    request.node._nodeid = (
        request.node.nodeid
    )  # (where schemathesis looks for it; pytest 9.2 hasn't it any more)
    return schema


def test_every_operation_belongs_to_one_part() -> None:
    whole = document("0", paths=FLAGS_PATHS, schemas=FLAGS_SCHEMAS)["paths"]
    parts = [documented_for(tag)["paths"] for tag in TAGS]
    for path, item in whole.items():
        for method in item:
            assert sum(method in part.get(path, {}) for part in parts) == 1, (method, path)


def hasten(case: Any) -> None:
    """Nobody waits: where a `timeout` would be let in, it is 0."""
    if case.path != "/v1/events" or case.method != "GET":
        return
    given = str((case.query or {}).get("timeout", "25"))
    if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,6})?", given) and float(given) <= 60:
        case.query = {**(case.query or {}), "timeout": "0"}


@pytest.mark.repeated
@documented.parametrize()
@_QUICK
@pytest.mark.timeout(300)
def test_answers_are_as_documented(case: Any, guarded: Served) -> None:
    hasten(case)
    # (a flag's key may hold a slash: there, other methods are about another flag)
    wanted = [
        check for check in _CHECKS if check is not checks.unsupported_method or "{key}/" not in case.path
    ]
    case.call_and_validate(base_url=guarded.url, headers=guarded.headers, checks=wanted, timeout=20)
