"""The states of a job and which may follow which."""

from enum import Enum


class State(Enum):
    """Where a job stands; the five last members are final."""

    ACCEPTED = "accepted"
    """The record is on disk and nothing was ever sent to the host."""
    STARTING = "starting"
    """The start may have been sent; whether the job runs is not yet known."""
    RUNNING = "running"
    """The host has acknowledged the start."""
    COLLECTING = "collecting"
    """The job has ended and its exit code is known; its output is still being fetched."""
    SUCCEEDED = "succeeded"
    """It exited with a success code and its output is here."""
    FAILED = "failed"
    """It exited otherwise, was killed by a signal, or could never be started."""
    TIMED_OUT = "timed_out"
    """It was ended on the host because a time limit passed."""
    CANCELLED = "cancelled"
    """It was ended, or kept from starting, because somebody asked."""
    LOST = "lost"
    """Its outcome is unknown and it was not run again."""

    @property
    def final(self) -> bool:
        """Whether nothing follows this state."""
        return not FOLLOWERS[self]


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELLED, State.LOST})

FOLLOWERS: dict[State, frozenset[State]] = {
    State.ACCEPTED: frozenset({State.STARTING, State.CANCELLED, State.FAILED}),
    State.STARTING: frozenset({State.ACCEPTED, State.RUNNING, State.COLLECTING}) | FINAL,
    State.RUNNING: frozenset({State.ACCEPTED, State.COLLECTING}) | FINAL,
    State.COLLECTING: frozenset({State.ACCEPTED}) | FINAL,
    **{state: frozenset[State]() for state in FINAL},
}
"""What may follow what. The way back to ``accepted`` is a new, numbered attempt."""


def may_follow(before: State, after: State) -> bool:
    """Tell whether a job may go from ``before`` to ``after`` in one step."""
    return after in FOLLOWERS[before]
