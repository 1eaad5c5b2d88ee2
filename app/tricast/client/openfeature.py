"""An OpenFeature provider: flags are evaluated here, from a snapshot that tricast keeps true.

from openfeature import api
from tricast.client.openfeature import TricastProvider

api.set_provider_and_wait(TricastProvider("https://events.example", "shop", "production", token=key))
api.get_client().get_boolean_value("new-checkout", False)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, GeneralError, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
from openfeature.provider import AbstractProvider, Metadata

from tricast.client.client import Client
from tricast.client.engine import AskForToken
from tricast.client.flags import Flags
from tricast.client.flagset import FlagChange
from tricast.client.options import Options
from tricast.client.thread import LoopThread
from tricast.errors import BadRequest, Forbidden, TricastError, Unauthorized

Said: TypeAlias = Literal["ready", "stale", "error", "fatal"]
_FATAL = (Unauthorized, Forbidden, BadRequest)


class TricastProvider(AbstractProvider):
    """Flags of `app` in `environment`. It says STALE while there is no connection (the last state holds),
    READY when there is one again, CONFIGURATION_CHANGED with the keys that changed, and ERROR if the
    server refuses.

    `token`: a token or API key with the scope `flags:read`, or a function that gives one. Initialising
    waits up to `ready_s` for the first snapshot; if there is none by then that is an ERROR, and READY is
    said when it comes.
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
        self._thread: LoopThread | None = None
        self._flags: Flags | None = None
        # What the application was told last; None: the SDK is still waiting for `initialize`.
        self._told: Said | None = None

    def get_metadata(self) -> Metadata:
        return Metadata(name="tricast")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Connect, and wait for the flags. Raises ProviderFatalError for a refusal, else GeneralError."""
        if self._thread is not None:
            return
        try:
            client = self._client_of()
            thread = LoopThread(client)
            thread.start()
        except TricastError as error:
            raise ProviderFatalError(str(error)) from error
        self._thread = thread
        try:
            self._flags = thread.wait(lambda: self._follow(client))
            thread.wait(self._flags.ready, self._ready_s)
        except _FATAL as error:
            self.shutdown()
            raise ProviderFatalError(str(error)) from error
        except (TricastError, TimeoutError) as error:
            self._told = "error"
            raise GeneralError(f"no flags within {self._ready_s:g} s; it goes on trying: {error}") from error
        self._told = "ready"

    async def _follow(self, client: Client) -> Flags:
        flags = client.flags(*self._place)
        flags.on_change(self._changed)
        flags.on_stale(lambda _: self._tell())
        flags.on_error(lambda _: self._tell())
        return flags

    def shutdown(self) -> None:
        thread, self._thread, self._flags, self._told = self._thread, None, None, None
        if thread is not None:
            thread.stop()

    # What is told (in the client's thread)

    def _changed(self, changes: list[FlagChange]) -> None:
        keys = [change.key for change in changes]
        if self._told is not None:
            self.emit_provider_configuration_changed(ProviderEventDetails(flags_changed=keys))

    def _tell(self) -> None:
        flags = self._flags
        if flags is None or self._told is None:
            return
        now = _state_of(flags)
        if now == self._told or (now == "stale" and not flags.loaded):
            return
        self._told = now
        if now == "ready":
            self.emit_provider_ready(ProviderEventDetails())
        elif now == "stale":
            self.emit_provider_stale(ProviderEventDetails(message="there is no connection"))
        else:
            code = ErrorCode.PROVIDER_FATAL if now == "fatal" else ErrorCode.GENERAL
            self.emit_provider_error(ProviderEventDetails(message=str(flags.error), error_code=code))

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


def _state_of(flags: Flags) -> Said:
    if flags.error is not None:
        return "fatal" if isinstance(flags.error, _FATAL) else "error"
    return "stale" if flags.stale else "ready"
