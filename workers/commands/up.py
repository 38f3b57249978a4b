"""``remora up``: everything on this machine, in one word."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from config.home import Home
from config.settings import BadSettings, Settings, load
from workers.files import make_private_directory
from workers.installation import CannotStart, Installation
from workers.lock import Held, Lock
from workers.run_file import Running, read_running

_READY = b"\x06"
"""What the detached supervisor sends last when every part answers (ASCII ACK)."""


@click.command()
@click.option("--detach", is_flag=True, help="Return when every part answers, and leave it running.")
@click.option("--json", "as_json", is_flag=True, help="Tell addresses and process ids as JSON, on stdout.")
def up(*, detach: bool, as_json: bool) -> None:
    """Start Redis, worker, beat, gateway and Flower on this machine.

    Without --detach it stays in the foreground; Ctrl-C ends everything in order. State is kept in REMORA_HOME.
    With REMORA_REDIS_URL that Redis is used; otherwise one of our own is started.
    """
    try:
        settings = load(os.environ)
    except BadSettings as error:
        raise click.ClickException(str(error)) from error
    home = Home(settings.home)
    make_private_directory(home.path)
    lock = Lock(home.path / "up.lock")
    if running := _already(home, lock):
        click.echo("Remora runs here already.", err=True)
        _show(home, running, as_json=as_json)
        return
    # The lock is now ours. A detached supervisor inherits it, so there is no moment without it.
    sys.exit(_detach(settings, lock, as_json=as_json) if detach else _supervise(settings, lock, as_json=as_json))


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


def _supervise(settings: Settings, lock: Lock, *, as_json: bool, ready: Callable[[], None] = lambda: None) -> int:
    """Be the supervisor, and give the exit code."""
    home = Home(settings.home)
    lock.sign()

    def announce(running: Running) -> None:
        _show(home, running, as_json=as_json)
        ready()

    try:
        Installation(settings, environ=os.environ, tell=_tell).run(announce)
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


def _detach(settings: Settings, lock: Lock, *, as_json: bool) -> int:
    """Fork the supervisor into a session of its own, and return when it is ready or has failed."""
    outcome, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(outcome)
        os.setsid()
        os._exit(_as_daemon(settings, lock, told, as_json=as_json))
    os.close(told)
    with os.fdopen(outcome, "rb") as end:
        if end.read() == _READY:
            return 0
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or 1


def _as_daemon(settings: Settings, lock: Lock, told: int, *, as_json: bool) -> int:
    def ready() -> None:
        _into(Home(settings.home).logs / "up.log")
        os.write(told, _READY)
        os.close(told)

    _replace(0, Path(os.devnull), os.O_RDONLY)
    os.chdir("/")
    return _supervise(settings, lock, as_json=as_json, ready=ready)


def _into(log: Path) -> None:
    """Write to the log from now on: whoever called us may go away with the terminal."""
    sys.stdout.flush()
    for descriptor in (1, 2):
        _replace(descriptor, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def _replace(descriptor: int, file: Path, flags: int) -> None:
    opened = os.open(file, flags, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)
