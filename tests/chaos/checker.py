"""Reads what happened and says what must not have."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from tests.chaos.trials import Trial


class Fault(Enum):
    """What a promise forbids."""

    LOST = "lost"
    """It was accepted and is not there, or its outcome is unknown."""
    DOUBLED = "doubled"
    """One attempt of it started more than once."""
    WRONG = "wrong"
    """Its state, exit code or output is not what it did."""
    STUCK = "stuck"
    """It is not final although there was time."""


@dataclass(frozen=True)
class Outcome:
    """What the system says of one job."""

    state: str
    exit_code: int | None
    output: bytes
    attempt: int = 1


@dataclass(frozen=True)
class Violation:
    """One broken promise."""

    fault: Fault
    job: str
    words: str


def check(
    trials: Mapping[str, Trial],
    outcomes: Mapping[str, Outcome],
    journal: Iterable[str],
    *,
    cancelled: Iterable[str] = (),
) -> list[Violation]:
    """Compare what was accepted, what is recorded and what the host wrote down.

    Args:
        trials: accepted jobs by id.
        outcomes: what the system says, by id.
        journal: lines ``start ID ATTEMPT`` and ``end ID ATTEMPT``.
        cancelled: ids whose cancel was asked for: they may end as they would, or as cancelled.
    """
    records = [tuple(line.split()) for line in journal]
    starts = Counter((id, attempt) for word, id, attempt in records if word == "start")
    asked = set(cancelled)
    found = [
        Violation(Fault.DOUBLED, id, f"attempt {attempt} started {count} times")
        for (id, attempt), count in starts.items()
        if count > 1
    ]
    for id, trial in trials.items():
        found += _judge(id, trial, outcomes.get(id), started=any(job == id for job, _ in starts), asked=id in asked)
    return found


def _judge(id: str, trial: Trial, outcome: Outcome | None, *, started: bool, asked: bool) -> list[Violation]:
    if outcome is None:
        return [Violation(Fault.LOST, id, "accepted, and not there")]
    if outcome.state == "lost":
        return [Violation(Fault.LOST, id, "its outcome is unknown")]
    if outcome.state not in ("succeeded", "failed", "timed_out", "cancelled"):
        return [Violation(Fault.STUCK, id, f"still {outcome.state}")]
    if outcome.state == "cancelled":
        right = asked and trial.output.startswith(outcome.output)
        return [] if right else [Violation(Fault.WRONG, id, "cancelled, but nobody asked, or with foreign output")]
    return _compare(id, trial, outcome, started=started)


def _compare(id: str, trial: Trial, outcome: Outcome, *, started: bool) -> list[Violation]:
    wrong = []
    expected = "succeeded" if trial.code == 0 else "failed"
    if not started:
        wrong.append(f"it is {outcome.state} and never started")
    if (outcome.state, outcome.exit_code) != (expected, trial.code):
        wrong.append(f"{outcome.state} with {outcome.exit_code} instead of {expected} with {trial.code}")
    if outcome.output != trial.output:
        wrong.append(f"{len(outcome.output)} bytes of output that differ from its {len(trial.output)}")
    return [Violation(Fault.WRONG, id, words) for words in wrong]
