"""``remora beat``: the process that ticks."""

import os

import click

from workers.process import settings_with_redis
from workers.up.notify import tell


@click.command()
def beat() -> None:
    """Run beat: every few seconds it has somebody look for work that nobody does.

    Two may run at once, on two machines, so that one can fail.
    """
    settings = settings_with_redis()
    from celery.signals import beat_init

    from workers.assembly import build_app

    beat_init.connect(lambda **_: tell(os.environ), weak=False)
    build_app(settings).Beat(
        loglevel=settings.log_level,
        scheduler_cls="workers.beat:Metronome",
        redirect_stdouts=False,
    ).run()
