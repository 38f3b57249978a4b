"""A contender: one of the systems that the probes are put to, and what they see of it."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Account:
    """A way to log in on the ground."""

    name: str
    """What the contender calls it."""
    user: str
    address: str
    port: int
    key_file: Path
    """The private key that opens it."""
    host_key: str
    """The host's public key as it stands in a key file: type and base64."""
    fingerprint: str
    """The host key's fingerprint, ``SHA256:…``."""


@dataclass(frozen=True)
class Order:
    """A job that a probe asks for."""

    account: Account
    command: str
    environment: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    """Orders of one key are tries of one job; empty where the probe does not care."""


@dataclass(frozen=True)
class Ending:
    """How far a job had come when the probe's patience ended."""

    state: str
    """``succeeded``, ``failed``, ``cancelled``, ``lost``, ``timed_out``; ``waiting`` while no end has been told."""
    code: int | None = None
    """The exit code that the contender tells; None where it tells none."""
    output: bytes = b""
    """The job's standard output as the contender delivers it."""
    reason: str = ""
    """The contender's own words about the end."""
    seconds: float = 0.0
    """From the order to the end, or to the end of patience."""
    by_lines: bool = False
    """Whether the contender delivers output as log lines, so that line ends cannot be compared."""

    @property
    def over(self) -> bool:
        """Whether the contender has told an end."""
        return self.state != "waiting"

    def delivers(self, expected: bytes) -> bool:
        """Say whether the output is ``expected``, apart from line ends where the contender keeps none."""
        if self.by_lines:
            return b"".join(self.output.split()) == b"".join(expected.split())
        return self.output == expected

    def __str__(self) -> str:
        """Tell it in a few words, for a cell of the table."""
        if not self.over:
            return f"still waiting after {self.seconds:.0f} s"
        code = "" if self.code in (None, 0) else f" with {self.code}"
        reason = f": {textwrap.shorten(self.reason, 60, placeholder=' …')}" if self.reason and self.code is None else ""
        return f"{self.state}{code}{reason}"


class Contender(Protocol):
    """A system that runs a command on a remote host and tells how it ended."""

    name: str

    def meet(self, account: Account) -> None:
        """Learn of an account while its host is up; may be called twice."""

    def order(self, order: Order) -> str:
        """Ask for a job and give its name. Does not wait for its end; a refusal is told by ``wait``."""

    def wait(self, job: str, within: float) -> Ending:
        """Wait up to ``within`` seconds for the end that the contender tells."""

    def cancel(self, job: str) -> None:
        """Cancel as the process that asked for the job would."""

    def cancel_from_elsewhere(self, job: str) -> None:
        """Cancel as a process that knows only what the contender has stored would."""

    def words(self, job: str) -> str:
        """Give all that the contender logged about the job."""

    def leave(self) -> None:
        """Give up all jobs that have not ended and take away what they left: the probe is over."""
