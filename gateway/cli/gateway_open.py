"""`headway open`: the gateway's page, by a code that lets in once."""

import os
import webbrowser
from html import escape
from pathlib import Path

import click

from gateway.cli.door import ask, reach, token_of
from gateway.cli.output import remark, say
from infra.settings import Settings, load_settings


@click.command()
@click.option("--print", "only_print", is_flag=True, help="Print the address, which lets in once, and open nothing.")
def open(only_print: bool) -> None:
    """Open the gateway's page in the browser, let in as an admin of this machine.

    The address has a code that lets one browser in, within two minutes. No token is in an address, which browsers keep.

    Example: headway open --print
    """
    settings = load_settings()
    reach(settings)
    address = f"{settings.gateway}/#code={ask(settings, token_of(settings), '/api/codes', method='POST')['code']}"
    if only_print:
        say(address)
        return
    # By way of a file that only the owner reads: everybody here may read the command line of a browser.
    door = _door(settings, address)
    if webbrowser.open(door.absolute().as_uri()):
        remark(f"{settings.gateway}/ is opened in the browser.")
    else:
        remark("No browser could be opened; go to this address:")
        say(address)


def _door(settings: Settings, address: str) -> Path:
    path = settings.state / "open.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(
            '<!doctype html><meta charset="utf-8"><title>Headway</title>'
            f'<meta http-equiv="refresh" content="0; url={escape(address)}"><a href="{escape(address)}">Headway</a>\n'
        )
    return path
