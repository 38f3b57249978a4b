"""``remora down``: end what ``remora up`` started."""

import os
import signal
import time

import click
import psutil

from config.home import Home, find_home
from workers.up.lock import Held, Lock
from workers.up.run_file import run_file, survivors

_PATIENCE = 20.0
"""Seconds that an orderly end may take; it is done within 10."""


@click.command()
def down() -> None:
    """End everything that `remora up` started here, and return when it has ended.

    Jobs on hosts go on; the next `remora up` finds them. It may be called when nothing runs.
    """
    home = find_home(os.environ)
    if not home.path.is_dir():
        return
    lock = Lock(home.path / "up.lock")
    deadline = time.monotonic() + _PATIENCE
    asked: set[int] = set()
    while (pid := _take(lock)) is not None:
        if pid and pid not in asked:
            asked.add(pid)
            _send(pid, signal.SIGTERM)
        if pid and time.monotonic() > deadline:
            # Its parts die with it; nothing that was accepted is lost by that.
            _send(pid, signal.SIGKILL)
        time.sleep(0.05)
    _wait_for_the_killed(home)
    lock.release()


def _take(lock: Lock) -> int | None:
    """Take the lock, or give the pid of its holder."""
    try:
        lock.acquire()
    except Held as held:
        return held.pid
    return None


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise click.ClickException(f"process {pid} belongs to another user; ask that one to end it") from error


def _wait_for_the_killed(home: Home) -> None:
    """Wait for the parts of a supervisor that was killed."""
    alive = psutil.wait_procs(survivors(home), timeout=10)[1]
    if alive:
        raise click.ClickException(f"still running: {', '.join(str(process.pid) for process in alive)}")
    run_file(home).unlink(missing_ok=True)
