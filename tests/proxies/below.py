"""A server below a path of an nginx with TLS, as `public_url` says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from tests.api.served import Served, serve
from tests.proxies.certificate import Certificate
from tests.proxies.proxies import Nginx

PATH = "/tricast"


@dataclass
class NginxBelow(Nginx):
    """`location /tricast/`, which takes that off the path (`strips`) or leaves it there."""

    strips: bool = field(default=True, kw_only=True)

    def site(self) -> str:
        passed = "proxy_pass http://tricast/;" if self.strips else "proxy_pass http://tricast;"
        site = super().site()
        for old, new in (("location / {", f"location {PATH}/ {{"), ("proxy_pass http://tricast;", passed)):
            assert site.count(old) == 1
            site = site.replace(old, new)
        return site


@dataclass(frozen=True)
class Below:
    """The server, and its public URL."""

    served: Served
    url: str
    certificate: Certificate

    @property
    def ws_url(self) -> str:
        return self.url.replace("https:", "wss:")

    def http(self, **headers: str) -> httpx2.Client:
        """Who asks by the public URL, with the admin key unless `headers` say otherwise."""
        return httpx2.Client(
            headers={**self.served.headers, **headers},
            verify=self.certificate.context(),
            trust_env=False,
            timeout=30,
        )

    def token(self, **members: object) -> str:
        with self.http() as client:
            made = client.post(f"{self.url}/v1/tokens", json={"subject": "u", "app": "shop", **members})
        assert made.status_code == 201, made.text
        return str(made.json()["token"])


@contextmanager
def below(folder: Path, certificate: Certificate, *, strips: bool, named: bool = True) -> Iterator[Below]:
    """Both of them, started. `named`: the server is told its public URL."""
    proxy = NginxBelow(folder, 0, certificate, strips=strips)
    url = f"{proxy.url}{PATH}"
    settings = ("--set", f"public_url={url}/") if named else ()
    with ExitStack() as stack:
        served = stack.enter_context(serve(*settings, dev=False))
        proxy.upstream = served.address[1]
        stack.callback(proxy.stop)
        proxy.start()
        yield Below(served, url, certificate)
