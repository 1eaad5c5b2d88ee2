"""One way to ask the server-side providers of two languages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.provider.no_op_provider import NoOpProvider
from tests.flags.ofrep.node import Program, running

_domains = itertools.count(1)


class Asker(Protocol):
    """A provider behind its SDK."""

    def __call__(self, type: str, key: str, default: Any, **context: Any) -> dict[str, Any]:
        """Details of an evaluation: value, variant, reason, errorCode, errorMessage, flagMetadata."""
        ...


@contextmanager
def asking_by_node(base_url: str, headers: Mapping[str, str]) -> Iterator[Asker]:
    """npm @openfeature/ofrep-provider with @openfeature/server-sdk."""
    with running("server") as program:
        program.ask("init", baseUrl=base_url, headers=dict(headers))
        yield lambda type, key, default, **context: _by_node(program, type, key, default, context)


def _by_node(program: Program, type: str, key: str, default: Any, context: dict[str, Any]) -> dict[str, Any]:
    kind = "number" if type in ("integer", "float") else type
    found = program.evaluate(kind, key, default, context=context)
    return {"errorCode": None, "errorMessage": None, "variant": None, **found}


@contextmanager
def asking_by_python(base_url: str, headers: Mapping[str, str]) -> Iterator[Asker]:
    """PyPI openfeature-provider-ofrep with openfeature-sdk."""
    domain = f"test-{next(_domains)}"
    provider = OFREPProvider(base_url, headers_factory=lambda: dict(headers))
    provider.session.trust_env = False
    api.set_provider(provider, domain=domain)
    client = api.get_client(domain=domain)

    def ask(type: str, key: str, default: Any, **context: Any) -> dict[str, Any]:
        attributes = dict(context)
        targeting_key = attributes.pop("targetingKey", None)
        found = getattr(client, f"get_{type}_details")(
            key, default, EvaluationContext(targeting_key, attributes) if context else None
        )
        return {
            "value": found.value,
            "variant": found.variant,
            "reason": found.reason,
            "errorCode": found.error_code and found.error_code.value,
            "errorMessage": found.error_message,
            "flagMetadata": found.flag_metadata,
        }

    try:
        yield ask
    finally:
        api.set_provider(NoOpProvider(), domain=domain)
        provider.session.close()


ASKING = {"node": asking_by_node, "python": asking_by_python}
