"""The checker finds what is planted, and nothing where there is nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.checker import Fault, Outcome, check
from tests.chaos.trials import make_trials

TRIALS = {f"id-{trial.number}": trial for trial in make_trials(20, seed=1, journal=Path("/nowhere"))}
GOOD = {
    id: Outcome("succeeded" if trial.code == 0 else "failed", trial.code, trial.output) for id, trial in TRIALS.items()
}
JOURNAL = [f"{word} {id} 1" for id in TRIALS for word in ("start", "end")]
ONE = "id-7"


def faults(outcomes: dict[str, Outcome], journal: list[str], *, cancelled: tuple[str, ...] = ()) -> list[Fault]:
    return [violation.fault for violation in check(TRIALS, outcomes, journal, cancelled=cancelled)]


def test_a_history_without_fault_has_none() -> None:
    assert faults(GOOD, JOURNAL) == []


def test_a_job_that_is_not_there_is_lost() -> None:
    assert faults({id: good for id, good in GOOD.items() if id != ONE}, JOURNAL) == [Fault.LOST]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"state": "lost"}, Fault.LOST),
        ({"state": "running"}, Fault.STUCK),
        ({"state": "accepted"}, Fault.STUCK),
        ({"exit_code": 256}, Fault.WRONG),
        ({"output": b"something else"}, Fault.WRONG),
        ({"state": "timed_out"}, Fault.WRONG),
        ({"state": "cancelled", "output": b""}, Fault.WRONG),
    ],
)
def test_a_planted_fault_is_found(change: dict[str, object], fault: Fault) -> None:
    assert faults(GOOD | {ONE: replace(GOOD[ONE], **change)}, JOURNAL) == [fault]  # type: ignore[arg-type]


def test_a_missing_byte_of_output_is_found() -> None:
    assert faults(GOOD | {ONE: replace(GOOD[ONE], output=GOOD[ONE].output[:-1])}, JOURNAL) == [Fault.WRONG]


def test_a_second_start_of_an_attempt_is_found_and_another_attempt_is_none() -> None:
    assert faults(GOOD, [*JOURNAL, f"start {ONE} 1"]) == [Fault.DOUBLED]
    assert faults(GOOD, [*JOURNAL, f"start {ONE} 2"]) == []


def test_an_end_without_a_start_is_found() -> None:
    assert faults(GOOD, [line for line in JOURNAL if line != f"start {ONE} 1"]) == [Fault.WRONG]


def test_a_cancel_that_was_asked_for_may_come_before_or_after_the_end() -> None:
    assert faults(GOOD, JOURNAL, cancelled=(ONE,)) == []
    cut_short = Outcome("cancelled", None, TRIALS[ONE].output[:10])
    assert faults(GOOD | {ONE: cut_short}, JOURNAL, cancelled=(ONE,)) == []
