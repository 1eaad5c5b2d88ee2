"""`tricast flags …`: feature flags from the command line, over the REST API.

`server` is the API as the commands use it, `look`, `edit` and `transfer` are the
commands, the rest is how things look.
"""

from __future__ import annotations

from tricast.cli.flags.commands import flags

__all__ = ["flags"]
