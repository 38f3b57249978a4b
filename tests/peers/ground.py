"""The ground that a probe plays on: a host, its accounts, and what the job does there."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from tests.peers.contender import Account, Contender
from tests.peers.doorway import Doorway
from tests.support import processes
from tests.support.sshd import Sshd
from tests.support.users import make_user
from tests.support.waiting import eventually


@dataclass(frozen=True)
class Pace:
    """How long the probes take; all in seconds."""

    patience: float = 20.0
    """Until a job that has not been told to have ended counts as forgotten; such jobs end within 5 or so."""
    outage: float = 70.0
    """How long the host is down in the middle of a job."""
    refusal: float = 20.0
    """How long the host is down when a job is asked for."""
    recovery: float = 75.0
    """How long a job may take to go on once its host is back; Remora's longest pause between two tries is 60."""
    silence: float = 5.0
    """How long the host accepts connections and says nothing."""
    grace: float = 10.0
    """How long a cancelled job is given to be gone; Remora's own grace is 5 before it kills."""
    settle: float = 3.0
    """How long a second process is given to appear before it counts as not started."""


class Witness:
    """The file into which each start of a job writes its process id."""

    def __init__(self, file: Path) -> None:
        self._file = file

    @property
    def signs(self) -> str:
        """The command by which a job signs in; it prints nothing."""
        return f"echo $$ >>{self._file}"

    def pids(self) -> list[int]:
        """Give one process id for each start so far."""
        return [int(line) for line in self._file.read_text().split()] if self._file.exists() else []

    def pid(self, within: float) -> int:
        """Wait for the first start and give its process id."""
        return eventually(self.pids, within)[0]

    def alive(self) -> list[int]:
        """Give those that still run."""
        return [pid for pid in self.pids() if runs(pid)]

    def starts_again(self, within: float) -> bool:
        """Wait for a second start and say whether there was one."""
        return comes_true(lambda: len(self.pids()) > 1, within)

    def outlives(self, seconds: float) -> bool:
        """Wait for all of it to be gone and say whether some of it is not."""
        return not comes_true(lambda: not self.alive(), seconds)


class Ground:
    """One probe's ground; leaving it takes everything away but the sshd."""

    def __init__(self, sshd: Sshd, pace: Pace) -> None:
        self.sshd = sshd
        self.pace = pace
        self.scratch = Path(tempfile.mkdtemp(prefix="remora-probe-"))
        """A directory that all accounts may write to."""
        self.scratch.chmod(0o777)
        self.witness = Witness(self.scratch / "started")
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.witness.alive():
            processes.kill([psutil.Process(pid), *processes.descendants(pid)])
        self._stack.close()
        shutil.rmtree(self.scratch)

    def account(self, contender: Contender) -> Account:
        """Give the ordinary account: that of whoever runs the probes."""
        return self._introduced(contender, "box", self.sshd.user, self.sshd.port)

    def new_user(self, contender: Contender, *, shell: str = "/bin/bash") -> Account:
        """Make an account of its own on the machine, all defaults; needs root."""
        user = make_user(shell)
        self._stack.callback(user.remove)
        return self._introduced(contender, user.name, user.name, self.sshd.port)

    def doorway(self) -> Doorway:
        """Open a way to the host that a probe may cut."""
        return self._stack.enter_context(Doorway(self.sshd.port))

    def account_behind(self, doorway: Doorway, contender: Contender) -> Account:
        """Give the ordinary account as it is reached through a doorway."""
        return self._introduced(contender, f"box{doorway.port}", self.sshd.user, doorway.port)

    def _introduced(self, contender: Contender, name: str, user: str, port: int) -> Account:
        host_key, key_file = self.sshd.host_key, self.sshd.client_key.path
        account = Account(name, user, "127.0.0.1", port, key_file, host_key.public, host_key.fingerprint)
        contender.meet(account)
        return account

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Take the host's sshd away, connections and all; jobs live on. It is back after the block."""
        listener = self.sshd.process
        listener.send_signal(signal.SIGSTOP)  # so that nobody reconnects between the two kills
        held = [process for process in processes.descendants(listener.pid) if process.name().startswith("sshd")]
        listener.kill()
        listener.wait()
        processes.kill(held)
        try:
            yield
        finally:
            self.sshd.start()

    def line(self, file: Path) -> str:
        """Wait for a job to write a line to a file and give it."""
        return eventually(lambda: whole_line(file), self.pace.patience)


def comes_true(condition: Callable[[], bool], within: float) -> bool:
    """Wait for a condition and say whether it came true."""
    try:
        return eventually(condition, within)
    except AssertionError:
        return False


def runs(pid: int) -> bool:
    """Say whether a process is alive; a zombie is not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def whole_line(file: Path) -> str:
    """Give a file's line without its end; empty while it is not whole."""
    text = file.read_text() if file.exists() else ""
    return text.rstrip("\n") if text.endswith("\n") else ""
