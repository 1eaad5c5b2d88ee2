"""`tricast flags create|set`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tricast.cli.failure import USAGE, Failure
from tricast.cli.flags.difference import patch_between
from tricast.cli.flags.given import Given
from tricast.cli.flags.options import App, Environment, Force, KeyName, Reason, Version
from tricast.cli.flags.report import environment_of, match_of, report, say_unchanged, with_reason
from tricast.cli.flags.screen import print_json
from tricast.cli.flags.server import FlagServer, path_of
from tricast.cli.options import DEFAULT_URL, AsJson, Key, Token, Url
from tricast.cli.show import plain

_Name = Annotated[str | None, typer.Option("--name", help="A name for people.", show_default=False)]
_Description = Annotated[
    str | None, typer.Option("--description", help="What it is for.", show_default=False)
]
_Owner = Annotated[
    str | None, typer.Option("--owner", help="Who answers for it ('': nobody).", show_default=False)
]
_Tag = Annotated[list[str] | None, typer.Option("--tag", help="Add a tag. May be repeated.")]
_Untag = Annotated[list[str] | None, typer.Option("--untag", help="Remove a tag. May be repeated.")]
_Variant = Annotated[
    list[str] | None,
    typer.Option("--variant", metavar="NAME=VALUE", help="Add or change a variant (JSON). May be repeated."),
]
_RemoveVariant = Annotated[
    list[str] | None,
    typer.Option("--remove-variant", metavar="NAME", help="Remove a variant. May be repeated."),
]
_State = Annotated[
    str | None,
    typer.Option("--state", metavar="enabled|disabled", help="In this environment.", show_default=False),
]
_Default = Annotated[
    str | None,
    typer.Option(
        "--default",
        metavar="VARIANT",
        help="The variant where no rule says otherwise ('': the caller's own default).",
        show_default=False,
    ),
]
_Targeting = Annotated[
    str | None,
    typer.Option(
        "--targeting",
        metavar="RULE",
        help="A JSONLogic rule, as JSON or @FILE ('': none).",
        show_default=False,
    ),
]


def create(
    key: KeyName,
    type: Annotated[str, typer.Option("--type", help="boolean, string, number or object.")] = "boolean",
    variant: _Variant = None,
    state: _State = None,
    default: _Default = None,
    targeting: _Targeting = None,
    name: _Name = None,
    description: _Description = None,
    tag: _Tag = None,
    owner: _Owner = None,
    app: App = None,
    environment: Environment = None,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Make a flag: with --environment in that one, without in all of the app's, disabled.

    For example: tricast flags create new-checkout --app shop --description 'The new checkout'
    """
    server = FlagServer.to(url, api_key, token, app=app, environment=environment)
    given = Given(
        name=name,
        description=description,
        owner=owner,
        tags=tag or (),
        variants=variant or (),
        state=state,
        default=default,
        targeting=targeting,
    )
    if given.is_of_environment and server.environment is None:
        raise Failure("--state, --default and --targeting are of one environment: give --environment", USAGE)
    body: dict[str, Any] = {"key": key, "type": type}
    if server.environment is not None:
        names = [text.partition("=")[0] for text in given.variants] or ["on"]
        body["environments"] = {server.environment: {"state": "DISABLED", "defaultVariant": names[0]}}
    body = given.onto(body, server.environment)
    made = server.call("POST", body=with_reason(body, reason))
    if as_json:
        print_json(made)
        return
    where = ", ".join(map(plain, made.get("environments") or ()))
    typer.echo(f"created {plain(key)} in {where or server.place}; tricast flags get {plain(key)} shows it")


def set_flag(
    key: KeyName,
    state: _State = None,
    default: _Default = None,
    targeting: _Targeting = None,
    variant: _Variant = None,
    remove_variant: _RemoveVariant = None,
    name: _Name = None,
    description: _Description = None,
    tag: _Tag = None,
    untag: _Untag = None,
    owner: _Owner = None,
    app: App = None,
    environment: Environment = None,
    reason: Reason = None,
    version: Version = None,
    force: Force = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    api_key: Key = None,
    token: Token = None,
) -> None:
    """Change a flag: what is given is set, all else stays.

    Variants, name, description, tags and owner are the same in all environments
    (variants: unless the given one has its own).

    For example: tricast flags set new-checkout -e production --default on --reason launch
    """
    server = FlagServer.to(url, api_key, token, app=app, environment=environment)
    given = Given(
        name=name,
        description=description,
        owner=owner,
        tags=tag or (),
        untag=untag or (),
        variants=variant or (),
        remove_variants=remove_variant or (),
        state=state,
        default=default,
        targeting=targeting,
    )
    if given.is_nothing:
        raise Failure(
            "nothing to set: give --default, --state, --targeting, --variant, … (see --help)", USAGE
        )
    before = server.read(key)
    where = environment_of(server, before) if given.is_of_environment else server.environment
    patch = patch_between(before.flag, given.onto(before.flag, where))
    if not patch:
        if as_json:
            print_json(before.flag)
        else:
            say_unchanged(before)
        return
    match = match_of(before, version, force)
    report(before, server.change("PATCH", path_of(key), match, with_reason(patch, reason)), as_json)
