"""A pseudo-terminal with a user in front of it."""

import os
import pty
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.system import PROGRAM, System
from tests.support.waiting import eventually

CTRL_C = b"\x03"


class Terminal:
    """One command that has the terminal for its stdin, stdout and stderr, and may be typed to."""

    def __init__(self, system: System, arguments: Sequence[str | Path]) -> None:
        """Start it as the foreground job of a session of its own."""
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", PROGRAM, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=system.environment,
        )
        os.close(slave)
        self.seen = b""
        """All that was shown so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def wait_for(self, text: bytes, timeout: float = 30.0) -> None:
        """Wait until this is shown."""
        eventually(lambda: text in self._read(), timeout)

    def end(self, timeout: float = 30.0) -> int:
        """Wait for its end and give its exit code."""
        eventually(self._ended, timeout)
        self._read()
        return self.process.wait()

    def _ended(self) -> bool:
        self._read()
        return self.process.poll() is not None

    def _read(self) -> bytes:
        """Take what is there; at the end a pseudo-terminal gives an error."""
        with suppress(OSError):
            while piece := os.read(self._master, 65536):
                self.seen += piece
        return self.seen
