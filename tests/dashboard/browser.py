"""How Chromium is started here."""

from __future__ import annotations

# As root there is no sandbox; and nothing here may ask for anything on the internet.
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    # Fewer processes: a third of the time of a test went into starting them.
    *("--in-process-gpu", "--process-per-site"),
)
