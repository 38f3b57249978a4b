"""One process that the supervisor keeps alive."""

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_BACKOFF = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0)
_STEADY = 30.0


@dataclass(frozen=True)
class Part:
    """What is to run."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    """Its whole environment."""
    log: Path
    """Takes its stdout and stderr."""
    answers: Callable[[], bool] | None = None
    """Whether it does its work; None means that it says so by ``NOTIFY_SOCKET``."""
    progress: Callable[[], str] = lambda: ""
    """What it is busy with while it does not answer, in words."""
    patience: float = 60.0
    """Seconds until it must answer, counted again from each progress it shows."""
    grace: float = 2.5
    """Seconds between TERM and KILL."""


class Child:
    """The process of a part: started, and started again when it dies."""

    def __init__(self, part: Part) -> None:
        """Describe it; ``start`` starts it."""
        self.part = part
        self.process: subprocess.Popen[bytes] | None = None
        self.ready = False
        self.due = 0.0
        """When it is to be started, by the monotonic clock."""
        self.started = 0.0
        self.progressed = 0.0
        """When it last showed a progress."""
        self._words = ""
        self._deaths = 0
        """Deaths in a row, each soon after its start."""

    @property
    def pid(self) -> int:
        """Its process id; 0 while there is none."""
        return self.process.pid if self.process else 0

    def start(self, now: float) -> None:
        """Start it, in a session of its own so that Ctrl-C reaches only the supervisor, which ends all in order."""
        supervisor = os.getpid()
        with self.part.log.open("ab") as log:
            # preexec_fn is safe here: the supervisor has one thread. The kernel's promise is bound to the
            # thread that forked, and that one lives as long as the supervisor.
            self.process = subprocess.Popen(
                self.part.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.part.environment),
                cwd="/",
                start_new_session=True,
                preexec_fn=lambda: _die_with(supervisor),  # noqa: PLW1509 -- one thread, see above
            )
        self.started = self.progressed = now
        self.ready = False

    def progress(self, now: float) -> str:
        """Give what it is busy with, if that is news."""
        words = self.part.progress()
        if not words or words == self._words:
            return ""
        self._words, self.progressed = words, now
        return words

    def ended(self) -> int | None:
        """Give the exit code as ``Popen`` tells it, None while it runs."""
        return self.process.poll() if self.process else None

    def bury(self, now: float) -> float:
        """Note that it died and give the seconds after which it is to be started again: 0, 0.5, 1, 2, 5, 10."""
        self._deaths = 1 if now - self.started >= _STEADY else self._deaths + 1
        delay = _BACKOFF[min(self._deaths, len(_BACKOFF)) - 1]
        self.process, self.ready, self.due = None, False, now + delay
        return delay

    def look(self) -> bool:
        """Ask it whether it is ready, if it is one that can be asked."""
        if not self.ready and self.process and self.part.answers:
            self.ready = self.part.answers()
        return self.ready

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs; it is our child and not reaped, so the pid is its own."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)


def _die_with(supervisor: int) -> None:
    """Have the kernel end this process when the supervisor ends, even by kill -9."""
    _libc.prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))
    if os.getppid() != supervisor:  # it died before the line above
        os._exit(1)
