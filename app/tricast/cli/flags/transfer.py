"""`tricast flags import|export`: flagd's flag files."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tricast.cli.failure import REFUSED, USAGE, Failure
from tricast.cli.flags.imported import import_lines, summary
from tricast.cli.flags.options import App, Environment, Reason
from tricast.cli.flags.progress import uploading
from tricast.cli.flags.screen import print_json, print_lines
from tricast.cli.flags.server import FlagServer
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Token, Url
from tricast.cli.show import plain

_MEDIA_TYPES = {"json": "application/json", "yaml": "application/yaml"}
_FORMATS = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON or YAML; '-' reads stdin.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Archive what isn't in the file.")] = False,
    app: App = None,
    environment: Environment = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Put the flags of a flagd file into an environment: all of them, or none if anything is wrong.

    For example: tricast flags import flags.json --app shop --environment production --dry-run
    """
    server = FlagServer.to(url, api_key, token, app=app, environment=environment)
    body = _read(file)
    query = {
        "environment": server.environment,
        "mode": "replace" if replace else "merge",
        "dry_run": "1" if dry_run else None,
        "reason": reason,
    }
    try:
        with uploading(body) as pieces:
            answer = server.upload(
                pieces, media_type=_MEDIA_TYPES[_format(file, body)], size=len(body), query=query
            )
    except Failure as failure:
        if failure.code != REFUSED:
            raise
        raise Failure(f"{_named(file)}: {failure}", failure.code) from None
    if as_json:
        print_json(answer)
        return
    if dry_run:
        print_lines(import_lines(answer))
    print_lines([summary(answer, f"{plain(answer['app'])}/{plain(answer['environment'])}")])


def export(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Where to; '-' is stdout.", show_default="stdout")
    ] = "-",
    format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="json|yaml", help="What to write.", show_default="by FILE's name, or json"
        ),
    ] = None,
    app: App = None,
    environment: Environment = None,
    as_json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Write the flags of an environment as a flagd file."""
    server = FlagServer.to(url, api_key, token, app=app, environment=environment)
    wanted = "json" if as_json else format or _FORMATS.get(Path(file).suffix.lower(), "json")
    if wanted not in _MEDIA_TYPES:
        raise Failure(f"--format {wanted[:80]!r} must be json or yaml", USAGE)
    body = server.download(wanted)
    if file == "-":
        sys.stdout.buffer.write(body if body.endswith(b"\n") else body + b"\n")
        sys.stdout.buffer.flush()
        return
    _write(Path(file), body)
    typer.echo(f"wrote {plain(file)} ({len(body):,} bytes)", err=True)


def _read(file: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Failure(f"{plain(file)} can't be read: {error.strerror}", USAGE) from None


def _write(path: Path, body: bytes) -> None:
    """The whole file, or the old one if anything goes wrong."""
    unfinished: str | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as written:
            unfinished = written.name
            written.write(body)
        if path.exists():
            os.chmod(unfinished, path.stat().st_mode)
        else:
            os.chmod(unfinished, 0o666 & ~_umask())
        os.replace(unfinished, path)
        unfinished = None
    except OSError as error:
        raise Failure(f"{plain(str(path))} can't be written: {error.strerror}") from None
    finally:
        if unfinished is not None:
            Path(unfinished).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _format(file: str, body: bytes) -> str:
    """By the name, or else by how it begins."""
    named = _FORMATS.get(Path(file).suffix.lower())
    return named or ("json" if body.lstrip()[:1] == b"{" else "yaml")


def _named(file: str) -> str:
    return "stdin" if file == "-" else plain(file)
