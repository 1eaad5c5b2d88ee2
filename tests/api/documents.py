"""A document that the server serves, and what it has to say about values."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

CONTROLS = {
    "tricast.hello": "Hello",
    "tricast.reset": "Reset",
    "tricast.live": "Live",
    "tricast.presence": "Presence",
    "tricast.heartbeat": "Heartbeat",
    "tricast.goodbye": "Goodbye",
    "tricast.error": "Error",
    "tricast.reply": "Reply",
}


class Document:
    """An OpenAPI or AsyncAPI document."""

    def __init__(self, json: dict[str, Any]) -> None:
        self.json = json
        self._validator = cache(self._validator_for)

    def _validator_for(self, name: str) -> Any:
        root = {"$ref": f"#/components/schemas/{name}", "components": self.json["components"]}
        return jsonschema_rs.Draft202012Validator(root, validate_formats=True)

    def check(self, name: str, value: Any) -> None:
        """Fails, and says where, if `value` is not as the schema `name` has it."""
        faults = [
            f"{fault.instance_path}: {fault.message}" for fault in self._validator(name).iter_errors(value)
        ]
        assert not faults, (name, value, faults)

    def accepts(self, name: str, value: Any) -> bool:
        return bool(self._validator(name).is_valid(value))

    def check_event(self, event: dict[str, Any]) -> str:
        """Check an event or control event as a stream sends it; the name of its schema."""
        name = CONTROLS.get(event["type"], "Event")
        self.check(name, event)
        return name

    def refs(self) -> Iterator[str]:
        """Every reference in the document."""
        waiting: list[Any] = [self.json]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                if isinstance(value.get("$ref"), str):
                    yield value["$ref"]
                waiting.extend(value.values())
            elif isinstance(value, list):
                waiting.extend(value)

    def find(self, pointer: str) -> Any:
        """What a reference points to. Raises KeyError."""
        value: Any = self.json
        for part in pointer.removeprefix("#/").split("/"):
            value = value[part.replace("~1", "/").replace("~0", "~")]
        return value

    def response(self, method: str, path: str, status: int) -> dict[str, Any]:
        """The documented response. Fails if there is none."""
        responses = self.json["paths"][path][method.lower()]["responses"]
        assert str(status) in responses, (method, path, status)
        found: dict[str, Any] = responses[str(status)]
        return self.find(found["$ref"]) if "$ref" in found else found

    def check_answer(self, method: str, path: str, answer: Any) -> None:
        """An HTTP answer is documented: its status, its media type, its headers, its body."""
        response = self.response(method, path, answer.status_code)
        for name, header in response.get("headers", {}).items():
            if "$ref" in header:
                header = self.find(header["$ref"])
            value = answer.headers.get(name)
            if value is not None and header["schema"].get("$ref"):
                self.check(header["schema"]["$ref"].rpartition("/")[2], value)
        content = response.get("content")
        if content is None:
            assert not answer.content
            return
        media = answer.headers["content-type"].partition(";")[0]
        if "*/*" in content:
            return
        assert media in content, (method, path, answer.status_code, media)
        if media.endswith("json"):
            schema = content[media]["schema"]
            if "$ref" in schema:
                self.check(schema["$ref"].rpartition("/")[2], answer.json())
