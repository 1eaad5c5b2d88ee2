"""What a page holds and does, as Chromium counts it, over the DevTools protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from playwright.sync_api import Page


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading. `heap` is in bytes, after a forced collection; what comes after `listeners` only grows."""

    heap: int
    nodes: int
    listeners: int
    layouts: int
    styles: int
    task_s: float


class Pulse:
    """Reads the counters of one page."""

    def __init__(self, page: Page) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Performance.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._devtools.detach()

    def sample(self) -> Sample:
        """After a collection of garbage: what is left is held by something."""
        self._devtools.send("HeapProfiler.collectGarbage")
        return self.glance()

    def glance(self) -> Sample:
        """As it is, with whatever garbage there is."""
        told: dict[str, Any] = {
            each["name"]: each["value"] for each in self._devtools.send("Performance.getMetrics")["metrics"]
        }
        return Sample(
            heap=int(told["JSHeapUsedSize"]),
            nodes=int(told["Nodes"]),
            listeners=int(told["JSEventListeners"]),
            layouts=int(told["LayoutCount"]),
            styles=int(told["RecalcStyleCount"]),
            task_s=float(told["TaskDuration"]),
        )
