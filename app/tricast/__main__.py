"""`python -m tricast` is `tricast`."""

from __future__ import annotations

from tricast.cli import main

if __name__ == "__main__":
    main()
