"""One server and one proxy of each kind for a module, and the clients behind it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
from tests.browsers.launched import launched
from tests.browsers.pages import Browser
from tests.clients.declarations import MANIFEST
from tests.clients.npm import packages
from tests.proxies.certificate import Certificate, self_signed
from tests.proxies.crowd import Crowd, a_crowd
from tests.proxies.origin import Origin
from tests.proxies.proxies import PROXIES, Proxy
from tests.proxies.walkin import Walkin

TRANSPORTS = ("websocket", "sse", "poll")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certificate]:
    """Trusted by every client that is started from here."""
    made = self_signed(tmp_path_factory.mktemp("certificate"))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
            patch.delenv(name)
        patch.setenv("SSL_CERT_FILE", str(made.certificate))
        patch.setenv("NODE_EXTRA_CA_CERTS", str(made.certificate))
        patch.setenv("TRICAST_NPM", str(packages(MANIFEST)))
        yield made


@pytest.fixture(scope="module")
async def origin(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Origin]:
    origin = Origin(tmp_path_factory.mktemp("origin"))
    try:
        await origin.start()
        yield origin
    finally:
        origin.server.kill()


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    origin: Origin,
    certificate: Certificate,
) -> Iterator[Proxy]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    proxy = PROXIES[request.param](folder, origin.port, certificate)
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.stop()


@pytest.fixture(scope="module")
async def crowd(origin: Origin, proxy: Proxy) -> AsyncIterator[Crowd]:
    """Behind the proxy as users meet it: with TLS, where its file has that."""
    through = TRANSPORTS if proxy.passes_websockets else TRANSPORTS[1:]
    async with a_crowd(origin, proxy, url=proxy.url, transports=through) as crowd:
        yield crowd


@pytest.fixture
async def walkin(origin: Origin, proxy: Proxy, certificate: Certificate) -> AsyncIterator[Walkin]:
    async with httpx2.AsyncClient(
        base_url=proxy.url,
        headers={"authorization": f"Bearer {origin.token}"},
        verify=certificate.context(),
        trust_env=False,
        timeout=30,
    ) as http:
        yield Walkin(http)


@pytest.fixture
def chromium(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """It takes any certificate."""
    browser = launched(pytestconfig, "Chromium")
    yield browser
    browser.clear()
