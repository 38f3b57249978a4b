"""The command ``remora``: one module a verb, imported only when that verb is used."""

import importlib
import os
import sys
from typing import Any, cast

import click

from airflow_bridge.errors import RemoraError
from workers.console import exits
from workers.console.failures import failure_of

VERBS = {
    "Jobs": {
        "run": "Run a command on hosts and exit as it does.",
        "submit": "Hand in a command and return its job id.",
        "wait": "Wait for jobs and exit as they do.",
        "logs": "Show what a job has written.",
        "status": "Show what is known of a job.",
        "ls": "List jobs.",
        "cancel": "End jobs with all their processes.",
    },
    "Hosts": {
        "hosts": "Add, list, check and remove hosts.",
    },
    "The system": {
        "up": "Start everything on this machine.",
        "down": "End what `up` started.",
        "doctor": "Look whether everything is as it should be.",
        "config": "Check and show the settings.",
        "login": "Use a server elsewhere.",
        "completion": "Print completion for your shell.",
    },
    "Processes": {
        "worker": "Speak with hosts.",
        "beat": "Tick, so that nothing is forgotten.",
        "gateway": "Be the HTTP door.",
        "flower": "Show jobs and workers in the browser.",
        "health": "Tell whether one of these lives.",
    },
}
"""What each verb does, so that ``--help`` imports none of them."""


SPEAKERS = frozenset({*VERBS["Jobs"], *VERBS["Hosts"], "login"})
"""The verbs that speak to the server, by a client that waits in threads."""


class Verbs(click.Group):
    """A group whose commands lie in ``workers/commands/``, in modules of their names."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [verb for verbs in VERBS.values() for verb in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name in SPEAKERS:
            _lighten_httpx()
        command: click.Command = getattr(importlib.import_module(f"workers.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, verbs in VERBS.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; every way in which it can fail becomes words and an exit code."""
        try:
            return super().invoke(ctx)
        except RemoraError as error:
            raise failure_of(error) from error
        except KeyboardInterrupt:
            sys.exit(exits.INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our output has gone; not even the interpreter's own flush may write there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(exits.BROKEN_PIPE)


def _lighten_httpx() -> None:
    """Keep httpx from importing what is of no use here, so that we start in a third of the time.

    It takes along a command line of its own, and every asynchronous library that is there, unless they are missing.
    """
    for name in ("httpx._main", "anyio", "trio"):
        sys.modules.setdefault(name, cast(Any, None))


def _show_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415  # only who asks for it pays for it

        click.echo(f"remora {version('remora')}")
        ctx.exit()


EPILOG = """\b
Begin with:
  remora up --detach
  remora hosts add web deploy@web.example.org
  remora run web -- uptime
"""


@click.group(
    cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Run commands on remote machines over plain SSH.

    Each job is started once, survives everything between you and the machine, and ends with its true exit code.
    """


def main() -> None:
    """Be the command."""
    cli()
