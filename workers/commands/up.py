"""``remora up``: everything on this machine, in one word."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from config.home import Home
from config.settings import Settings
from workers.process import read_settings
from workers.up.daemon import detach
from workers.up.files import make_private_directory
from workers.up.installation import CannotStart, Installation
from workers.up.lock import Held, Lock
from workers.up.run_file import Running, read_running


@click.command()
@click.option("--detach", "detached", is_flag=True, help="Return when every part answers, and leave it running.")
@click.option("--json", "as_json", is_flag=True, help="Tell addresses and process ids as JSON, on stdout.")
def up(*, detached: bool, as_json: bool) -> None:
    """Start Redis, worker, beat, gateway and Flower on this machine.

    Without --detach it stays in the foreground; Ctrl-C ends everything in order. State is kept in REMORA_HOME.
    With REMORA_REDIS_URL that Redis is used; otherwise one of our own is started.
    """
    settings = read_settings()
    home = Home(settings.home)
    make_private_directory(home.path)
    lock = Lock(home.path / "up.lock")
    show = partial(_show, home, as_json=as_json)
    if running := _already(home, lock):
        click.echo("Remora runs here already.", err=True)
        show(running)
        return
    # The lock is now ours. A detached supervisor inherits it, so there is no moment without it.
    supervise = partial(_supervise, settings, lock, Path(sys.argv[0]).absolute(), show)
    sys.exit(detach(supervise, home.logs / "up.log") if detached else supervise(lambda: None))


def _already(home: Home, lock: Lock) -> Running | None:
    """Take the lock; or, if another has it, wait until that one is ready and give what it runs."""
    while True:
        try:
            lock.acquire()
        except Held as held:
            running = read_running(home)
            if running and running.supervisor == held.pid:
                return running
            time.sleep(0.05)
        else:
            return None


def _supervise(
    settings: Settings, lock: Lock, program: Path, show: Callable[[Running], None], ready: Callable[[], None]
) -> int:
    """Be the supervisor, and give the exit code."""
    lock.sign()

    def announce(running: Running) -> None:
        show(running)
        ready()

    try:
        Installation(settings, program=program, environ=os.environ, tell=_tell).run(announce)
    except CannotStart as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    finally:
        lock.release()
    return 0


def _tell(sentence: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {sentence}", err=True)


def _show(home: Home, running: Running, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(asdict(running)))
        return
    click.echo(f"Remora answers at {running.url}")
    click.echo(f"Flower: {running.flower_url} (user operator, password in {home.path / 'flower.password'})")
