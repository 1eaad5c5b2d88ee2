"""Below a path of an nginx with TLS: links, streams, both clients' Python side, and the command line."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx2
import pytest
from tests.cli.commandline import environment
from tests.flags.ofrep.hosted import FLAGS, App
from tests.flags.ofrep.node import running
from tests.proxies.below import Below, below
from tests.proxies.certificate import Certificate
from websockets.sync.client import connect

from tricast.client import Options
from tricast.client.sync import Client

WAIT_S = 60.0


@pytest.fixture(scope="module", params=[True, False], ids=["stripped", "left"])
def at(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Below]:
    with below(tmp_path_factory.mktemp("below"), certificate, strips=request.param) as at:
        yield at


def reached(at: Below) -> str:
    """Its URL for our own clients, which leave the environment's certificates alone for `localhost`."""
    return at.url.replace("//localhost", "//0.0.0.0")


def test_polls_are_followed_by_their_links(at: Below) -> None:
    asked = f"{at.url}/v1/events?topic=links/**&cursor=earliest&limit=2"
    with at.http() as client:
        for number in range(5):
            assert client.post(f"{at.url}/v1/events?topic=links/a", content=str(number)).status_code == 201
        seen: list[str] = []
        while len(seen) < 5:
            answer = client.get(asked)
            assert answer.status_code == 200, (asked, answer.text)
            seen += [event["data"] for event in answer.json()["events"]]
            asked = urljoin(asked, answer.links["next"]["url"])
            assert asked.startswith(f"{at.url}/v1/events?")
    assert seen == ["0", "1", "2", "3", "4"]


def test_the_setup_link_and_the_documents_name_the_public_url(at: Below) -> None:
    assert at.served.setup is not None
    assert at.served.setup.startswith(f"{at.url}/#/setup/")
    with at.http() as client:
        assert client.get(f"{at.url}/openapi.json").json()["servers"] == [{"url": at.url}]
        page = client.get(f"{at.url}/", headers={"accept": "text/html"})
        assert page.status_code == 200
        for source in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert client.get(urljoin(f"{at.url}/", source)).status_code == 200, source
        bare = client.get(at.url, follow_redirects=True)
        assert (bare.status_code, str(bare.url)) == (200, f"{at.url}/")


def test_an_event_stream_and_a_websocket_open(at: Below) -> None:
    headers = {**at.served.headers, "accept": "text/event-stream"}
    with at.http(**headers) as client, client.stream("GET", f"{at.url}/v1/events?topic=a") as stream:
        assert (
            next(line for line in stream.iter_lines() if line.startswith("event:")) == "event: tricast.hello"
        )
    with connect(
        f"{at.ws_url}/v1/events?topic=a",
        additional_headers=at.served.headers,
        ssl=at.certificate.context(),
        proxy=None,
    ) as socket:
        assert "tricast.hello" in str(socket.recv(timeout=WAIT_S))


@pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
def test_the_python_client_follows(at: Below, transport: str) -> None:
    token = at.token(subscribe=["shop/**"], publish=["shop/**"])
    options = Options(transports=(transport,))  # type: ignore[arg-type]
    with (
        Client(reached(at), token=token, options=options) as client,
        client.subscribe(f"shop/{transport}") as subscription,
    ):
        subscription.active(WAIT_S)
        client.publish(f"shop/{transport}", "well")
        assert next(iter(subscription)).data == "well"


def test_the_command_line_publishes_reads_and_invites(at: Below) -> None:
    def tricast(*words: str) -> str:

        told = environment(TRICAST_KEY=str(at.served.key), TRICAST_URL=reached(at))
        done = subprocess.run(
            [sys.executable, "-m", "tricast", *words],
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            env=told,
        )
        assert done.returncode == 0, done
        return done.stdout

    tricast("publish", "line/a", "hello")
    for transport in ("websocket", "sse", "poll"):
        assert '"hello"' in tricast("tail", "line/**", "--no-follow", "--json", "--transport", transport)
    link = tricast("person", "invite", "--role", "viewer").strip()
    assert link.startswith(f"{at.url}/#/join/")


def test_the_published_web_provider_hears_of_changes(at: Below) -> None:
    app = App(at.served, "shop")
    app.load(FLAGS)
    with running("web", "20") as web:
        web.ask("init", baseUrl=f"{at.url}{app.base}", headers=app.headers)
        web.until_request(lambda made: "flagConfigEtag" in made["query"])
        assert web.evaluate("boolean", "banner", False)["value"] is True
        app.toggle("banner")
        assert "banner" in web.until("PROVIDER_CONFIGURATION_CHANGED")["flagsChanged"]
        assert all(made["status"] in (200, 304) for made in web.requests)


def test_without_a_public_url_what_the_protocol_has_as_a_reference_works(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> None:
    with below(tmp_path_factory.mktemp("unnamed"), certificate, strips=True, named=False) as at:
        asked = f"{at.url}/v1/events?topic=links/**&cursor=earliest&timeout=0"
        with at.http() as client:
            answer = client.get(asked)
            following = urljoin(asked, answer.links["next"]["url"])
            assert client.get(f"{following}&timeout=0").status_code == 200
            made = client.post(f"{at.url}/v1/invites", json={"role": "viewer"}).json()
            link = urljoin(f"{at.url}/v1/invites", made["link"])
            assert link == f"{at.url}/#/join/{made['code']}"
            page = httpx2.URL(link).copy_with(fragment=None)
            assert client.get(page, headers={"accept": "text/html"}).status_code == 200
