"""`headway token`: who may come in by the gateway, with which role, for which tenant, until when."""

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.cli.submit import Duration
from gateway.errors import BadInput
from gateway.sending import now_us
from gateway.server.principal import ROLES, Role
from gateway.server.tokens import Tokens, as_row, named
from gateway.submission import FIELDS
from gateway.units import moment
from infra.settings import load_settings


@click.group()
def token() -> None:
    """Make, list and revoke the tokens that let people and programs in by the gateway.

    Example: headway token create "checkout pipeline" --tenant acme --role submitter --expires 90d
    """


@token.command()
@click.argument("name")
@click.option("--tenant", default="default", show_default=True, help="Whose tasks it sees and hands in.")
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default="submitter",
    show_default=True,
    help="viewer: see its tenant's tasks; submitter: hand in and cancel too; admin: everything, of every tenant.",
)
@click.option("--expires", type=Duration(), metavar="DURATION", help="End it after this time, e.g. 12h or 90d.")
@json_option
def create(name: str, tenant: str, role: Role, expires: int | None, as_json: bool) -> None:
    """Make a token. NAME says what it is for. It is printed once and kept nowhere.

    Example: headway token create "checkout pipeline" --tenant acme --expires 90d
    """
    if not name.strip() or not name.isprintable() or len(name) > 100:
        raise BadInput("A token's name is 1 to 100 characters that can be printed.")
    try:
        FIELDS["tenant_id"](tenant, 0)
    except ValueError as accepted:
        raise BadInput(f"--tenant takes {accepted}.") from None
    now = now_us()
    text = Tokens(load_settings()).create(name, tenant, role, None if expires is None else now + expires, now)
    if as_json:
        print_json({"token": text, "token_id": text.split("_")[1], "tenant_id": tenant, "role": role})
        return
    say(text)
    remark(f"Its role is {role}, its tenant {tenant}. It is not shown again: keep it where secrets are kept.")


@token.command("list")
@json_option
def list_tokens(as_json: bool) -> None:
    """List the tokens, oldest first, without what is secret of them.

    Example: headway token list
    """
    now = now_us()
    tokens = Tokens(load_settings()).all()
    if as_json:
        for one in tokens:
            print_json(as_row(one))
        return
    rows = (
        [
            one.token_id,
            one.name,
            one.tenant_id,
            one.role,
            moment(one.created_at),
            "over" if one.is_over(now) else moment(one.expires_at) if one.expires_at else "never",
        ]
        for one in tokens
    )
    table(["id", "name", "tenant", "role", "made", "ends"], rows)


@token.command()
@click.argument("asked", metavar="TOKEN")
@json_option
def revoke(asked: str, as_json: bool) -> None:
    """End a token at once, also for connections that are open. TOKEN is its id, or its name.

    Example: headway token revoke 3f9c01ab
    """
    tokens = Tokens(load_settings())
    gone = tokens.revoke(named(tokens.all(), asked).token_id)
    if as_json:
        print_json(as_row(gone))
    else:
        say(f"{gone.token_id} ({gone.name}) is revoked.")
