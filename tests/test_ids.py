"""Ids made by us are unique, in whatever processes and threads: an equal one is taken for a repetition."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.api.served import serve

APP = Path(__file__).parents[1] / "app"
FORKS = """
import os, sys
from tricast.event import new_id

new_id()  # (what a fork copies)
children = []
for _ in range(100):
    read, write = os.pipe()
    if os.fork() == 0:
        os.write(write, "".join(new_id() for _ in range(50)).encode())
        os._exit(0)
    os.close(write)
    children.append(read)
ids = [new_id() for _ in range(50)]
for read in children:
    with open(read) as pipe:
        text = pipe.read()
    ids += [text[at : at + 26] for at in range(0, len(text), 26)]
print(len(ids), len(set(ids)))
"""
GRANDCHILDREN = """
import os
from tricast.event import _ids

def emit():
    print("".join(_ids.next(1_700_000_000_000) for _ in range(3)), flush=True)  # (one millisecond for all)

emit()
for _ in range(2):
    os.fork()
emit()
"""
THREADS = """
import sys, threading
from tricast.event import new_id

sys.setswitchinterval(1e-6)
found = [[] for _ in range(8)]
make = lambda ids: ids.extend(new_id() for _ in range(20_000))
threads = [threading.Thread(target=make, args=(ids,)) for ids in found]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ids = [id for each in found for id in each]
print(len(ids), len(set(ids)))
"""
PUBLISHERS = """
import os, sys
import httpx2
from tricast.client.publishing import event_of

url = sys.argv[1]
event_of("fork/a", 0)  # (an application that was loaded before its workers were forked)
pids = []
for worker in range(4):
    if (pid := os.fork()) == 0:
        with httpx2.Client(trust_env=False) as client:
            for number in range(50):
                event = event_of("fork/a", [worker, number])
                client.post(url, json=event).raise_for_status()
        os._exit(0)
    pids.append(pid)
print(sum(os.waitpid(pid, 0)[1] for pid in pids))
"""


def run(program: str, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(APP)}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_forked_processes_make_no_equal_ids() -> None:
    made, unique = map(int, run(FORKS).split())
    assert made == unique == 101 * 50


def test_forks_of_forks_make_no_equal_ids_in_one_millisecond() -> None:
    text = "".join(run(GRANDCHILDREN).split())
    ids = [text[at : at + 26] for at in range(0, len(text), 26)]
    assert len(ids) == len(set(ids)) == 3 + 4 * 3


def test_threads_make_no_equal_ids() -> None:
    assert run(THREADS).split() == ["160000", "160000"]


def test_publishers_that_were_forked_from_one_application_lose_nothing() -> None:
    with serve() as server:
        assert run(PUBLISHERS, f"{server.url}/v1/events").strip() == "0"
        with server.http() as client:
            query = {"topic": "fork/a", "cursor": "earliest", "timeout": "0"}
            stored = [event["data"] for event in client.get("/v1/events", params=query).json()["events"]]
    assert sorted(stored) == [[worker, number] for worker in range(4) for number in range(50)]
