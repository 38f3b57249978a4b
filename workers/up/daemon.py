"""A process that leaves its terminal, while whoever started it waits until it is ready."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

_READY = b"\x06"
"""What the daemon sends last when it is ready (ASCII ACK)."""


def detach(run: Callable[[Callable[[], None]], int], log: Path) -> int:
    """Fork a daemon in a session of its own, and return 0 when it is ready, else its exit code.

    Args:
        run: What it does, until it ends with an exit code; it calls what it is given when it is ready.
        log: Takes what it writes from then on; until then that goes where ours goes.
    """
    outcome, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(outcome)
        _live(run, log, told)
    os.close(told)
    with os.fdopen(outcome, "rb") as end:
        if end.read() == _READY:
            return 0
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) or 1


def _live(run: Callable[[Callable[[], None]], int], log: Path, told: int) -> None:
    def ready() -> None:
        sys.stdout.flush()
        for descriptor in (1, 2):
            _replace(descriptor, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(told, _READY)
        os.close(told)

    code = 1
    try:
        os.setsid()
        os.chdir("/")
        _replace(0, Path(os.devnull), os.O_RDONLY)
        code = run(ready)
    finally:
        # Whatever happened, this must never return into the caller's program.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _replace(descriptor: int, file: Path, flags: int) -> None:
    opened = os.open(file, flags, 0o600)
    os.dup2(opened, descriptor)
    os.close(opened)
