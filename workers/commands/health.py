"""``remora health``: does one part live? For health checks of containers, units and probes."""

import sys

import click

from workers.process import settings_with_redis


@click.command()
@click.argument("part", type=click.Choice(["worker", "beat", "gateway", "flower"]))
def health(*, part: str) -> None:
    """Tell whether a part that runs on this machine, or in this container, does its work; exits with 1 if not.

    worker: it holds its lease. beat: its last ticks were carried out. gateway, flower: they answer and are ready.
    """
    settings = settings_with_redis()
    from workers.checks.health import Unwell, check

    try:
        click.echo(f"{part}: {check(part, settings)}")
    except Unwell as unwell:
        click.echo(f"{part}: {unwell}", err=True)
        sys.exit(1)
