"""`TricastProvider` under the OpenFeature SDK."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus
from tests.api.served import Served, serve
from tests.clients.python.ports import kept_port
from tests.flags.ofrep.hosted import FLAGS, App, boolean

from tricast.client import Options
from tricast.client.openfeature import TricastProvider

WAIT_S = 60.0
OPTIONS = Options(trust_env=False, backoff_first_s=0.02, backoff_most_s=0.2)


@pytest.fixture
def app(served: Served, request: pytest.FixtureRequest) -> App:
    app = App(served, f"app-{abs(hash(request.node.name)):x}")
    app.load(FLAGS)
    return app


@pytest.fixture(autouse=True)
def clean() -> Iterator[None]:
    """No provider is left to the next test."""
    yield
    api.shutdown()
    api.clear_providers()


class Heard:
    """Events of providers, as an application hears them: in threads, so in no certain order."""

    def __init__(self) -> None:
        self.events: list[tuple[ProviderEvent, EventDetails]] = []
        self._changed = threading.Condition()
        self._handlers = [(event, self._handler(event)) for event in ProviderEvent]
        for event, handler in self._handlers:
            api.add_handler(event, handler)

    def _handler(self, event: ProviderEvent):  # type: ignore[no-untyped-def]
        def handle(details: EventDetails) -> None:
            with self._changed:
                if details.provider_name == "tricast":  # (at first there is another, which does nothing)
                    self.events.append((event, details))
                self._changed.notify_all()

        return handle

    def wait_for(self, event: ProviderEvent) -> EventDetails:
        """The first such event that was not waited for before."""
        with self._changed:
            assert self._changed.wait_for(lambda: any(e is event for e, _ in self.events), WAIT_S), (
                self.events
            )
            index = next(i for i, (e, _) in enumerate(self.events) if e is event)
            _, details = self.events.pop(index)
            return details

    def stop(self) -> None:
        for event, handler in self._handlers:
            api.remove_handler(event, handler)


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    yield heard
    heard.stop()


def provider(app: App, **options: object) -> TricastProvider:
    return TricastProvider(app.served.url, app.name, app.environment, options=OPTIONS, **options)  # type: ignore[arg-type]


def test_values_of_every_type(app: App) -> None:
    api.set_provider_and_wait(provider(app))
    client = api.get_client()
    assert client.get_boolean_value("banner", False) is True
    assert client.get_string_value("color", "?") == "#00f"
    assert client.get_integer_value("retries", 0) == 5
    assert client.get_float_value("ratio", 0.0) == 3.0
    assert client.get_object_value("layout", {})["columns"] == 3  # type: ignore[call-overload,index]


def test_rules_reasons_and_errors(app: App) -> None:
    api.set_provider_and_wait(provider(app))
    client = api.get_client()
    pro = EvaluationContext("ann", {"plan": "pro"})
    found = client.get_boolean_details("pro-banner", False, pro)
    assert (found.value, found.variant, found.reason) == (True, "on", Reason.TARGETING_MATCH)
    assert client.get_boolean_details("hidden", False).reason == Reason.DISABLED
    missing = client.get_boolean_details("nothing", True)
    assert (missing.value, missing.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    wrong = client.get_string_details("banner", "?")
    assert (wrong.value, wrong.error_code) == ("?", ErrorCode.TYPE_MISMATCH)


def test_it_says_ready_and_what_changed(app: App, heard: Heard) -> None:
    api.set_provider(provider(app))
    heard.wait_for(ProviderEvent.PROVIDER_READY)
    app.toggle("banner")
    details = heard.wait_for(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
    assert details.flags_changed == ["banner"]
    assert api.get_client().get_boolean_details("banner", True).reason == Reason.DISABLED


@pytest.fixture
def port() -> Iterator[str]:
    with kept_port() as port:
        yield str(port)


def test_it_says_stale_while_there_is_no_connection_and_ready_again(heard: Heard, port: str) -> None:
    with serve("--port", port) as served:
        app = App(served, "shop")
        app.load(FLAGS)
        api.set_provider(provider(app))
        heard.wait_for(ProviderEvent.PROVIDER_READY)
        client = api.get_client()
        served.process.kill()
        heard.wait_for(ProviderEvent.PROVIDER_STALE)
        assert client.get_provider_status() is ProviderStatus.STALE
        assert client.get_boolean_value("banner", False) is True
    # Another life of the server, with a log that has never heard of the old one, nor of the app.
    with serve("--port", port) as served:
        App(served, "shop").load({"banner": boolean("off")})
        heard.wait_for(ProviderEvent.PROVIDER_READY)
        # It came back before that, or after: then it was ready with no flags at first.
        while client.get_boolean_value("banner", True):
            heard.wait_for(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
        assert client.get_provider_status() is ProviderStatus.READY


def test_a_provider_that_begins_without_a_server_is_ready_when_there_is_one(heard: Heard, port: str) -> None:
    url = f"http://127.0.0.1:{port}"
    api.set_provider(TricastProvider(url, "shop", "production", options=OPTIONS, ready_s=0.1))
    heard.wait_for(ProviderEvent.PROVIDER_ERROR)
    client = api.get_client()
    assert client.get_provider_status() is ProviderStatus.ERROR
    details = client.get_boolean_details("banner", True)
    assert (details.value, details.error_code) == (True, ErrorCode.PROVIDER_NOT_READY)
    with serve("--port", port) as served:
        App(served, "shop").load({"banner": boolean("off")})
        heard.wait_for(ProviderEvent.PROVIDER_READY)
        assert client.get_provider_status() is ProviderStatus.READY
        while client.get_boolean_value("banner", True):  # (it came before the flags)
            heard.wait_for(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)


def test_a_refusal_is_fatal(heard: Heard) -> None:
    with serve(dev=False) as served:
        app = App(served, "shop")
        app.load(FLAGS)
        api.set_provider(provider(app, token="nonsense"))
        details = heard.wait_for(ProviderEvent.PROVIDER_ERROR)
        assert details.error_code is ErrorCode.PROVIDER_FATAL
        assert api.get_client().get_provider_status() is ProviderStatus.FATAL
        assert api.get_client().get_boolean_value("banner", False) is False


def test_without_a_server_it_is_an_error_in_time(heard: Heard) -> None:
    api.set_provider(
        TricastProvider("http://127.0.0.1:9", "shop", "production", options=OPTIONS, ready_s=0.1)
    )
    details = heard.wait_for(ProviderEvent.PROVIDER_ERROR)
    assert "0.1 s" in str(details.message)


def test_before_and_after_it_says_so(app: App) -> None:
    one = provider(app)
    with pytest.raises(ProviderNotReadyError):
        one.resolve_boolean_details("banner", False)
    one.initialize(EvaluationContext())
    assert one.resolve_boolean_details("banner", False).value is True
    assert one.get_metadata().name == "tricast"
    one.shutdown()
    one.shutdown()
    with pytest.raises(ProviderNotReadyError):
        one.resolve_boolean_details("banner", False)
