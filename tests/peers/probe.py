"""What a probe is: a way to provoke a system, what is right, and how to judge what it did."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.peers.contender import Contender, Ending
from tests.peers.ground import Ground


@dataclass(frozen=True)
class Verdict:
    """What a contender did with a probe."""

    right: bool
    seen: str
    """In a few words, for a cell of the table."""


Check = Callable[[Ground, Contender], Verdict]
"""Provokes one contender on the ground and judges it."""


@dataclass(frozen=True)
class Probe:
    """One question that a system for remote jobs must answer rightly."""

    number: int
    title: str
    right: str
    """The right outcome, in words."""
    check: Check
    needs_root: bool = False
    """Whether it needs accounts of its own on the machine."""

    @property
    def label(self) -> str:
        """A name for test reports."""
        return f"{self.number}-{self.title.replace(' ', '-')}"


def judged(ending: Ending, right: bool, *remarks: str) -> Verdict:
    """Judge an ending and tell it with further remarks (empty ones are left out)."""
    return Verdict(right, ", ".join([str(ending), *filter(None, remarks)]))
