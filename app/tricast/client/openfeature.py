"""An OpenFeature provider: flags are evaluated here, from a snapshot that tricast keeps true.

from openfeature import api
from tricast.client.openfeature import TricastProvider

api.set_provider_and_wait(TricastProvider("https://events.example", "shop", "production", token=key))
api.get_client().get_boolean_value("new-checkout", False)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, GeneralError, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider, Metadata

from tricast.client.engine import AskForToken
from tricast.client.flags import Flags
from tricast.client.flagset import FlagChange
from tricast.client.options import Options
from tricast.client.sync import Client
from tricast.errors import BadRequest, Forbidden, NotFound, TricastError, Unauthorized

_FATAL = (Unauthorized, Forbidden, NotFound, BadRequest)


class TricastProvider(AbstractProvider):
    """Flags of `app` in `environment`. It says STALE while there is no connection (the last state holds),
    READY when there is one again, CONFIGURATION_CHANGED with the keys that changed, and ERROR if the
    server refuses.

    `token`: a token or API key with the scope `flags:read`, or a function that gives one. Initialising
    waits up to `ready_s` for the first snapshot.
    """

    def __init__(
        self,
        url: str,
        app: str,
        environment: str,
        *,
        token: str | AskForToken | None = None,
        options: Options | None = None,
        ready_s: float = 10.0,
    ) -> None:
        super().__init__()
        self._client_of: Callable[[], Client] = lambda: Client(url, token=token, options=options)
        self._place = (app, environment)
        self._ready_s = ready_s
        self._client: Client | None = None
        self._flags: Flags | None = None

    def get_metadata(self) -> Metadata:
        return Metadata(name="tricast")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Connect, and wait for the flags. Raises ProviderFatalError for a refusal, else GeneralError."""
        if self._client is not None:
            return
        client = self._client_of()
        try:
            client.__enter__()
            flags = client.flags(*self._place, timeout_s=self._ready_s)
        except (TricastError, TimeoutError) as error:
            client.close()
            if isinstance(error, _FATAL):
                raise ProviderFatalError(str(error)) from error
            raise GeneralError(f"no flags within {self._ready_s:g} s: {error}") from error
        self._client, self._flags = client, flags
        flags.on_change(self._changed)
        flags.on_stale(self._stale)
        client.on("state", self._state)

    def shutdown(self) -> None:
        client, self._client, self._flags = self._client, None, None
        if client is not None:
            client.close()

    # What is told (in the client's thread)

    def _changed(self, changes: list[FlagChange]) -> None:
        keys = [change.key for change in changes]
        self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=keys))

    def _stale(self, stale: bool) -> None:
        if self._client is None or self._client.state in ("failed", "closed"):
            return
        if stale:
            self.emit_provider_stale(ProviderEventDetails(message="there is no connection"))
        else:
            self.emit_provider_ready(ProviderEventDetails())

    def _state(self, state: str) -> None:
        if state == "failed" and self._client is not None:
            self.emit_provider_error(
                ProviderEventDetails(message=str(self._client.error), error_code=ErrorCode.PROVIDER_FATAL)
            )

    # Evaluation

    def _resolve(
        self, key: str, default: Any, context: EvaluationContext | None
    ) -> FlagResolutionDetails[Any]:
        if self._flags is None:
            raise ProviderNotReadyError("the provider is not initialised")
        return self._flags.evaluate(key, default, context)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve(flag_key, bool(default_value), evaluation_context)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve(flag_key, str(default_value), evaluation_context)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolve(flag_key, int(default_value), evaluation_context)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self._resolve(flag_key, float(default_value), evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return self._resolve(flag_key, default_value, evaluation_context)
