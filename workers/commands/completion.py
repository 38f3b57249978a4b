"""``remora completion``: completion for a shell."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes your shell complete verbs and options.

    \b
      eval "$(remora completion bash)"                                   in ~/.bashrc
      eval "$(remora completion zsh)"                                    in ~/.zshrc
      remora completion fish > ~/.config/fish/completions/remora.fish
    """  # noqa: D301  # \b is a mark for click
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(ctx.find_root().command, {}, "remora", "_REMORA_COMPLETE").source())
