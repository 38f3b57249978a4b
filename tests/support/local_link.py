"""A link that runs programs on this machine instead of over SSH: the same port, other troubles."""

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from remora.errors import ConnectionLost, DeadlineExceeded
from tests.support.shells import as_sh, is_own


class LocalChannel:
    """A program on this machine, behind two pipes."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], home: Path) -> None:
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            cwd=home,
            start_new_session=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._input, self._output = self._process.stdin, self._process.stdout
        os.set_blocking(self._input.fileno(), False)
        self._closed = False

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._process.pid

    def send(self, data: bytes, deadline: float) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(self._input.fileno(), select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._input.fileno(), rest[:65536]) :]
            except OSError as error:
                raise ConnectionLost("the local program has ended") from error

    def receive(self, size: int, deadline: float) -> bytes:
        self._wait(self._output.fileno(), select.POLLIN, deadline)
        return os.read(self._output.fileno(), size)

    def _wait(self, descriptor: int, event: int, deadline: float) -> None:
        waiting = select.poll()
        waiting.register(descriptor, event)
        if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise DeadlineExceeded("the local program did not answer in time")

    def fileno(self) -> int:
        return self._output.fileno()

    def close(self) -> None:
        """Let the program see the end of its input; should it not end by that, end it."""
        if self._closed:
            return
        self._closed = True
        self._input.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(2.0)
        self._output.close()

    def kill(self) -> None:
        """End the program as a cut connection does."""
        self._process.kill()
        self._process.wait(2.0)


def _argv(program: str) -> list[str]:
    return ["/bin/sh", "-s"] if is_own(program) else ["/bin/sh", "-c", f"{as_sh(program)} -s"]


class LocalLink:
    """Runs what it is given under a shell of choice, with nothing of the tests' own environment."""

    def __init__(self, shell: str, home: Path, environment: Mapping[str, str] | None = None) -> None:
        """Prepare.

        Args:
            shell: Program that stands at ``/bin/sh`` for all that is run, in a mount namespace of its own.
            home: Home and first directory of the account.
            environment: What a session starts with besides PATH and HOME.
        """
        self.shell = shell
        self.home = home
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), **(environment or {})}
        self.channels: list[LocalChannel] = []
        self._lock = threading.Lock()
        self.alive = True

    def open(self, command: str, deadline: float) -> LocalChannel:  # noqa: ARG002  # a process starts at once
        if not self.alive:
            raise ConnectionLost("the local link is closed")
        assert command == "exec /bin/sh -s"
        channel = LocalChannel(_argv(self.shell), self.environment, self.home)
        with self._lock:
            self.channels.append(channel)
        return channel

    def close(self) -> None:
        self.alive = False
        for channel in self.channels:
            channel.close()
