"""The scenarios, by name and in the order they are run."""

from collections.abc import Callable

from bench.bench import Bench
from bench.figures import Figure
from bench.scenarios import (
    clients,
    dashboard,
    fanout_paced,
    fanout_saturated,
    flags,
    longpoll_paced,
    memory,
    private_topics,
    publish,
    replay,
)

SCENARIOS: dict[str, Callable[[Bench], list[Figure]]] = {
    module.NAME: module.run
    for module in (
        fanout_paced,
        fanout_saturated,
        longpoll_paced,
        private_topics,
        memory,
        publish,
        replay,
        flags,
        clients,
        dashboard,
    )
}
