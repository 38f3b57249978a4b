"""Throw-away accounts; needs root."""

import itertools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support import processes
from tests.support.waiting import eventually

_numbers = itertools.count(1)


@dataclass(frozen=True)
class User:
    """An account that a test made."""

    name: str
    uid: int
    home: Path

    def processes(self) -> list[psutil.Process]:
        """Give its processes."""
        return processes.those(lambda process: process.uids().real == self.uid)

    def remove(self) -> None:
        """End its processes, then remove it with its home."""
        eventually(self._idle)
        subprocess.run(["userdel", "--remove", self.name], check=True, capture_output=True)

    def _idle(self) -> bool:
        left = self.processes()
        processes.kill(left)
        return not left


def make_user(shell: str = "/bin/sh") -> User:
    """Make an account with a home and this login shell, open to key logins.

    Its password is ``*``: with useradd's own ``!`` sshd takes the account for locked.
    """
    name = f"rmt{os.getpid()}x{next(_numbers)}"
    subprocess.run(["useradd", "--create-home", "--shell", shell, "--password", "*", name], check=True)
    home = Path(f"~{name}").expanduser()
    return User(name, home.stat().st_uid, home)
