"""The command line. Exit codes:

    0    done
    1    the server said no, or `tricast check` found problems
    2    wrong usage, or a setting that is not valid
    3    the server could not be reached
    130  interrupted (Ctrl-C)

Every error is one line on stderr that says what was wrong, which value, and what to do.
"""

from __future__ import annotations

from tricast.cli.main import app, main

__all__ = ["app", "main"]
