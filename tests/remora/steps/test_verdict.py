"""What each report means for the record."""

from dataclasses import replace
from uuid import UUID

import pytest

from remora.cause import Cause, Kind
from remora.records.plan import Due
from remora.remote.operations import Exit, Ground, Phase, Place, Report
from remora.state import State
from remora.steps.verdict import RETRY_DELAYS, cause_of, conclusion, ending, under_way

ID = UUID("0b0e7a52-6f0e-4c39-9d4e-0d9e5ce1a001")
PLACE = Place(str(ID), 1)
GROUND = Ground("boot-1", "/base", 100.0, 0.0)
REBOOTED = Ground("boot-2", "/base", 5.0, 0.0)
RUNNING = Due(
    id=ID,
    state=State.RUNNING,
    attempt=1,
    out_size=0,
    err_size=0,
    boot_id="boot-1",
    base="/base",
    retries=0,
    attempts=(),
    success_codes=frozenset({0}),
    skip_codes=frozenset(),
    cancel_by=None,
    grace=5.0,
    name="job",
    started=1.0,
    ended=None,
    progress=None,
    payload="p",
    out_host=0,
    err_host=0,
    identity="anna",
    cause=None,
)
STARTING = replace(RUNNING, state=State.STARTING, started=None)


def kind_of(due: Due, report: Report, ground: Ground = GROUND) -> Kind | None:
    cause = cause_of(due, report, ground)
    return cause.kind if cause else None


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.ORPHANED, Phase.CLAIMED])
@pytest.mark.parametrize("due", [STARTING, RUNNING])
def test_what_lives_has_not_ended(due: Due, phase: Phase) -> None:
    assert kind_of(due, Report(PLACE, phase)) is None


@pytest.mark.parametrize("phase", [Phase.ABSENT, Phase.PLACED])
def test_a_start_that_has_not_arrived_is_no_end(phase: Phase) -> None:
    assert kind_of(STARTING, Report(PLACE, phase)) is None


@pytest.mark.parametrize("phase", [Phase.ABSENT, Phase.PLACED])
def test_an_acknowledged_job_whose_directory_is_gone_is_lost(phase: Phase) -> None:
    assert kind_of(RUNNING, Report(PLACE, phase)) is Kind.WORKDIR_GONE


@pytest.mark.parametrize("phase", [Phase.ABSENT, Phase.PLACED, Phase.DIED, Phase.REBOOTED])
@pytest.mark.parametrize("due", [STARTING, RUNNING])
def test_a_job_without_a_verdict_is_lost_when_its_host_has_rebooted(due: Due, phase: Phase) -> None:
    cause = cause_of(due, Report(PLACE, phase), REBOOTED)
    assert cause == Cause(Kind.HOST_REBOOTED, evidence={"before": "boot-1", "after": "boot-2"})


def test_a_verdict_counts_even_after_a_reboot() -> None:
    assert cause_of(RUNNING, Report(PLACE, Phase.ENDED, Exit(3)), REBOOTED) == Cause(Kind.EXITED, 3)


def test_a_dead_supervisor_without_a_verdict_is_lost() -> None:
    assert kind_of(RUNNING, Report(PLACE, Phase.DIED)) is Kind.SUPERVISOR_KILLED


@pytest.mark.parametrize(
    ("exit", "kind", "state"),
    [
        (Exit(0), Kind.EXITED, State.SUCCEEDED),
        (Exit(3), Kind.EXITED, State.FAILED),
        (Exit(137, signal=9), Kind.SIGNALLED, State.FAILED),
        (Exit(143, signal=15, timed_out="wall"), Kind.TIMED_OUT, State.TIMED_OUT),
        (Exit(143, signal=15, cancelled=True), Kind.CANCELLED, State.CANCELLED),
    ],
)
def test_an_exit_has_its_cause_and_state(exit: Exit, kind: Kind, state: State) -> None:
    cause = cause_of(RUNNING, Report(PLACE, Phase.ENDED, exit), GROUND)
    assert cause is not None
    assert cause.kind is kind
    assert conclusion(RUNNING, cause).to is state


def test_a_cancel_that_took_the_claim_says_that_nothing_ran() -> None:
    cause = cause_of(replace(STARTING, cancel_by="anna"), Report(PLACE, Phase.KEPT_FROM_STARTING), GROUND)
    assert cause == Cause(Kind.CANCELLED, evidence={"by": "anna", "started": "no"})


def test_an_exit_that_may_be_a_signal_says_so() -> None:
    cause = cause_of(RUNNING, Report(PLACE, Phase.ENDED, Exit(137, ambiguous=True)), GROUND)
    assert cause == Cause(Kind.EXITED, 137, {"note": "or killed by a signal"})


def test_the_exit_code_is_shown_while_output_is_fetched() -> None:
    change = ending(RUNNING, Cause(Kind.EXITED, 3), Report(PLACE, Phase.ENDED, Exit(3, left=2), out_size=7))
    assert change.to is State.COLLECTING
    assert (change.fields["exit_code"], change.fields["out_host"], change.fields["left"]) == ("3", "7", "2")


def test_a_skip_code_counts_as_success_and_is_marked() -> None:
    change = conclusion(replace(RUNNING, skip_codes=frozenset({99})), Cause(Kind.EXITED, 99))
    assert (change.to, change.fields["skip"]) == (State.SUCCEEDED, "1")


def test_a_failed_job_with_retries_left_is_accepted_again_as_the_next_attempt() -> None:
    change = conclusion(replace(RUNNING, retries=1), Cause(Kind.EXITED, 3))
    assert (change.to, change.fields["attempt"], change.delay) == (State.ACCEPTED, "2", RETRY_DELAYS[0])
    assert conclusion(replace(RUNNING, retries=1, attempt=2), Cause(Kind.EXITED, 3)).to is State.FAILED


@pytest.mark.parametrize("kind", [Kind.HOST_REBOOTED, Kind.CANCELLED, Kind.TIMED_OUT, Kind.NEVER_STARTED])
def test_only_what_started_and_failed_is_tried_again(kind: Kind) -> None:
    change = conclusion(replace(RUNNING, retries=5), Cause(kind))
    assert change.to is not State.ACCEPTED
    assert change.to is not None
    assert change.to.final


def test_a_start_that_is_seen_to_run_is_running_from_then_on() -> None:
    change = under_way(STARTING, Report(PLACE, Phase.RUNNING, progress="step 1"))
    assert change is not None
    assert (change.to, change.fields, change.stamps) == (State.RUNNING, {"progress": "step 1"}, ("started",))


def test_nothing_new_changes_nothing() -> None:
    assert under_way(replace(RUNNING, progress="5%"), Report(PLACE, Phase.RUNNING, progress="5%")) is None
