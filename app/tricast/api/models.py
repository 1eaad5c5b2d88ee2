"""From JSON values to a pydantic model, with errors that name the member, the value and the remedy."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from tricast.errors import BadRequest

_SECRET_MEMBERS: Final = frozenset({"token", "password", "secret", "current", "new", "code"})
_SECRET_MARK: Final = "tck_"
_M = TypeVar("_M", bound=BaseModel)


def parse(model: type[_M], value: Any) -> _M:
    """`value` as `model`. Raises BadRequest naming the first member that is wrong."""
    if not isinstance(value, dict):
        raise BadRequest("the body must be a JSON object", field="body")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _bad_request(error, model) from None


def _bad_request(error: ValidationError, model: type[BaseModel]) -> BadRequest:
    """The first thing that pydantic found, as field, value (never a secret) and remedy."""
    found = error.errors(include_url=False, include_context=False)[0]
    path = [str(part) for part in found["loc"]]
    field = ".".join(path) or "body"
    members = ", ".join(model.model_fields)
    if found["type"] == "extra_forbidden":
        return BadRequest(f"unknown member {field[:80]!r}; there are: {members}", field=field[:80])
    if found["type"] == "missing":
        return BadRequest(f"{field} is missing; there are: {members}", field=field)
    value, shown = found["input"], ""
    is_plain = isinstance(value, str | int | float | bool) and len(str(value)) <= 80
    if is_plain and not _SECRET_MEMBERS & set(path) and _SECRET_MARK not in str(value):
        shown = f" {value!r}"
    return BadRequest(f"{field}{shown}: {found['msg'][0].lower()}{found['msg'][1:]}", field=field)
