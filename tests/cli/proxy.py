"""A proxy that lets some transports not through, as those between users and servers do."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

UNMASKED_CLOSE = b"\x88\x02\x03\xe9"


class _Relay(socketserver.BaseRequestHandler):
    server: _Proxy

    def handle(self) -> None:
        with socket.create_connection(self.server.target) as upstream:
            self.server.upstreams.append(upstream)
            back = threading.Thread(target=_pump, args=(upstream, self.request, {}), daemon=True)
            back.start()
            _pump(self.request, upstream, self.server.replaced)
            back.join()


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, target: tuple[str, int], replaced: dict[bytes, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Relay)
        self.target = target
        self.replaced = replaced
        self.upstreams: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def end_unmasked(self) -> None:
        """End the newest connection, a WebSocket, as Caddy before 2.6.3 does when it is reloaded."""
        self.upstreams[-1].sendall(UNMASKED_CLOSE)


def _pump(source: socket.socket, sink: socket.socket, replaced: dict[bytes, bytes]) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            for old, new in replaced.items():
                data = data.replace(old, new)
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def proxying(url: str, **blocked: bool) -> Iterator[_Proxy]:
    """A proxy before `url` that takes what the `blocked` transports need out of requests."""
    host, _, port = url.removeprefix("http://").partition(":")
    needs = {
        "websocket": (b"Upgrade: websocket", b"X-Was: websocket"),
        "sse": (b"transport=sse", b"transport=poll"),
    }
    replaced = dict(needs[name] for name, is_blocked in blocked.items() if is_blocked)
    with _Proxy((host, int(port)), replaced) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
