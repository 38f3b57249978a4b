"""The states, the causes and what leads where."""

import pytest

from remora.cause import Cause, Kind
from remora.state import State, may_follow

FINAL = {State.SUCCEEDED, State.FAILED, State.TIMED_OUT, State.CANCELLED, State.LOST}


@pytest.mark.parametrize("state", State)
def test_just_the_five_ends_are_final(state: State) -> None:
    assert state.final == (state in FINAL)


@pytest.mark.parametrize("end", FINAL)
def test_nothing_follows_an_end(end: State) -> None:
    assert not any(may_follow(end, state) for state in State)


def test_what_was_never_sent_is_never_lost() -> None:
    assert not may_follow(State.ACCEPTED, State.LOST)
    assert not may_follow(State.ACCEPTED, State.RUNNING)


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (Cause(Kind.EXITED, 0), State.SUCCEEDED),
        (Cause(Kind.EXITED, 1), State.FAILED),
        (Cause(Kind.SIGNALLED, 9), State.FAILED),
        (Cause(Kind.NEVER_STARTED), State.FAILED),
        (Cause(Kind.TIMED_OUT), State.TIMED_OUT),
        (Cause(Kind.CANCELLED), State.CANCELLED),
        (Cause(Kind.HOST_REBOOTED), State.LOST),
        (Cause(Kind.SUPERVISOR_KILLED), State.LOST),
        (Cause(Kind.WORKDIR_GONE), State.LOST),
        (Cause(Kind.DISK_FULL), State.LOST),
    ],
)
def test_each_cause_leads_to_the_state_that_the_reference_names(cause: Cause, state: State) -> None:
    assert cause.state() is state


def test_a_success_code_of_the_job_counts() -> None:
    assert Cause(Kind.EXITED, 4).state({0, 4}) is State.SUCCEEDED


def test_a_cause_reads_as_a_sentence() -> None:
    assert Cause(Kind.EXITED, 3).sentence() == "exited with code 3"
    assert Cause(Kind.SIGNALLED, 9).sentence() == "was killed by signal 9 (SIGKILL)"
    assert Cause(Kind.TIMED_OUT, evidence={"limit": "idle"}).sentence() == "timed out (limit idle)"
