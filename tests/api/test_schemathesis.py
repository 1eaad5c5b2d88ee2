"""schemathesis makes requests out of `/openapi.json`: none may fail, each answer must be as documented."""

from __future__ import annotations

import re
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks
from tests.api.served import Served

from tricast.api.openapi import openapi as document
from tricast.flags.api.openapi import FLAGS_PATHS, FLAGS_SCHEMAS

_EXAMPLES = 20
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

schema = schemathesis.openapi.from_dict(
    document("0", paths=FLAGS_PATHS, schemas=FLAGS_SCHEMAS), config=SchemathesisConfig()
)


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
    # (a flag's key may hold a slash: there, other methods are about another flag)
    wanted = [
        check for check in _CHECKS if check is not checks.unsupported_method or "{key}/" not in case.path
    ]
    case.call_and_validate(base_url=guarded.url, headers=guarded.headers, checks=wanted, timeout=20)
