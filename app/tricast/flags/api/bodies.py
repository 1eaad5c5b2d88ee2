"""The bodies of requests that edit flags."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from tricast import Body
from tricast.flags import edits
from tricast.flags.api.reach import MAX_REASON_CHARS
from tricast.flags.edits import Edit
from tricast.flags.flag import State

MAX_CHANGES = 1000

Reason = Annotated[
    str | None,
    Field(
        max_length=MAX_REASON_CHARS, description="Why; it stands in the audit trail.", examples=["SHOP-42"]
    ),
]
Version = Annotated[
    int | None, Field(ge=0, lt=10**18, description="The version that is changed; null: whatever is there.")
]
Key = Annotated[str, Field(min_length=1, max_length=200, examples=["new-checkout"])]
Environment = Annotated[str, Field(min_length=1, max_length=64, examples=["production"])]
Change = Annotated[str, Field(min_length=3, max_length=64, description="The `id` of an audit entry.")]


class ReasonBody(Body):
    """Why."""

    reason: Reason = None


class ToggleBody(ReasonBody):
    """Which environment, and its state there; without `state` it is turned round."""

    environment: Environment
    state: State | None = None


class CopyBody(ReasonBody):
    """From which environment to which."""

    model_config = ConfigDict(extra="forbid", strict=True, serialize_by_alias=True)

    source: Environment = Field(alias="from", examples=["development"])
    target: Environment = Field(alias="to")


class ForceBody(ReasonBody):
    """Whether to undo a change over what was changed again since."""

    force: bool = False


class RevertBody(ForceBody):
    """Which change to undo, and whether over what was changed again since."""

    change: Change


class AppBody(ReasonBody):
    """An app's name and environments; what is left out stays as it is."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    environments: list[str] | None = Field(
        default=None, max_length=32, examples=[["development", "production"]]
    )


class CreateChange(Body):
    """A new flag."""

    op: Literal["create"]
    key: Key
    flag: dict[str, Any] = Field(description="As for POST /v1/flags, without key and reason.")

    def edit(self) -> Edit:
        return edits.Create(self.key, self.flag)


class PatchChange(Body):
    """A JSON Merge Patch of a flag."""

    op: Literal["patch"]
    key: Key
    version: Version
    patch: dict[str, Any]

    def edit(self) -> Edit:
        return edits.Patch(self.key, self.patch, self.version)


class SimpleChange(Body):
    """A flag archived, restored or deleted."""

    op: Literal["archive", "restore", "delete"]
    key: Key
    version: Version

    def edit(self) -> Edit:
        match self.op:
            case "archive":
                return edits.Archive(self.key, self.version)
            case "restore":
                return edits.Restore(self.key, self.version)
            case "delete":
                return edits.Delete(self.key, self.version)


class CopyChange(Body):
    """A flag copied from one environment to another."""

    op: Literal["copy"]
    key: Key
    version: Version
    source: Environment = Field(alias="from")
    target: Environment = Field(alias="to")

    def edit(self) -> Edit:
        return edits.Copy(self.key, self.source, self.target, self.version)


class ToggleChange(Body):
    """A flag's state in an environment."""

    op: Literal["toggle"]
    key: Key
    version: Version
    environment: Environment
    state: State | None = None

    def edit(self) -> Edit:
        return edits.Toggle(self.key, self.environment, self.state, self.version)


AnyChange = Annotated[
    CreateChange | PatchChange | SimpleChange | CopyChange | ToggleChange, Field(discriminator="op")
]


class BatchBody(ReasonBody):
    """Changes that are made together, in order: all, or none."""

    app: str | None = Field(default=None, description="If it is neither in the query nor the credentials'.")
    changes: list[AnyChange] = Field(min_length=1, max_length=MAX_CHANGES)
