"""One process of ours over a given Redis: a worker or a beat that a test may kill."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import Popen

from tests.support import processes
from tests.support.waiting import eventually

PROGRAM = Path(sys.executable).with_name("remora")
"""The command of the environment that runs the tests."""


class Part:
    """``remora VERB`` with settings of its own; it may be killed and started again, as another process."""

    def __init__(self, words: Sequence[str], settings: Mapping[str, str], *, ready: str) -> None:
        """Start it; ``await_ready`` waits until it works.

        Args:
            words: what follows ``remora`` on the command line.
            settings: ``REMORA_*`` variables.
            ready: what its log says when it works.
        """
        self._words = words
        self._settings = dict(settings)
        self._ready = ready
        self.log = Path(tempfile.mkdtemp(prefix="remora-test-part-")) / f"{words[0]}.log"
        """Takes what all its processes print."""
        self.process = self._spawn()
        """The latest of them."""

    def _spawn(self) -> Popen[bytes]:
        self._past_starts = self._starts()
        environment = {**os.environ, **self._settings}
        return processes.spawn([PROGRAM, *self._words], log=self.log, environment=environment)

    def await_ready(self) -> None:
        """Wait until it works; raises if it does not within a minute."""
        eventually(self._works, timeout=60)

    def _works(self) -> bool:
        if not self.alive:
            raise AssertionError(f"it ended at once: {self.printed()}")
        return self._starts() > self._past_starts

    def _starts(self) -> int:
        return self.printed().count(self._ready)

    def printed(self) -> str:
        """Give its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def start(self) -> None:
        """Start it again, after it has ended."""
        self.process = self._spawn()
        self.await_ready()

    def stop(self) -> int:
        """Send TERM and give the exit code; raises if it needs more than 30 seconds."""
        self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        """Kill -9."""
        processes.end(self.process, gently=False)

    def close(self) -> None:
        """End it and remove its log."""
        self.kill()
        shutil.rmtree(self.log.parent, ignore_errors=True)
