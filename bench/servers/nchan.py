"""Nchan, the peer: nginx with one worker, messages in memory."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import PeerMissing, ServerFailed
from bench.servers.server import Server, accepts, free_port, running

HOW_TO_INSTALL = "apt-get install nginx libnginx-mod-nchan"
MODULE = "ngx_nchan_module.so"
CONFIG = """
load_module {module};
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
pid nginx.pid;
error_log stderr crit;
daemon off;
events {{ worker_connections 16384; multi_accept on; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    tcp_nodelay on;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    nchan_shared_memory_size 512m;
    nchan_message_timeout 10m;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        nchan_message_buffer_length {buffer};
        nchan_subscriber_first_message newest;
        location = /pub {{ nchan_publisher http; nchan_channel_id $arg_id; }}
        location = /sub {{ nchan_subscriber websocket eventsource longpoll; nchan_channel_id $arg_id; }}
        location = /both {{
            nchan_subscriber websocket eventsource longpoll;
            nchan_channel_id $arg_id $arg_own;
        }}
        location = /oldest {{
            nchan_subscriber websocket eventsource longpoll;
            nchan_channel_id $arg_id;
            nchan_subscriber_first_message oldest;
        }}
    }}
}}
"""


def find_nchan() -> tuple[str, Path]:
    """The nginx program and nchan's module; raises PeerMissing."""
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if nginx is None:
        raise PeerMissing(f"nginx is not installed: {HOW_TO_INSTALL}")
    said = subprocess.run([nginx, "-V"], capture_output=True, text=True, timeout=10, check=False).stderr
    found = re.search(r"--modules-path=(\S+)", said)
    folders = [Path(found[1])] if found else []
    for folder in [*folders, Path("/usr/lib/nginx/modules"), Path("/usr/lib64/nginx/modules")]:
        if (folder / MODULE).exists():
            return nginx, folder / MODULE
    raise PeerMissing(f"nginx has no nchan module: {HOW_TO_INSTALL}")


@contextmanager
def nchan(core: int, scratch: Path, buffer: int = 1000) -> Iterator[Server]:
    """`buffer` is the number of messages it keeps for each channel."""
    program, module = find_nchan()
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    config = scratch / "nginx.conf"
    config.write_text(CONFIG.format(module=module, port=port, buffer=buffer, user=user))
    command = [program, "-p", str(scratch), "-c", str(config)]
    with running(
        command, name="nchan", port=port, core=core, scratch=scratch, ready=accepts, workers=_worker
    ) as server:
        yield server


def _worker(master: int) -> tuple[int, ...]:
    children = Path(f"/proc/{master}/task/{master}/children")
    for _ in range(100):
        if pids := children.read_text().split():
            return tuple(map(int, pids))
        time.sleep(0.05)
    raise ServerFailed("nginx started no worker process")
