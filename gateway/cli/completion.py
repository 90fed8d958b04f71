"""`headway completion`: the shell's own completion script, made by click."""

import click
from click.shell_completion import get_completion_class

from gateway.errors import GatewayError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    Load it at the start of each shell; for bash, add this line to ~/.bashrc:

    Example: eval "$(headway completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise GatewayError(f"No completion for {shell} here.")
    try:
        script = kind(ctx.find_root().command, {}, "headway", "_HEADWAY_COMPLETE").source()
    except RuntimeError as error:  # click asks the shell itself for its version
        raise GatewayError(f"{shell} cannot take a completion script: {error}") from error
    click.echo(script)
