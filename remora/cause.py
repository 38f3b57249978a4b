"""Why a job ended, with the evidence for it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from signal import Signals

from remora.state import State


class Kind(Enum):
    """The kinds of end; the text is what callers see in ``cause``."""

    EXITED = "exited"
    """The main process ended by itself; ``code`` is its exit code."""
    SIGNALLED = "signalled"
    """A signal ended the main process; ``code`` is the signal's number."""
    SUPERVISOR_KILLED = "supervisor_killed"
    """The supervisor died before it could write the exit code."""
    HOST_REBOOTED = "host_rebooted"
    """The host's boot id changed while the job was there."""
    TIMED_OUT = "timed_out"
    """A time limit passed; evidence ``limit`` says ``wall`` or ``idle``."""
    CANCELLED = "cancelled"
    """Somebody asked; evidence ``by`` says who."""
    DISK_FULL = "disk_full"
    """The host's disk was full and no verdict could be written."""
    WORKDIR_GONE = "workdir_gone"
    """The job's directory vanished from the host."""
    NEVER_STARTED = "never_started"
    """The job can never be started; evidence ``why`` says what to change."""


_STATES = {
    Kind.SIGNALLED: State.FAILED,
    Kind.NEVER_STARTED: State.FAILED,
    Kind.TIMED_OUT: State.TIMED_OUT,
    Kind.CANCELLED: State.CANCELLED,
}


@dataclass(frozen=True)
class Cause:
    """Why a job ended."""

    kind: Kind
    code: int | None = None
    """Exit code (0-255) or signal number, where the kind has one."""
    evidence: Mapping[str, str | int | float] = field(default_factory=dict)
    """What was seen, for a person to judge by: boot ids, limits, names."""

    def state(self, success_codes: Collection[int] = (0,)) -> State:
        """Give the final state that this cause leads to."""
        if self.kind is Kind.EXITED:
            return State.SUCCEEDED if self.code in success_codes else State.FAILED
        return _STATES.get(self.kind, State.LOST)

    def sentence(self) -> str:
        """Say it in words, for messages and logs."""
        words = self.kind.value.replace("_", " ")
        if self.kind is Kind.EXITED:
            return f"exited with code {self.code}"
        if self.kind is Kind.SIGNALLED:
            return f"was killed by signal {self.code}{_signal_name(self.code)}"
        told = ", ".join(f"{name} {value}" for name, value in self.evidence.items())
        return f"{words} ({told})" if told else words


def _signal_name(number: int | None) -> str:
    try:
        return f" ({Signals(number or 0).name})"
    except ValueError:
        return ""
